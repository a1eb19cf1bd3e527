use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use smoltcp::wire::EthernetProtocol;
use vipcast_sans_io::Instant;

use super::{Frame, LinkId, Responder};
use crate::{
    ArpOperation, ArpPacket, MacAddr, NdpMessage, NeighborAdvertisement, NeighborSolicitation,
    Refusal, Verdict, ethernet::Ethernet,
};

/// What is answered.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Arp(ArpPacket),
    Ndp(NeighborSolicitation),
}

/// A question whose turn to be answered has not come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    pub(super) link: LinkId,
    /// The tenure in which the question came: an answer is not carried into another.
    tenure: u64,
    asked: Instant,
    question: Question,
}

/// What a frame is about.
enum Message {
    Question(Question),
    Statement(Statement),
}

/// Somebody says where an address is.
struct Statement {
    destination: MacAddr,
    source: MacAddr,
    sender: IpAddr,
    sender_mac: MacAddr,
    /// Whom it tells.
    to: IpAddr,
    /// Whether it says that it answers a question.
    solicited: bool,
}

impl Message {
    fn decode(frame: &[u8]) -> Result<Self, Refusal> {
        let frame = Ethernet::decode(frame)?;
        Ok(match frame.protocol {
            EthernetProtocol::Arp => {
                let packet = ArpPacket::read(&frame)?;
                match packet.operation {
                    ArpOperation::Request => Self::Question(Question::Arp(packet)),
                    ArpOperation::Reply => Self::Statement(packet.into()),
                }
            }
            EthernetProtocol::Ipv6 => match NdpMessage::read(&frame)? {
                NdpMessage::Solicitation(question) => Self::Question(Question::Ndp(question)),
                NdpMessage::Advertisement(told) => Self::Statement(told.into()),
            },
            _ => return Err(Refusal::NotArpNorNdp),
        })
    }

    fn source(&self) -> MacAddr {
        match self {
            Self::Question(question) => question.source(),
            Self::Statement(statement) => statement.source,
        }
    }

    /// The address that the sender says it has, and where.
    fn sender(&self) -> (IpAddr, MacAddr) {
        match self {
            Self::Question(question) => (question.sender(), question.sender_mac()),
            Self::Statement(statement) => (statement.sender, statement.sender_mac),
        }
    }

    /// The address that is probed: asked for by nobody.
    fn probed(&self) -> Option<IpAddr> {
        match self {
            Self::Question(question) if question.sender().is_unspecified() => {
                Some(question.target())
            }
            _ => None,
        }
    }
}

impl From<ArpPacket> for Statement {
    fn from(packet: ArpPacket) -> Self {
        Self {
            destination: packet.destination,
            source: packet.source,
            sender: packet.sender.into(),
            sender_mac: packet.sender_mac,
            to: packet.target.into(),
            solicited: packet.target_mac == packet.destination,
        }
    }
}

impl From<NeighborAdvertisement> for Statement {
    fn from(told: NeighborAdvertisement) -> Self {
        Self {
            destination: told.destination,
            source: told.source,
            sender: told.target.into(),
            sender_mac: told.target_mac.unwrap_or(told.source),
            to: told.to.into(),
            solicited: told.solicited,
        }
    }
}

impl Question {
    fn source(&self) -> MacAddr {
        match self {
            Self::Arp(packet) => packet.source,
            Self::Ndp(packet) => packet.source,
        }
    }

    fn target(&self) -> IpAddr {
        match self {
            Self::Arp(packet) => packet.target.into(),
            Self::Ndp(packet) => packet.target.into(),
        }
    }

    fn sender(&self) -> IpAddr {
        match self {
            Self::Arp(packet) => packet.sender.into(),
            Self::Ndp(packet) => packet.from.into(),
        }
    }

    fn sender_mac(&self) -> MacAddr {
        match self {
            Self::Arp(packet) => packet.sender_mac,
            Self::Ndp(packet) => packet.source_mac.unwrap_or(packet.source),
        }
    }

    /// Whether it came to us, at `mac`, or to all whom it may concern.
    fn is_addressed_to(&self, mac: MacAddr) -> bool {
        match self {
            Self::Arp(packet) => packet.destination.is_broadcast() || packet.destination == mac,
            // A frame for a group may go to one alone (RFC 6085).
            Self::Ndp(packet) if packet.to.is_multicast() => {
                packet.destination == MacAddr::of_group(packet.to) || packet.destination == mac
            }
            Self::Ndp(packet) => packet.to == packet.target && packet.destination == mac,
        }
    }

