//! Follows the objects of one kind: a list, then a watch from where the list was, for ever.
//!
//! Written out rather than taken from kube's runtime, which goes on for ever with a version that the
//! server no longer has (its own error says so outside the stream, or only bookmarks would), and does
//! not tell a stream that was cut from one that ended in time.

mod list;

use std::{pin::pin, time::Duration};

use futures_util::TryStreamExt;
use kube::{
    Client, Error,
    api::{Request, WatchEvent, WatchParams},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, watch},
    time::{sleep, timeout},
};
use vipcast_announcer::clock::Clock;

use super::{
    backoff::Backoff,
    object::{Object, Version},
};
use crate::kinds::Kind;

/// What is followed.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: Kind,
    /// The path of the collection.
    pub(crate) path: String,
    pub(crate) fields: Option<&'static str>,
    pub(crate) labels: Option<&'static str>,
}

impl Target {
    pub(crate) const LOAD_BALANCERS: &'static str = "spec.type=LoadBalancer";
    /// The one ConfigMap: whoever may see it alone may follow no others.
    pub(crate) const EXCLUDED_LINKS: &'static str = "metadata.name=metallb-excludel2";

    /// All objects of a kind, or those of one namespace.
    pub(crate) fn new(kind: Kind, namespace: Option<&str>) -> Self {
        let version = kind.api_version();
        let root = if version.contains('/') { "/apis" } else { "/api" };
        // Of the kinds that are read, all have a regular plural.
        let plural = kind.name().to_ascii_lowercase();
        let path = match namespace {
            Some(namespace) => format!("{root}/{version}/namespaces/{namespace}/{plural}s"),
            None => format!("{root}/{version}/{plural}s"),
        };
        Self { kind, path, fields: None, labels: None }
    }
}

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// How long a watch lasts before the server ends it.
    pub(crate) watch: Duration,
    /// How long a watch may say nothing. The server sends a bookmark a minute.
    pub(crate) silence: Duration,
    /// How long one page of a list may take.
    pub(crate) page: Duration,
    /// The first wait after a failure; it doubles up to `patience`.
    pub(crate) retry: Duration,
    pub(crate) patience: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            watch: Duration::from_secs(290),
            silence: Duration::from_secs(75),
            page: Duration::from_secs(60),
            retry: Duration::from_millis(250),
            patience: Duration::from_secs(10),
        }
    }
}

/// What happened to the objects of a kind.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// These are all there are. What is not among them is gone.
    Reset {
        kind: Kind,
        /// The order to list anew that this list follows.
        epoch: u64,
        objects: Vec<Object>,
    },
    /// There is a new one, or it has changed.
    Applied(Object),
    /// It is gone, or no longer among those that are followed.
    Deleted(Object),
    /// The server ended a stream before its time: it may be overloaded.
    Cut(Kind),
    /// The objects cannot be followed, and why; what is known of them grows old. `None`: they are
    /// followed again.
    Trouble(Kind, Option<String>),
}

/// Objects listed once in so many failed watches in a row.
const FAILURES_BEFORE_LIST: u32 = 3;

/// Follows the objects until nobody receives any more.
///
/// A new number in `epochs` is an order to list anew; what comes before that list may be old.
pub(crate) async fn follow(
    client: Client,
    target: Target,
    timing: Timing,
    mut epochs: watch::Receiver<u64>,
    changes: mpsc::Sender<Change>,
) {
    let mut follower = Follower { client, target, timing, changes, troubled: false };
    let mut backoff = Backoff::new(timing.retry, timing.patience);
    while !follower.changes.is_closed() {
        let epoch = *epochs.borrow_and_update();
        let end = tokio::select! {
            end = follower.list_and_watch(epoch, &mut backoff) => end,
            Ok(()) = epochs.changed() => continue,
        };
        match end {
            End::Relist => {}
            End::Failed(why) => {
                follower.trouble(Some(why)).await;
                tokio::select! {
                    () = sleep(backoff.next()) => {}
                    Ok(()) = epochs.changed() => {}
                }
            }
            End::Closed => return,
        }
    }
}

struct Follower {
    client: Client,
    target: Target,
    timing: Timing,
    changes: mpsc::Sender<Change>,
    troubled: bool,
}

/// Why a list with its watches came to an end.
enum End {
    /// What is known may be old: list at once.
    Relist,
    Failed(String),
    /// Nobody receives.
    Closed,
}

/// Why one watch came to an end.
enum WatchEnd {
    /// In its time, or cut: go on from here.
    Again,
    Relist,
    Failed(String),
    Closed,
}

