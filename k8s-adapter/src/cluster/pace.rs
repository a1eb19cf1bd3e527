use std::time::Duration;

use vipcast_sans_io::Instant;

/// How many writes may be under way at once: many at first, half as many each time the server says
/// that it is too much, and slowly more again.
#[derive(Clone, Debug)]
pub(crate) struct Pace {
    window: u32,
    most: u32,
    /// Writes that went well since the window last changed.
    successes: u32,
    /// Nothing is begun before.
    not_before: Instant,
    /// When the window was last halved: what was under way then says nothing new.
    halved: Option<Instant>,
}

/// One halving covers what comes in within this time.
const ONE_SIGN: Duration = Duration::from_millis(500);

impl Pace {
    /// At most `most` at once, and as many at first.
    pub(crate) const fn new(most: u32) -> Self {
        Self { window: most, most, successes: 0, not_before: Instant::ZERO, halved: None }
    }

    /// Whether another may begin beside `under_way` others.
    pub(crate) fn allows(&self, now: Instant, under_way: usize) -> bool {
        now >= self.not_before && under_way < self.window as usize
    }

    /// When something may begin again, if that is later than `now`.
    pub(crate) fn opens_at(&self, now: Instant) -> Option<Instant> {
        (self.not_before > now).then_some(self.not_before)
    }

    /// A write went well.
    pub(crate) const fn succeeded(&mut self) {
        self.successes += 1;
        if self.successes >= self.window && self.window < self.most {
            self.window += 1;
            self.successes = 0;
        }
    }

    /// The server says that it is too much, perhaps for how long.
    pub(crate) fn overloaded(&mut self, now: Instant, wait: Option<Duration>) {
        if let Some(wait) = wait {
            self.not_before = self.not_before.max(now + wait);
        }
        if self.halved.is_some_and(|at| now < at + ONE_SIGN) {
            return;
        }
        self.halved = Some(now);
        self.successes = 0;
        if self.window > 1 {
            self.window /= 2;
        } else {
            self.not_before = self.not_before.max(now + ONE_SIGN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_at_first_and_halved_once_for_all_that_was_under_way() {
        let mut pace = Pace::new(16);
        let now = Instant::from_millis(1_000);
        assert!(pace.allows(now, 15) && !pace.allows(now, 16));
        for _ in 0..16 {
            pace.overloaded(now, None);
        }
        assert!(pace.allows(now, 7) && !pace.allows(now, 8), "sixteen refusals are one sign");
        pace.overloaded(now + ONE_SIGN, None);
        assert!(!pace.allows(now, 4));
    }

    #[test]
    fn the_wait_that_the_server_asks_for_is_kept() {
        let mut pace = Pace::new(16);
        let now = Instant::from_millis(1_000);
        pace.overloaded(now, Some(Duration::from_secs(3)));
        assert!(!pace.allows(now + Duration::from_secs(2), 0));
        assert_eq!(pace.opens_at(now), Some(now + Duration::from_secs(3)));
        assert!(pace.allows(now + Duration::from_secs(3), 0));
    }

    #[test]
    fn it_opens_again_by_one_for_each_window_of_successes_and_never_closes_for_good() {
        let mut pace = Pace::new(4);
        let mut now = Instant::from_millis(1_000);
        for _ in 0..10 {
            pace.overloaded(now, None);
            now += ONE_SIGN;
        }
        assert!(pace.allows(now, 0) && !pace.allows(now, 1), "one at a time is the least");
        for _ in 0..1 + 2 + 3 {
            pace.succeeded();
        }
        assert!(pace.allows(now, 3) && !pace.allows(now, 4));
    }
}
