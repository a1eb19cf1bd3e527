use alloc::vec::Vec;
use core::net::IpAddr;

use crate::{
    AllocateError, Assignment, Change, Difference, Explanation, Owner, PoolUsage, Pools, Request,
    Restored, Snapshot, SnapshotError,
};

/// Hands out addresses of [`Pools`] and remembers who holds what.
#[derive(Clone, Debug)]
pub struct Allocator {
    pools: Pools,
}

impl Allocator {
    /// Nothing is assigned yet.
    #[must_use]
    pub fn new(pools: Pools) -> Self {
        Self { pools }
    }

    /// Gives the owner what it asks for, or confirms what it holds if that still fits. Idempotent.
    ///
    /// # Errors
    ///
    /// See [`AllocateError`].
    pub fn allocate(&mut self, request: &Request) -> Result<Assignment, AllocateError> {
        let _ = request;
        unimplemented!()
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
        let _ = (request, addresses);
        unimplemented!()
    }

    /// Takes back what the owner holds and says what that was. Nothing happens if it holds nothing.
    pub fn release(&mut self, owner: &Owner) -> Option<Assignment> {
        let _ = owner;
        unimplemented!()
    }

    /// Records that the owner holds these addresses already, as a cluster's status or a state file says. Call it for all
    /// owners before the first [`allocate`](Self::allocate). Quotas, reservations, `auto_assign` and `disabled` are not
    /// looked at; addresses that cannot be kept are named with the reason, and the others are kept.
    pub fn restore(&mut self, request: &Request, addresses: &[IpAddr]) -> Restored {
        let _ = (request, addresses);
        unimplemented!()
    }

    /// Puts other pools in place. Assignments that are still valid stay; the returned changes name every owner that lost an
    /// address or whose pool has another name now. Call [`allocate`](Self::allocate) for those that lost something.
    pub fn reconfigure(&mut self, pools: Pools) -> Vec<Change> {
        let _ = pools;
        unimplemented!()
    }

    /// Lets time pass, in the unit of [`PoolBuilder::retention`](crate::PoolBuilder::retention): addresses kept for
    /// owners that did not come back become free.
    pub fn advance(&mut self, units: u64) {
        let _ = units;
        unimplemented!()
    }

    /// Ends the retention of what `owner` held before its release.
    pub fn forget(&mut self, owner: &Owner) {
        let _ = owner;
        unimplemented!()
    }

    /// The pools.
    #[must_use]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What `owner` holds.
    #[must_use]
    pub fn assignment(&self, owner: &Owner) -> Option<Assignment> {
        let _ = owner;
        unimplemented!()
    }

    /// Everybody who holds something, by owner.
    #[must_use]
    pub fn assignments(&self) -> Vec<(Owner, Assignment)> {
        unimplemented!()
    }

    /// Who holds `address`, by owner.
    #[must_use]
    pub fn holders(&self, address: IpAddr) -> Vec<Owner> {
        let _ = address;
        unimplemented!()
    }

    /// How many owners hold something.
    #[must_use]
    pub fn len(&self) -> usize {
        unimplemented!()
    }

    /// Whether nobody holds anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How full each pool is, in the order in which they are tried.
    #[must_use]
    pub fn usage(&self) -> Vec<PoolUsage> {
        unimplemented!()
    }

    /// What [`allocate`](Self::allocate) would answer, and why each pool would or would not serve the request.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        let _ = request;
        unimplemented!()
    }

    /// Does `operations` to a copy, and says what would differ afterwards, by owner.
    pub fn what_if<R>(&self, operations: impl FnOnce(&mut Self) -> R) -> (R, Vec<Difference>) {
        let _ = operations;
        unimplemented!()
    }

    /// The state without the pools, to be written down.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }

    /// The state that was written down, under these pools. What does not fit them any more is reported as
    /// [`reconfigure`](Self::reconfigure) does.
    ///
    /// # Errors
    ///
    /// See [`SnapshotError`].
    pub fn from_snapshot(
        pools: Pools,
        snapshot: Snapshot,
    ) -> Result<(Self, Vec<Change>), SnapshotError> {
        let _ = (pools, snapshot);
        unimplemented!()
    }
}
