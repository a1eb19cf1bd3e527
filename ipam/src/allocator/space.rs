use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{free::FreeSpace, freed::Freed, retained::Retained};
use crate::{Family, Owner, Pools, Reuse, Usage, address::Address, hash};

/// The state of every usable address: held, kept (reserved or retained), freed before, or free.
#[derive(Clone, Debug, Default)]
pub(crate) struct Space {
    free: FreeSpace,
    freed: Freed,
    retained: Retained,
    /// By pool and family.
    counts: Vec<Usage>,
    clock: u64,
}

/// Where counts and queues of a family of a pool stand.
const fn index(pool: u32, family: Family) -> usize {
    pool as usize * 2 + family as usize
}

impl Space {
    /// Nothing is held.
    pub(crate) fn new(pools: &Pools) -> Self {
        let mut counts = vec![Usage::default(); pools.len() * 2];
        for (number, segment) in pools.all_segments() {
            let count = &mut counts[index(pools.segment(number).pool, segment.family())];
            count.capacity += segment.size();
            count.available += segment.size();
        }
        let mut space = Self {
            free: FreeSpace::whole(pools),
            freed: Freed::new(counts.len()),
            retained: Retained::default(),
            counts,
            clock: 0,
        };
        for (pool, number) in pools.iter().zip(0..) {
            for address in pool.reservations().keys() {
                space.keep(pools, number, (*address).into());
            }
        }
        space
    }

    /// Takes an address out of the free ones, to keep it for somebody.
    fn keep(&mut self, pools: &Pools, pool: u32, address: Address) {
        if self.take(pools, address) {
            let count = &mut self.counts[index(pool, address.family())];
            count.available -= 1;
            count.kept += 1;
        }
    }

    fn take(&mut self, pools: &Pools, address: Address) -> bool {
        self.freed.remove(address)
            || pools
                .segment_of(address)
                .is_some_and(|segment| self.free.take(pools, segment, address))
    }

    /// Puts back an address that nobody holds and that is not kept.
    fn put(&mut self, pools: &Pools, pool: u32, address: Address) {
        let mut put = Some(address);
        if pools.pool(pool).reuse() == Reuse::LeastRecentlyFreed {
            put = self.freed.push(index(pool, address.family()), address);
        }
        if let Some((segment, address)) = put.and_then(|at| Some((pools.segment_of(at)?, at))) {
            self.free.put(pools, segment, address);
        }
    }

    /// A usable address that nobody held is held from now on.
    pub(crate) fn occupy(&mut self, pools: &Pools, pool: u32, address: Address) {
        let kept = self.retained.remove(address) || pools.reserved(pool, address).is_some();
        if !kept {
            self.take(pools, address);
        }
        let count = &mut self.counts[index(pool, address.family())];
        count.in_use += 1;
        if kept {
            count.kept -= 1;
        } else {
            count.available -= 1;
        }
    }

    /// An address is not held any more. It waits for `former` if its pool says so.
    pub(crate) fn vacate(
        &mut self,
        pools: &Pools,
        pool: u32,
        address: Address,
        former: Option<&Owner>,
    ) {
        let retention = pools.pool(pool).retention();
        let reserved = pools.reserved(pool, address).is_some();
        let waits = former.filter(|_| retention > 0 && !reserved);
        let count = &mut self.counts[index(pool, address.family())];
        count.in_use -= 1;
        if reserved || waits.is_some() {
            count.kept += 1;
        } else {
            count.available += 1;
        }
        match waits {
            Some(owner) => {
                let end = self.clock.saturating_add(retention);
                self.retained.insert(address, owner.clone(), end);
            }
            None if reserved => {}
            None => self.put(pools, pool, address),
        }
    }

    /// For whom else an address that nobody holds is kept; nobody if `owner` may have it.
    pub(crate) fn kept_from(
        &self,
        pools: &Pools,
        pool: u32,
        address: Address,
        owner: &Owner,
    ) -> Option<BTreeSet<Owner>> {
        let reserved = pools.reserved(pool, address);
        if let Some(owners) = reserved.filter(|owners| !owners.contains(owner)) {
            return Some(owners.clone());
        }
        let waits = self.retained.owner(address).filter(|former| *former != owner)?;
        Some(BTreeSet::from([waits.clone()]))
    }

    /// What is retained for an owner.
    pub(crate) fn retained_for(&self, owner: &Owner) -> impl Iterator<Item = Address> {
        self.retained.of(owner)
    }

