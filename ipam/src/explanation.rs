use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;

use crate::{AllocateError, Assignment, PoolRefusal};

/// What would be answered to a request, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Explanation {
    /// What [`Allocator::allocate`](crate::Allocator::allocate) would answer.
    pub outcome: Result<Assignment, AllocateError>,
    /// Every pool, in the order in which they are tried for this request; those that are not tried come last.
    pub pools: Vec<PoolExplanation>,
}

/// What became of one pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PoolExplanation {
    /// The pool.
    pub pool: Arc<str>,
    /// What became of it.
    pub verdict: PoolVerdict,
}

/// What became of a pool that was looked at for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "verdict", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum PoolVerdict {
    /// These addresses come from it.
    Chosen {
        /// The addresses.
        addresses: Vec<IpAddr>,
    },
    /// It could serve the request, but another pool does.
    NotNeeded,
    /// It cannot serve the request.
    Refused {
        /// Why.
        why: PoolRefusal,
    },
}
