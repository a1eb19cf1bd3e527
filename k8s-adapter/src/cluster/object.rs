//! Objects as the API server sends them, stripped to what is used before anything keeps them.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    Diagnostic, Manifest, Severity,
    kinds::{Key, Kind, Resource},
    positions,
    reader::unknown_field,
};

/// The `resourceVersion` of an object or a list.
///
/// Two of one kind from one server can be compared; a server that was restored from a backup counts
/// anew.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Version(Arc<str>);

impl Version {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is surely earlier than `other`. What is no number is never.
    pub(crate) fn is_before(&self, other: &Self) -> bool {
        matches!((self.0.parse::<u128>(), other.0.parse::<u128>()), (Ok(a), Ok(b)) if a < b)
    }
}

/// An object of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    pub(crate) key: Key,
    /// Tells it from an earlier object of the same name.
    pub(crate) uid: Arc<str>,
    pub(crate) version: Version,
    /// It is about to go, and waits for somebody's finalizer.
    pub(crate) deleting: bool,
    /// The object, unless it could not be read: then what is wrong with it.
    pub(crate) content: Result<Manifest, String>,
    /// Of a service that could not be read: what it has and whose it is.
    pub(crate) remains: Option<Manifest>,
    /// Fields that nothing reads and no schema has.
    pub(crate) findings: Vec<Diagnostic>,
}

impl Object {
    /// Reads an object. One that does not fit its type is still an object: it costs only itself.
    ///
    /// `None` if it has no name or no version, which no server sends.
    pub(crate) fn read(kind: Kind, value: &mut Value) -> Option<Self> {
        strip(kind, value);
        let metadata = value.get("metadata")?;
        let text = |field: &str| metadata.get(field).and_then(Value::as_str);
        let version = Version::new(text("resourceVersion")?);
        let key = Key {
            kind,
            namespace: text("namespace").unwrap_or_default().to_owned(),
            name: text("name")?.to_owned(),
        };
        let uid = text("uid").unwrap_or_default().into();
        let deleting = text("deletionTimestamp").is_some();
        let mut findings = Vec::new();
        let content = typed(kind, value).map(|(resource, ignored)| {
            let manifest = Manifest::of_cluster(resource);
            if kind.is_metallb() {
                findings.extend(ignored.iter().filter_map(|field| {
                    let problem = unknown_field(kind, field)?;
                    Some(manifest.diagnose(Severity::Warning, field, problem))
                }));
            }
            manifest
        });
        let content = content.map_err(|error| error.to_string());
        let remains = match &content {
            Err(_) if kind == Kind::Service => remains(value),
            _ => None,
        };
        Some(Self { key, uid, version, deleting, content, remains, findings })
    }

    /// Whether nothing that is used differs.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let same = match (&self.content, &other.content) {
            (Ok(this), Ok(that)) => this.resource == that.resource,
            (Err(this), Err(that)) => {
                let resource = |object: &Self| object.remains.as_ref().map(|m| m.resource.clone());
                this == that && resource(self) == resource(other)
            }
            _ => false,
        };
        same && self.uid == other.uid && self.deleting == other.deleting
    }

    /// The service that it is, or what remains of it.
    pub(crate) fn service(&self) -> Option<&crate::kinds::Service> {
        match &*self.content.as_ref().ok().or(self.remains.as_ref())?.resource {
            Resource::Service(service) => Some(service),
            _ => None,
        }
    }
}

/// Takes out what nobody here reads, so that nobody keeps it.
fn strip(kind: Kind, value: &mut Value) {
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        for field in ["managedFields", "ownerReferences", "finalizers"] {
            metadata.remove(field);
        }
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            let ours = ["metallb.io/", "metallb.universe.tf/", "vipcast.io/", "eip.openelb."];
            annotations.retain(|name, _| {
                kind == Kind::Service && ours.iter().any(|p| name.starts_with(p))
            });
        }
        if kind == Kind::EndpointSlice
            && let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut)
        {
            labels.retain(|name, _| name == "kubernetes.io/service-name");
        }
    }
    let conditions = value.pointer_mut("/status/conditions").and_then(Value::as_array_mut);
    if let Some(conditions) = conditions {
        conditions.retain(|condition| {
            let name = condition.get("type").and_then(Value::as_str).unwrap_or_default();
            match kind {
                Kind::Service => name.starts_with("vipcast.io/"),
                _ => name == "NetworkUnavailable" || name == "Ready",
            }
        });
    }
}

/// A service of those fields that say what it has, whose it is and what we said of it; each only where
/// it can be read.
fn remains(value: &Value) -> Option<Manifest> {
    let texts = |pointer: &str, fields: &[&str]| -> Value {
        let object = value.pointer(pointer).and_then(Value::as_object);
        let all = object.into_iter().flatten();
        let readable = all.filter(|(name, field)| {
            field.is_string() && (fields.is_empty() || fields.contains(&name.as_str()))
        });
        readable.map(|(name, field)| (name.clone(), field.clone())).collect()
    };
    let ingress = value.pointer("/status/loadBalancer/ingress").and_then(Value::as_array);
    let ingress = ingress.into_iter().flatten().filter(|entry| entry["ip"].is_string());
    let ingress: Vec<Value> = ingress.map(|entry| json!({ "ip": entry["ip"] })).collect();
    let mut metadata =
        texts("/metadata", &["name", "namespace", "creationTimestamp", "resourceVersion", "uid"]);
    metadata["annotations"] = texts("/metadata/annotations", &[]);
    let conditions = value.pointer("/status/conditions").and_then(Value::as_array);
    let conditions = conditions.into_iter().flatten().filter(|condition| {
        serde_json::from_value::<crate::kinds::Condition>((*condition).clone()).is_ok()
    });
    let remains = json!({
        "metadata": metadata,
        "spec": texts("/spec", &["type", "loadBalancerClass"]),
        "status": {
            "loadBalancer": { "ingress": ingress },
            "conditions": conditions.collect::<Vec<_>>(),
        },
    });
    typed(Kind::Service, &remains).ok().map(|(resource, _)| Manifest::of_cluster(resource))
}

/// The object, and the fields of it that nothing reads, where those are a person's to know.
fn typed(kind: Kind, value: &Value) -> Result<(Resource, Vec<String>), serde_json::Error> {
    match kind {
        Kind::IpAddressPool => read_with_ignored(value, Resource::IpAddressPool),
        Kind::L2Advertisement => read_with_ignored(value, Resource::L2Advertisement),
        Kind::Service => read(value, Resource::Service),
        Kind::EndpointSlice => read(value, Resource::EndpointSlice),
        Kind::Node => read(value, Resource::Node),
        Kind::Namespace => read(value, Resource::Namespace),
        Kind::Eip => read(value, Resource::Eip),
        Kind::ConfigMap => read(value, Resource::ConfigMap),
    }
}

fn read<T: DeserializeOwned>(
    value: &Value,
    resource: fn(Box<T>) -> Resource,
) -> Result<(Resource, Vec<String>), serde_json::Error> {
    Ok((resource(Box::new(T::deserialize(value)?)), Vec::new()))
}

fn read_with_ignored<T: DeserializeOwned>(
    value: &Value,
    resource: fn(Box<T>) -> Resource,
) -> Result<(Resource, Vec<String>), serde_json::Error> {
    let mut ignored = Vec::new();
    let object = serde_ignored::deserialize(value, |path| {
        ignored.push(positions::from_ignored(&path));
    })?;
    Ok((resource(Box::new(object)), ignored))
}

#[cfg(test)]
mod tests;
