use std::{sync::Arc, time::Duration};

use vipcast_sans_io::Instant;

use super::{Network, Occurrence, Parcel};
use crate::{
    Arrival, Link, Node, NodeId, SegmentId, StreamAction, StreamId, What, stream::ACCEPTED,
};

/// A node's name of an end.
pub(super) type EndName = (NodeId, StreamId);

/// One end of a connection.
#[derive(Clone, Debug)]
pub(super) struct End {
    /// Names are used again in later lives, connections are not.
    connection: u64,
    segment: SegmentId,
    peer: EndName,
    /// Whether the handshake is done.
    open: bool,
    /// How often the first packet was tried in vain.
    tries: u32,
    /// Written, and not yet under way.
    backlog: Vec<u8>,
    /// Under way, and not yet read by the peer.
    flying: usize,
    /// When the last of it arrives.
    last: Instant,
    /// Whether a retransmission is due.
    retrying: bool,
    /// Whether the node was told that there is no room.
    full: bool,
    /// Whether the node has closed it; it lives on until the backlog is under way.
    closed: bool,
}

/// What comes in at an end.
#[derive(Clone, Debug)]
pub(super) enum StreamParcel {
    Accepted { link: Link, from: NodeId },
    Connected,
    Data(Arc<[u8]>),
    Closed,
    Writable,
}

impl<N: Node> Network<N> {
    pub(super) fn act(&mut self, node: NodeId, action: StreamAction, bytes: &[u8]) {
        match action {
            StreamAction::Connect { stream, link, to } => self.connect((node, stream), link, to),
            StreamAction::Write { stream } => self.write((node, stream), bytes),
            StreamAction::Close { stream } => {
                self.record(node, || What::Stream(format!("closes {stream:?}")));
                self.close((node, stream));
            }
        }
    }

    fn connect(&mut self, name: EndName, link: Link, to: NodeId) {
        let (node, stream) = name;
        self.record(node, || What::Stream(format!("connects {stream:?} by {link:?} to {to:?}")));
        self.close(name);
        if let Some(old) = self.ends.remove(&name) {
            self.reset(old.segment, node, old.peer, old.connection);
        }
        self.connections += 1;
        let connection = self.connections;
        let links = &self.hosts[usize::from(node.0)].links;
        let segment = links.get(usize::from(link.0)).copied();
        let reachable = |segment: &SegmentId| {
            let members = &self.segments[usize::from(segment.0)].members;
            to != node && members.iter().any(|&(member, _)| member == to)
        };
        let reached = segment.filter(reachable);
        let peer = (to, StreamId(ACCEPTED + connection));
        let end = End::new(connection, reached.unwrap_or(SegmentId(0)), peer);
        self.ends.insert(name, end);
        if reached.is_some() {
            self.retry(name, connection);
        } else {
            self.send_to(name, connection, self.now, StreamParcel::Closed);
        }
    }

    fn write(&mut self, name: EndName, bytes: &[u8]) {
        let (node, stream) = name;
        let buffer = self.config.stream_buffer;
        let Some(end) = self.ends.get_mut(&name).filter(|end| end.open && !end.closed) else {
            return;
        };
        end.backlog.extend_from_slice(bytes);
        self.record(node, || What::Wrote { stream, bytes: bytes.to_vec() });
        self.fly(name);
        let Some(end) = self.ends.get_mut(&name) else { return };
        if end.backlog.len() >= buffer && !end.full {
            end.full = true;
            self.tell(node, Arrival::Full { stream });
        }
    }

    /// The node is done with its end.
    fn close(&mut self, name: EndName) {
        if let Some(end) = self.ends.get_mut(&name) {
            end.closed = true;
            if end.open {
                self.fly(name);
            } else {
                self.ends.remove(&name);
            }
        }
    }

