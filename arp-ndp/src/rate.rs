use core::time::Duration;

use vipcast_sans_io::Instant;

/// So many a second, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many in a second, in the long run. 0 counts as 1; above a million there is no limit.
    pub per_second: u32,
    /// How many back to back after a pause. 0 counts as 1.
    pub burst: u32,
}

impl Rate {
    /// No limit.
    pub const UNLIMITED: Self = Self { per_second: u32::MAX, burst: u32::MAX };

    fn interval(self) -> Duration {
        Duration::from_micros(u64::from(1_000_000 / self.per_second.max(1)))
    }

    /// How far ahead of an even flow a burst may run.
    fn window(self) -> Duration {
        self.interval() * self.burst.saturating_sub(1)
    }
}

/// Keeps a flow to a [`Rate`] (the generic cell rate algorithm). Starts full.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bucket {
    /// When the next one would come in an even flow.
    even: Instant,
}

impl Bucket {
    /// When the next one may pass.
    pub(crate) fn ready_at(self, rate: Rate) -> Instant {
        self.even.saturating_sub(rate.window())
    }

    /// Lets one pass, if it may.
    pub(crate) fn take(&mut self, now: Instant, rate: Rate) -> bool {
        let ready = self.ready_at(rate) <= now;
        if ready {
            self.even = self.even.max(now) + rate.interval();
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(bucket: &mut Bucket, now: Instant, rate: Rate) -> usize {
        (0..1_000).take_while(|_| bucket.take(now, rate)).count()
    }

    #[test]
    fn a_burst_passes_and_then_an_even_flow() {
        let rate = Rate { per_second: 100, burst: 5 };
        let (mut bucket, start) = (Bucket::default(), Instant::from_millis(7));
        assert_eq!(passed(&mut bucket, start, rate), 5);
        let next = start + Duration::from_millis(10);
        assert_eq!(bucket.ready_at(rate), next);
        assert_eq!(passed(&mut bucket, next.saturating_sub(Duration::from_micros(1)), rate), 0);
        assert_eq!(passed(&mut bucket, next, rate), 1);
        assert_eq!(passed(&mut bucket, next + Duration::from_millis(30), rate), 3);
        assert_eq!(passed(&mut bucket, next + Duration::from_secs(9), rate), 5, "full again");
    }

    #[test]
    fn no_limit_is_none_and_zero_counts_as_one() {
        let mut bucket = Bucket::default();
        assert_eq!(passed(&mut bucket, Instant::ZERO, Rate::UNLIMITED), 1_000);
        let zero = Rate { per_second: 0, burst: 0 };
        assert_eq!(passed(&mut Bucket::default(), Instant::ZERO, zero), 1);
    }
}
