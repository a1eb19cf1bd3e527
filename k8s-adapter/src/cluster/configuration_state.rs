//! Whether the configuration is valid, told in the cluster: MetalLB's `ConfigurationState`.
//!
//! The controller that acts keeps the one named `controller`, each speaker its own, which belongs to
//! its node and goes with it. What is there is read before anything is written: a restart, and a
//! change after which everything is still valid, cost no write.

#[allow(clippy::duplicated_attributes, reason = "printed columns have equal types")]
mod definition;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use kube::{
    Client, Error,
    api::{GetParams, Patch, PatchParams, PostParams, Request},
};
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_plan::NodeName;

use super::{backoff::Backoff, time::rfc3339, watch::told};
use crate::Diagnostic;
pub(crate) use definition::ConfigurationStateDefinition;
use definition::{ConfigurationStateStatus, StateCondition, Verdict};

/// How long a change waits for others: a person applies several objects at once, and a thousand
/// speakers hear of each at the same time.
const SETTLE: Duration = Duration::from_millis(500);
/// How long objects must have been out of reach before that is told. An outage of the API server is
/// most often over by then.
const DOUBT: Duration = Duration::from_secs(30);
/// How often it is looked whether somebody has changed or deleted it.
const LOOK: Duration = Duration::from_secs(600);
/// The first wait after a failure, and the longest.
const RETRY: Duration = Duration::from_secs(2);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a summary may hold at most.
const LONGEST: usize = 900;

/// What the configuration is, as one process sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Valid,
    /// What is wrong, one fault a line.
    Invalid(String),
    /// Objects cannot be read, and why.
    Unknown(String),
}

impl Judgement {
    /// From what was found in the objects, and why some of them cannot be followed.
    pub(crate) fn new<'a>(
        findings: impl IntoIterator<Item = &'a Diagnostic>,
        trouble: Option<String>,
    ) -> Self {
        let errors = findings.into_iter().filter(|finding| finding.is_error());
        let faults: BTreeSet<String> = errors.map(fault).collect();
        match trouble {
            _ if !faults.is_empty() => Self::Invalid(summary(&faults)),
            Some(trouble) => Self::Unknown(trouble),
            None => Self::Valid,
        }
    }

    const fn words(&self) -> (Verdict, &'static str, &'static str) {
        match self {
            Self::Valid => (Verdict::Valid, "True", "Reconciled"),
            Self::Invalid(_) => (Verdict::Invalid, "False", "ConfigurationError"),
            Self::Unknown(_) => (Verdict::Unknown, "Unknown", "InfraError"),
        }
    }

    /// The status that says it. The time of `before` stays where the condition does.
    fn status(
        &self,
        condition_type: &str,
        before: Option<&ConfigurationStateStatus>,
        now: i64,
    ) -> ConfigurationStateStatus {
        let (result, status, reason) = self.words();
        let error_summary = match self {
            Self::Valid => None,
            Self::Invalid(why) | Self::Unknown(why) => Some(why.clone()),
        };
        let mut conditions = before.iter().flat_map(|before| &before.conditions);
        let same = conditions.find(|c| c.condition_type == condition_type && c.status == status);
        let condition = StateCondition {
            condition_type: condition_type.to_owned(),
            status: status.to_owned(),
            reason: reason.to_owned(),
            message: error_summary.clone().unwrap_or_default(),
            last_transition_time: same
                .map_or_else(|| rfc3339(now), |c| c.last_transition_time.clone()),
        };
        ConfigurationStateStatus { result, error_summary, conditions: vec![condition] }
    }
}

/// The object, the field, what is wrong and what to do about it, on one line. All are the cluster's.
fn fault(finding: &Diagnostic) -> String {
    let text = finding.to_string();
    text.strip_prefix("cluster: error: ").map_or_else(|| text.clone(), str::to_owned)
}

/// As many faults as there is room for, and how many there are besides.
fn summary(faults: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for (position, fault) in faults.iter().enumerate() {
        if !text.is_empty() && text.len() + fault.len() >= LONGEST {
            return format!("{text}\nand {} more", faults.len() - position);
        }
        let separator = if text.is_empty() { "" } else { "\n" };
        text.push_str(separator);
        text.extend(fault.chars().take(LONGEST));
    }
    text
}

/// Whose state it is.
#[derive(Clone, Debug)]
pub(crate) enum Component {
    Controller,
    Speaker(NodeName),
}

impl Component {
    fn name(&self) -> String {
        match self {
            Self::Controller => "controller".to_owned(),
            Self::Speaker(node) => format!("speaker-{node}"),
        }
    }

