use core::time::Duration;

/// A small generator (SplitMix64): jitter needs to differ, not to be secret.
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// 75 to 100 % of `time`, drawn anew each time (RFC 4271 §10).
    pub(crate) fn jitter(&mut self, time: Duration) -> Duration {
        // 768..=1023 of 1024.
        let parts = 768 + (self.next() & 0xFF);
        let micros = time.as_micros().saturating_mul(u128::from(parts) + 1) / 1024;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}
