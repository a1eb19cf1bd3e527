use std::collections::BTreeMap;

use crate::os::{FrameKind, PacketSocket};

/// The packet sockets, by the number that the poller knows them by: the index of the link, and
/// [`ND`] set for the second protocol.
pub(super) type Sockets = BTreeMap<u64, PacketSocket>;

pub(super) const ND: u64 = 1 << 32;

/// Set in the number of a socket for beacons.
pub(super) const BEACON: u64 = 1 << 33;

/// Set in the number of a socket for the answers to handshakes; with [`ND`] it is one of IPv6.
pub(super) const CONNECT: u64 = 1 << 34;

/// The number of the socket for the answers to handshakes of one family on one link.
pub(super) const fn connect_number(link: u32, ipv4: bool) -> u64 {
    link as u64 | CONNECT | if ipv4 { 0 } else { ND }
}

/// The link that the number of a socket names.
pub(super) fn link_of(number: u64) -> u32 {
    u32::try_from(number & !(ND | BEACON | CONNECT)).unwrap_or(0)
}

/// The number of the socket for one protocol on one link.
pub(super) const fn socket_number(link: u32, kind: FrameKind) -> u64 {
    match kind {
        FrameKind::Arp => link as u64,
        FrameKind::Nd => link as u64 | ND,
    }
}
