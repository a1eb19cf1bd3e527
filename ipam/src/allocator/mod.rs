use alloc::vec::Vec;
use core::net::IpAddr;

use self::{
    ledger::{Found, Ledger},
    reconfigure::assignment,
    settle::Decision,
    space::Space,
};
use crate::{
    AllocateError, Assignment, Family, Owner, PoolUsage, Pools, Request,
    address::{Address, sort},
    hash::{of_owner, tag},
};

mod choose;
mod exact;
mod explain;
mod few;
mod fit;
mod free;
mod freed;
mod gate;
mod groups;
mod index;
mod ledger;
mod reconfigure;
mod record;
mod retained;
mod settle;
mod shared;
mod shares;
mod slab;
mod snapshot;
mod space;
mod terms;
mod what_if;

/// Hands out addresses of [`Pools`] and remembers who holds what.
///
/// Allocating, confirming and releasing take a time that grows with the logarithm of the number of assignments and does
/// not depend on the size of the pools; they grow linearly with the number of pools that are tried in vain, and with the
/// number of addresses that are held under the request's own sharing key and do not have all its ports free.
#[derive(Clone, Debug)]
pub struct Allocator {
    pools: Pools,
    ledger: Ledger,
    space: Space,
}

impl Allocator {
    /// Nothing is assigned yet.
    #[must_use]
    pub fn new(pools: Pools) -> Self {
        Self { space: Space::new(&pools), ledger: Ledger::new(), pools }
    }

    /// Gives the owner what it asks for, or confirms what it holds if that still fits. Idempotent.
    ///
    /// What is held and fits is never given up for something better, with one exception: an owner that prefers both families
    /// and lost one of them by [`reconfigure`](Self::reconfigure) moves to another pool that has both. What is held and does
    /// not fit any more is released, also where the request is refused: another address, another pool or another family is
    /// asked for, the pool no longer serves the owner, or it may not share any more.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`]. A request is met as a whole or not at all; only a family that is merely preferred may be missing.
    pub fn allocate(&mut self, request: &Request) -> Result<Assignment, AllocateError> {
        let found = self.ledger.find_all(request);
        match self.decide(request, found) {
            Ok(decision) => Ok(self.apply(request, found, decision)),
            Err(error) => {
                if let Some(slot) = found.slot {
                    self.remove(found.tag, slot, true);
                }
                Err(error)
            }
        }
    }

    /// Gives the owner exactly these addresses, as if the request asked for them.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`].
    pub fn assign(
        &mut self,
        request: &Request,
        addresses: &[IpAddr],
    ) -> Result<Assignment, AllocateError> {
        let mut exact = request.clone();
        exact.addresses = addresses.to_vec();
        self.allocate(&exact)
    }

    /// Takes back what the owner holds and says what that was. Nothing happens if it holds nothing. In a pool with a
    /// [retention](crate::PoolBuilder::retention) the addresses wait for the owner.
    pub fn release(&mut self, owner: &Owner) -> Option<Assignment> {
        let tag = tag(of_owner(owner));
        let slot = self.ledger.find_tagged(tag, owner)?;
        let released = self.view(slot);
        self.remove(tag, slot, true);
        Some(released)
    }

    /// Lets time pass, in the unit of [`PoolBuilder::retention`](crate::PoolBuilder::retention): addresses kept for
    /// owners that did not come back become free.
    pub fn advance(&mut self, units: u64) {
        self.space.advance(&self.pools, units);
    }

    /// Ends the retention of what `owner` held before its release.
    pub fn forget(&mut self, owner: &Owner) {
        self.space.forget(&self.pools, owner);
    }

    /// The pools.
    #[must_use]
    pub const fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What `owner` holds.
    #[must_use]
    pub fn assignment(&self, owner: &Owner) -> Option<Assignment> {
        self.ledger.find(owner).map(|slot| self.view(slot))
    }

    /// Everybody who holds something, by owner.
    #[must_use]
    pub fn assignments(&self) -> Vec<(Owner, Assignment)> {
        let all = self.ledger.records();
        let mut all: Vec<_> =
            all.map(|(slot, record)| (record.owner.clone(), self.view(slot))).collect();
        all.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        all
    }

    /// Who holds `address`, by owner.
    #[must_use]
    pub fn holders(&self, address: IpAddr) -> Vec<Owner> {
        let slots = self.ledger.holders(address.into());
        let mut owners: Vec<_> = slots.map(|slot| self.ledger.record(slot).owner.clone()).collect();
        owners.sort_unstable();
        owners
    }

    /// How many owners hold something.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ledger.len()
    }

    /// Whether nobody holds anything.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How full each pool is, in the order in which they are tried.
    #[must_use]
    pub fn usage(&self) -> Vec<PoolUsage> {
        let of = |pool| PoolUsage {
            pool: self.pools.name(pool).clone(),
            v4: self.space.usage(pool, Family::V4),
            v6: self.space.usage(pool, Family::V6),
        };
        self.pools.numbers().map(of).collect()
    }

    fn view(&self, slot: u32) -> Assignment {
        let record = self.ledger.record(slot);
        assignment(&self.pools, record.addresses(), record.missing())
    }

    /// Makes an owner that holds nothing hold these addresses, which it may.
    fn hold(&mut self, request: &Request, found: Found, mut addresses: Vec<Address>) -> Assignment {
        sort(&mut addresses);
        self.apply(request, found, Decision::new(addresses))
    }

    /// `tag` is that of the owner.
    fn remove(&mut self, tag: u32, slot: u32, retain: bool) {
        self.leave_all(slot, retain);
        self.ledger.remove(tag, slot);
    }
}
