use core::time::Duration;

/// Spreads what would else happen at once. SplitMix64: any seed is a good one.
#[derive(Clone, Debug)]
pub(crate) struct Jitter(u64);

impl Jitter {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The duration, give or take a tenth.
    pub(crate) fn spread(&mut self, duration: Duration) -> Duration {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let tenth = micros / 10;
        let room = tenth.saturating_mul(2).saturating_add(1);
        Duration::from_micros((micros - tenth).saturating_add(self.next() % room))
    }

    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_within_a_tenth_and_reaches_both_sides() {
        let mut jitter = Jitter::new(7);
        let minute = Duration::from_secs(60);
        let drawn = || jitter.spread(minute);
        let (mut low, mut high) = (Duration::MAX, Duration::ZERO);
        for value in core::iter::repeat_with(drawn).take(1_000) {
            (low, high) = (low.min(value), high.max(value));
        }
        assert!((Duration::from_secs(54)..Duration::from_secs(55)).contains(&low), "{low:?}");
        assert!(high > Duration::from_secs(65) && high <= Duration::from_secs(66), "{high:?}");
        assert_eq!(jitter.spread(Duration::ZERO), Duration::ZERO);
        assert!(jitter.spread(Duration::MAX) > Duration::from_secs(1 << 40));
    }
}
