use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    time::Duration,
};

use vipcast_arp_ndp::{ArpOperation, ArpPacket, LinkId, MacAddr, NdpMessage, NeighborSolicitation};
use vipcast_election::{
    NodeName, Unit,
    beacon::{BeaconInput, Keyring, Notice, wire::Beacon, wire::Refusal},
    register,
};
use vipcast_plan::LinkName;
use vipcast_sans_io::{Instant, Machine};

use super::{Host, receive::received};
use crate::{
    clock::Clock,
    driver::{BATCH, pump},
    layer2::{
        Alarm, LinkState, NodeSeen, connects::Connects, elector::Elector, leases, lock,
        outlets::Tokens, sockets::socket_number,
    },
    os::FrameKind,
};

/// How long after a question about the old owner an answer counts.
const ANSWERS_COUNT: Duration = Duration::from_millis(500);

/// So many addresses that this node does not announce are let through for others' sake; then those go
/// whose answer is too late.
const MOST_UNLISTED: usize = 256;

/// How long a conflict goes on after another host was seen last with an address of ours.
const CONFLICT_LASTS: Duration = Duration::from_secs(60);

/// How often the living nodes are looked at, at most.
const LOOK_AT_PEERS: Duration = Duration::from_millis(20);

/// How long a node that fell silent counts among those that may hold something, so that its return
/// changes nothing. Whether it lives is for the election to know.
const REMEMBERED: Duration = Duration::from_secs(60);

/// The elector's side of the thread.
impl Host {
    /// Runs the elector, and turns its tokens into claims.
    pub(super) fn elect(&mut self) {
        if self.outgoing.left_over().is_none() {
            leases::forget_ended(&mut lock(&self.shared.leases), Clock::now());
        }
        let mut outlet = Tokens {
            responder: &mut self.responder,
            leases: &self.shared.leases,
            beacons: &self.beacons,
            asks: Vec::new(),
            unsent: Vec::new(),
            unheard: None,
            store: self.elector.store(),
            changed: false,
            full: false,
        };
        let due = loop {
            let due = match &mut self.elector {
                Elector::Hash(hash) => {
                    let beacons = pump(&mut hash.peers, Clock::now, &mut self.buf, &mut outlet);
                    hash.follow(Clock::now());
                    let order = pump(&mut hash.order, Clock::now, &mut self.buf, &mut outlet);
                    [beacons, order].into_iter().flatten().min()
                }
                Elector::Static(election) => {
                    pump(&mut **election, Clock::now, &mut self.buf, &mut outlet)
                }
                Elector::Groups(groups) => {
                    pump(&mut groups.election, Clock::now, &mut self.buf, &mut outlet)
                }
                Elector::Beacon(election) => {
                    pump(&mut **election, Clock::now, &mut self.buf, &mut outlet)
                }
            };
            // Once a segment: the next beacon there is not due yet.
            let Some(segment) = outlet.unheard.take() else { break due };
            if let Some(election) = self.elector.beacons_mut() {
                election.unsent(Clock::now(), &segment);
            }
        };
        let Tokens { asks, unsent, changed, full, .. } = outlet;
        if changed {
            self.claim();
        }
        for (unit, whom) in asks {
            self.ask(&unit, whom.as_ref());
        }
        let now = Clock::now();
        self.note_unsent(now, unsent);
        self.take_notices(now);
        self.look_at_groups(now);
        self.dirty |= self.alarms.expire(now, &mut self.report.alarms);
        self.end_conflicts(now);
        let version = self.elector.claims_version();
        if std::mem::replace(&mut self.claims_version, version) != version {
            self.dirty = true;
        }
        if changed || now >= self.peers_looked_at + LOOK_AT_PEERS {
            self.look_at_peers(now);
        }
        let retry = full.then(|| now + super::RETRY_FULL);
        self.election_due = [due, retry].into_iter().flatten().min();
    }

