//! What the API server wrote down about its callers.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use serde_json::Value;

use super::error::Result;
use crate::error::LabError;

/// Every call of a service account, with its verdict; the rig's own clients and the control plane's
/// are left out. A call is written down before it is carried out, and once more at any time after it
/// was answered: who sees its effect finds the first line, and maybe not yet the second.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  userGroups: [\"system:masters\"]
- level: None
  users: [\"system:apiserver\", \"system:anonymous\"]
- level: Metadata
  userGroups: [\"system:serviceaccounts\"]
- level: None
";

/// The audit log, read from a mark on.
#[derive(Debug, Clone)]
pub struct Audit {
    path: PathBuf,
    skip: usize,
}

/// One call that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Call {
    /// As `system:serviceaccount:vipcast-system:speaker`.
    pub user: String,
    /// The name of the pod whose token it was; empty where it was no pod's.
    pub pod: String,
    /// As `list`.
    pub verb: String,
    /// As `metallb.io`; empty for the core group.
    pub group: String,
    /// As `services` or `services/status`; empty where the call is for none.
    pub resource: String,
    /// Its namespace; empty where there is none.
    pub namespace: String,
    /// Its name; empty for lists.
    pub name: String,
    /// The path and query.
    pub uri: String,
    /// What was answered; of a watch, as it began. None as long as it is not written down.
    pub answer: Option<Answer>,
}

/// What the API server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// The HTTP status.
    pub code: u64,
    /// Whether the caller had no right to it.
    pub forbidden: bool,
}

impl Audit {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, skip: 0 }
    }

    /// The log from now on.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn from_now(&self) -> Result<Self> {
        Ok(Self { path: self.path.clone(), skip: self.text()?.len() })
    }

    /// All calls that were received since the mark.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let text = self.text()?;
        let fresh = text.get(self.skip..).unwrap_or_default();
        let mut calls = Vec::new();
        let mut received = HashMap::new();
        for event in fresh.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
            let id = event["auditID"].as_str().unwrap_or_default().to_owned();
            if event["stage"] == "RequestReceived" {
                if let Some(call) = Call::parse(&event) {
                    received.insert(id, calls.len());
                    calls.push(call);
                }
            } else if let Some(call) = received.get(&id).and_then(|&at| calls.get_mut(at)) {
                // A watch has two: as it begins, and as it ends.
                call.answer.get_or_insert_with(|| Answer::parse(&event));
            }
        }
        Ok(calls)
    }

    /// The calls since the mark that changed something, or would have.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn writes(&self) -> Result<Vec<Call>> {
        let reads = ["get", "list", "watch"];
        Ok(self.calls()?.into_iter().filter(|call| !reads.contains(&&*call.verb)).collect())
    }

    fn text(&self) -> Result<String> {
        match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            read => Ok(read.map_err(LabError::io("read the audit log"))?),
        }
    }
}

impl Call {
    fn parse(event: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        let mut resource = text(&object["resource"]);
        if let Some(part) = object["subresource"].as_str() {
            resource = format!("{resource}/{part}");
        }
        Some(Self {
            user: event["user"]["username"].as_str()?.to_owned(),
            pod: text(&event["user"]["extra"]["authentication.kubernetes.io/pod-name"][0]),
            verb: event["verb"].as_str()?.to_owned(),
            group: text(&object["apiGroup"]),
            resource,
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            uri: text(&event["requestURI"]),
            answer: None,
        })
    }

    /// The right that it takes, as `patch services/status` or `list metallb.io/ipaddresspools`.
    #[must_use]
    pub fn right(&self) -> String {
        right(&self.verb, &self.group, &self.resource)
    }

    /// Whether it is known that it was carried out.
    #[must_use]
    pub fn accepted(&self) -> bool {
        self.answer.is_some_and(|answer| answer.code < 300)
    }

    /// Whether it is known that the caller had no right to it.
    #[must_use]
    pub fn forbidden(&self) -> bool {
        self.answer.is_some_and(|answer| answer.forbidden)
    }
}

impl Answer {
    fn parse(event: &Value) -> Self {
        Self {
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            forbidden: event["annotations"]["authorization.k8s.io/decision"] == "forbid",
        }
    }
}

/// All rights that the rules of a role grant, in the words of [`Call::right`].
#[must_use]
pub fn granted(rules: &Value) -> BTreeSet<String> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in rules.as_array().into_iter().flatten() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                rights.extend(
                    texts(&rule["verbs"]).iter().map(|verb| right(verb, &group, &resource)),
                );
            }
        }
    }
    rights
}

fn right(verb: &str, group: &str, resource: &str) -> String {
    if group.is_empty() {
        format!("{verb} {resource}")
    } else {
        format!("{verb} {group}/{resource}")
    }
}
