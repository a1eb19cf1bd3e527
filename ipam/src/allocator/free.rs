use alloc::collections::BTreeMap;
use core::{iter, ops::Range};

use crate::{Pools, address::Address};

/// Free addresses as intervals. Each lies within one segment and begins and ends with a usable address.
///
/// The key is the segment and the *last* address, so that taking the lowest one changes a value and no key.
#[derive(Clone, Debug, Default)]
pub(crate) struct FreeSpace {
    intervals: BTreeMap<(u32, Address), Address>,
}

impl FreeSpace {
    /// Everything is free.
    pub(crate) fn whole(pools: &Pools) -> Self {
        let segments = pools.all_segments();
        let intervals = segments.map(|(number, segment)| ((number, segment.last), segment.first));
        Self { intervals: intervals.collect() }
    }

    pub(crate) fn contains(&self, segment: u32, address: Address) -> bool {
        self.interval(segment, address).is_some()
    }

    /// The last and the first address of the interval around a free address.
    fn interval(&self, segment: u32, address: Address) -> Option<(Address, Address)> {
        let (&(number, last), &first) = self.intervals.range((segment, address)..).next()?;
        (number == segment && first <= address).then_some((last, first))
    }

    /// Takes out a usable address, if it is there.
    pub(crate) fn take(&mut self, pools: &Pools, number: u32, address: Address) -> bool {
        let segment = pools.segment(number).segment;
        let Some((&(at, last), from)) = self.intervals.range_mut((number, address)..).next() else {
            return false;
        };
        let first = *from;
        if at != number || first > address {
            return false;
        }
        match segment.after(address) {
            Some(after) if address != last => *from = after,
            _ => {
                self.intervals.remove(&(number, last));
            }
        }
        if address != first
            && let Some(before) = segment.before(address)
        {
            self.intervals.insert((number, before), first);
        }
        true
    }

    /// Puts back a usable address that is not there, and joins it with what is beside it.
    pub(crate) fn put(&mut self, pools: &Pools, number: u32, address: Address) {
        let segment = pools.segment(number).segment;
        let before = segment.before(address);
        let left = before.and_then(|before| self.intervals.remove(&(number, before)));
        let first = left.unwrap_or(address);
        let right = segment.after(address).and_then(|after| {
            let mut above = self.intervals.range_mut((number, after)..);
            above.next().filter(|((at, _), from)| *at == number && **from == after)
        });
        match right {
            Some((_, from)) => *from = first,
            None => {
                self.intervals.insert((number, address), first);
            }
        }
    }

    /// The lowest free address of some segments.
    pub(crate) fn lowest(&self, segments: Range<u32>) -> Option<(u32, Address)> {
        let mut above = self.intervals.range((segments.start, Address::MIN)..);
        let (&(number, _), &first) = above.next()?;
        (number < segments.end).then_some((number, first))
    }

    /// The free addresses of some segments, ascending.
    pub(crate) fn ascending(
        &self,
        pools: &Pools,
        segments: Range<u32>,
    ) -> impl Iterator<Item = (u32, Address)> {
        let from = (segments.start, Address::MIN);
        let to = (segments.end, Address::MIN);
        let intervals = self.intervals.range(from..to);
        intervals.flat_map(|(&(number, last), &first)| walk(pools, number, first, last))
    }

    /// The free addresses of some segments from a place on, then those before it.
    pub(crate) fn cyclic(
        &self,
        pools: &Pools,
        segments: Range<u32>,
        place: (u32, Address),
    ) -> impl Iterator<Item = (u32, Address)> {
        let end = (segments.end, Address::MIN);
        let after = self.intervals.range(place..end.max(place));
        let after = after.flat_map(move |(&(number, last), &first)| {
            let segment = pools.segment(number).segment;
            // The place may lie within an interval, and on an address that is never handed out.
            let inside = number == place.0 && first < place.1;
            let start =
                if inside { segment.trim(place.1, last).map(|ends| ends.0) } else { Some(first) };
            start.into_iter().flat_map(move |start| walk(pools, number, start, last))
        });
        let before = self.ascending(pools, segments.start..place.0 + 1);
        after.chain(before.take_while(move |free| *free < place))
    }
}

fn walk(
    pools: &Pools,
    number: u32,
    first: Address,
    last: Address,
) -> impl Iterator<Item = (u32, Address)> {
    let segment = pools.segment(number).segment;
    let addresses = iter::successors(Some(first), move |address| {
        (*address < last).then(|| segment.after(*address)).flatten()
    });
    addresses.map(move |address| (number, address))
}
