//! When each service was first seen with an address.

use std::{
    collections::BTreeMap,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::kube::{Watch, addresses};

use super::Outcome;

const LIMIT: Duration = Duration::from_secs(120);

/// The first sight of an address, and the address, by the service's name.
type Times = BTreeMap<String, (Instant, String)>;

/// A watcher of the services.
pub(super) struct Seen(Arc<(Mutex<Times>, Condvar)>);

impl Seen {
    pub(super) fn follow(watch: Watch) -> Self {
        let shared: Arc<(Mutex<Times>, Condvar)> = Arc::default();
        let follower = Arc::clone(&shared);
        thread::spawn(move || {
            while let Some((_, service)) = watch.next(Duration::from_secs(600)) {
                let now = Instant::now();
                if let Some(address) = addresses(&service).into_iter().next() {
                    let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
                    let mut times = follower.0.lock().unwrap_or_else(PoisonError::into_inner);
                    times.entry(name).or_insert((now, address));
                    follower.1.notify_all();
                }
            }
        });
        Self(shared)
    }

    fn until<T>(&self, found: impl Fn(&Times) -> Option<T>) -> Outcome<T> {
        let times = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.0.1.wait_timeout_while(times, LIMIT, |times| found(times).is_none());
        let (times, _) = waited.unwrap_or_else(PoisonError::into_inner);
        found(&times).ok_or_else(|| format!("no address within {LIMIT:?}").into())
    }

    /// When the service had an address, and which.
    pub(super) fn wait_for(&self, name: &str) -> Outcome<(Instant, String)> {
        self.until(|times| times.get(name).cloned())
    }

    /// How long after `start` so many were seen with an address since then.
    pub(super) fn wait(&self, count: usize, start: Instant) -> Outcome<Duration> {
        self.until(|times| {
            let mut fresh: Vec<Instant> =
                times.values().map(|(time, _)| *time).filter(|time| *time >= start).collect();
            fresh.sort_unstable();
            fresh.get(count - 1).map(|time| *time - start)
        })
    }
}
