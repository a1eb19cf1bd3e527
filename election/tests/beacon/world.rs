//! Hosts of electors on one or more segments, and one client that only believes announcements.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::IpAddr,
    rc::Rc,
    time::Duration,
};

use vipcast_election::{
    Backend, Candidates, Contenders, Epoch, Event, LeaseId, NodeName, Segment, Token, Unit,
    beacon::{BeaconConfig, BeaconElection, BeaconInput, BeaconSettings, BeaconTransmit, Keyring},
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{Arrival, Boot, Config, Link, Network, Node, NodeId, Route};

pub(crate) type World = Network<Host>;

/// What a host tells the test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Granted(Unit, Epoch),
    Revoked(Unit),
    /// Something that must never be.
    Wrong(&'static str),
}

pub(crate) enum Host {
    Elector(Box<Elector>),
    /// Who announced each unit last.
    Client(BTreeMap<Unit, NodeId>),
}

/// An elector and what a responder makes of its tokens.
pub(crate) struct Elector {
    pub(crate) election: BeaconElection,
    /// Beacons that it would send are lost; all else is not.
    pub(crate) mute_beacons: bool,
    /// The kernel takes none of its beacons, and says so.
    pub(crate) refused: bool,
    /// Its beacons have an item that others do not know, as a newer version's would.
    pub(crate) says_more: bool,
    /// For what it sends neither answers nor announcements.
    pub(crate) mute: Mute,
    /// Answers that others send never come.
    pub(crate) deaf_to_answers: bool,
    /// When it was asked to prove others, for each.
    pub(crate) proofs: Vec<(Instant, Unit, NodeName)>,
    segments: Vec<Segment>,
    leases: BTreeMap<LeaseId, Instant>,
    granted: BTreeMap<Unit, Token>,
    frames: VecDeque<(Frame, Unit, Option<NodeId>)>,
    again: BTreeSet<(Instant, Unit, u64)>,
    seen: VecDeque<Seen>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mute {
    Nothing,
    Number(u8),
    All,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Frame {
    Ask,
    Answer,
    Announce,
}

/// What a world is made of.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) nodes: u16,
    pub(crate) segments: u16,
    pub(crate) units: u8,
    pub(crate) settings: BeaconSettings,
    pub(crate) keyring: Keyring,
    pub(crate) network: Config,
}

impl Plan {
    /// Nothing is ever late or lost.
    pub(crate) fn exact(nodes: u16, units: u8) -> Self {
        Self {
            nodes,
            segments: 1,
            units,
            settings: BeaconSettings::default(),
            keyring: Keyring::insecure(),
            network: Config { record: false, ..Config::exact(Duration::from_micros(100)) },
        }
    }

    pub(crate) fn build(&self, seed: u64) -> World {
        let mut net = Network::new(seed, self.network);
        let segments: Vec<_> = (0..self.segments).map(|_| net.add_segment()).collect();
        let lives = Rc::new(Cell::new(0));
        for index in 0..self.nodes {
            let (plan, lives) = (self.clone(), Rc::clone(&lives));
            net.add_node(name(index).as_str(), &segments, move |boot| {
                // As the wall clock does, it rises from life to life, of any node.
                lives.set(lives.get() + 1_000_000);
                Host::Elector(Box::new(Elector::new(&plan, boot, lives.get())))
            });
        }
        net.add_node("client", &segments, |_| Host::Client(BTreeMap::new()));
        net
    }

    pub(crate) fn candidates(&self) -> Candidates {
        let nodes: Vec<NodeName> = (0..self.nodes).map(name).collect();
        let units = (0..self.segments).flat_map(|at| (0..self.units).map(move |n| unit(at, n)));
        units.map(|unit| (unit.clone(), Contenders::equal(nodes.clone(), unit.address))).collect()
    }
}

pub(crate) fn name(index: u16) -> NodeName {
    NodeName::new(format!("n{index:02}"))
}

pub(crate) fn unit(at: u16, number: u8) -> Unit {
    Unit { segment: segment(at), address: IpAddr::from([192, 0, 2, number]) }
}

pub(crate) fn segment(at: u16) -> Segment {
    Segment::new(format!("lan{at}"))
}

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Who may speak for the unit now.
pub(crate) fn owners(net: &World, unit: &Unit) -> Vec<NodeId> {
    let speaks = |node: &NodeId| {
        let Some(Host::Elector(elector)) = net.node(*node) else { return false };
        net.is_running(*node) && elector.speaks(net.local(*node), unit)
    };
    net.nodes().filter(speaks).collect()
}

/// How many units each node holds.
pub(crate) fn loads(net: &World, units: &[Unit]) -> Vec<usize> {
    let owners: Vec<NodeId> = units.iter().flat_map(|unit| owners(net, unit)).collect();
    let electors = net.nodes().filter(|node| elector(net, *node).is_some());
    electors.map(|node| owners.iter().filter(|owner| **owner == node).count()).collect()
}

pub(crate) fn elector(net: &World, node: NodeId) -> Option<&Elector> {
    match net.node(node) {
        Some(Host::Elector(elector)) => Some(elector),
        _ => None,
    }
}

pub(crate) fn command<R>(
    net: &mut World,
    node: NodeId,
    command: impl FnOnce(&mut Elector, Instant) -> R,
) -> Option<R> {
    let result = net.command(node, |host, now| match host {
        Host::Elector(elector) => {
            let result = command(elector, now);
            elector.listen_to_election(now);
            Some(result)
        }
        Host::Client(_) => None,
    });
    result.flatten()
}

impl Elector {
    fn new(plan: &Plan, boot: Boot, incarnation: u64) -> Self {
        let config = BeaconConfig::new(name(boot.node.0), incarnation, plan.settings.clone());
        let mut election = BeaconElection::new(config.unwrap(), plan.keyring.clone());
        let segments: Vec<Segment> = (0..plan.segments).map(segment).collect();
        for segment in &segments {
            election.set_link(boot.now, segment, true);
        }
        election.set_candidates(boot.now, plan.candidates());
        Self {
            election,
            mute_beacons: false,
            refused: false,
            says_more: false,
            mute: Mute::Nothing,
            deaf_to_answers: false,
            proofs: Vec::new(),
            segments,
            leases: BTreeMap::new(),
            granted: BTreeMap::new(),
            frames: VecDeque::new(),
            again: BTreeSet::new(),
            seen: VecDeque::new(),
        }
    }

    pub(crate) fn speaks(&self, now: Instant, unit: &Unit) -> bool {
        let lease = self.granted.get(unit).and_then(|token| self.leases.get(&token.lease));
        lease.is_some_and(|not_after| now < *not_after)
    }

    fn listen_to_election(&mut self, now: Instant) {
        while let Some(event) = self.election.poll_event() {
            match event {
                Event::Renewed { lease, not_after } => _ = self.leases.insert(lease, not_after),
                Event::Granted(token) => {
                    let unit = token.unit.clone();
                    for (count, after) in [0, 200].map(millis).into_iter().enumerate() {
                        let key = token.epoch.0 * 4 + count as u64;
                        self.again.insert((now + after, unit.clone(), key));
                    }
                    self.seen.push_back(Seen::Granted(unit.clone(), token.epoch));
                    self.granted.insert(unit, token);
                }
                Event::Revoked(unit) => {
                    self.granted.remove(&unit);
                    self.seen.push_back(Seen::Revoked(unit));
                }
            }
        }
    }

    /// Who was called has no token that is over.
    fn check(&mut self, now: Instant) {
        for unit in self.election.tokens().keys() {
            if self.election.not_after(&unit.segment).is_none_or(|not_after| now >= not_after) {
                self.seen.push_back(Seen::Wrong("a token outlived its lease"));
            }
        }
    }

    fn on_time(&mut self, now: Instant) {
        self.election.handle_timeout(now);
        self.listen_to_election(now);
        while let Some((at, unit, key)) = self.again.first().cloned() {
            if at > now {
                break;
            }
            self.again.pop_first();
            // A client may have been cut off: an owner announces from time to time.
            if self.granted.get(&unit).is_some_and(|token| token.epoch.0 == key / 4) {
                self.again.insert((at + millis(1_000), unit.clone(), key));
            }
            self.frames.push_back((Frame::Announce, unit, None));
        }
    }

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        self.on_time(now);
        match arrival {
            Arrival::Packet(packet) => {
                let Some(segment) = self.segments.get(usize::from(packet.link.0)) else { return };
                let unit = |number| unit(packet.link.0, number);
                match packet.bytes {
                    [0, bytes @ ..] => {
                        let input = BeaconInput::Datagram { segment, bytes };
                        self.election.handle_input(now, input);
                    }
                    // An ARP request, and its answer.
                    &[1, number] => {
                        self.frames.push_back((Frame::Answer, unit(number), Some(packet.from)));
                    }
                    &[2, _] if self.deaf_to_answers => {}
                    &[2, number] => {
                        let by = name(packet.from.0);
                        let input = BeaconInput::Answer { unit: &unit(number), by: Some(&by) };
                        self.election.handle_input(now, input);
                    }
                    _ => {}
                }
            }
            Arrival::Carrier { link, up } => {
                let Some(segment) = self.segments.get(usize::from(link.0)) else { return };
                self.election.handle_input(now, BeaconInput::Link { segment, up });
            }
            _ => {}
        }
        self.listen_to_election(now);
        self.check(now);
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        let segments = self.segments.clone();
        let link = |unit: &Unit| {
            let at = segments.iter().position(|segment| *segment == unit.segment);
            Link(u16::try_from(at.unwrap_or(0)).unwrap())
        };
        while let Some((frame, unit, to)) = self.frames.pop_front() {
            let speaks = self.speaks(now, &unit);
            if frame != Frame::Ask && !speaks {
                continue;
            }
            let IpAddr::V4(address) = unit.address else { continue };
            match self.mute {
                Mute::All => continue,
                Mute::Number(number) if number == address.octets()[3] => continue,
                _ => {}
            }
            let kind = match frame {
                Frame::Ask => 1,
                Frame::Answer => 2,
                Frame::Announce => 3,
            };
            buf.clear();
            buf.extend([kind, address.octets()[3]]);
            return Some(Route { link: link(&unit), to });
        }
        loop {
            let mut bytes = Vec::new();
            let transmit = self.election.poll_transmit(now, &mut bytes);
            self.listen_to_election(now);
            match transmit? {
                BeaconTransmit::Beacon(_) if self.mute_beacons => {}
                BeaconTransmit::Beacon(segment) if self.refused => {
                    self.election.unsent(now, &segment);
                    self.listen_to_election(now);
                }
                BeaconTransmit::Beacon(segment) => {
                    assert!(bytes.len() <= 1_400);
                    buf.clear();
                    buf.push(0);
                    buf.extend(bytes);
                    if self.says_more {
                        buf.extend([250, 0, 3, 1, 2, 3]);
                    }
                    let at = self.segments.iter().position(|known| *known == segment);
                    return Some(Route::broadcast(Link(u16::try_from(at.unwrap()).unwrap())));
                }
                BeaconTransmit::Ask { unit, .. } => {
                    return Some(ask(&unit, link(&unit), buf));
                }
                BeaconTransmit::Prove { unit, owner } => {
                    self.proofs.push((now, unit.clone(), owner));
                    return Some(ask(&unit, link(&unit), buf));
                }
            }
        }
    }
}

/// An ARP request.
fn ask(unit: &Unit, link: Link, buf: &mut Vec<u8>) -> Route {
    let IpAddr::V4(address) = unit.address else { panic!("{unit} is not IPv4") };
    buf.clear();
    buf.extend([1, address.octets()[3]]);
    Route::broadcast(link)
}

impl Node for Host {
    type Event = Seen;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        match self {
            Self::Elector(elector) => elector.handle(now, arrival),
            Self::Client(cache) => {
                if let Arrival::Packet(packet) = arrival
                    && let &[3, number] = packet.bytes
                {
                    cache.insert(unit(packet.link.0, number), packet.from);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Elector(elector) = self {
            elector.on_time(now);
            elector.check(now);
        }
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        match self {
            Self::Elector(elector) => elector.poll_packet(now, buf),
            Self::Client(_) => None,
        }
    }

    fn poll_event(&mut self) -> Option<Seen> {
        match self {
            Self::Elector(elector) => elector.seen.pop_front(),
            Self::Client(_) => None,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Elector(elector) => {
                let again = elector.again.first().map(|(at, ..)| *at);
                [elector.election.poll_timeout(), again].into_iter().flatten().min()
            }
            Self::Client(_) => None,
        }
    }
}
