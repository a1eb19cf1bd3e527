use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    fmt,
    sync::Arc,
    time::Duration,
};

use vipcast_sans_io::Instant;

use crate::{
    Boot, Clock, Config, Counts, Fault, Link, Node, NodeId, Quality, Rng, Schedule, SegmentId,
    StreamId, Transcript, What, rng::Stream, segment::Segment,
};

/// The world: nodes on segments, in virtual time. One seed fixes all that happens in it.
///
/// At one instant, faults and packets come first and in the order in which they were caused, then
/// timers in the order of the nodes. After each call a node is served as a real loop would: due
/// timers, events, up to 32 packets, the actions of streams, and again until nothing moves.
///
/// Methods that take a [`NodeId`], [`SegmentId`] or [`Link`] panic if this network has none such, and
/// those that add one if there are 65,536 already.
pub struct Network<N: Node> {
    seed: u64,
    config: Config,
    now: Instant,
    segments: Vec<Segment>,
    hosts: Vec<Host<N>>,
    /// By time, then in the order of their causes.
    queue: BTreeMap<(Instant, u64), Occurrence>,
    caused: u64,
    ends: BTreeMap<EndName, End>,
    /// How many were ever tried.
    connections: u64,
    wakes: BTreeSet<(Instant, NodeId)>,
    /// Wakes in a row that did not move the time on.
    restless: u32,
    events: Vec<Reported<N::Event>>,
    counts: Counts,
    transcript: Transcript,
}

/// An event that a node reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reported<E> {
    /// When, in the world's time.
    pub at: Instant,
    /// When, by the node's own clock.
    pub local: Instant,
    /// Who.
    pub node: NodeId,
    /// What.
    pub event: E,
}

/// A network's shape, for making faults that fit it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Topology {
    /// The members of each segment, with their links.
    pub segments: Vec<Vec<(NodeId, Link)>>,
    /// How many nodes there are.
    pub nodes: u16,
}

type Factory<N> = Box<dyn FnMut(Boot) -> N>;

struct Host<N> {
    name: Arc<str>,
    factory: Factory<N>,
    /// `None` while crashed.
    node: Option<N>,
    life: u32,
    clock: Clock,
    rng: Rng,
    links: Vec<SegmentId>,
    /// By how many faults each link is unplugged now.
    unplugged: Vec<u32>,
    paused: u32,
    stalled: u32,
    crashed: u32,
    inbox: VecDeque<Parcel>,
    /// The deadline that the wake was made for, and the wake in the world's time.
    wake: Option<(Instant, Instant)>,
}

impl<N> Host<N> {
    fn runs(&self) -> bool {
        self.node.is_some() && self.paused == 0
    }
}

#[derive(Clone, Debug)]
enum Occurrence {
    /// A node's first moment: it is asked what it has to send.
    Start(NodeId),
    Arrive(NodeId, Parcel),
    Begin(Fault),
    End(Fault),
    /// A stream's handshake reached this host.
    Open {
        name: EndName,
        link: Link,
        end: End,
    },
    /// What a stream could not send is tried again.
    Retry {
        name: EndName,
        connection: u64,
    },
}

/// What comes in at a host.
#[derive(Clone, Debug)]
enum Parcel {
    Packet { link: Link, from: NodeId, bytes: Arc<[u8]> },
    Carrier { link: Link, up: bool },
    Stream { connection: u64, stream: StreamId, what: StreamParcel },
}

impl<N: Node> Network<N> {
    /// An empty world at time zero.
    #[must_use]
    pub fn new(seed: u64, config: Config) -> Self {
        Self {
            seed,
            config,
            now: Instant::ZERO,
            segments: Vec::new(),
            hosts: Vec::new(),
            queue: BTreeMap::new(),
            caused: 0,
            ends: BTreeMap::new(),
            connections: 0,
            wakes: BTreeSet::new(),
            restless: 0,
            events: Vec::new(),
            counts: Counts::default(),
            transcript: Transcript::new(),
        }
    }

    /// Adds a segment of the configured quality.
    pub fn add_segment(&mut self) -> SegmentId {
        self.add_segment_with(self.config.quality)
    }

    /// Adds a segment of another quality.
    pub fn add_segment_with(&mut self, quality: Quality) -> SegmentId {
        let id = SegmentId(u16::try_from(self.segments.len()).expect("at most 65,536 segments"));
        self.segments.push(Segment::new(id, quality));
        id
    }

    /// Adds a node with one link to each of `segments`, in this order, and a clock drawn within the
    /// configured limits. `factory` makes it now, and again after each crash; what is to survive a
    /// crash (a disk) is shared with the factory.
    pub fn add_node(
        &mut self,
        name: &str,
        segments: &[SegmentId],
        factory: impl FnMut(Boot) -> N + 'static,
    ) -> NodeId {
        let mut rng = Stream::Node(self.next_node()).of(self.seed);
        let offset = rng.between(Duration::ZERO, self.config.most_offset);
        let most = i32::from(self.config.most_ppm);
        let drawn = rng.below(2 * u64::from(self.config.most_ppm) + 1);
        let ppm = i32::try_from(drawn).unwrap_or(most) - most;
        self.add_node_with(name, segments, Clock::new(offset, ppm), factory)
    }

