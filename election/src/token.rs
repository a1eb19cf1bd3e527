use core::fmt;

use crate::Unit;

/// The right to announce a unit, until the deadline of its lease.
///
/// The deadline belongs to the lease, so that one renewal serves every unit under it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// What may be announced.
    pub unit: Unit,
    /// Which tenure this is. A new tenure has a higher number, also on the same node: whoever
    /// becomes holder again announces itself again.
    pub epoch: Epoch,
    /// The lease whose deadline bounds the token.
    pub lease: LeaseId,
}

/// The number of a tenure. It only rises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(pub u64);

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Names a lease within one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u32);
