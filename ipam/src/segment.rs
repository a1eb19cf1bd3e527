//! The usable addresses of a pool as few contiguous pieces, whatever its size.

use alloc::vec::Vec;
use core::fmt;

use crate::{AddressRange, Family, address::Address};

/// Why an address within a pool's ranges is never handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub enum UnusableReason {
    /// It is in an excluded range.
    Excluded,
    /// It ends in .0 or .255 and the pool avoids those.
    Buggy,
    /// It is the network or broadcast address of its prefix and the pool spares those.
    NetworkOrBroadcast,
}

impl fmt::Display for UnusableReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Excluded => "it is in an excluded range",
            Self::Buggy => "it ends in .0 or .255, which the pool avoids",
            Self::NetworkOrBroadcast => {
                "it is the network or broadcast address of its prefix, which the pool spares"
            }
        })
    }
}

/// A contiguous piece; both its ends are usable, and so is all between, except .0 and .255 where `skips_buggy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first: Address,
    pub(crate) last: Address,
    pub(crate) skips_buggy: bool,
}

impl Segment {
    /// The piece between two addresses, its ends moved inwards to usable ones; nothing if none is left.
    fn trimmed(first: Address, last: Address, skips_buggy: bool) -> Option<Self> {
        let whole = Self { first, last, skips_buggy };
        let (first, last) = whole.trim(first, last)?;
        Some(Self { first, last, skips_buggy })
    }

    /// Moves the ends of an interval inwards to usable addresses.
    ///
    /// At most two steps at each end: .255 is followed by .0, and that by a usable address.
    pub(crate) fn trim(self, mut first: Address, mut last: Address) -> Option<(Address, Address)> {
        if first > last {
            return None;
        }
        if self.skips_buggy {
            while first.is_buggy() {
                if first == last {
                    return None;
                }
                first = first.next();
            }
            while last.is_buggy() {
                last = last.previous();
            }
        }
        Some((first, last))
    }

    pub(crate) fn contains(self, address: Address) -> bool {
        self.first <= address && address <= self.last && !(self.skips_buggy && address.is_buggy())
    }

    pub(crate) const fn family(self) -> Family {
        self.first.family()
    }

    /// The usable address after one of the segment.
    pub(crate) fn after(self, address: Address) -> Option<Address> {
        if address >= self.last {
            return None;
        }
        self.trim(address.next(), self.last).map(|(first, _)| first)
    }

    /// The usable address before one of the segment.
    pub(crate) fn before(self, address: Address) -> Option<Address> {
        if address <= self.first {
            return None;
        }
        self.trim(self.first, address.previous()).map(|(_, last)| last)
    }

    /// How many usable addresses there are.
    pub(crate) fn size(self) -> u128 {
        let all = self.last.bits() - self.first.bits() + 1;
        if !self.skips_buggy {
            return all;
        }
        // Pairs of .255 and .0 lie strictly between the ends, at each multiple of 256.
        let pairs = (self.last.bits() >> 8) - (self.first.bits() >> 8);
        all - 2 * pairs
    }
}

/// The usable pieces: IPv4 before IPv6, and within a family in the order in which the ranges were written.
pub(crate) fn segments(
    ranges: &[AddressRange],
    excluded: &[AddressRange],
    avoid_buggy: bool,
    spare: bool,
) -> Vec<Segment> {
    let mut holes: Vec<(Address, Address)> =
        excluded.iter().flat_map(AddressRange::pieces).collect();
    holes.sort_unstable();
    let mut segments = Vec::new();
    for family in [Family::V4, Family::V6] {
        let skips_buggy = avoid_buggy && family == Family::V4;
        for range in ranges.iter().filter(|range| range.family() == family) {
            for (first, last) in range.pieces() {
                let Some((mut first, last)) = spared(range, spare, first, last) else {
                    continue;
                };
                let mut done = false;
                for (from, to) in holes.iter().copied() {
                    if to < first || from > last {
                        continue;
                    }
                    if from > first {
                        segments.extend(Segment::trimmed(first, from.previous(), skips_buggy));
                    }
                    if to >= last {
                        done = true;
                        break;
                    }
                    first = to.next();
                }
                if !done {
                    segments.extend(Segment::trimmed(first, last, skips_buggy));
                }
            }
        }
    }
    segments
}

/// Takes the network and broadcast address off a piece of a range written as a prefix.
fn spared(
    range: &AddressRange,
    spare: bool,
    first: Address,
    last: Address,
) -> Option<(Address, Address)> {
    let host_bits = match (range.prefix(), range.family()) {
        (Some(prefix), Family::V4) => 32 - prefix,
        (Some(prefix), Family::V6) => 128 - prefix,
        (None, _) => 0,
    };
    if !spare || host_bits < 2 {
        return Some((first, last));
    }
    let network = Address::from(range.first());
    let broadcast = Address::from(range.last());
    let first = if first == network { first.next() } else { first };
    let last =
        if range.family() == Family::V4 && last == broadcast { last.previous() } else { last };
    (first <= last).then_some((first, last))
}
