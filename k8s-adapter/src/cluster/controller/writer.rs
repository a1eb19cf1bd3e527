//! One request about one service, from its sending to what its answer means.

use std::time::Duration;

use kube::{
    Client, Error,
    api::{GetParams, Patch, PatchParams, Request},
};
use serde_json::{Map, Value, json};
use tokio::{sync::watch, time::timeout};
use vipcast_announcer::clock::Clock;
use vipcast_ipam::Owner;

use crate::{
    cluster::{
        lease_store::Leadership,
        object::Object,
        planner::{CONDITION, FENCE_ANNOTATION, Note, POOL_ANNOTATION, Write},
        watch::told,
    },
    kinds::Kind,
};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is to be done about a service.
pub(super) enum Job {
    /// Write its status.
    Write(Write),
    /// It went out of sight. If it is still there and ours no longer, take our marks off it: the
    /// server clears its addresses, and nothing else.
    Clean(Owner),
}

pub(super) struct Outcome {
    pub(super) owner: Owner,
    /// It was looked after, and not written.
    pub(super) cleaned: bool,
    pub(super) answer: Answer,
}

/// What became of a job.
pub(super) enum Answer {
    Accepted {
        object: Object,
        body: Value,
        notes: Vec<Note>,
    },
    /// It is another than the one that was decided about: this, or nothing is known of it.
    Changed(Option<Object>),
    Done,
    /// The lease ran out before it was sent, or while it was under way.
    TooLate,
    /// The server has too much to do, perhaps for so long.
    Overloaded(Option<Duration>),
    /// The server has understood it and does not allow it: this write, as it is, is refused for good.
    Refused(String),
    Failed(String),
}

impl Job {
    pub(super) const fn owner(&self) -> &Owner {
        match self {
            Self::Write(write) => &write.owner,
            Self::Clean(owner) => owner,
        }
    }

    /// Does it, in the tenure `number` only.
    pub(super) async fn run(
        self,
        client: Client,
        leadership: watch::Receiver<Leadership>,
        number: u64,
    ) -> Outcome {
        let owner = self.owner().clone();
        let cleaned = matches!(self, Self::Clean(_));
        // What is sent must be accepted within the lease that it was decided under: a write that
        // comes later finds another version, or is the same that the next holder would make.
        let now = Clock::now();
        let tenure = leadership.borrow().tenure(now);
        let Some(tenure) = tenure.filter(|tenure| tenure.number == number) else {
            return Outcome { owner, cleaned, answer: Answer::TooLate };
        };
        let patience = PATIENCE.min(tenure.not_after - now);
        let doing = async {
            match self {
                Self::Write(write) => write_status(&client, write).await,
                Self::Clean(owner) => clean(&client, &owner).await,
            }
        };
        let answer = match timeout(patience, doing).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => failed(&error),
            Err(_) => Answer::Failed("no answer in time".to_owned()),
        };
        Outcome { owner, cleaned, answer }
    }
}

fn failed(error: &Error) -> Answer {
    match error {
        Error::Api(status) if status.code == 429 => {
            let wait = status.details.as_ref().map(|details| details.retry_after_seconds);
            let wait = wait.filter(|seconds| *seconds > 0);
            Answer::Overloaded(wait.map(|seconds| Duration::from_secs(seconds.into())))
        }
        // 408 is a matter of time; the others say that it is the request.
        Error::Api(status) if (400..500).contains(&status.code) && status.code != 408 => {
            Answer::Refused(told(error))
        }
        error => Answer::Failed(told(error)),
    }
}

fn services(owner: &Owner) -> Request {
    Request::new(format!("/api/v1/namespaces/{}/services", owner.namespace()))
}

async fn write_status(client: &Client, write: Write) -> Result<Answer, Error> {
    match patch(client, &write.owner, &write.body).await {
        Ok(mut value) => match Object::read(Kind::Service, &mut value) {
            Some(object) => Ok(Answer::Accepted { object, body: write.body, notes: write.notes }),
            None => Ok(Answer::Changed(None)),
        },
        Err(Error::Api(status)) if status.is_conflict() => {
            let now = get(client, &write.owner).await?;
            Ok(Answer::Changed(now.and_then(|mut v| Object::read(Kind::Service, &mut v))))
        }
        Err(Error::Api(status)) if status.is_not_found() => Ok(Answer::Changed(None)),
        Err(error) => Err(error),
    }
}

async fn clean(client: &Client, owner: &Owner) -> Result<Answer, Error> {
    let Some(service) = get(client, owner).await? else { return Ok(Answer::Done) };
    let text = |pointer: &str| service.pointer(pointer).and_then(Value::as_str);
    if text("/spec/type") == Some("LoadBalancer") {
        // It is in sight again.
        return Ok(Answer::Done);
    }
    let annotations = service.pointer("/metadata/annotations").and_then(Value::as_object);
    let ours = [POOL_ANNOTATION, FENCE_ANNOTATION];
    let ours = ours.into_iter().filter(|name| annotations.is_some_and(|a| a.contains_key(*name)));
    let ours: Map<String, Value> = ours.map(|name| (name.to_owned(), Value::Null)).collect();
    let conditions = service.pointer("/status/conditions").and_then(Value::as_array);
    let judged = conditions
        .is_some_and(|list| list.iter().any(|c| c.get("type") == Some(&CONDITION.into())));
    if ours.is_empty() && !judged {
        return Ok(Answer::Done);
    }
    let mut body = json!({ "metadata": { "resourceVersion": text("/metadata/resourceVersion") } });
    if !ours.is_empty() {
        body["metadata"]["annotations"] = ours.into();
    }
    if judged {
        body["status"] = json!({ "conditions": [{ "$patch": "delete", "type": CONDITION }] });
    }
    patch(client, owner, &body).await.map(|_| Answer::Done)
}

async fn get(client: &Client, owner: &Owner) -> Result<Option<Value>, Error> {
    let request = services(owner).get(owner.name(), &GetParams::default());
    match client.request::<Value>(request.map_err(Error::BuildRequest)?).await {
        Ok(value) => Ok(Some(value)),
        Err(Error::Api(status)) if status.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A strategic merge patch: others' conditions stay, and the version in it must be the server's.
async fn patch(client: &Client, owner: &Owner, body: &Value) -> Result<Value, Error> {
    let params =
        PatchParams { field_manager: Some("vipcast".to_owned()), ..PatchParams::default() };
    let request =
        services(owner).patch_subresource("status", owner.name(), &params, &Patch::Strategic(body));
    client.request::<Value>(request.map_err(Error::BuildRequest)?).await
}
