use alloc::{collections::BTreeSet, string::String, sync::Arc, vec::Vec};
use core::{fmt, net::IpAddr};

use crate::{AddressRange, Families, Family, Owner, PoolRefusal, SharingRefusal, UnusableReason};

/// Why a pool cannot be made. The configuration is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolError {
    /// The name is empty.
    #[error("a pool has no name; give it one")]
    Unnamed,
    /// There is no range.
    #[error("pool {pool} has no addresses; add a range")]
    NoRange {
        /// The pool.
        pool: Arc<str>,
    },
    /// Two ranges have an address in common.
    #[error("ranges {first} and {second} of pool {pool} overlap; separate them")]
    Overlap {
        /// The pool.
        pool: Arc<str>,
        /// The range written first.
        first: AddressRange,
        /// The other.
        second: AddressRange,
    },
    /// An excluded range has no address in common with any range of the pool.
    #[error("pool {pool} excludes {range}, which is in none of its ranges; correct or remove it")]
    ExclusionOutside {
        /// The pool.
        pool: Arc<str>,
        /// The excluded range.
        range: AddressRange,
    },
    /// All addresses are taken out.
    #[error("nothing is left of pool {pool} after what is excluded and avoided; widen its ranges")]
    NothingUsable {
        /// The pool.
        pool: Arc<str>,
    },
    /// An address is kept for somebody, but the pool never hands it out.
    #[error(
        "pool {pool} keeps {address} for {}, but never hands it out; correct the reservation",
        list(owners)
    )]
    ReservationOutside {
        /// The pool.
        pool: Arc<str>,
        /// The address.
        address: IpAddr,
        /// For whom it is kept.
        owners: BTreeSet<Owner>,
    },
}

/// Why pools cannot stand beside each other. The configuration is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PoolsError {
    /// Two pools have the same name.
    #[error("two pools are named {pool}; rename one")]
    Duplicate {
        /// The name.
        pool: Arc<str>,
    },
    /// Two pools have an address in common.
    #[error("pools {first} and {second} overlap: both hold {address}; separate them")]
    Overlap {
        /// One pool.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
        /// The lowest address that both hold.
        address: IpAddr,
    },
    /// Two pools are the default pool.
    #[error("pools {first} and {second} are both the default pool; keep one")]
    TwoDefaults {
        /// One pool.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
    },
}

/// Why a request gets nothing.
///
/// The owner holds nothing afterwards: what it held before, if anything, is not what it asks for any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "reason", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum AllocateError {
    /// There is no pool.
    #[error("there is no address pool; create one")]
    NoPool,
    /// The request names a pool that does not exist.
    #[error("there is no pool named {pool}; name one of those that exist")]
    UnknownPool {
        /// The name.
        pool: String,
    },
    /// An address was asked for that is of no wanted family.
    #[error("{address} is {}, but {families} is wanted", Family::of(*.address))]
    WrongFamily {
        /// The address.
        address: IpAddr,
        /// What is wanted.
        families: Families,
    },
    /// Addresses were asked for, but none of a family that must be there.
    #[error(
        "both families are required, but no {family} address is among those asked for; add one"
    )]
    FamilyNotAskedFor {
        /// The family.
        family: Family,
    },
    /// More addresses of a family were asked for than the owner may have.
    #[error("{asked} {family} addresses were asked for, but {allowed} is the most; ask for fewer")]
    TooManyAddresses {
        /// The family.
        family: Family,
        /// How many were asked for.
        asked: u32,
        /// How many may be.
        allowed: u16,
    },
    /// An address was asked for that no pool holds.
    #[error("{address} is in no pool; ask for an address of a pool, or widen one")]
    OutsidePools {
        /// The address.
        address: IpAddr,
    },
    /// An address was asked for that is in another pool than the one that was asked for.
    #[error(
        "{address} is in pool {actual}, but pool {pool} was asked for; ask for one of them only"
    )]
    NotInPool {
        /// The address.
        address: IpAddr,
        /// The pool that was asked for.
        pool: String,
        /// The pool of the address.
        actual: Arc<str>,
    },
    /// Addresses were asked for that are in different pools.
    #[error(
        "{first} is in pool {first_pool} and {second} in pool {second_pool}; ask for addresses of one pool"
    )]
    DifferentPools {
        /// One address.
        first: IpAddr,
        /// Its pool.
        first_pool: Arc<str>,
        /// Another address.
        second: IpAddr,
        /// Its pool.
        second_pool: Arc<str>,
    },
    /// An address was asked for that its pool never hands out.
    #[error("pool {pool} never hands out {address}: {why}; ask for another")]
    Unusable {
        /// The address.
        address: IpAddr,
        /// Its pool.
        pool: Arc<str>,
        /// Why it does not.
        why: UnusableReason,
    },
    /// An address was asked for that is kept for somebody else.
    #[error("{address} is kept for {}; ask for another", list(.owners))]
    Reserved {
        /// The address.
        address: IpAddr,
        /// For whom it is kept.
        owners: BTreeSet<Owner>,
    },
    /// An address was asked for that somebody else holds.
    #[error("{address} is held by {holder}, and cannot be shared: {why}")]
    InUse {
        /// The address.
        address: IpAddr,
        /// Who holds it; where several do, the one that stands in the way.
        holder: Owner,
        /// Why it cannot be shared.
        why: SharingRefusal,
    },
    /// The pool that was asked for, by name or by address, refuses.
    #[error("pool {pool} cannot serve this: {why}")]
    PoolRefused {
        /// The pool.
        pool: Arc<str>,
        /// Why.
        why: PoolRefusal,
    },
    /// No pool can serve the request.
    #[error("no pool can serve this: {}", refusals(.pools))]
    NoPoolFits {
        /// Every pool with its reason, in the order in which they were tried.
        pools: Vec<(Arc<str>, PoolRefusal)>,
    },
}

/// Why a snapshot cannot be read. Nothing is restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotError {
    /// It was written by a later version.
    #[error("the snapshot is of version {found}, and {newest} is the newest known here; upgrade")]
    TooNew {
        /// Its version.
        found: u32,
        /// The newest that is known.
        newest: u32,
    },
    /// One owner occurs twice.
    #[error("the snapshot lists {owner} twice; remove one entry")]
    Twice {
        /// The owner.
        owner: Owner,
    },
}

/// `a, b and c`.
fn list(owners: &BTreeSet<Owner>) -> Listed<'_> {
    Listed(owners)
}

struct Listed<'a>(&'a BTreeSet<Owner>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, owner) in self.0.iter().enumerate() {
            let before = match index {
                0 => "",
                index if index + 1 == self.0.len() => " and ",
                _ => ", ",
            };
            write!(f, "{before}{owner}")?;
        }
        Ok(())
    }
}

fn refusals(pools: &[(Arc<str>, PoolRefusal)]) -> Refusals<'_> {
    Refusals(pools)
}

struct Refusals<'a>(&'a [(Arc<str>, PoolRefusal)]);

impl fmt::Display for Refusals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (pool, why)) in self.0.iter().enumerate() {
            let before = if index == 0 { "" } else { "; " };
            write!(f, "{before}pool {pool}: {why}")?;
        }
        Ok(())
    }
}
