use std::time::Duration;

use vipcast_sans_io::Instant;

/// Lets some go at once, and then one more each so often.
#[derive(Clone, Debug)]
pub(crate) struct Allowance {
    most: u32,
    each: Duration,
    left: u32,
    /// When `left` was last counted up.
    counted: Instant,
}

impl Allowance {
    pub(crate) const fn new(most: u32, each: Duration) -> Self {
        Self { most, each, left: most, counted: Instant::ZERO }
    }

    /// One goes; whether another may at once.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let more = (now - self.counted).as_millis() / self.each.as_millis();
        if more > 0 {
            let more = u32::try_from(more).unwrap_or(self.most);
            self.left = self.left.saturating_add(more).min(self.most);
            self.counted = now;
        }
        self.left = self.left.saturating_sub(1);
        self.left > 0
    }
}
