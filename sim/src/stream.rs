use std::fmt;

use crate::{Link, NodeId};

/// A node's end of a reliable byte stream. The node names the streams that it opens, by numbers
/// below 2^63; the network names those that it accepts, from there on, each number once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(pub u64);

/// What a node does with its streams; see [`Node::poll_stream`](crate::Node::poll_stream).
///
/// A stream takes the segment's latency and no other of its faults shows but as time: what is lost,
/// or meets a cut, is sent again each 200 ms. Acknowledgements are not modelled: where one direction
/// is cut, the other goes on. A stream ends in both directions at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum StreamAction {
    /// Opens a stream to a node on the link's segment. Ends in
    /// [`Connected`](crate::Arrival::Connected) or [`Closed`](crate::Arrival::Closed).
    Connect {
        /// The name of this end from now on. A name that is in use is closed first.
        stream: StreamId,
        /// By which link.
        link: Link,
        /// To whom.
        to: NodeId,
    },
    /// Writes what `poll_stream` built. On a stream that is not open the bytes are lost.
    Write {
        /// To which stream.
        stream: StreamId,
    },
    /// Ends the stream after what was written. Nothing more is heard of it.
    Close {
        /// Which stream.
        stream: StreamId,
    },
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.checked_sub(ACCEPTED) {
            None => write!(f, "stream {}", self.0),
            Some(accepted) => write!(f, "accepted stream {accepted}"),
        }
    }
}

/// The first name of an accepted stream.
pub(crate) const ACCEPTED: u64 = 1 << 63;
