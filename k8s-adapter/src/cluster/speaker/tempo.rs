use std::time::Duration;

use vipcast_sans_io::Instant;

use crate::cluster::allowance::Allowance;

/// How soon one intent may follow another. Each is decided about whole, by everybody down to the
/// wire: a few may follow at once, and a storm of changes becomes ten in a second.
#[derive(Clone, Debug)]
pub(super) struct Tempo {
    allowance: Allowance,
    /// Nothing is published before.
    not_before: Instant,
}

/// The least time between two.
const LEAST: Duration = Duration::from_millis(5);
/// The time between two of a storm.
const STORM: Duration = Duration::from_millis(100);
/// For how many times as long as one takes there is none.
const OTHERS: u32 = 4;
/// How many may follow at once.
const AT_ONCE: u32 = 8;

impl Tempo {
    pub(super) const fn new() -> Self {
        Self { allowance: Allowance::new(AT_ONCE, STORM), not_before: Instant::ZERO }
    }

    /// From when on the next may follow.
    pub(super) const fn not_before(&self) -> Instant {
        self.not_before
    }

    /// One was published, from then till then.
    pub(super) fn published(&mut self, from: Instant, till: Instant) {
        let gap = if self.allowance.take(from) { LEAST } else { STORM };
        // Most of the time is for others, however large the cluster.
        self.not_before = till + gap.max(OTHERS * (till - from));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn a_storm_becomes_ten_in_a_second_and_a_few_changes_are_not_held_up() {
        let mut tempo = Tempo::new();
        let mut now = at(1_000);
        let mut times = Vec::new();
        while now < at(4_000) {
            times.push(now);
            tempo.published(now, now);
            now = tempo.not_before();
        }
        assert!(times[4] < at(1_050), "{times:?}");
        assert!(times.len() <= 8 + 31, "{}", times.len());
        // After a rest the next few are quick again.
        tempo.published(at(9_000), at(9_001));
        assert_eq!(tempo.not_before(), at(9_006));
    }

    #[test]
    fn eight_changes_a_second_are_never_held_up() {
        let mut tempo = Tempo::new();
        for now in (1_000..10_000).step_by(125).map(at) {
            assert!(tempo.not_before() <= now, "{now:?}");
            tempo.published(now, now + Duration::from_millis(1));
        }
    }

    #[test]
    fn who_takes_long_leaves_four_times_as_long_to_others() {
        let mut tempo = Tempo::new();
        tempo.published(at(1_000), at(1_100));
        assert_eq!(tempo.not_before(), at(1_500));
    }
}