    /// The free addresses of a family of a pool, in the order in which the pool hands them out to `owner`.
    pub(crate) fn in_order(
        &self,
        pools: &Pools,
        pool: u32,
        family: Family,
        owner: &Owner,
    ) -> impl Iterator<Item = (u32, Address)> {
        let segments = pools.segments_of(pool, family);
        let (ascending, cyclic) = match pools.pool(pool).reuse() {
            Reuse::HashOfName => {
                let place = place(pools, segments.clone(), owner);
                (None, Some(self.free.cyclic(pools, segments, place)))
            }
            Reuse::LowestFree | Reuse::LeastRecentlyFreed => {
                (Some(self.free.ascending(pools, segments)), None)
            }
        };
        // Empty unless the pool reuses the least recently freed address.
        let freed = self.freed.oldest(index(pool, family));
        let freed = freed.map(|address| (0, *address));
        let fresh = ascending.into_iter().flatten();
        fresh.chain(cyclic.into_iter().flatten()).chain(freed)
    }

    /// The first of [`in_order`](Self::in_order).
    pub(crate) fn first(
        &self,
        pools: &Pools,
        pool: u32,
        family: Family,
        owner: &Owner,
    ) -> Option<(u32, Address)> {
        match pools.pool(pool).reuse() {
            Reuse::LowestFree => self.free.lowest(pools.segments_of(pool, family)),
            _ => self.in_order(pools, pool, family, owner).next(),
        }
    }

    pub(crate) fn usage(&self, pool: u32, family: Family) -> Usage {
        self.counts[index(pool, family)]
    }

    pub(crate) fn advance(&mut self, pools: &Pools, units: u64) {
        self.clock = self.clock.saturating_add(units);
        while let Some(address) = self.retained.ended(self.clock) {
            self.end_retention(pools, address);
        }
    }

    pub(crate) fn forget(&mut self, pools: &Pools, owner: &Owner) {
        let waiting: Vec<_> = self.retained.of(owner).collect();
        for address in waiting {
            self.end_retention(pools, address);
        }
    }

    fn end_retention(&mut self, pools: &Pools, address: Address) {
        self.retained.remove(address);
        if let Some(pool) = pools.number_containing(address) {
            let count = &mut self.counts[index(pool, address.family())];
            count.kept -= 1;
            count.available += 1;
            self.put(pools, pool, address);
        }
    }

    pub(crate) const fn clock(&self) -> u64 {
        self.clock
    }

    /// What is retained: the address, for whom, and until when.
    pub(crate) fn retained(&self) -> impl Iterator<Item = (Address, &Owner, u64)> {
        self.retained.iter()
    }

    /// The freed addresses that are remembered, freed longest ago first.
    pub(crate) fn freed(&self) -> Vec<Address> {
        self.freed.in_order()
    }

    /// Takes over the history of an earlier state, as far as it concerns addresses that are free here.
    pub(crate) fn inherit(
        &mut self,
        pools: &Pools,
        clock: u64,
        freed: Vec<Address>,
        retained: Vec<(Address, Owner, u64)>,
    ) {
        self.clock = clock;
        for address in freed {
            if let Some(pool) = self.free_in(pools, address)
                && pools.pool(pool).reuse() == Reuse::LeastRecentlyFreed
                && self.take(pools, address)
            {
                self.put(pools, pool, address);
            }
        }
        for (address, owner, end) in retained {
            if end > clock
                && let Some(pool) = self.free_in(pools, address)
                && pools.pool(pool).retention() > 0
            {
                self.keep(pools, pool, address);
                self.retained.insert(address, owner, end);
            }
        }
    }

    /// The pool of an address that is free, and neither held nor kept.
    fn free_in(&self, pools: &Pools, address: Address) -> Option<u32> {
        let segment = pools.segment_of(address)?;
        let free = self.free.contains(segment, address) || self.freed.contains(address);
        free.then(|| pools.segment(segment).pool)
    }
}

/// The segment and address at which the search for an owner begins.
fn place(pools: &Pools, segments: core::ops::Range<u32>, owner: &Owner) -> (u32, Address) {
    let span = |number| {
        let segment = pools.segment(number).segment;
        segment.last.bits() - segment.first.bits() + 1
    };
    let mut ahead = hash::place(owner, segments.clone().map(span).sum());
    for number in segments.clone() {
        if ahead < span(number) {
            let first = pools.segment(number).segment.first.bits();
            return (number, Address::from_bits(first + ahead));
        }
        ahead -= span(number);
    }
    (segments.start, Address::MIN)
}
