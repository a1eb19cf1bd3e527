use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;

use crate::{Family, Owner, UnusableReason};

/// What an owner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub struct Assignment {
    /// The addresses: IPv4 before IPv6, each ascending.
    pub addresses: Vec<IpAddr>,
    /// The pool of each address, in the same order.
    pub pools: Vec<Arc<str>>,
    /// The family that was preferred too, but that could not be had.
    pub missing: Option<Family>,
}

impl Assignment {
    /// The pool of the first address, which is that of all unless two pools were allowed.
    #[must_use]
    pub fn pool(&self) -> &str {
        self.pools.first().map_or("", |pool| pool)
    }

    /// The first address of a family.
    #[must_use]
    pub fn address(&self, family: Family) -> Option<IpAddr> {
        let mut addresses = self.addresses.iter().copied();
        addresses.find(|address| Family::of(*address) == family)
    }
}

/// What [`Allocator::restore`](crate::Allocator::restore) made of recorded addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Restored {
    /// What the owner holds now; nothing if no address could be kept.
    pub assignment: Option<Assignment>,
    /// What it does not hold, and why.
    pub lost: Vec<Lost>,
}

/// An address that its owner does not hold any more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Lost {
    /// The address.
    pub address: IpAddr,
    /// Why it is lost.
    pub why: LostReason,
}

/// Why an address is lost to its owner.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "reason", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum LostReason {
    /// No pool holds it.
    #[error("it is in no pool")]
    OutsidePools,
    /// Its pool does not hand it out.
    #[error("pool {pool} never hands it out: {why}")]
    Unusable {
        /// The pool.
        pool: Arc<str>,
        /// Why it does not.
        why: UnusableReason,
    },
    /// The selection of its pool does not match the owner.
    #[error("pool {pool} does not serve this owner")]
    NotPermitted {
        /// The pool.
        pool: Arc<str>,
    },
    /// The owner wants no address of this family, or fewer.
    #[error("the owner does not want it")]
    NotWanted,
    /// It is in another pool than the owner's first address, and two pools are not allowed.
    #[error("it is in pool {pool}, not in the pool of the owner's other address")]
    AnotherPool {
        /// The pool of the address.
        pool: Arc<str>,
    },
    /// Somebody else holds it, and it cannot be shared.
    #[error("it is held by {holder}, and cannot be shared: {why}")]
    InUse {
        /// Who holds it.
        holder: Owner,
        /// Why it cannot be shared.
        why: crate::SharingRefusal,
    },
}

/// What a new configuration did to an owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Change {
    /// The owner.
    pub owner: Owner,
    /// What it held before.
    pub before: Assignment,
    /// What it holds now: the same addresses, perhaps under another pool's name, or fewer, or nothing.
    pub after: Option<Assignment>,
    /// What it lost, and why. Empty if only the name of the pool has changed.
    pub lost: Vec<Lost>,
}

/// What differs for one owner between two states.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Difference {
    /// The owner.
    pub owner: Owner,
    /// What it held before.
    pub before: Option<Assignment>,
    /// What it holds after.
    pub after: Option<Assignment>,
}

/// How full a pool is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PoolUsage {
    /// The pool.
    pub pool: Arc<str>,
    /// Its IPv4 addresses.
    pub v4: Usage,
    /// Its IPv6 addresses.
    pub v6: Usage,
}

/// Counts of addresses, exact. `capacity` is the sum of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct Usage {
    /// All that the pool hands out. `::/0` has 2^128 - 2^32: the IPv4-mapped ones are IPv4.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
    pub capacity: u128,
    /// Held; a shared one counts once.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
    pub in_use: u128,
    /// Not held, and kept for a named or a former owner.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
    pub kept: u128,
    /// Free for anybody.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
    pub available: u128,
}