    const fn condition_type(&self) -> &'static str {
        match self {
            Self::Controller => "poolReconcilerValid",
            Self::Speaker(_) => "configReconcilerValid",
        }
    }

    /// The object, with the node of this uid as its owner.
    fn object(&self, node_uid: Option<&str>) -> Value {
        let mut object = json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "ConfigurationState",
            "metadata": { "name": self.name() },
        });
        let metadata = &mut object["metadata"];
        match self {
            Self::Controller => {
                metadata["labels"] = json!({ "metallb.io/component-type": "controller" });
            }
            Self::Speaker(node) => {
                metadata["labels"] = json!({
                    "metallb.io/component-type": "speaker",
                    "metallb.io/node-name": node.as_str(),
                });
            }
        }
        if let (Self::Speaker(node), Some(uid)) = (self, node_uid) {
            let owner = json!({
                "apiVersion": "v1", "kind": "Node", "name": node.as_str(), "uid": uid,
            });
            metadata["ownerReferences"] = json!([owner]);
        }
        object
    }
}

/// What is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) judgement: Judgement,
    /// The uid of the node to which the object belongs.
    pub(crate) node_uid: Option<Arc<str>>,
}

/// Keeps the object of `component` as it is to be, until nobody wants anything any more. `None`:
/// another keeps it, or nothing is known.
pub(crate) async fn keep(
    client: Client,
    namespace: String,
    component: Component,
    mut wanted: watch::Receiver<Option<State>>,
) {
    let path = format!("/apis/metallb.io/v1beta1/namespaces/{namespace}/configurationstates");
    let store = Store { client, path, component };
    let mut settle = Backoff::new(SETTLE, SETTLE);
    let mut look = Backoff::new(LOOK, LOOK);
    let mut retry = Backoff::new(RETRY, LONGEST_RETRY);
    let mut said = None;
    loop {
        sleep(settle.next()).await;
        let state = wanted.borrow_and_update().clone();
        if matches!(state, Some(State { judgement: Judgement::Unknown(_), .. })) {
            tokio::select! {
                Ok(()) = wanted.changed() => continue,
                () = sleep(DOUBT) => {}
            }
        }
        let wait = match &state {
            None => LOOK,
            Some(state) => match timeout(PATIENCE, store.keep(state)).await {
                Ok(Ok(())) => {
                    retry.reset();
                    said = None;
                    look.next()
                }
                failed => {
                    let why = match failed {
                        Ok(Err(error)) => told(&error),
                        _ => "no answer in time".to_owned(),
                    };
                    if said.as_ref() != Some(&why) {
                        let name = store.component.name();
                        tracing::warn!("cannot keep ConfigurationState {namespace}/{name}: {why}");
                        said = Some(why);
                    }
                    retry.next()
                }
            },
        };
        tokio::select! {
            changed = wanted.changed() => if changed.is_err() { return },
            () = sleep(wait) => {}
        }
    }
}

struct Store {
    client: Client,
    /// That of the collection.
    path: String,
    component: Component,
}

impl Store {
    async fn keep(&self, state: &State) -> Result<(), Error> {
        let found = match self.get().await? {
            Some(found) => found,
            None => self.create(state).await?,
        };
        // One that cannot be read is written anew.
        let before: Option<ConfigurationStateStatus> =
            found.get("status").and_then(|status| serde_json::from_value(status.clone()).ok());
        let condition_type = self.component.condition_type();
        let now = Clock::unix_seconds();
        let status = state.judgement.status(condition_type, before.as_ref(), now);
        if before.as_ref() == Some(&status) {
            return Ok(());
        }
        let body = json!({
            "metadata": { "resourceVersion": found.pointer("/metadata/resourceVersion") },
            "status": {
                "result": status.result,
                "errorSummary": status.error_summary,
                "conditions": status.conditions,
            },
        });
        let (name, params) = (self.component.name(), PatchParams::default());
        let request = Request::new(&self.path).patch_subresource(
            "status",
            &name,
            &params,
            &Patch::Merge(&body),
        );
        self.client.request::<Value>(request.map_err(Error::BuildRequest)?).await.map(drop)
    }

    async fn get(&self) -> Result<Option<Value>, Error> {
        let request = Request::new(&self.path).get(&self.component.name(), &GetParams::default());
        match self.client.request(request.map_err(Error::BuildRequest)?).await {
            Ok(found) => Ok(Some(found)),
            Err(Error::Api(status)) if status.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn create(&self, state: &State) -> Result<Value, Error> {
        let object = self.component.object(state.node_uid.as_deref());
        let body = serde_json::to_vec(&object).map_err(Error::SerdeError)?;
        let request = Request::new(&self.path).create(&PostParams::default(), body);
        self.client.request(request.map_err(Error::BuildRequest)?).await
    }
}

#[cfg(test)]
mod tests;