    /// Whether an answer may go to this sender. Unspecified is a probe, which is answered
    /// (RFC 5227 §2.5, RFC 4861 §7.2.4).
    fn may_be_answered(&self) -> bool {
        match self.sender() {
            IpAddr::V4(from) => !from.is_multicast() && !from.is_broadcast() && !from.is_loopback(),
            IpAddr::V6(from) => !from.is_multicast() && from != Ipv6Addr::LOCALHOST,
        }
    }

    fn encode_reply(&self, mac: MacAddr, router: bool, buf: &mut Vec<u8>) {
        match self {
            Self::Arp(packet) => ArpPacket::reply(packet, mac).encode(buf),
            Self::Ndp(packet) => NeighborAdvertisement::reply(packet, mac, router).encode(buf),
        }
    }
}

impl Responder {
    /// The checks are ordered so that junk costs little, and that what we do not hold is not judged
    /// any further.
    pub(super) fn judge(&mut self, now: Instant, frame: Frame<'_>) -> Result<Verdict, Refusal> {
        let link = frame.link;
        let mac = self.links.get(&link).ok_or(Refusal::UnknownLink)?.mac;
        if frame.vlan.is_some_and(|vlan| vlan != 0) {
            return Err(Refusal::VlanTagged);
        }
        let message = Message::decode(frame.bytes)?;
        let (sender, sender_mac) = message.sender();
        if self.is_ours(message.source()) || self.is_ours(sender_mac) {
            return Err(Refusal::FromUs);
        }
        if !self.checks.is_empty() {
            let named = message.probed().unwrap_or(sender);
            if self.found_in_use((link, named), sender_mac) {
                return Ok(Verdict::InUse);
            }
        }
        if self.conflict(now, (link, sender), sender_mac) {
            return Ok(Verdict::Conflict);
        }
        match message {
            Message::Question(question) => self.judge_question(now, link, mac, question),
            Message::Statement(statement) => Ok(self.judge_statement(now, link, mac, &statement)),
        }
    }

    fn judge_question(
        &mut self,
        now: Instant,
        link: LinkId,
        mac: MacAddr,
        question: Question,
    ) -> Result<Verdict, Refusal> {
        let (target, source) = (question.target(), question.source());
        let (sender, sender_mac) = (question.sender(), question.sender_mac());
        let one_host = source.is_unicast() && sender_mac.is_unicast();
        let held = self.claims.get(&(link, target));
        let holds = held.is_some_and(|held| self.lease_holds(now, held));
        let tenure = held.map(|held| held.tenure);
        if one_host && question.may_be_answered() {
            self.note_question(link, target, sender, source, holds);
        }
        let Some(tenure) = tenure else {
            return Ok(Verdict::NotForUs);
        };
        if !question.is_addressed_to(mac) {
            return Err(Refusal::NotAddressedToUs);
        }
        if !one_host {
            return Err(Refusal::SenderMac);
        }
        if !question.may_be_answered() {
            return Err(Refusal::SenderAddress);
        }
        if !holds {
            return Err(Refusal::LeaseExpired);
        }
        if self.answers.len() >= self.config.answer_queue {
            return Err(Refusal::QueueFull);
        }
        self.limiter.admit(now, source, &self.config)?;
        self.counters.mismatched += u64::from(source != sender_mac);
        self.answers.push_back(Answer { link, tenure, asked: now, question });
        Ok(Verdict::Answered)
    }

    /// Only what was sent to us alone, as an answer, may be one.
    fn judge_statement(
        &mut self,
        now: Instant,
        link: LinkId,
        mac: MacAddr,
        statement: &Statement,
    ) -> Verdict {
        let &Statement { sender, sender_mac, to, .. } = statement;
        let to_us = statement.solicited && statement.destination == mac;
        let one_host = statement.source.is_unicast() && sender_mac.is_unicast();
        if to_us && one_host && self.acknowledge(now, (link, to), sender, sender_mac) {
            Verdict::Acknowledged
        } else {
            Verdict::NotForUs
        }
    }

    /// A frame from any link of ours: two of them may be on one LAN.
    fn is_ours(&self, mac: MacAddr) -> bool {
        self.links.values().any(|link| link.mac == mac)
    }

    pub(super) fn next_answer(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        while let Some(Answer { link, tenure, asked, question }) = self.answers.pop_front() {
            let key = (link, question.target());
            let held = self.claims.get(&key).filter(|held| held.tenure == tenure);
            let holds = held.is_some_and(|held| self.lease_holds(now, held));
            let fresh = now <= asked + self.config.gap;
            let Some(state) = self.links.get(&link).filter(|_| holds && fresh) else {
                self.counters.stale_answers += 1;
                continue;
            };
            question.encode_reply(state.mac, self.is_router(link), buf);
            self.note_answer(now, key, question.sender());
            self.counters.replies_sent += 1;
            return Some(link);
        }
        None
    }
}
