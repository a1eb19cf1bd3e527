use std::collections::BTreeMap;

use vipcast_election::LeaseId;
use vipcast_sans_io::Instant;

/// Until when each lease lasts.
pub(super) type Leases = BTreeMap<LeaseId, Instant>;

/// So many are remembered that have ended, for whoever asks.
const MOST_ENDED: usize = 64;

/// Forgets leases that have ended, if they are many: a node whose segments come and go has had one for
/// each. An end says nothing of frames that are built later, but a frame that was built before and waits
/// is withheld by it: not to be called while one does.
pub(super) fn forget_ended(leases: &mut Leases, now: Instant) {
    let ended = leases.values().filter(|&&end| end <= now).count();
    if ended > MOST_ENDED {
        leases.retain(|_, end| now < *end);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn leases_that_have_ended_are_few_and_none_that_lasts_is_forgotten() {
        let (mut leases, mut now) = (Leases::new(), Instant::from_millis(1_000));
        let held = LeaseId(u32::MAX);
        for number in 0..10_000 {
            now += Duration::from_secs(1);
            leases.insert(LeaseId(number), now + Duration::from_millis(500));
            leases.insert(held, now + Duration::from_millis(500));
            forget_ended(&mut leases, now);
            assert!(leases.len() <= MOST_ENDED + 2, "{}", leases.len());
            assert!(leases.contains_key(&held) && leases.contains_key(&LeaseId(number)));
        }
        let asked = LeaseId(9_998);
        assert!(leases.contains_key(&asked), "that it has ended is still known");
    }

    #[test]
    fn a_lease_that_ends_now_has_ended() {
        let now = Instant::from_millis(1_000);
        let ends = |number| (LeaseId(number), now + Duration::from_micros(u64::from(number / 65)));
        let mut leases: Leases = (0..=65).map(ends).collect();
        forget_ended(&mut leases, now);
        assert_eq!(leases.len(), 1);
    }
}
