use std::time::Duration;

use vipcast_sans_io::Instant;

/// What one node's clock shows, as a function of the world's time.
///
/// It never runs backwards: changing the rate and jumping ahead both start from what it shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    world: Instant,
    local: Instant,
    ppm: i32,
}

impl Clock {
    /// A clock that showed `offset` when the world began, and runs `ppm` parts per million too fast
    /// (negative: too slow; a rate below -999,999 is taken as that).
    #[must_use]
    pub fn new(offset: Duration, ppm: i32) -> Self {
        Self { world: Instant::ZERO, local: Instant::ZERO + offset, ppm: ppm.max(SLOWEST) }
    }

    /// What the clock shows when the world's time is `world`.
    #[must_use]
    pub fn local(&self, world: Instant) -> Instant {
        let elapsed = world.saturating_duration_since(self.world).as_micros();
        let shown = elapsed * u128::from(self.rate()) / MILLION;
        self.local + Duration::from_micros(u64::try_from(shown).unwrap_or(u64::MAX))
    }

    /// The first moment of the world at which the clock shows `local` or more.
    #[must_use]
    pub fn world(&self, local: Instant) -> Instant {
        if local == Instant::FAR_FUTURE {
            return Instant::FAR_FUTURE;
        }
        let ahead = local.saturating_duration_since(self.local).as_micros();
        let elapsed = (ahead * MILLION).div_ceil(u128::from(self.rate()));
        self.world + Duration::from_micros(u64::try_from(elapsed).unwrap_or(u64::MAX))
    }

    /// Parts per million that the clock runs too fast.
    #[must_use]
    pub fn ppm(&self) -> i32 {
        self.ppm
    }

    /// From `world` on the clock shows `by` more, as after a suspend.
    pub fn jump(&mut self, world: Instant, by: Duration) {
        self.rebase(world);
        self.local += by;
    }

    /// From `world` on the clock runs `ppm` parts per million too fast.
    pub fn set_ppm(&mut self, world: Instant, ppm: i32) {
        self.rebase(world);
        self.ppm = ppm.max(SLOWEST);
    }

    fn rebase(&mut self, world: Instant) {
        self.local = self.local(world);
        self.world = world;
    }

    /// Microseconds shown per second of the world; at least 1.
    fn rate(&self) -> u64 {
        u64::try_from(1_000_000 + i64::from(self.ppm)).unwrap_or(1)
    }
}

impl Default for Clock {
    /// The world's own time.
    fn default() -> Self {
        Self::new(Duration::ZERO, 0)
    }
}

const MILLION: u128 = 1_000_000;
const SLOWEST: i32 = -999_999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_world_time_of_a_deadline_is_the_first_that_reaches_it() {
        for ppm in [-50_000, -100, 0, 3, 100, 250_000] {
            let clock = Clock::new(Duration::from_millis(17), ppm);
            for local in [0, 17_000, 17_001, 20_003, 5_000_000, 123_456_789] {
                let local = Instant::from_micros(local);
                let world = clock.world(local);
                assert!(clock.local(world) >= local, "{ppm} {local:?}");
                let before = world.saturating_sub(Duration::from_micros(1));
                assert!(world == Instant::ZERO || clock.local(before) < local, "{ppm} {local:?}");
            }
        }
    }

    #[test]
    fn jumps_and_rate_changes_never_run_backwards() {
        let mut clock = Clock::new(Duration::ZERO, 200);
        let at = Instant::from_millis(10_000);
        assert_eq!(clock.local(at), Instant::from_micros(10_002_000));
        clock.set_ppm(at, -200);
        assert_eq!(clock.local(at), Instant::from_micros(10_002_000));
        clock.jump(at, Duration::from_secs(5));
        assert_eq!(clock.local(at), Instant::from_micros(15_002_000));
        let later = Instant::from_millis(20_000);
        assert_eq!(clock.local(later), Instant::from_micros(25_000_000));
    }

    #[test]
    fn a_deadline_that_never_comes_stays_far_away() {
        assert_eq!(
            Clock::new(Duration::ZERO, 900_000).world(Instant::FAR_FUTURE),
            Instant::FAR_FUTURE
        );
    }
}