    /// The kernel refuses to send on these links.
    pub(super) fn note_unsent(&mut self, now: Instant, unsent: Vec<(u32, io::Error)>) {
        for (index, error) in unsent {
            if let Some((name, _)) = self.report.links.iter().find(|(_, l)| l.index == index) {
                let alarm = Alarm::Unsent(name.clone());
                self.raise(now, alarm, || error.to_string());
            }
        }
    }

    fn take_notices(&mut self, now: Instant) {
        let Some(election) = self.elector.beacons_mut() else { return };
        let notices: Vec<Notice> = std::iter::from_fn(|| election.poll_notice()).collect();
        for notice in notices {
            let alarm = match notice {
                Notice::SameName(segment) => Alarm::SameName(segment),
                // Told where the hardware address is known.
                Notice::ForeignAnswer(_) => continue,
                Notice::NotServed(unit) => Alarm::NotServed(unit),
                Notice::Restless(unit) => Alarm::Restless(unit),
                _ => continue,
            };
            self.raise(now, alarm, String::new);
        }
    }

    pub(super) fn raise(&mut self, now: Instant, alarm: Alarm, cause: impl FnOnce() -> String) {
        self.dirty |= self.alarms.raise(now, &mut self.report.alarms, alarm, cause);
    }

    /// Conflicts begin or go on.
    pub(super) fn note_conflicts(&mut self, now: Instant, seen: Vec<(IpAddr, LinkName)>) {
        for key in seen {
            self.conflicts_until.insert(key, now + CONFLICT_LASTS);
        }
    }

    /// What was not seen for a while is over, as far as can be told.
    fn end_conflicts(&mut self, now: Instant) {
        if self.conflicts_until.values().all(|until| now < *until) {
            return;
        }
        self.conflicts_until.retain(|_, until| now < *until);
        self.report.conflicts.retain(|key, _| self.conflicts_until.contains_key(key));
        self.dirty = true;
    }

    /// Who is there, for the report.
    fn look_at_peers(&mut self, now: Instant) {
        self.peers_looked_at = now;
        let Some(election) = self.elector.beacons() else { return };
        let mut nodes = BTreeMap::new();
        let mut members: BTreeSet<NodeName> = [self.me.clone()].into();
        for peer in election.peers() {
            let seen = NodeSeen {
                there: peer.there,
                mutual: peer.mutual,
                starting: peer.starting,
                draining: peer.draining,
            };
            if peer.there || now < peer.heard_at + REMEMBERED {
                members.insert(peer.name.clone());
            }
            nodes.insert((peer.segment.clone(), peer.name.clone()), seen);
        }
        let drained = self.elector.is_drained();
        let report = &mut self.report;
        if report.nodes != nodes || report.members != members || report.drained != drained {
            (report.nodes, report.members, report.drained) = (nodes, members, drained);
            self.dirty = true;
        }
    }

    /// Follows the links with the sockets of the beacons, and tells the elector where it can hear and
    /// be heard.
    pub(super) fn follow_beacons(&mut self, now: Instant) {
        let failed = self.beacons.follow(&self.report.links, &self.poller);
        if !failed.is_empty() {
            self.look_again = Some(now + super::network::TRY_AGAIN);
        }
        let takes_part = self.elector.beacons().is_some();
        for (name, error) in failed {
            if takes_part {
                let why = format!("beacons cannot be heard: {error}");
                self.report.broken_links.insert(name, why);
            } else {
                self.raise(now, Alarm::Unheard(name), || error.to_string());
            }
        }
        let up = self.beacons.segments();
        if let Some(election) = self.elector.beacons_mut() {
            for segment in &up {
                let here = |link: &&LinkState| link.up && link.segment.as_str() == segment.as_str();
                let links = self.report.links.values().filter(here);
                election.set_hardware(segment, links.map(|link| link.mac.0).collect());
            }
        }
        if !self.ready {
            return;
        }
        for segment in self.segments_up.difference(&up) {
            self.elector.set_link(now, segment, false);
        }
        for segment in up.difference(&self.segments_up) {
            self.elector.set_link(now, segment, true);
        }
        self.segments_up = up;
    }