impl Follower {
    async fn list_and_watch(&mut self, epoch: u64, backoff: &mut Backoff) -> End {
        let (objects, mut version) = match self.list().await {
            Ok(listed) => listed,
            Err(why) => return End::Failed(why),
        };
        let kind = self.target.kind;
        if self.send(Change::Reset { kind, epoch, objects }).await.is_err() {
            return End::Closed;
        }
        self.trouble(None).await;
        backoff.reset();
        let mut failures = 0;
        loop {
            let from = version.clone();
            match self.watch(&mut version).await {
                WatchEnd::Again => {
                    if version == from {
                        // A server that ends every watch at once must not be asked in a circle.
                        sleep(backoff.next()).await;
                    } else {
                        backoff.reset();
                    }
                    failures = 0;
                    self.trouble(None).await;
                }
                WatchEnd::Relist => return End::Relist,
                WatchEnd::Closed => return End::Closed,
                WatchEnd::Failed(why) => {
                    failures += 1;
                    self.trouble(Some(why)).await;
                    sleep(backoff.next()).await;
                    if failures >= FAILURES_BEFORE_LIST {
                        return End::Relist;
                    }
                }
            }
        }
    }

    /// One watch, from `version`, which moves along.
    async fn watch(&mut self, version: &mut Version) -> WatchEnd {
        let seconds = u32::try_from(self.timing.watch.as_secs()).unwrap_or(u32::MAX);
        let params = WatchParams {
            label_selector: self.target.labels.map(str::to_owned),
            field_selector: self.target.fields.map(str::to_owned),
            timeout: Some(seconds),
            bookmarks: true,
            send_initial_events: false,
        };
        let request = match Request::new(&self.target.path).watch(&params, version.as_str()) {
            Ok(request) => request,
            Err(error) => return WatchEnd::Failed(error.to_string()),
        };
        let opening = self.client.request_events::<Value>(request);
        let stream = match timeout(self.timing.page, opening).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) if is_gone(&error) => return WatchEnd::Relist,
            Ok(Err(error)) => return WatchEnd::Failed(told(&error)),
            Err(_) => return WatchEnd::Failed("the server does not answer".to_owned()),
        };
        let mut stream = pin!(stream);
        let from = version.clone();
        let opened = Clock::now();
        loop {
            let event = match timeout(self.timing.silence, stream.try_next()).await {
                Ok(Ok(Some(event))) => event,
                Ok(Ok(None)) => {
                    let early = Clock::now() - opened < self.timing.watch / 2;
                    if early && self.send(Change::Cut(self.target.kind)).await.is_err() {
                        return WatchEnd::Closed;
                    }
                    return WatchEnd::Again;
                }
                Ok(Err(error)) if is_gone(&error) => return WatchEnd::Relist,
                Ok(Err(error)) => {
                    return match self.send(Change::Cut(self.target.kind)).await {
                        Ok(()) if *version != from => WatchEnd::Again,
                        Ok(()) => WatchEnd::Failed(told(&error)),
                        Err(Closed) => WatchEnd::Closed,
                    };
                }
                Err(_) => return WatchEnd::Failed("the watch fell silent".to_owned()),
            };
            let change = match event {
                WatchEvent::Added(mut value) | WatchEvent::Modified(mut value) => {
                    Object::read(self.target.kind, &mut value).map(Change::Applied)
                }
                WatchEvent::Deleted(mut value) => {
                    Object::read(self.target.kind, &mut value).map(Change::Deleted)
                }
                WatchEvent::Bookmark(bookmark) => {
                    let at = Version::new(&bookmark.metadata.resource_version);
                    if at.is_before(version) {
                        return WatchEnd::Relist;
                    }
                    *version = at;
                    continue;
                }
                WatchEvent::Error(status) if status.code == 410 => return WatchEnd::Relist,
                WatchEvent::Error(status) => {
                    let _ = self.send(Change::Cut(self.target.kind)).await;
                    return WatchEnd::Failed(status.message);
                }
            };
            let Some(change) = change else { continue };
            let (Change::Applied(object) | Change::Deleted(object)) = &change else { continue };
            if object.version.is_before(version) {
                // Out of order, or of a server that was restored from a backup.
                return WatchEnd::Relist;
            }
            *version = object.version.clone();
            if self.send(change).await.is_err() {
                return WatchEnd::Closed;
            }
        }
    }

    async fn send(&self, change: Change) -> Result<(), Closed> {
        self.changes.send(change).await.map_err(|_| Closed)
    }

    /// Tells what is wrong, once, and once that it is well again.
    async fn trouble(&mut self, why: Option<String>) {
        let troubled = why.is_some();
        if !troubled && !self.troubled {
            return;
        }
        self.troubled = troubled;
        // Whoever does not receive any more is noticed at the next step.
        let _ = self.send(Change::Trouble(self.target.kind, why)).await;
    }
}

/// Nobody receives changes any more.
struct Closed;

/// The server no longer, or not yet, has the version that was asked for.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 410
        || status.message.contains("Too large resource version"))
}

/// What is wrong, and what to do about it.
pub(super) fn told(error: &Error) -> String {
    match error {
        Error::Api(status) if status.is_forbidden() => {
            format!("{}: grant it to this service account", status.message)
        }
        Error::Api(status) => format!("the server says {}: {}", status.code, status.message),
        other => {
            let mut text = other.to_string();
            let mut cause = std::error::Error::source(other);
            while let Some(error) = cause {
                let more = error.to_string();
                if !text.contains(&more) {
                    text = format!("{text}: {more}");
                }
                cause = error.source();
            }
            text
        }
    }
}