    /// As [`add_node`](Self::add_node), with this clock.
    pub fn add_node_with(
        &mut self,
        name: &str,
        segments: &[SegmentId],
        clock: Clock,
        factory: impl FnMut(Boot) -> N + 'static,
    ) -> NodeId {
        let id = self.next_node();
        for (index, segment) in segments.iter().enumerate() {
            let link = Link(u16::try_from(index).expect("at most 65,536 links"));
            self.segments[usize::from(segment.0)].members.push((id, link));
        }
        self.hosts.push(Host {
            name: name.into(),
            factory: Box::new(factory),
            node: None,
            life: 0,
            clock,
            rng: Stream::Node(id).of(!self.seed),
            links: segments.to_vec(),
            unplugged: vec![0; segments.len()],
            paused: 0,
            stalled: 0,
            crashed: 0,
            inbox: VecDeque::new(),
            wake: None,
        });
        self.boot(id);
        id
    }

    fn next_node(&self) -> NodeId {
        NodeId(u16::try_from(self.hosts.len()).expect("at most 65,536 nodes"))
    }

    /// Puts the faults of a schedule into the future. Those that should have begun begin at once.
    pub fn install(&mut self, schedule: &Schedule) {
        for timed in schedule.faults() {
            self.cause(timed.at, Occurrence::Begin(timed.fault.clone()));
            self.cause(timed.ends(), Occurrence::End(timed.fault.clone()));
        }
    }

    /// Gives a running node a command; `None` if it has crashed or is paused. The closure is given
    /// the node and what its clock shows, and its events and packets are taken afterwards.
    pub fn command<R>(
        &mut self,
        node: NodeId,
        command: impl FnOnce(&mut N, Instant) -> R,
    ) -> Option<R> {
        let host = &mut self.hosts[usize::from(node.0)];
        if !host.runs() {
            return None;
        }
        let local = host.clock.local(self.now);
        let result = host.node.as_mut().map(|inner| command(inner, local));
        self.settle(node);
        result
    }

    /// All events that were reported since the last call, oldest first.
    pub fn take_events(&mut self) -> Vec<Reported<N::Event>> {
        std::mem::take(&mut self.events)
    }

    /// The events not taken yet, oldest first.
    #[must_use]
    pub fn events(&self) -> &[Reported<N::Event>] {
        &self.events
    }

    /// The node, unless it has crashed. A paused one can be looked at.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&N> {
        self.hosts[usize::from(node.0)].node.as_ref()
    }

    /// All nodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + use<N> {
        (0..u16::try_from(self.hosts.len()).unwrap_or(u16::MAX)).map(NodeId)
    }

    /// Whether the node lives and is not paused.
    #[must_use]
    pub fn is_running(&self, node: NodeId) -> bool {
        self.hosts[usize::from(node.0)].runs()
    }

    /// Whether packets of `from` would reach the segment's member `to`: nothing cut, nothing
    /// unplugged. Loss is not considered, nor whether the two run.
    #[must_use]
    pub fn is_open(&self, segment: SegmentId, from: NodeId, to: NodeId) -> bool {
        let plugged = |node: NodeId| {
            let host = &self.hosts[usize::from(node.0)];
            let mut links = host.links.iter().zip(&host.unplugged);
            links.any(|(&at, &depth)| at == segment && depth == 0)
        };
        plugged(from) && plugged(to) && !self.segments[usize::from(segment.0)].is_cut(from, to)
    }

    /// The name that the node was given.
    #[must_use]
    pub fn name(&self, node: NodeId) -> &str {
        &self.hosts[usize::from(node.0)].name
    }

    /// The node's clock.
    #[must_use]
    pub fn clock(&self, node: NodeId) -> Clock {
        self.hosts[usize::from(node.0)].clock
    }

    /// What the node's clock shows.
    #[must_use]
    pub fn local(&self, node: NodeId) -> Instant {
        self.clock(node).local(self.now)
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// The seed that fixes all.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What really happened so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What happened so far, in order; empty unless [`Config::record`] is set.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    pub(crate) fn take_transcript(&mut self) -> Transcript {
        std::mem::take(&mut self.transcript)
    }

    /// Who is on which segment.
    #[must_use]
    pub fn topology(&self) -> Topology {
        Topology {
            segments: self.segments.iter().map(|s| s.members.clone()).collect(),
            nodes: u16::try_from(self.hosts.len()).unwrap_or(u16::MAX),
        }
    }

    fn cause(&mut self, at: Instant, occurrence: Occurrence) {
        self.caused += 1;
        self.queue.insert((at.max(self.now), self.caused), occurrence);
    }

    fn record(&mut self, node: NodeId, what: impl FnOnce() -> What) {
        if self.config.record {
            let host = &self.hosts[usize::from(node.0)];
            let (local, name) = (host.clock.local(self.now), Arc::clone(&host.name));
            self.transcript.push_local(self.now, local, name, what());
        }
    }

    fn record_world(&mut self, what: impl FnOnce() -> What) {
        if self.config.record {
            self.transcript.push(self.now, "network", what());
        }
    }
}

impl<N: Node> fmt::Debug for Network<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network")
            .field("seed", &self.seed)
            .field("now", &self.now)
            .field("nodes", &self.hosts.len())
            .field("segments", &self.segments.len())
            .finish_non_exhaustive()
    }
}

mod faults;
mod run;
mod streams;

use streams::{End, EndName, StreamParcel};

#[cfg(test)]
mod tests;
