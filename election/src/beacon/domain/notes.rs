//! What a domain keeps beside its tables.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use crate::{
    Epoch, NodeName,
    beacon::{proofs::Asked, wire::LifeId},
    placement::Moves,
};

/// What is remembered of an address, whoever held it.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) epoch: Epoch,
    pub(super) moves: Moves,
    /// All changes of the holder that were seen here, failovers too.
    pub(super) changes: Moves,
    /// Who held it last.
    pub(super) holder: Option<NodeName>,
    /// Since when this node holds it, if it does.
    pub(super) since: Instant,
    /// Since when this node holds it, may not, and knows nobody who may.
    pub(super) unfit_since: Option<Instant>,
}

/// What the owner of the domain has not been told yet.
#[derive(Clone, Debug, Default)]
pub(in crate::beacon) struct News {
    pub(in crate::beacon) renewed: bool,
    pub(in crate::beacon) changed: BTreeSet<IpAddr>,
    pub(in crate::beacon) claims: bool,
    pub(in crate::beacon) foreign: BTreeSet<IpAddr>,
    pub(in crate::beacon) unserved: BTreeSet<IpAddr>,
    pub(in crate::beacon) restless: BTreeSet<IpAddr>,
    pub(in crate::beacon) same_name: bool,
}

/// What waits for being sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    pub(super) beacon: bool,
    /// How many beacons were sent out of turn since the last one in turn.
    pub(super) hasty: u32,
    pub(super) probes: BTreeSet<LifeId>,
    pub(super) asks: BTreeSet<(IpAddr, NodeName)>,
    pub(super) proofs: BTreeSet<Asked>,
    /// Changed entries, and how often they are still to be told.
    pub(super) changes: BTreeMap<IpAddr, u8>,
    /// The next part of the whole table.
    pub(super) sync: Option<IpAddr>,
    pub(super) synced: bool,
    /// What of all this the last beacon has said, as it was before.
    pub(super) said: Said,
}

/// So that it can be said again where it did not leave.
#[derive(Clone, Debug, Default)]
pub(super) struct Said {
    pub(super) changes: Vec<(IpAddr, u8)>,
    pub(super) sync: Option<IpAddr>,
}
