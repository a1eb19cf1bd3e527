use std::time::Duration;

use vipcast_sans_io::Instant;

/// Spares the processor in a flood of frames: they are left to gather for a moment and taken together,
/// as network cards moderate their interrupts. What comes at a usual rate is taken at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moderation {
    /// When the next frame would come in an even flow.
    even: Instant,
}

/// Frames that come no faster than this are no flood: 31,250 in a second.
const APART: Duration = Duration::from_micros(32);

/// So many may come at once before it is one.
const BURST: u32 = 16;

/// A flood of whatever length is forgotten after a pause in which so many would have come.
const FORGOTTEN: u32 = 16;

/// For how long frames gather. An answer that comes so much later is still in time, and a ring has room
/// for what can come meanwhile.
const REST: Duration = Duration::from_micros(200);

impl Moderation {
    /// So many frames were taken.
    pub(super) fn took(&mut self, now: Instant, frames: usize) {
        let most = BURST + FORGOTTEN;
        let frames = u32::try_from(frames).unwrap_or(most).min(most);
        self.even = (self.even.max(now) + APART * frames).min(now + APART * most);
    }

    /// For how long the next ones are to gather, where there is a flood.
    pub(super) fn rest(self, now: Instant) -> Option<Duration> {
        (self.even > now + APART * BURST).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_millis(1_000);

    /// How many of the frames that come so far apart, for so long, find a rest before them.
    fn rests(moderation: &mut Moderation, start: Instant, apart: Duration, lasts: Duration) -> u32 {
        let (mut now, mut rests) = (start, 0);
        while now < start + lasts {
            moderation.took(now, 1);
            rests += u32::from(moderation.rest(now).is_some());
            now += apart;
        }
        rests
    }

    #[test]
    fn who_asks_at_a_usual_rate_never_waits() {
        for micros in [32, 50, 1_000, 1_000_000] {
            let (mut moderation, apart) = (Moderation::default(), Duration::from_micros(micros));
            let rests = rests(&mut moderation, START, apart, Duration::from_secs(2));
            assert_eq!(rests, 0, "one each {micros} us");
        }
    }

    #[test]
    fn a_few_at_once_are_no_flood() {
        let mut moderation = Moderation::default();
        for second in 0..9 {
            let now = START + Duration::from_secs(second);
            moderation.took(now, 16);
            assert_eq!(moderation.rest(now), None);
        }
    }

    #[test]
    fn a_flood_gathers_soon_and_is_forgotten_soon_after_its_end() {
        let (mut moderation, apart) = (Moderation::default(), Duration::from_micros(8));
        let second = Duration::from_secs(1);
        let rests = rests(&mut moderation, START, apart, second);
        assert!(rests > 125_000 - 32, "{rests}");
        let end = START + second;
        assert_eq!(moderation.rest(end), Some(REST));
        assert_eq!(moderation.rest(end + APART * FORGOTTEN), None);
    }

    #[test]
    fn batches_count_as_their_frames_do() {
        let mut moderation = Moderation::default();
        moderation.took(START, 17);
        assert_eq!(moderation.rest(START), Some(REST));
        moderation.took(START, usize::MAX);
        assert_eq!(
            moderation.rest(START + APART * FORGOTTEN),
            None,
            "no batch is of more than a few"
        );
    }
}
