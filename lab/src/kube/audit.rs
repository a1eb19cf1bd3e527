//! What the API server wrote down about its callers.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;

use super::error::Result;
use crate::error::LabError;

/// Every call of a service account, with its verdict; the rig's own clients and the control plane's
/// are left out.
pub(super) const POLICY: &str = "\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
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

/// One call that was answered; a watch counts when it begins.
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
    /// The HTTP status.
    pub code: u64,
    /// Whether the caller had no right to it.
    pub forbidden: bool,
    /// The path and query.
    pub uri: String,
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

    /// All calls since the mark.
    ///
    /// # Errors
    /// A log that cannot be read.
    pub fn calls(&self) -> Result<Vec<Call>> {
        let text = self.text()?;
        let fresh = text.get(self.skip..).unwrap_or_default();
        Ok(fresh
            .lines()
            .filter_map(|line| Call::parse(&serde_json::from_str(line).ok()?))
            .collect())
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
        // A watch that was allowed is written down twice, as it begins and as it ends.
        let refused = event["responseStatus"]["code"].as_u64().is_some_and(|code| code >= 400);
        if event["verb"] == "watch" && event["stage"] == "ResponseComplete" && !refused {
            return None;
        }
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
            code: event["responseStatus"]["code"].as_u64().unwrap_or_default(),
            forbidden: event["annotations"]["authorization.k8s.io/decision"] == "forbid",
            uri: text(&event["requestURI"]),
        })
    }

    /// The right that it takes, as `patch services/status` or `list metallb.io/ipaddresspools`.
    #[must_use]
    pub fn right(&self) -> String {
        right(&self.verb, &self.group, &self.resource)
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
