use std::{collections::BTreeMap, fmt, time::Duration};

use vipcast_sans_io::Instant;

use crate::{Chance, NodeId, Rng, rng::Stream};

/// A layer 2 segment of a network, counted from 0 in the order of adding. Two nodes on a segment of
/// their own have a point-to-point line.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentId(pub u16);

/// One of a node's own links, counted from 0 in the order in which its segments were named.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link(pub u16);

/// How well a segment carries packets.
///
/// Each receiver of a broadcast has its own luck.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Quality {
    /// The shortest time on the way.
    pub least_latency: Duration,
    /// The longest time on the way, of a packet that is not reordered.
    pub most_latency: Duration,
    /// How likely a packet is lost.
    pub loss: Chance,
    /// How likely a packet arrives twice.
    pub duplication: Chance,
    /// How likely a packet is overtaken by later ones. All others keep their order.
    pub reordering: Chance,
    /// How much longer than others a reordered packet is on the way, at most.
    pub most_delay: Duration,
}

impl Quality {
    /// A wire: nothing is lost, and each packet takes `latency`.
    #[must_use]
    pub const fn perfect(latency: Duration) -> Self {
        Self {
            least_latency: latency,
            most_latency: latency,
            loss: Chance::NEVER,
            duplication: Chance::NEVER,
            reordering: Chance::NEVER,
            most_delay: Duration::ZERO,
        }
    }

    /// A switched LAN: 50 us to 1 ms, nothing lost.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            least_latency: Duration::from_micros(50),
            most_latency: Duration::from_millis(1),
            ..Self::perfect(Duration::ZERO)
        }
    }

    /// A bad network: 50 us to 20 ms, one packet in ten lost, one in fifty twice, one in twenty up
    /// to 50 ms late.
    #[must_use]
    pub const fn poor() -> Self {
        Self {
            least_latency: Duration::from_micros(50),
            most_latency: Duration::from_millis(20),
            loss: Chance::percent(10),
            duplication: Chance::percent(2),
            reordering: Chance::percent(5),
            most_delay: Duration::from_millis(50),
        }
    }
}

impl Default for Quality {
    /// As [`lan`](Self::lan).
    fn default() -> Self {
        Self::lan()
    }
}

/// The state of one segment.
#[derive(Debug)]
pub(crate) struct Segment {
    id: SegmentId,
    pub(crate) members: Vec<(NodeId, Link)>,
    /// The last one rules.
    qualities: Vec<Quality>,
    /// Sender and receiver, and by how many faults their direction is cut now.
    cuts: BTreeMap<(NodeId, NodeId), u32>,
    ways: BTreeMap<(NodeId, NodeId), Way>,
    /// The luck of streams, apart from that of packets.
    flights: BTreeMap<(NodeId, NodeId), Rng>,
}

/// One direction between two members.
#[derive(Debug)]
struct Way {
    rng: Rng,
    /// When the last packet that keeps its order arrives.
    last: Instant,
}

/// What becomes of a packet.
#[derive(Debug)]
pub(crate) struct Fate {
    pub(crate) arrivals: Vec<Instant>,
    pub(crate) reordered: bool,
}

impl Segment {
    pub(crate) fn new(id: SegmentId, quality: Quality) -> Self {
        Self {
            id,
            members: Vec::new(),
            qualities: vec![quality],
            cuts: BTreeMap::new(),
            ways: BTreeMap::new(),
            flights: BTreeMap::new(),
        }
    }

    pub(crate) fn degrade(&mut self, quality: Quality) {
        self.qualities.push(quality);
    }

    pub(crate) fn restore(&mut self, quality: Quality) {
        if let Some(index) = self.qualities.iter().rposition(|&q| q == quality) {
            self.qualities.remove(index);
        }
    }

    /// Whether this direction was open.
    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) -> bool {
        let depth = self.cuts.entry((from, to)).or_insert(0);
        *depth += 1;
        *depth == 1
    }

    /// Whether this direction is open now and was not.
    pub(crate) fn mend(&mut self, from: NodeId, to: NodeId) -> bool {
        let Some(depth) = self.cuts.get_mut(&(from, to)) else {
            return false;
        };
        *depth -= 1;
        if *depth == 0 {
            self.cuts.remove(&(from, to));
            return true;
        }
        false
    }

    pub(crate) fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.cuts.contains_key(&(from, to))
    }

    /// How long bytes of a stream are on the way. Each loss costs a retransmission.
    pub(crate) fn flight(
        &mut self,
        seed: u64,
        from: NodeId,
        to: NodeId,
        retransmission: Duration,
    ) -> Duration {
        let quality = self.qualities.last().copied().unwrap_or_default();
        let luck = Stream::Flight(self.id, from, to);
        let rng = self.flights.entry((from, to)).or_insert_with(|| luck.of(seed));
        let mut flight = rng.between(quality.least_latency, quality.most_latency);
        for _ in 0..MOST_LOSSES {
            if !rng.happens(quality.loss) {
                break;
            }
            flight += retransmission;
        }
        flight
    }

    /// When a packet that leaves now arrives: never, once or twice.
    pub(crate) fn send(&mut self, now: Instant, seed: u64, from: NodeId, to: NodeId) -> Fate {
        let quality = self.qualities.last().copied().unwrap_or_default();
        let way = self.ways.entry((from, to)).or_insert_with(|| Way {
            rng: Stream::Way(self.id, from, to).of(seed),
            last: Instant::ZERO,
        });
        // All draws are made in any case: a way's choices depend on the number of packets alone.
        let rng = &mut way.rng;
        let lost = rng.happens(quality.loss);
        let twice = rng.happens(quality.duplication);
        let reordered = rng.happens(quality.reordering);
        let latency = rng.between(quality.least_latency, quality.most_latency);
        let again = rng.between(quality.least_latency, quality.most_latency);
        let delay = rng.between(Duration::ZERO, quality.most_delay);

        let mut arrivals = Vec::new();
        if !lost {
            let arrival = if reordered {
                now + latency + delay
            } else {
                way.last = way.last.max(now + latency);
                way.last
            };
            arrivals.push(arrival);
            if twice {
                arrivals.push(arrival.max(now + again));
            }
        }
        Fate { arrivals, reordered: reordered && !lost }
    }
}

impl fmt::Debug for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "segment {}", self.0)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "link {}", self.0)
    }
}

/// Bytes of a stream are lost so often in a row, at most.
const MOST_LOSSES: u32 = 8;
