use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec,
    vec::Vec,
};
use core::net::IpAddr;

use crate::{Family, Owner, Pool, PoolsError, Request, address::Address, segment::Segment};

/// Pools that do not overlap, in the order in which they are tried: those with a selection, then the default pool, then
/// the rest; within each by priority, then by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pools {
    pools: Vec<Pool>,
    names: BTreeMap<Arc<str>, u32>,
    /// All usable pieces: by pool, IPv4 first, in the order written.
    segments: Vec<OwnedSegment>,
    /// Where the segments of a pool start, and where its IPv6 ones do.
    starts: Vec<[u32; 2]>,
    /// The ranges of all pools by address, to find the pool of an address.
    spans: Vec<Span>,
    /// The segments by address.
    by_address: Vec<(Address, u32)>,
    /// What is reserved for each owner, with its pool.
    reserved: BTreeMap<Owner, Vec<(u32, Address)>>,
}

/// A usable piece and its pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnedSegment {
    pub(crate) segment: Segment,
    pub(crate) pool: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first: Address,
    last: Address,
    pool: u32,
}

impl Pools {
    /// Puts pools together.
    ///
    /// # Errors
    ///
    /// When two have one name, or an address in common, or both are the default pool.
    pub fn new(mut pools: Vec<Pool>) -> Result<Self, PoolsError> {
        pools.sort_by(|a, b| turn(a).cmp(&turn(b)));
        let mut all = Self::empty();
        all.starts.clear();
        for (number, pool) in (0..).zip(&pools) {
            let name = pool.shared_name().clone();
            if all.names.insert(name.clone(), number).is_some() {
                return Err(PoolsError::Duplicate { pool: name });
            }
            let owned = |segment: &Segment| OwnedSegment { segment: *segment, pool: number };
            let start = all.segments.len() as u32;
            let v4 = pool.segments().iter().filter(|s| s.family() == Family::V4);
            all.starts.push([start, start + v4.count() as u32]);
            all.segments.extend(pool.segments().iter().map(owned));
            let pieces = pool.ranges().iter().flat_map(|range| range.pieces());
            all.spans.extend(pieces.map(|(first, last)| Span { first, last, pool: number }));
        }
        for (number, pool) in (0..).zip(&pools) {
            for (address, owners) in pool.reservations() {
                for owner in owners {
                    let kept = all.reserved.entry(owner.clone()).or_default();
                    kept.push((number, (*address).into()));
                }
            }
        }
        let end = all.segments.len() as u32;
        all.starts.push([end, end]);
        all.spans.sort_unstable_by_key(|span| span.first);
        all.by_address =
            (0..).zip(&all.segments).map(|(number, owned)| (owned.segment.first, number)).collect();
        all.by_address.sort_unstable();
        all.pools = pools;
        all.check()?;
        Ok(all)
    }

    fn empty() -> Self {
        Self {
            pools: Vec::new(),
            names: BTreeMap::new(),
            segments: Vec::new(),
            starts: vec![[0, 0]],
            spans: Vec::new(),
            by_address: Vec::new(),
            reserved: BTreeMap::new(),
        }
    }

    fn check(&self) -> Result<(), PoolsError> {
        for (first, second) in self.spans.iter().zip(self.spans.iter().skip(1)) {
            if second.first <= first.last {
                let (low, high) = (first.pool.min(second.pool), first.pool.max(second.pool));
                return Err(PoolsError::Overlap {
                    first: self.name(low).clone(),
                    second: self.name(high).clone(),
                    address: second.first.into(),
                });
            }
        }
        let mut defaults = self.pools.iter().filter(|pool| pool.is_default());
        match (defaults.next(), defaults.next()) {
            (Some(first), Some(second)) => Err(PoolsError::TwoDefaults {
                first: first.shared_name().clone(),
                second: second.shared_name().clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The pools, in the order in which they are tried.
    pub fn iter(&self) -> core::slice::Iter<'_, Pool> {
        self.pools.iter()
    }

    /// How many pools there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pools.len()
    }

    /// Whether there is no pool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pools.is_empty()
    }

    /// The pool of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Pool> {
        self.number(name).map(|number| self.pool(number))
    }

