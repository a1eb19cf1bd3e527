//! Kubernetes events: one for what happened, and none for what is only still so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{StreamExt, stream};
use kube::{
    Client, Error,
    api::{PostParams, Request},
};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;
use vipcast_sans_io::Instant;

use super::planner::Note;
use crate::kinds::Key;

/// Events that may wait. What finds no room is lost, and counted: they are for people, and the same
/// stands in conditions and logs.
const QUEUE: usize = 8192;
/// How many are sent at once: few, so that writes that matter have room.
const AT_ONCE: usize = 4;
/// So many leave without delay.
const BURST: u32 = 32;
/// The others leave so far apart: an event costs the server as much as an address does.
const APART: Duration = Duration::from_millis(10);
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends events, in the background.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Told>,
    source: Arc<Source>,
}

/// Says how long the next event is to wait.
#[derive(Clone, Debug, Default)]
struct Meter {
    /// When the next would be due, if none could leave early.
    due: Instant,
}

impl Meter {
    fn wait(&mut self, now: Instant) -> Duration {
        let early = BURST * APART;
        self.due = self.due.max(now) + APART;
        (self.due - now).saturating_sub(early)
    }
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
        let (queue, waiting) = mpsc::channel(QUEUE);
        let source = Source {
            controller,
            instance: instance.to_owned(),
            count: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        };
        let source = Arc::new(source);
        let (counter, maker) = (Arc::clone(&source), Arc::clone(&source));
        tokio::spawn(async move {
            let due =
                stream::unfold((waiting, Meter::default()), async |(mut waiting, mut meter)| {
                    let told = waiting.recv().await?;
                    sleep(meter.wait(Clock::now())).await;
                    Some((told, (waiting, meter)))
                });
            let sent = due.map(|told| post(client.clone(), maker.event(&told)));
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
    // What it says is what was sent.
    match timeout(PATIENCE, client.request_text(request)).await {
        Ok(answer) => answer.map(drop),
        Err(_) => Err(Error::Service("no answer in time".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_events_leave_at_once_and_a_storm_at_an_even_pace() {
        let (mut meter, start) = (Meter::default(), Instant::from_millis(5_000));
        let mut now = start;
        for number in 0..1_000 {
            let wait = meter.wait(now);
            assert_eq!(wait.is_zero(), number < BURST, "{number}: {wait:?}");
            now += wait;
        }
        assert_eq!(now - start, (1_000 - BURST) * APART);
        // After a rest some may leave at once again.
        now += BURST * APART;
        assert!((0..BURST).all(|_| meter.wait(now).is_zero()));
        assert!(!meter.wait(now).is_zero());
    }
}
