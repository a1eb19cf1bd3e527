//! Kubernetes events: one for what happened, and none for what is only still so.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

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

use super::{allowance::Allowance, planner::Note};
use crate::kinds::Key;

/// Events that may wait. What finds no room is lost, and counted: they are for people, and the same
/// stands in conditions and logs.
const QUEUE: usize = 8192;
/// So many leave without a rest, one after the other.
const BURST: u32 = 32;
/// How soon another may.
const APART: Duration = Duration::from_millis(200);
/// The others leave apart by so many times as long as the server took for the last one: an event costs
/// it as much as an address does, and addresses come first.
const REST: u32 = 9;
const LEAST_REST: Duration = Duration::from_millis(10);
const LONGEST_REST: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends events, in the background.
#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    queue: mpsc::Sender<Told>,
    source: Arc<Source>,
}

/// How long the next event is to wait, after one that was sent from then till then.
fn rest(allowance: &mut Allowance, from: Instant, till: Instant) -> Duration {
    if allowance.take(from) {
        return Duration::ZERO;
    }
    ((till - from) * REST).clamp(LEAST_REST, LONGEST_REST)
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
            let mut allowance = Allowance::new(BURST, APART);
            while let Some(told) = waiting.recv().await {
                let from = Clock::now();
                if let Err(error) = post(&client, maker.event(&told)).await {
                    counter.lost.fetch_add(1, Ordering::Relaxed);
                    tracing::debug!("an event was not recorded: {error}");
                }
                sleep(rest(&mut allowance, from, Clock::now())).await;
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

async fn post(client: &Client, (namespace, event): (String, Value)) -> Result<(), Error> {
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
    fn some_events_leave_at_once_and_a_storm_leaves_the_server_to_others() {
        let (mut allowance, start) = (Allowance::new(BURST, APART), Instant::from_millis(60_000));
        let mut rest = |from, till| rest(&mut allowance, from, till);
        let took = Duration::from_millis(4);
        let (mut now, mut at_once) = (start, 0);
        for _ in 0..1_000 {
            let resting = rest(now, now + took);
            at_once += u32::from(resting.is_zero());
            assert!(resting.is_zero() || resting == took * REST, "{resting:?}");
            now += took + resting;
        }
        assert!(at_once < BURST, "{at_once}");
        // A slow server gets more rest, within bounds; after a quiet time some leave at once again.
        let slow = Duration::from_secs(2);
        assert_eq!(rest(now, now + slow), LONGEST_REST);
        now += slow + BURST * APART;
        assert!((1..BURST).all(|_| rest(now, now).is_zero()));
        assert_eq!(rest(now, now), LEAST_REST);
    }
}
