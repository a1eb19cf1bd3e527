//! Notices that somebody else keeps undoing what is written.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::Duration,
};

use serde_json::Value;
use vipcast_ipam::Owner;
use vipcast_sans_io::Instant;

/// How long the same is not written again after it was undone; it doubles.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);
/// What stood for so long was not undone by a rival, but changed.
const UNDISTURBED: Duration = Duration::from_secs(900);

/// What was last written to each service, and how often it was the same again.
#[derive(Debug, Default)]
pub(super) struct Rivals(BTreeMap<Owner, Written>);

#[derive(Debug)]
struct Written {
    what: u64,
    at: Instant,
    again: u32,
}

impl Rivals {
    /// When this may be written, if not now.
    pub(super) fn not_before(&self, owner: &Owner, body: &Value, now: Instant) -> Option<Instant> {
        let written = self.0.get(owner).filter(|written| written.what == decided(body))?;
        let wait = (FIRST * (1 << written.again.min(10))).min(LONGEST);
        Some(written.at + wait).filter(|at| *at > now)
    }

    /// This was written. How often it was undone by now, where that is more than once.
    pub(super) fn written(&mut self, owner: &Owner, body: &Value, now: Instant) -> Option<u32> {
        let what = decided(body);
        let again = match self.0.get(owner) {
            Some(before) if before.what == what && now < before.at + UNDISTURBED => {
                before.again + 1
            }
            _ => 0,
        };
        self.0.insert(owner.clone(), Written { what, at: now, again });
        (again > 1).then_some(again)
    }

    /// Forgets services that are gone, and what was written long ago.
    pub(super) fn retain(&mut self, now: Instant, there: impl Fn(&Owner) -> bool) {
        self.0.retain(|owner, written| now < written.at + UNDISTURBED && there(owner));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

/// What a write says, whatever the version of the service and the time.
fn decided(body: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    body["status"]["loadBalancer"].to_string().hash(&mut hasher);
    for condition in body["status"]["conditions"].as_array().into_iter().flatten() {
        (condition["status"].as_str(), condition["reason"].as_str()).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn body(version: &str, address: &str) -> Value {
        json!({
            "metadata": {"resourceVersion": version},
            "status": {"loadBalancer": {"ingress": [{"ip": address}]}},
        })
    }

    fn at(seconds: u64) -> Instant {
        Instant::from_millis(seconds * 1_000)
    }

    #[test]
    fn what_is_undone_again_and_again_is_written_ever_more_seldom() {
        let (mut rivals, owner) = (Rivals::default(), Owner::new("default", "web"));
        let mut now = at(100);
        let mut told = Vec::new();
        for expected in [1, 2, 4, 8] {
            assert_eq!(rivals.not_before(&owner, &body("1", "192.0.2.1"), now), None);
            told.extend(rivals.written(&owner, &body("1", "192.0.2.1"), now));
            let next = rivals.not_before(&owner, &body("2", "192.0.2.1"), now);
            assert_eq!(next, Some(now + Duration::from_secs(expected)));
            now = next.unwrap();
        }
        assert_eq!(told, [2, 3], "once may be a person's mistake");
        for _ in 0..20 {
            now = rivals.not_before(&owner, &body("2", "192.0.2.1"), now).unwrap_or(now);
            rivals.written(&owner, &body("3", "192.0.2.1"), now);
        }
        let next = rivals.not_before(&owner, &body("4", "192.0.2.1"), now).unwrap();
        assert_eq!(next, now + LONGEST);
    }

    #[test]
    fn another_decision_is_written_at_once_and_so_is_what_stood_for_long() {
        let (mut rivals, owner) = (Rivals::default(), Owner::new("default", "web"));
        rivals.written(&owner, &body("1", "192.0.2.1"), at(100));
        assert_eq!(rivals.not_before(&owner, &body("2", "192.0.2.2"), at(100)), None);
        assert_eq!(rivals.not_before(&owner, &body("2", "192.0.2.1"), at(2_000)), None);
        assert_eq!(rivals.written(&owner, &body("2", "192.0.2.1"), at(2_000)), None);
        rivals.retain(at(2_001), |_| true);
        assert_eq!(rivals.0.len(), 1);
        rivals.retain(at(2_001), |_| false);
        assert!(rivals.0.is_empty());
    }
}
