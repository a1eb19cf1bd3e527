use core::time::Duration;

use crate::{config::Retry, rng::Rng};

/// Waits that grow from failure to failure: how the oscillation of a peer is damped
/// (RFC 4271 §8.1.1).
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    retry: Retry,
    failures: u32,
}

impl Backoff {
    pub(crate) const fn new(retry: Retry) -> Self {
        Self { retry, failures: 0 }
    }

    /// The wait after one more failure, with jitter.
    pub(crate) fn next(&mut self, rng: &mut Rng) -> Duration {
        let doublings = (self.failures + 1).saturating_sub(self.retry.steady);
        self.failures = self.failures.saturating_add(1).min(u32::MAX - 1);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        let wait = self.retry.first.saturating_mul(factor);
        rng.jitter(wait.min(self.retry.max))
    }

    pub(crate) const fn reset(&mut self) {
        self.failures = 0;
    }
}
