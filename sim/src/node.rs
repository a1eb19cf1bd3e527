use std::fmt;

use vipcast_sans_io::{Instant, Machine};

use crate::{Link, StreamAction, StreamId};

/// A host of the simulated network: what it does with what arrives, and what it sends.
///
/// These are the verbs of [`Machine`] with the network's words filled in. Wrap a single machine in
/// [`Wired`]; implement this for a host that is made of several (an elector and a responder that act
/// as one), or that should also see its links come and go. `Box<dyn Node<Event = E>>` is a node too,
/// so that hosts of several kinds can share one network.
///
/// `now` is what the node's own clock shows.
pub trait Node {
    /// What the node reports to its owner; kept by the network, see
    /// [`take_events`](crate::Network::take_events).
    type Event: fmt::Debug;

    /// Something came in. Due timers fire first.
    fn handle(&mut self, now: Instant, arrival: Arrival<'_>);

    /// Time has passed.
    fn handle_timeout(&mut self, now: Instant);

    /// Builds the next packet into `buf` (which is cleared first) and says where it goes.
    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route>;

    /// Says what to do with a stream; what to write goes into `buf` (which is cleared first). A node
    /// without streams leaves this out, and is still told of those that others open to it.
    fn poll_stream(&mut self, _now: Instant, _buf: &mut Vec<u8>) -> Option<StreamAction> {
        None
    }

    /// The next event; `None` when all were taken.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called next.
    fn poll_timeout(&self) -> Option<Instant>;
}

/// What comes in at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Arrival<'a> {
    /// A packet.
    Packet(Packet<'a>),
    /// A link lost its carrier, or has it again.
    Carrier {
        /// The node's own link.
        link: Link,
        /// Whether the carrier is there now.
        up: bool,
    },
    /// Another node opened a stream. Who does not want it closes it.
    Accepted {
        /// The name of this end.
        stream: StreamId,
        /// The node's own link on the segment of both.
        link: Link,
        /// Who opened it.
        from: NodeId,
    },
    /// A stream that this node opened is there.
    Connected {
        /// The name of this end.
        stream: StreamId,
    },
    /// The next bytes of a stream, in order and without a gap.
    Data {
        /// The name of this end.
        stream: StreamId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The last write filled the stream's buffer. Those bytes are kept; wait before the next.
    Full {
        /// The name of this end.
        stream: StreamId,
    },
    /// The stream has room again.
    Writable {
        /// The name of this end.
        stream: StreamId,
    },
    /// The stream has ended, or never began: the peer closed it, crashed, or cannot be reached.
    Closed {
        /// The name of this end.
        stream: StreamId,
    },
}

/// A packet that arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packet<'a> {
    /// The receiver's link at which it arrived.
    pub link: Link,
    /// Who sent it. Real machines do not see this; an adapter may turn it into a source address.
    pub from: NodeId,
    /// The bytes, as sent.
    pub bytes: &'a [u8],
}

/// Where a packet goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// The sender's link by which it leaves.
    pub link: Link,
    /// The one node on that segment that receives it, or all others.
    pub to: Option<NodeId>,
}

impl Route {
    /// To all other nodes on the segment.
    #[must_use]
    pub const fn broadcast(link: Link) -> Self {
        Self { link, to: None }
    }

    /// To one node on the segment.
    #[must_use]
    pub const fn unicast(link: Link, to: NodeId) -> Self {
        Self { link, to: Some(to) }
    }
}

/// A machine with its network side: how a packet becomes its input, and where its transmits go.
///
/// Changes of the carrier and streams are not passed on; implement [`Node`] for a machine that wants
/// them.
pub struct Wired<M: Machine> {
    machine: M,
    input: for<'a> fn(Packet<'a>) -> M::Input<'a>,
    route: fn(M::Transmit) -> Route,
}

impl<M: Machine> Wired<M> {
    /// Wires a machine.
    pub fn new(
        machine: M,
        input: for<'a> fn(Packet<'a>) -> M::Input<'a>,
        route: fn(M::Transmit) -> Route,
    ) -> Self {
        Self { machine, input, route }
    }

    /// The machine, for its commands; call it through [`Network::command`](crate::Network::command).
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }
}

impl<M: Machine> Node for Wired<M>
where
    M::Event: fmt::Debug,
{
    type Event = M::Event;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        if let Arrival::Packet(packet) = arrival {
            self.machine.handle_input(now, (self.input)(packet));
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.machine.handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        self.machine.poll_transmit(now, buf).map(self.route)
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        self.machine.poll_event()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }
}

impl<M: Machine + fmt::Debug> fmt::Debug for Wired<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.machine.fmt(f)
    }
}

impl<N: Node + ?Sized> Node for Box<N> {
    type Event = N::Event;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        (**self).handle(now, arrival);
    }

    fn handle_timeout(&mut self, now: Instant) {
        (**self).handle_timeout(now);
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        (**self).poll_packet(now, buf)
    }

    fn poll_stream(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<StreamAction> {
        (**self).poll_stream(now, buf)
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        (**self).poll_event()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        (**self).poll_timeout()
    }
}

/// What a node is made from, at the start and after each crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boot {
    /// Which node this is.
    pub node: NodeId,
    /// What its clock shows.
    pub now: Instant,
    /// How many lives it had before this one.
    pub life: u32,
    /// A seed for its own choices; another one in each life.
    pub seed: u64,
}

/// A node of a network, counted from 0 in the order of joining.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}", self.0)
    }
}