    /// Sends the backlog, as far as the peer's buffer has room, and then the end of the stream.
    fn fly(&mut self, name: EndName) {
        let buffer = self.config.stream_buffer;
        let Some(end) = self.ends.get(&name).filter(|end| end.open && !end.retrying) else {
            return;
        };
        let (connection, segment, peer) = (end.connection, end.segment, end.peer);
        let size = end.backlog.len().min(buffer.saturating_sub(end.flying));
        let ends = end.closed && size == end.backlog.len();
        if size == 0 && !ends {
            return;
        }
        if !self.is_open(segment, name.0, peer.0) {
            if let Some(end) = self.ends.get_mut(&name) {
                end.retrying = true;
            }
            let retry = Occurrence::Retry { name, connection };
            return self.cause(self.now + RETRANSMISSION, retry);
        }
        let mut at = self.now + self.flight(segment, name.0, peer.0);
        let mut data: Arc<[u8]> = Arc::default();
        let mut room_again = false;
        if let Some(end) = self.ends.get_mut(&name) {
            at = at.max(end.last);
            end.last = at;
            end.flying += size;
            data = end.backlog.drain(..size).collect();
            room_again = end.full && end.backlog.len() < buffer;
            end.full &= !room_again;
        }
        if size > 0 {
            self.send_to(peer, connection, at, StreamParcel::Data(data));
        }
        if ends {
            self.ends.remove(&name);
            self.send_to(peer, connection, at, StreamParcel::Closed);
        } else if room_again {
            self.send_to(name, connection, self.now, StreamParcel::Writable);
        }
    }

    /// Tries again what found no way before: the handshake, or the backlog.
    pub(super) fn retry(&mut self, name: EndName, connection: u64) {
        let Some(end) = self.ends.get_mut(&name).filter(|end| end.connection == connection) else {
            return;
        };
        end.retrying = false;
        if end.open {
            return self.fly(name);
        }
        let (segment, peer) = (end.segment, end.peer);
        end.tries += 1;
        let exhausted = end.tries > MOST_TRIES;
        let there = self.is_open(segment, name.0, peer.0);
        let back = self.is_open(segment, peer.0, name.0);
        if exhausted {
            self.send_to(name, connection, self.now, StreamParcel::Closed);
        } else if !there || !back {
            let retry = Occurrence::Retry { name, connection };
            self.cause(self.now + RETRANSMISSION, retry);
        } else {
            let at = self.now + self.flight(segment, name.0, peer.0);
            let members = &self.segments[usize::from(segment.0)].members;
            let link = members.iter().find(|&&(node, _)| node == peer.0);
            let link = link.map_or(Link(0), |&(_, link)| link);
            let mut end = End::new(connection, segment, name);
            end.open = true;
            self.cause(at, Occurrence::Open { name: peer, link, end });
        }
    }

    /// The handshake reached the peer's kernel, which answers whether its process is paused or not.
    pub(super) fn open(&mut self, name: EndName, link: Link, end: End) {
        let (connection, segment, peer) = (end.connection, end.segment, end.peer);
        let answer = self.now + self.flight(segment, name.0, peer.0);
        if self.hosts[usize::from(name.0.0)].node.is_none() {
            return self.send_to(peer, connection, answer, StreamParcel::Closed);
        }
        self.ends.insert(name, end);
        let from = peer.0;
        self.send_to(name, connection, self.now, StreamParcel::Accepted { link, from });
        self.send_to(peer, connection, answer, StreamParcel::Connected);
    }

    /// A crash ends all streams of the node, and those peers that can be reached learn it.
    pub(super) fn reset_all(&mut self, node: NodeId) {
        let names: Vec<EndName> = self.ends.keys().copied().filter(|name| name.0 == node).collect();
        for name in names {
            if let Some(end) = self.ends.remove(&name) {
                self.reset(end.segment, node, end.peer, end.connection);
            }
        }
    }

    fn reset(&mut self, segment: SegmentId, from: NodeId, to: EndName, connection: u64) {
        if self.is_open(segment, from, to.0) {
            let at = self.now + self.flight(segment, from, to.0);
            self.send_to(to, connection, at, StreamParcel::Closed);
        }
    }