    /// The node knows who may hold what: from now on it may take part. Before, it would be thought to
    /// want nothing.
    pub(super) fn begin(&mut self, now: Instant) {
        if !std::mem::replace(&mut self.ready, true) {
            self.follow_beacons(now);
        }
    }

    pub(super) fn set_keyring(&mut self, keyring: Keyring) {
        self.elector.set_keyring(keyring);
    }

    /// Reads at most one batch of beacons.
    pub(super) fn receive_beacons(&mut self, index: u32) -> io::Result<()> {
        let now = Clock::now();
        for _ in 0..BATCH {
            let datagram = self.beacons.recv(index, &mut self.frame);
            let Some((len, from)) = received(datagram)? else { break };
            let Some(segment) = self.beacons.segment(index).cloned() else { break };
            let bytes = self.frame.get(..len).unwrap_or(&self.frame);
            let from = from.map_or_else(String::new, |from| format!("from {from}"));
            if register::is_ours(bytes) {
                self.pass_on(now, &segment, len, &from);
                continue;
            }
            match self.elector.beacons_mut() {
                Some(election) => {
                    let verdict = election.handle_datagram(now, &segment, bytes);
                    if let Err(why) = verdict
                        && is_worth_telling(why)
                    {
                        self.raise(now, Alarm::Refused(segment, why), || from);
                    }
                }
                None => {
                    let name = match Beacon::decode(bytes, &Keyring::insecure()) {
                        Ok(beacon) => format!("{} ", beacon.name),
                        Err(Refusal::NotABeacon) => continue,
                        Err(_) => String::new(),
                    };
                    self.raise(now, Alarm::ForeignBeacon(segment), || format!("{name}{from}"));
                }
            }
        }
        Ok(())
    }

    /// Asks for an address: everybody, where its owner is silent; or its living owner alone, so that
    /// other hosts are not troubled.
    fn ask(&mut self, unit: &Unit, whom: Option<&NodeName>) {
        let Some(election) = self.elector.beacons() else { return };
        let everybody: &[Option<MacAddr>] = &[None];
        let its: Vec<Option<MacAddr>> = whom
            .map(|node| election.hardware_of(&unit.segment, node))
            .map(|its| its.iter().map(|mac| Some(MacAddr(*mac))).collect())
            .unwrap_or_default();
        let to = if its.is_empty() { everybody } else { &its };
        let now = Clock::now();
        self.asked.retain(|_, (_, until)| now < *until);
        let here = |link: &&LinkState| link.up && link.segment.as_str() == unit.segment.as_str();
        let listed = self.table.contains_key(unit);
        let mut unlisted = false;
        if self.unlisted.len() >= MOST_UNLISTED {
            let asked = &self.asked;
            self.unlisted.retain(|(address, link)| asked.contains_key(&(link.0, *address)));
        }
        for link in self.report.links.values().filter(here) {
            self.asked.insert((link.index, unit.address), (unit.clone(), now + ANSWERS_COUNT));
            unlisted |= !listed && self.unlisted.insert((unit.address, LinkId(link.index)));
        }
        if unlisted {
            // Else the answers would not come through.
            self.narrow_filters();
        }
        for link in self.report.links.values().filter(here) {
            // A packet socket sends whatever it is given: that of ARP carries both protocols.
            let socket = self.sockets.get(&socket_number(link.index, FrameKind::Arp));
            for to in to {
                question(link, unit.address, *to, &mut self.buf);
                // A question that is lost is one without an answer.
                let _ = socket.map(|socket| socket.send(&self.buf));
            }
        }
        if whom.is_some() {
            self.connect(unit, &its, now + ANSWERS_COUNT);
        }
    }

