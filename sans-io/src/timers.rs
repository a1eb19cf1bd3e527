use alloc::collections::{BTreeMap, BTreeSet};

use crate::Instant;

/// All the deadlines of one machine, at most one per key.
///
/// Setting, stopping and popping cost O(log n); asking for the next deadline costs O(log n) and
/// changes nothing. Equal deadlines expire in the order of their keys, so that a machine is
/// deterministic.
///
/// ```
/// use core::time::Duration;
/// use vipcast_sans_io::{Instant, TimerTable};
///
/// let now = Instant::ZERO;
/// let mut timers = TimerTable::new();
/// timers.set("hold", now + Duration::from_secs(90));
/// timers.set("keepalive", now + Duration::from_secs(30));
/// assert_eq!(timers.next_timeout(), Some(now + Duration::from_secs(30)));
/// assert_eq!(timers.pop_expired(now), None);
/// assert_eq!(timers.pop_expired(now + Duration::from_secs(31)), Some("keepalive"));
/// ```
#[derive(Clone, Debug)]
pub struct TimerTable<K> {
    deadlines: BTreeMap<K, Instant>,
    /// The same pairs, ordered by deadline.
    queue: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Clone> TimerTable<K> {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { deadlines: BTreeMap::new(), queue: BTreeSet::new() }
    }

    /// Arms the timer, or moves it if it was armed.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(old) = self.deadlines.insert(key.clone(), at) {
            self.queue.remove(&(old, key.clone()));
        }
        self.queue.insert((at, key));
    }

    /// Disarms the timer. Whether it was armed.
    pub fn stop(&mut self, key: &K) -> bool {
        let Some(at) = self.deadlines.remove(key) else {
            return false;
        };
        self.queue.remove(&(at, key.clone()))
    }

    /// Disarms and returns the earliest timer that is due at `now`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<K> {
        if self.next_timeout()? > now {
            return None;
        }
        let (_, key) = self.queue.pop_first()?;
        self.deadlines.remove(&key);
        Some(key)
    }

    /// Disarms all timers.
    pub fn clear(&mut self) {
        self.deadlines.clear();
        self.queue.clear();
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.queue.first().map(|&(at, _)| at)
    }

    /// When this timer fires, if it is armed.
    #[must_use]
    pub fn deadline(&self, key: &K) -> Option<Instant> {
        self.deadlines.get(key).copied()
    }

    /// How many timers are armed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.deadlines.len()
    }

    /// Whether no timer is armed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.deadlines.is_empty()
    }
}

impl<K: Ord + Clone> Default for TimerTable<K> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
