use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use vipcast_bgp_proto::{Announcement, PeerConfig, RouterId};

/// What a speaker is to be.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BgpConfig {
    /// Its BGP Identifier.
    pub router_id: RouterId,
    /// Where neighbors may dial in; none by default. Whoever is no neighbor is let go at once.
    pub listen: Vec<SocketAddr>,
    /// Routes of a previous run may still be with the neighbors (the R bit, RFC 4724 §3).
    pub restarted: bool,
    /// What timers' jitter is drawn from. Nodes should differ.
    pub seed: u64,
}

impl BgpConfig {
    /// A speaker that only dials.
    #[must_use]
    pub const fn new(router_id: RouterId) -> Self {
        let seed = router_id.to_bits() as u64;
        Self { router_id, listen: Vec::new(), restarted: false, seed }
    }
}

/// A neighbor, and how to reach it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Neighbor {
    /// Where to dial; a neighbor that dials in is known by the address alone. Of several neighbors
    /// with one address it is taken for the first that has no session.
    pub remote: SocketAddr,
    /// The address to dial from; `None` for the kernel's choice.
    pub source: Option<IpAddr>,
    /// The wanted session.
    pub session: PeerConfig,
}

impl Neighbor {
    /// A neighbor that is dialed from any address.
    #[must_use]
    pub const fn new(remote: SocketAddr, session: PeerConfig) -> Self {
        Self { remote, source: None, session }
    }
}

/// A change of what is announced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RouteChange {
    /// Announces a prefix, or changes what goes out with it.
    Announce(IpNet, Arc<Announcement>),
    /// Withdraws a prefix, if it is announced.
    Withdraw(IpNet),
}
