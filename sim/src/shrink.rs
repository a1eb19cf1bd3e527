use std::time::Duration;

use crate::{Schedule, schedule::TimedFault};

/// The smallest schedule found that still fails, and how often it was tried.
///
/// Delta debugging (Zeller and Hildebrandt, 2002): chunks of faults are taken out, smaller and
/// smaller ones, until no single fault can go; then each of the rest is made shorter.
pub(crate) fn shrink(
    schedule: &Schedule,
    mut fails: impl FnMut(&Schedule) -> bool,
) -> (Schedule, u32) {
    let mut tries = 0;
    let mut still_fails = |faults: &[TimedFault]| {
        tries += 1;
        tries <= MOST_TRIES && fails(&faults.iter().cloned().collect())
    };
    let mut faults = schedule.faults().to_vec();
    let mut chunk = faults.len().max(1);
    loop {
        let mut taken = false;
        let mut start = 0;
        while start < faults.len() {
            let mut fewer = faults.clone();
            fewer.drain(start..(start + chunk).min(faults.len()));
            if still_fails(&fewer) {
                faults = fewer;
                taken = true;
            } else {
                start += chunk;
            }
        }
        if chunk > 1 {
            chunk = chunk.div_ceil(2);
        } else if !taken {
            break;
        }
    }
    for index in 0..faults.len() {
        loop {
            let mut shorter = faults.clone();
            let Some(timed) = shorter.get_mut(index) else {
                break;
            };
            if timed.lasts < SHORTEST {
                break;
            }
            timed.lasts /= 2;
            if !still_fails(&shorter) {
                break;
            }
            faults = shorter;
        }
    }
    (faults.into_iter().collect(), tries.min(MOST_TRIES))
}

/// No more runs than this for one failure.
const MOST_TRIES: u32 = 500;
/// Faults are not made shorter than this.
const SHORTEST: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Fault, NodeId};
    use vipcast_sans_io::Instant;

    fn pauses(count: u16) -> Schedule {
        (0..count)
            .map(|index| TimedFault {
                at: Instant::from_millis(u64::from(index)),
                lasts: Duration::from_secs(1),
                fault: Fault::Pause { node: NodeId(index) },
            })
            .collect()
    }

    fn nodes(schedule: &Schedule) -> Vec<u16> {
        let mut nodes = Vec::new();
        for timed in schedule.faults() {
            if let Fault::Pause { node } = timed.fault {
                nodes.push(node.0);
            }
        }
        nodes
    }

    #[test]
    fn two_faults_that_are_needed_together_are_found_among_many() {
        let (shrunk, tries) = shrink(&pauses(40), |schedule| {
            let nodes = nodes(schedule);
            nodes.contains(&3) && nodes.contains(&31)
        });
        assert_eq!(nodes(&shrunk), [3, 31]);
        assert!(tries < 200, "{tries}");
    }

    #[test]
    fn a_failure_without_any_fault_shrinks_to_none() {
        let (shrunk, _) = shrink(&pauses(8), |_| true);
        assert_eq!(shrunk, Schedule::new());
    }

    #[test]
    fn what_is_left_is_made_as_short_as_it_may_be() {
        let (shrunk, _) = shrink(&pauses(4), |schedule| {
            schedule.faults().iter().any(|timed| timed.lasts >= Duration::from_millis(200))
        });
        assert_eq!(shrunk.faults().len(), 1);
        assert_eq!(shrunk.faults()[0].lasts, Duration::from_millis(250));
    }
}