    /// Hands a parcel to the node, or answers for an end that is gone.
    pub(super) fn hand_over_stream(
        &mut self,
        node: NodeId,
        connection: u64,
        stream: StreamId,
        what: &StreamParcel,
    ) {
        let name = (node, stream);
        let known = self.ends.get_mut(&name).filter(|end| end.connection == connection);
        let Some(end) = known else {
            // Nobody is there any more: an end that still sends is told so.
            let mut ends = self.ends.iter();
            let sender = ends.find(|(_, end)| end.connection == connection && end.peer == name);
            if let (Some((&sender, end)), StreamParcel::Data(_) | StreamParcel::Connected) =
                (sender, what)
            {
                self.reset(end.segment, node, sender, connection);
            }
            return;
        };
        if end.closed {
            match what {
                StreamParcel::Closed => drop(self.ends.remove(&name)),
                StreamParcel::Data(bytes) => {
                    let peer = end.peer;
                    self.read(peer, connection, bytes.len());
                }
                _ => {}
            }
            return;
        }
        let peer = end.peer;
        match what {
            &StreamParcel::Accepted { link, from } => {
                self.record(node, || What::Stream(format!("accepts {stream:?} of {from:?}")));
                self.tell(node, Arrival::Accepted { stream, link, from });
            }
            StreamParcel::Connected => {
                end.open = true;
                self.record(node, || What::Stream(format!("is connected by {stream:?}")));
                self.tell(node, Arrival::Connected { stream });
            }
            StreamParcel::Data(bytes) => {
                self.record(node, || What::Read { stream, bytes: bytes.to_vec() });
                self.tell(node, Arrival::Data { stream, bytes });
                self.read(peer, connection, bytes.len());
            }
            StreamParcel::Closed => {
                self.ends.remove(&name);
                self.record(node, || What::Stream(format!("sees {stream:?} closed")));
                self.tell(node, Arrival::Closed { stream });
            }
            StreamParcel::Writable => self.tell(node, Arrival::Writable { stream }),
        }
    }

    /// The peer of `sender` has read so much: there is room for more.
    fn read(&mut self, sender: EndName, connection: u64, size: usize) {
        let end = self.ends.get_mut(&sender).filter(|end| end.connection == connection);
        if let Some(end) = end {
            end.flying = end.flying.saturating_sub(size);
            self.fly(sender);
        }
    }

    fn tell(&mut self, node: NodeId, arrival: Arrival<'_>) {
        let host = &mut self.hosts[usize::from(node.0)];
        let local = host.clock.local(self.now);
        if let Some(inner) = &mut host.node {
            inner.handle(local, arrival);
        }
    }

    fn send_to(&mut self, name: EndName, connection: u64, at: Instant, what: StreamParcel) {
        let (node, stream) = name;
        let parcel = Parcel::Stream { connection, stream, what };
        self.cause(at, Occurrence::Arrive(node, parcel));
    }

    /// How long bytes are on the way: what is lost comes a retransmission later.
    fn flight(&mut self, segment: SegmentId, from: NodeId, to: NodeId) -> Duration {
        self.segments[usize::from(segment.0)].flight(self.seed, from, to, RETRANSMISSION)
    }
}

impl End {
    fn new(connection: u64, segment: SegmentId, peer: EndName) -> Self {
        Self {
            connection,
            segment,
            peer,
            open: false,
            tries: 0,
            backlog: Vec::new(),
            flying: 0,
            last: Instant::ZERO,
            retrying: false,
            full: false,
            closed: false,
        }
    }
}

/// How long until what was lost or found no way is sent again. Real stacks wait longer each time.
const RETRANSMISSION: Duration = Duration::from_millis(200);
/// So many handshakes in vain, and the stream is closed.
const MOST_TRIES: u32 = 25;

#[cfg(test)]
mod tests;
