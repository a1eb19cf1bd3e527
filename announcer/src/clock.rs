//! The only reader of the system clock. Everything else is handed the time.

use rustix::time::{ClockId, Timespec, clock_gettime};
use vipcast_sans_io::Instant;

/// The clocks of this machine.
///
/// ```
/// use vipcast_announcer::clock::Clock;
///
/// let earlier = Clock::now();
/// assert!(Clock::now() >= earlier);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Clock;

impl Clock {
    /// Time since boot, suspend included (`CLOCK_BOOTTIME`), in whole microseconds.
    ///
    /// It never goes back and nobody can set it, so deadlines are kept in it: a token runs out while
    /// the machine sleeps too. It says nothing across a reboot or between machines.
    #[must_use]
    pub fn now() -> Instant {
        let time = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let micros = u64::try_from(time.tv_nsec / 1_000).unwrap_or(0);
        Instant::from_micros(seconds.saturating_mul(1_000_000).saturating_add(micros))
    }

    /// Wall-clock time in whole seconds since 1970-01-01 UTC, for records that people and other
    /// programs read. It may jump: no deadline may depend on it.
    #[must_use]
    pub fn unix_seconds() -> i64 {
        clock_gettime(ClockId::Realtime).tv_sec
    }

    /// Wall-clock time in whole microseconds since 1970-01-01 UTC, for what must rise from one start
    /// to the next. It may jump: no deadline may depend on it.
    #[must_use]
    pub fn unix_micros() -> u64 {
        let time = clock_gettime(ClockId::Realtime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        let micros = u64::try_from(time.tv_nsec / 1_000).unwrap_or(0);
        seconds.saturating_mul(1_000_000).saturating_add(micros)
    }

    /// `instant` as an absolute `CLOCK_BOOTTIME` time. Never zero, which a kernel timer reads as
    /// "disarm".
    pub(crate) fn timespec(instant: Instant) -> Timespec {
        let micros = instant.as_micros();
        // Both quotients fit: 2^64 / 10^6 < 2^63, and a remainder below 10^6 times 10^3.
        let tv_sec = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
        let nanos = i64::try_from(micros % 1_000_000).unwrap_or(0) * 1_000;
        let tv_nsec = if micros == 0 { 1 } else { nanos };
        Timespec { tv_sec, tv_nsec: tv_nsec as _ }
    }
}

#[cfg(test)]
mod tests;
