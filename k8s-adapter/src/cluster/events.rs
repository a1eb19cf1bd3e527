//! Kubernetes events: one for what happened, and none for what is only still so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt;
use kube::{
    Client, Error,
    api::{PostParams, Request},
};
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};
use vipcast_announcer::clock::Clock;

use super::planner::Note;
use crate::kinds::Key;

/// Events that may wait. What finds no room is lost, and counted: they are for people, and the same
/// stands in conditions and logs.
const QUEUE: usize = 2048;
/// How many are sent at once: few, so that writes that matter have room.
const AT_ONCE: usize = 4;
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends events, in the background.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Told>,
    source: Arc<Source>,
}

/// What an event is made of, once it is its turn.
#[derive(Debug)]
struct Told {
    key: Key,
    uid: Box<str>,
    action: &'static str,
    note: Note,
    at: i64,
    number: u64,
}

#[derive(Debug)]
struct Source {
    controller: &'static str,
    instance: String,
    count: AtomicU64,
    lost: AtomicU64,
}

impl Recorder {
    /// Events of `controller`, sent by the process `instance`.
    pub(crate) fn start(client: Client, controller: &'static str, instance: &str) -> Self {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let source = Source {
            controller,
            instance: instance.to_owned(),
            count: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        };
        let source = Arc::new(source);
        let (counter, maker) = (Arc::clone(&source), Arc::clone(&source));
        tokio::spawn(async move {
            let waiting = futures_util::stream::poll_fn(move |context| waiting.poll_recv(context));
            let sent = waiting.map(|told| post(client.clone(), maker.event(&told)));
            let mut sent = std::pin::pin!(sent.buffer_unordered(AT_ONCE));
            while let Some(result) = sent.next().await {
                if let Err(error) = result {
                    counter.lost.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!("an event was not recorded: {error}");
                }
            }
        });
        Self { queue, source }
    }

    /// Tells something about an object.
    pub(crate) fn tell(&self, key: &Key, uid: &str, action: &'static str, note: &Note) {
        let number = self.source.count.fetch_add(1, Ordering::Relaxed);
        let (key, uid, note) = (key.clone(), uid.into(), note.clone());
        let told = Told { key, uid, action, note, at: Clock::unix_seconds(), number };
        if self.queue.try_send(told).is_err() {
            self.source.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events were lost.
    pub(crate) fn lost(&self) -> u64 {
        self.source.lost.load(Ordering::Relaxed)
    }
}

impl Source {
    /// The event, and its namespace.
    fn event(&self, told: &Told) -> (String, Value) {
        let Told { key, uid, action, note, at, number } = told;
        // Objects without a namespace have their events in the default one.
        let namespace = if key.namespace.is_empty() { "default" } else { &key.namespace };
        let unique = (at.unsigned_abs() << 24) ^ (u64::from(std::process::id()) << 12) ^ number;
        let event = json!({
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": { "name": format!("{}.{unique:x}", key.name), "namespace": namespace },
            "eventTime": super::time::micro(*at),
            "reportingController": self.controller,
            "reportingInstance": self.instance,
            "action": action,
            "reason": note.reason,
            "note": note.message,
            "type": if note.warning { "Warning" } else { "Normal" },
            "regarding": {
                "apiVersion": key.kind.api_version(),
                "kind": key.kind.name(),
                "namespace": key.namespace,
                "name": key.name,
                "uid": uid,
            },
        });
        (namespace.to_owned(), event)
    }
}

async fn post(client: Client, (namespace, event): (String, Value)) -> Result<(), Error> {
    let body = serde_json::to_vec(&event).map_err(Error::SerdeError)?;
    let path = format!("/apis/events.k8s.io/v1/namespaces/{namespace}/events");
    let request = Request::new(path).create(&PostParams::default(), body);
    let request = request.map_err(Error::BuildRequest)?;
    match timeout(PATIENCE, client.request::<Value>(request)).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(Error::Service("no answer in time".into())),
    }
}