    /// An answer to such a question is a sign of life of whoever sent it.
    pub(super) fn notice_answers(&mut self, now: Instant, link: LinkId) {
        if self.asked.is_empty() {
            return;
        }
        self.asked.retain(|_, (_, until)| now < *until);
        let frames = self.batch.frames().map(|(_, bytes)| bytes);
        let answers: Vec<_> =
            frames.filter(|b| looks_like_an_answer(b)).filter_map(answer).collect();
        for (address, mac) in answers {
            self.notice_answer(now, link, address, mac);
        }
    }

    fn notice_answer(&mut self, now: Instant, link: LinkId, address: IpAddr, mac: MacAddr) {
        let asked = self.asked.get(&(link.0, address)).filter(|(_, until)| now < *until);
        let Some((unit, _)) = asked.cloned() else { return };
        let Some(election) = self.elector.beacons_mut() else { return };
        let by = election.node_at(&unit.segment, mac.0).cloned();
        election.handle_input(now, BeaconInput::Answer { unit: &unit, by: by.as_ref() });
        // Where nothing can be connected to, that is all there is.
        let unconnectable = |connects: &Connects| !connects.tries(address);
        if let Some(by) = &by
            && self.connects.as_ref().is_some_and(unconnectable)
        {
            election.handle_input(now, BeaconInput::Connected { unit: &unit, by });
        }
        if by.is_none() {
            self.raise(now, Alarm::ForeignAnswer(unit), || format!("from {mac}"));
        }
    }
}

/// Whether it is worth decoding: nearly all frames are questions.
fn looks_like_an_answer(bytes: &[u8]) -> bool {
    const ARP_OPERATION: usize = 21;
    const ICMPV6_TYPE: usize = 54;
    match bytes.get(12..14) {
        Some([0x08, 0x06]) => bytes.get(ARP_OPERATION) == Some(&2),
        Some([0x86, 0xdd]) => bytes.get(ICMPV6_TYPE) == Some(&136),
        // A priority tag moves what follows.
        _ => true,
    }
}

/// Refusals that are part of the day are only counted.
pub(super) fn is_worth_telling(why: Refusal) -> bool {
    !matches!(why, Refusal::Own | Refusal::SameName | Refusal::Replayed | Refusal::UnknownSegment)
}

/// A question for the address from an address of the link, so that the answer comes here alone.
fn question(link: &LinkState, address: IpAddr, to: Option<MacAddr>, buf: &mut Vec<u8>) {
    let own = link.networks.iter();
    match address {
        IpAddr::V4(address) => {
            let own = own.filter(|network| network.contains(&IpAddr::from(address)));
            let own = own.map(|network| network.addr()).find_map(|own| match own {
                IpAddr::V4(own) => Some(own),
                IpAddr::V6(_) => None,
            });
            let packet = match own {
                Some(own) => ArpPacket::question(own, link.mac, address, to),
                None => ArpPacket::probe(address, link.mac),
            };
            packet.encode(buf);
        }
        IpAddr::V6(address) => {
            let own = own.map(|network| network.addr()).find_map(|own| match own {
                IpAddr::V6(own) => Some(own),
                IpAddr::V4(_) => None,
            });
            let packet = match own {
                Some(own) => NeighborSolicitation::question(own, link.mac, address, to),
                None => NeighborSolicitation::probe(address, link.mac),
            };
            packet.encode(buf);
        }
    }
}

/// Whose answer it is, and for which address.
fn answer(bytes: &[u8]) -> Option<(IpAddr, MacAddr)> {
    if let Ok(packet) = ArpPacket::decode(bytes) {
        let answers = packet.operation == ArpOperation::Reply && packet.source.is_unicast();
        return answers.then_some((packet.sender.into(), packet.source));
    }
    match NdpMessage::decode(bytes) {
        Ok(NdpMessage::Advertisement(advertisement)) => {
            Some((advertisement.target.into(), advertisement.source))
        }
        _ => None,
    }
}
