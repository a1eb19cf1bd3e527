use std::{collections::BTreeSet, time::Duration};

use crate::{Link, NodeId, Quality, SegmentId};

/// Something that goes wrong, from one moment to another.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// One direction on a segment is silently dropped. What is on its way still arrives.
    Cut {
        /// Where.
        segment: SegmentId,
        /// Whose packets are dropped.
        from: NodeId,
        /// Who does not receive them.
        to: NodeId,
    },
    /// Both directions between these nodes and all others on the segment are silently dropped.
    Partition {
        /// Where.
        segment: SegmentId,
        /// One side; the other is the rest.
        side: BTreeSet<NodeId>,
    },
    /// A link loses its carrier, and its node is told.
    Unplug {
        /// Whose link.
        node: NodeId,
        /// Which of its links.
        link: Link,
    },
    /// A segment carries packets in another way.
    Degrade {
        /// Where.
        segment: SegmentId,
        /// How well it carries them meanwhile.
        quality: Quality,
    },
    /// A node stops, and its clock goes on. What arrives waits in a bounded buffer.
    Pause {
        /// Which node.
        node: NodeId,
    },
    /// A node's transport takes nothing: its packets stay unbuilt. The node itself goes on.
    Stall {
        /// Which node.
        node: NodeId,
    },
    /// A node loses all its memory and what waits for it; at the end it is made anew.
    Crash {
        /// Which node.
        node: NodeId,
    },
    /// A node's clock jumps ahead, as after a suspend. A moment, without an end.
    ClockGap {
        /// Which node.
        node: NodeId,
        /// How far.
        by: Duration,
    },
    /// A node's clock runs at another rate.
    Drift {
        /// Which node.
        node: NodeId,
        /// Parts per million too fast.
        ppm: i32,
    },
}
