use alloc::{sync::Arc, vec::Vec};
use core::net::IpAddr;

use super::ConnectionId;
use crate::{
    fsm::{DownReason, Session},
    wire::Family,
};

/// What the driver tells a [`Peer`](super::Peer).
///
/// An input for a connection that is closed is ignored: it was on its way.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum PeerInput<'a> {
    /// The neighbor has dialed in. The identifier comes from
    /// [`Peer::next_connection`](super::Peer::next_connection).
    Accepted {
        /// The new connection.
        connection: ConnectionId,
        /// Our address on it.
        local: IpAddr,
    },
    /// Our dialing has succeeded.
    Connected {
        /// The connection of [`PeerTransmit::Connect`].
        connection: ConnectionId,
        /// Our address on it.
        local: IpAddr,
    },
    /// Octets have arrived.
    Received {
        /// Where.
        connection: ConnectionId,
        /// In any pieces.
        bytes: &'a [u8],
    },
    /// The transport has taken all that was sent.
    Writable {
        /// Where.
        connection: ConnectionId,
    },
    /// Our dialing has failed, or the connection is gone.
    Closed {
        /// Which.
        connection: ConnectionId,
    },
}

/// What the driver is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerTransmit {
    /// Dial the neighbor, and answer with `Connected` or `Closed`.
    Connect(ConnectionId),
    /// Append the octets to what is being sent, and answer with `Writable` when all are taken.
    Send(ConnectionId),
    /// Close, without waiting: let TCP send what it has taken, and then a FIN. A dialing ends.
    Close(ConnectionId),
}

/// What has happened to a neighbor. Pairs of `Established` and `Down` that nobody saw may be left
/// out; the last event always tells how things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerEvent {
    /// Routes flow.
    Established(Arc<Session>),
    /// The session has ended.
    Down {
        /// Why.
        reason: DownReason,
        /// The neighbor's routes may be kept for now: it restarts gracefully (RFC 4724 §4.2).
        retained: bool,
    },
    /// An attempt to reach the neighbor has failed; the last one, of several.
    Failed(DownReason),
    /// Routes of these families that were retained are to be forgotten.
    Flush(Vec<Family>),
}

/// What has been counted since the peer was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Sessions that reached Established.
    pub established: u64,
    /// Messages received, broken ones included.
    pub messages_received: u64,
    /// UPDATEs received.
    pub updates_received: u64,
    /// Messages handed to the transport, without UPDATEs.
    pub messages_sent: u64,
    /// UPDATEs handed to the transport.
    pub updates_sent: u64,
    /// UPDATEs that were used without an attribute.
    pub attribute_discards: u64,
    /// UPDATEs whose routes were taken as withdrawn.
    pub treated_as_withdraw: u64,
    /// Families that are ignored after a malformed attribute.
    pub families_disabled: u64,
    /// Messages that closed the connection because of what they were.
    pub malformed: u64,
    /// Connections that lost a collision.
    pub collisions: u64,
    /// Incoming connections that were refused.
    pub refused: u64,
}
