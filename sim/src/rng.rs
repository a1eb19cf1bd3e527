use std::{fmt, time::Duration};

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use crate::{NodeId, SegmentId};

/// A seeded source of choices, the same on every machine and in every release.
///
/// `ChaCha8` keyed by the seed, with a stream number so that independent choices do not disturb each
/// other: taking one fault out of a schedule must not change the latency of unrelated packets.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// The choices of `seed`, stream 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::stream(seed, 0)
    }

    /// The choices of one stream of `seed`. Streams are independent of each other.
    #[must_use]
    pub fn stream(seed: u64, stream: u64) -> Self {
        let mut key = [0; 32];
        for (slot, byte) in key.iter_mut().zip(seed.to_le_bytes()) {
            *slot = byte;
        }
        let mut inner = ChaCha8Rng::from_seed(key);
        inner.set_stream(stream);
        Self(inner)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        // The high half of the product: no modulo bias worth the name, and one draw per call, so
        // that the number of draws never depends on the values.
        let product = u128::from(self.next_u64()) * u128::from(bound);
        u64::try_from(product >> 64).unwrap_or(u64::MAX)
    }

    /// An index below `len`; 0 if `len` is 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A duration from `least` to `most`, both included, in whole microseconds; `least` if the
    /// range is empty.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = most.saturating_sub(least).as_micros();
        let span = u64::try_from(span).unwrap_or(u64::MAX).saturating_add(1);
        least + Duration::from_micros(self.below(span))
    }

    /// Whether something of this chance happens now.
    pub fn happens(&mut self, chance: Chance) -> bool {
        self.below(1_000_000) < u64::from(chance.0)
    }

    /// One of `items`; `None` if there is none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.index(items.len());
        items.get(index)
    }

    /// Puts `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.index(last + 1);
            items.swap(last, other);
        }
    }
}

/// Who draws: each has a stream of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stream {
    Way(SegmentId, NodeId, NodeId),
    Flight(SegmentId, NodeId, NodeId),
    Node(NodeId),
    Schedule,
    Contract,
    Pauses,
    Flood,
}

impl Stream {
    pub(crate) fn of(self, seed: u64) -> Rng {
        let way = |segment: SegmentId, from: NodeId, to: NodeId| {
            (u64::from(segment.0) << 32) | (u64::from(from.0) << 16) | u64::from(to.0)
        };
        let (kind, rest) = match self {
            Self::Way(segment, from, to) => (1, way(segment, from, to)),
            Self::Flight(segment, from, to) => (7, way(segment, from, to)),
            Self::Node(node) => (2, u64::from(node.0)),
            Self::Schedule => (3, 0),
            Self::Contract => (4, 0),
            Self::Pauses => (5, 0),
            Self::Flood => (6, 0),
        };
        Rng::stream(seed, (kind << 56) | rest)
    }
}

/// How likely something is, in parts per million.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Chance(u32);

impl Chance {
    /// It does not happen.
    pub const NEVER: Self = Self(0);
    /// It happens each time.
    pub const ALWAYS: Self = Self(1_000_000);

    /// `percent` in a hundred; 100 and more is always.
    #[must_use]
    pub const fn percent(percent: u32) -> Self {
        Self::ppm(percent.saturating_mul(10_000))
    }

    /// `ppm` in a million; a million and more is always.
    #[must_use]
    pub const fn ppm(ppm: u32) -> Self {
        Self(if ppm > 1_000_000 { 1_000_000 } else { ppm })
    }
}

impl fmt::Debug for Chance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", f64::from(self.0) / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut rng = Rng::new(1);
        let drawn: Vec<u64> = (0..3).map(|_| rng.next_u64()).collect();
        assert_eq!(
            drawn,
            [7_037_237_572_835_827_407, 5_440_448_899_038_119_230, 14_725_191_807_199_933_458]
        );
        // The first bytes of the key stream of ChaCha8 under a key and nonce of zeros.
        assert_eq!(Rng::new(0).next_u64().to_le_bytes(), ZERO_KEY);
    }

    #[test]
    fn streams_of_one_seed_differ_and_each_repeats() {
        let draw = |stream| {
            let mut rng = Rng::stream(7, stream);
            [rng.next_u64(), rng.next_u64()]
        };
        assert_ne!(draw(0), draw(1));
        assert_eq!(draw(1), draw(1));
    }

    #[test]
    fn ranges_are_inclusive_and_kept() {
        let mut rng = Rng::new(3);
        let (least, most) = (Duration::from_micros(5), Duration::from_micros(7));
        let mut seen = [0; 3];
        for _ in 0..300 {
            let drawn = rng.between(least, most).as_micros();
            seen[usize::try_from(drawn).unwrap() - 5] += 1;
        }
        assert!(seen.iter().all(|&count| count > 50), "{seen:?}");
        assert_eq!(rng.between(most, least), most);
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.pick::<u8>(&[]), None);
    }

    #[test]
    fn chances_hold_over_many_draws() {
        let mut rng = Rng::new(4);
        let hits = (0..10_000).filter(|_| rng.happens(Chance::percent(10))).count();
        assert!((800..1_200).contains(&hits), "{hits}");
        assert!(!rng.happens(Chance::NEVER));
        assert!(rng.happens(Chance::percent(200)));
    }

    const ZERO_KEY: [u8; 8] = [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6];
}
