use std::collections::BTreeMap;

use crate::os::{FrameKind, PacketSocket};

/// The packet sockets, by the number that the poller knows them by: the index of the link, and
/// [`ND`] set for the second protocol.
pub(super) type Sockets = BTreeMap<u64, PacketSocket>;

pub(super) const ND: u64 = 1 << 32;

/// Set in the number of a socket for beacons.
pub(super) const BEACON: u64 = 1 << 33;

/// The number of the socket for one protocol on one link.
pub(super) const fn socket_number(link: u32, kind: FrameKind) -> u64 {
    match kind {
        FrameKind::Arp => link as u64,
        FrameKind::Nd => link as u64 | ND,
    }
}
