//! What changes of objects mean to those who watch, and what patches do to them.

use serde_json::{Value, json};

pub(super) fn selected(query: &str, object: &Value) -> bool {
    !query.contains("spec.type") || object["spec"]["type"] == "LoadBalancer"
}

/// What a watcher with this selector is told of a change.
pub(super) fn event(
    query: &str,
    namespace: &str,
    before: &Option<Value>,
    after: &Option<Value>,
    version: u64,
) -> Option<String> {
    let sees = |object: &&Value| {
        selected(query, object)
            && (namespace.is_empty() || object["metadata"]["namespace"] == namespace)
    };
    let (kind, object) = match (before.as_ref().filter(sees), after.as_ref().filter(sees)) {
        (None, None) => return None,
        (None, Some(after)) => ("ADDED", after.clone()),
        (Some(_), Some(after)) => ("MODIFIED", after.clone()),
        // What it was like when it was last seen, with the version of its going.
        (Some(before), None) => {
            let mut last = before.clone();
            last["metadata"]["resourceVersion"] = version.to_string().into();
            ("DELETED", last)
        }
    };
    Some(format!("{}\n", json!({"type": kind, "object": object})))
}

/// A merge patch, of services a strategic one, as far as they are used.
pub(super) fn patched(mut object: Value, patch: &Value) -> Value {
    if let Some(annotations) = patch["metadata"]["annotations"].as_object() {
        for (name, value) in annotations {
            if value.is_null() {
                if let Some(there) = object["metadata"]["annotations"].as_object_mut() {
                    there.remove(name);
                }
            } else {
                object["metadata"]["annotations"][name] = value.clone();
            }
        }
    }
    for field in ["result", "errorSummary"] {
        match patch["status"].get(field) {
            None => {}
            Some(Value::Null) => {
                if let Some(status) = object["status"].as_object_mut() {
                    status.remove(field);
                }
            }
            Some(value) => object["status"][field] = value.clone(),
        }
    }
    if let Some(balancer) = patch["status"].get("loadBalancer") {
        object["status"]["loadBalancer"] = match &balancer["ingress"] {
            Value::Null => json!({}),
            ingress => json!({ "ingress": ingress }),
        };
    }
    if let Some(conditions) = patch["status"]["conditions"].as_array() {
        let mut there = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        for condition in conditions {
            there.retain(|c| c["type"] != condition["type"]);
            if condition["$patch"] != "delete" {
                there.push(condition.clone());
            }
        }
        object["status"]["conditions"] = there.into();
    }
    object
}
