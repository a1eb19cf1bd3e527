//! Entries of the kernel's neighbour table.

use std::net::IpAddr;

use netlink_packet_route::neighbour::{NeighbourMessage, NeighbourState as Nud};

use crate::{mac::Mac, netlink};

/// One entry of a host's ARP or ND cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Neighbour {
    /// The neighbour's address.
    pub address: IpAddr,
    /// Where frames for it go; none while it is being asked for.
    pub mac: Option<Mac>,
    /// How far the kernel trusts the entry.
    pub state: NeighbourState,
}

/// How far the kernel trusts an entry (RFC 4861 section 7.3.2, and Linux's own states).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeighbourState {
    /// Asked for, not answered yet.
    Incomplete,
    /// Confirmed lately.
    Reachable,
    /// Usable; the next packet starts a check.
    Stale,
    /// Used while stale; the check begins soon.
    Delay,
    /// Being asked directly.
    Probe,
    /// Asked for in vain.
    Failed,
    /// Set by hand, or needs no resolution.
    Permanent,
    /// Anything else.
    Other,
}

impl Neighbour {
    /// Reads the kernel's message; none if it is not about an IP address.
    pub(crate) fn from_message(message: &NeighbourMessage) -> Option<Self> {
        Some(Self {
            address: netlink::neighbour_address(message)?,
            mac: netlink::neighbour_mac(message),
            state: match message.header.state {
                Nud::Incomplete => NeighbourState::Incomplete,
                Nud::Reachable => NeighbourState::Reachable,
                Nud::Stale => NeighbourState::Stale,
                Nud::Delay => NeighbourState::Delay,
                Nud::Probe => NeighbourState::Probe,
                Nud::Failed => NeighbourState::Failed,
                Nud::Permanent | Nud::Noarp => NeighbourState::Permanent,
                _ => NeighbourState::Other,
            },
        })
    }
}
