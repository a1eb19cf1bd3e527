use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use vipcast_election::NodeName;
use vipcast_sans_io::Instant;

/// Since when nodes are silent without a break.
#[derive(Debug, Default)]
pub(super) struct Silence {
    since: BTreeMap<NodeName, Instant>,
}

impl Silence {
    /// These are silent now, and nobody else. One that has been so for long.
    pub(super) fn longer_than(
        &mut self,
        patience: Duration,
        now: Instant,
        silent: BTreeSet<NodeName>,
    ) -> Option<NodeName> {
        self.since.retain(|name, _| silent.contains(name));
        for name in silent {
            self.since.entry(name).or_insert(now);
        }
        let mut long = self.since.iter().filter(|(_, since)| now >= **since + patience);
        long.next().map(|(name, _)| name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_was_silent_without_a_break_was_so_for_long() {
        let patience = Duration::from_secs(60);
        let names = |names: &[&str]| names.iter().map(|name| NodeName::new(*name)).collect();
        let mut silence = Silence::default();
        let mut at = |second: u64, silent: &[&str]| {
            silence.longer_than(patience, Instant::from_millis(second * 1_000), names(silent))
        };
        assert_eq!(at(1_000, &["b", "c"]), None);
        assert_eq!(at(1_059, &["b", "c"]), None);
        // One that is late with an answer is not gone.
        assert_eq!(at(1_059, &["c"]), None);
        assert_eq!(at(1_060, &["b", "c"]), Some(NodeName::new("c")));
        assert_eq!(at(1_100, &["b"]), None);
        assert_eq!(at(1_120, &["b"]), Some(NodeName::new("b")));
        // Who leads no more counts anew.
        assert_eq!(at(1_121, &[]), None);
        assert_eq!(at(1_200, &["b", "c"]), None);
    }
}