    /// The pool with a range that holds `address`, also where that address is taken out.
    #[must_use]
    pub fn containing(&self, address: IpAddr) -> Option<&Pool> {
        self.number_containing(address.into()).map(|number| self.pool(number))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(crate) fn numbers(&self) -> core::ops::Range<u32> {
        0..self.pools.len() as u32
    }

    pub(crate) fn pool(&self, number: u32) -> &Pool {
        // Numbers are made in `new` alone and never leave the allocator that holds these pools.
        &self.pools[number as usize]
    }

    pub(crate) fn name(&self, number: u32) -> &Arc<str> {
        self.pool(number).shared_name()
    }

    pub(crate) fn number_containing(&self, address: Address) -> Option<u32> {
        let after = self.spans.partition_point(|span| span.first <= address);
        let span = self.spans.get(after.checked_sub(1)?)?;
        (address <= span.last).then_some(span.pool)
    }

    /// The segment in which `address` is usable.
    pub(crate) fn segment_of(&self, address: Address) -> Option<u32> {
        let after = self.by_address.partition_point(|entry| entry.0 <= address);
        let (_, number) = *self.by_address.get(after.checked_sub(1)?)?;
        self.segment(number).segment.contains(address).then_some(number)
    }

    pub(crate) fn segment(&self, number: u32) -> OwnedSegment {
        // As in `pool`.
        self.segments[number as usize]
    }

    pub(crate) fn all_segments(&self) -> impl Iterator<Item = (u32, Segment)> {
        (0..).zip(self.segments.iter().map(|owned| owned.segment))
    }

    /// For whom an address of a pool is reserved.
    pub(crate) fn reserved(&self, pool: u32, address: Address) -> Option<&BTreeSet<Owner>> {
        let reservations = self.pool(pool).reservations();
        if reservations.is_empty() {
            return None;
        }
        reservations.get(&address.into())
    }

    /// What is reserved for an owner, and in which pool.
    pub(crate) fn reserved_for(&self, owner: &Owner) -> &[(u32, Address)] {
        self.reserved.get(owner).map_or(&[], Vec::as_slice)
    }

    /// The segments of one family of a pool.
    pub(crate) fn segments_of(&self, pool: u32, family: Family) -> core::ops::Range<u32> {
        let [start, middle] = self.starts[pool as usize];
        let [end, _] = self.starts[pool as usize + 1];
        match family {
            Family::V4 => start..middle,
            Family::V6 => middle..end,
        }
    }

    /// The pools that `request` meets without asking for one, in order: those that select it, then the default pool, then
    /// those that select nobody.
    pub(crate) fn automatic(&self, request: &Request) -> impl Iterator<Item = u32> {
        let selecting = self.numbers().filter(|number| {
            let pool = self.pool(*number);
            pool.selection().is_some_and(|selection| selection.matches(request))
        });
        let general = self.numbers().filter(|number| {
            let pool = self.pool(*number);
            match pool.selection() {
                None => true,
                Some(selection) => {
                    pool.is_default() && pool.permits(request) && !selection.matches(request)
                }
            }
        });
        // A default pool with a selection stands among the selecting ones; as a default it comes before the general ones.
        selecting.chain(general)
    }
}

impl Default for Pools {
    /// No pool at all.
    fn default() -> Self {
        Self::empty()
    }
}

fn turn(pool: &Pool) -> (u8, crate::Priority, &str) {
    let class = match (pool.selection(), pool.is_default()) {
        (Some(_), _) => 0,
        (None, true) => 1,
        (None, false) => 2,
    };
    (class, pool.priority(), pool.name())
}

impl<'a> IntoIterator for &'a Pools {
    type Item = &'a Pool;
    type IntoIter = core::slice::Iter<'a, Pool>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
