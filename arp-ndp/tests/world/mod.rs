//! What can be done to a responder, drawn from plain numbers, and an obvious model of what it may
//! say then.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vipcast_arp_ndp::{
    ArpOperation, ArpPacket, Claim, Frame, LeaseId, LinkId, MacAddr, NdpMessage,
    NeighborAdvertisement, NeighborSolicitation, Responder, Verdict,
};
use vipcast_sans_io::Instant;

pub(crate) const VIPS: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(172, 18, 0, 10)),
    IpAddr::V4(Ipv4Addr::new(172, 18, 0, 11)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10)),
];
pub(crate) const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);
pub(crate) const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Numbers that a stimulus is made of.
pub(crate) type Draw = (u8, u8, u8, u8);

#[derive(Clone, Debug)]
pub(crate) enum Stimulus {
    Question(Question),
    /// Another host says that it has an address.
    Theirs {
        link: LinkId,
        address: IpAddr,
        reply: bool,
    },
    /// A gateway answers an address, whether it was asked or not.
    Answer {
        link: LinkId,
        address: IpAddr,
    },
    Junk {
        link: LinkId,
        bytes: Vec<u8>,
    },
    Grant(Claim),
    Revoke(LinkId, IpAddr),
    Renew(LeaseId, Duration),
    SetLink(LinkId, MacAddr),
    RemoveLink(LinkId),
    SetGateways(LinkId, bool),
    SetForwarding(LinkId, bool),
    Check(LinkId, IpAddr),
}

/// A question for an address, with something wrong or not.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) link: LinkId,
    pub(crate) target: IpAddr,
    pub(crate) asker: u8,
    pub(crate) probe: bool,
    pub(crate) unicast: bool,
    pub(crate) flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Vlan,
    Truncated,
    OtherHost,
    SourceGroup,
    SourceZero,
    ClaimedBroadcast,
    ClaimedOurs,
    SenderGroup,
    /// The operation is 3, or the hop limit 254.
    Operation,
    /// The protocol is not IPv4, or the ICMPv6 code is not 0.
    Content,
}

pub(crate) const FLAWS: [Flaw; 10] = [
    Flaw::Vlan,
    Flaw::Truncated,
    Flaw::OtherHost,
    Flaw::SourceGroup,
    Flaw::SourceZero,
    Flaw::ClaimedBroadcast,
    Flaw::ClaimedOurs,
    Flaw::SenderGroup,
    Flaw::Operation,
    Flaw::Content,
];

impl Stimulus {
    pub(crate) fn from(draw: Draw) -> Self {
        let (kind, a, b, c) = draw;
        let link = LinkId(1 + u32::from(a % 2));
        let address = VIPS[usize::from(b) % VIPS.len()];
        let lease = LeaseId(u32::from(c % 2));
        match kind % 24 {
            0..=8 => Self::Question(Question {
                link,
                target: address,
                asker: a / 2 % 4,
                probe: c % 5 == 0,
                unicast: c % 3 == 0,
                flaw: FLAWS.get(usize::from(c / 8)).copied(),
            }),
            9 | 10 => Self::Theirs { link, address, reply: c % 2 == 0 },
            11 | 12 => Self::Answer { link, address },
            13 => Self::Junk { link, bytes: vec![a; usize::from(b % 100)] },
            14 | 15 => Self::Grant(Claim { address, link, epoch: u64::from(c / 2 % 4), lease }),
            16 => Self::Revoke(link, address),
            17..=19 => {
                // One of the two leases never ends.
                let life = Duration::from_millis(u64::from(b) * 50);
                Self::Renew(lease, if c % 2 == 0 { life } else { Duration::MAX })
            }
            20 => Self::SetLink(link, our_mac(link, c % 4 == 0)),
            21 if c % 3 == 0 => Self::RemoveLink(link),
            21 => Self::SetLink(link, our_mac(link, false)),
            22 if c % 2 == 0 => Self::SetForwarding(link, b % 2 == 0),
            22 => Self::SetGateways(link, c % 4 == 1),
            _ => Self::Check(link, address),
        }
    }

    /// Does it. A frame has a verdict.
    pub(crate) fn apply(&self, responder: &mut Responder, now: Instant) -> Option<Verdict> {
        match *self {
            Self::Grant(claim) => responder.grant(now, claim),
            Self::Revoke(link, address) => _ = responder.revoke(link, address),
            Self::Renew(lease, life) => responder.renew(lease, now + life),
            Self::SetLink(link, mac) => responder.set_link(now, link, mac),
            Self::RemoveLink(link) => responder.remove_link(link),
            Self::SetGateways(link, set) => {
                let gateways: [IpAddr; 2] = [GATEWAY.into(), GATEWAY6.into()];
                responder.set_gateways(now, link, if set { &gateways } else { &[] });
            }
            Self::SetForwarding(link, forwarding) => responder.set_forwarding(link, forwarding),
            Self::Check(link, address) => _ = responder.check(now, address, link),
            _ => {
                let (link, vlan, bytes) = self.frame()?;
                let frame = Frame { link, vlan, bytes: &bytes };
                return Some(responder.handle_frame(now, frame));
            }
        }
        None
    }

    pub(crate) fn is_frame(&self) -> bool {
        matches!(
            self,
            Self::Question(_) | Self::Theirs { .. } | Self::Answer { .. } | Self::Junk { .. }
        )
    }

    fn frame(&self) -> Option<(LinkId, Option<u16>, Vec<u8>)> {
        let mut bytes = Vec::new();
        let (link, vlan) = match self {
            Self::Question(question) => {
                bytes = question.encode();
                (question.link, (question.flaw == Some(Flaw::Vlan)).then_some(7))
            }
            &Self::Theirs { link, address, reply } => {
                match (address, reply) {
                    (IpAddr::V4(address), false) => {
                        ArpPacket::announcement(address, host(9)).encode(&mut bytes);
                    }
                    (IpAddr::V4(address), true) => {
                        ArpPacket::gratuitous_reply(address, host(9)).encode(&mut bytes);
                    }
                    (IpAddr::V6(address), false) => {
                        NeighborSolicitation::question(address, host(9), GATEWAY6, None)
                            .encode(&mut bytes);
                    }
                    (IpAddr::V6(address), true) => {
                        NeighborAdvertisement::announcement(address, host(9), false)
                            .encode(&mut bytes);
                    }
                }
                (link, None)
            }
            &Self::Answer { link, address } => {
                let ours = our_mac(link, false);
                match address {
                    IpAddr::V4(address) => {
                        let question = ArpPacket::question(address, ours, GATEWAY, None);
                        ArpPacket::reply(&question, host(8)).encode(&mut bytes);
                    }
                    IpAddr::V6(address) => {
                        let question =
                            NeighborSolicitation::question(address, ours, GATEWAY6, None);
                        NeighborAdvertisement::reply(&question, host(8), true).encode(&mut bytes);
                    }
                }
                (link, None)
            }
            Self::Junk { link, bytes: junk } => {
                bytes.clone_from(junk);
                (*link, None)
            }
            _ => return None,
        };
        Some((link, vlan, bytes))
    }
}

impl Question {
    pub(crate) fn sender(&self) -> IpAddr {
        match self.target {
            IpAddr::V4(_) if self.probe => Ipv4Addr::UNSPECIFIED.into(),
            IpAddr::V6(_) if self.probe => Ipv6Addr::UNSPECIFIED.into(),
            IpAddr::V4(_) => Ipv4Addr::new(172, 18, 0, 100 + self.asker).into(),
            IpAddr::V6(_) => {
                Ipv6Addr::from_bits((0xfe80 << 112) + 100 + u128::from(self.asker)).into()
            }
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mac = host(self.asker);
        let ours = our_mac(self.link, false);
        let mut bytes = Vec::new();
        match (self.target, self.sender()) {
            (IpAddr::V4(target), IpAddr::V4(sender)) => {
                let known = self.unicast.then_some(ours);
                let mut packet = ArpPacket::question(sender, mac, target, known);
                match self.flaw {
                    Some(Flaw::OtherHost) => packet.destination = host(7),
                    Some(Flaw::SourceGroup) => packet.source = MacAddr([0x33; 6]),
                    Some(Flaw::SourceZero) => packet.source = MacAddr::ZERO,
                    Some(Flaw::ClaimedBroadcast) => packet.sender_mac = MacAddr::BROADCAST,
                    Some(Flaw::ClaimedOurs) => packet.sender_mac = ours,
                    Some(Flaw::SenderGroup) => packet.sender = Ipv4Addr::new(224, 0, 0, 1),
                    _ => {}
                }
                packet.encode(&mut bytes);
                match self.flaw {
                    Some(Flaw::Operation) => bytes[21] = 3,
                    Some(Flaw::Content) => bytes[16] = 0x86,
                    _ => {}
                }
            }
            (IpAddr::V6(target), IpAddr::V6(sender)) => {
                let known = (self.unicast && !self.probe).then_some(ours);
                let mut packet = NeighborSolicitation::question(sender, mac, target, known);
                if self.probe {
                    packet.source_mac = None;
                }
                match self.flaw {
                    Some(Flaw::OtherHost) => packet.destination = host(7),
                    Some(Flaw::SourceGroup) => packet.source = MacAddr([0x33; 6]),
                    Some(Flaw::SourceZero) => packet.source = MacAddr::ZERO,
                    // With `::` as the source, an option is a flaw in itself.
                    Some(Flaw::ClaimedBroadcast) => packet.source_mac = Some(MacAddr::BROADCAST),
                    Some(Flaw::ClaimedOurs) => packet.source_mac = Some(ours),
                    Some(Flaw::SenderGroup) => {
                        packet.from = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
                    }
                    _ => {}
                }
                packet.encode(&mut bytes);
                match self.flaw {
                    Some(Flaw::Operation) => bytes[21] = 254,
                    Some(Flaw::Content) => bytes[55] = 1,
                    _ => {}
                }
            }
            _ => unreachable!("a sender is of the target's family"),
        }
        if self.flaw == Some(Flaw::Truncated) {
            bytes.truncate(bytes.len() - 1);
        }
        bytes
    }
}

/// What is true of a responder, by what was done to it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// How long a question may wait.
    pub(crate) gap: Duration,
    pub(crate) links: BTreeMap<LinkId, MacAddr>,
    pub(crate) claims: BTreeMap<(LinkId, IpAddr), (u64, LeaseId)>,
    pub(crate) leases: BTreeMap<LeaseId, Instant>,
    pub(crate) checks: BTreeSet<(LinkId, IpAddr)>,
    /// Good questions that may still be answered: link, target, and the asker's address.
    pub(crate) asked: Vec<(Instant, LinkId, IpAddr, IpAddr)>,
    /// Addresses that must be announced as soon as they may speak.
    pub(crate) owed: BTreeSet<(LinkId, IpAddr)>,
}

impl Model {
    pub(crate) fn new(gap: Duration) -> Self {
        Self {
            gap,
            links: BTreeMap::new(),
            claims: BTreeMap::new(),
            leases: BTreeMap::new(),
            checks: BTreeSet::new(),
            asked: Vec::new(),
            owed: BTreeSet::new(),
        }
    }

    pub(crate) fn apply(&mut self, now: Instant, stimulus: &Stimulus) {
        match *stimulus {
            Stimulus::Question(ref question) if self.is_good(question) => {
                self.asked.push((now, question.link, question.target, question.sender()));
            }
            Stimulus::Grant(claim) => {
                let key = (claim.link, claim.address);
                self.checks.remove(&key);
                let new = (claim.epoch, claim.lease);
                let moved = self.claims.get(&key).is_some_and(|old| *old != new);
                if moved && !self.may_speak(now, key) {
                    self.owed.insert(key);
                }
                let old = self.claims.insert(key, new);
                if old.is_none_or(|old| old.0 != new.0) {
                    // A question to another tenure is not answered in this one.
                    self.asked.retain(|&(_, link, target, _)| (link, target) != key);
                    self.owed.insert(key);
                }
            }
            Stimulus::Revoke(link, address) => {
                self.claims.remove(&(link, address));
                self.owed.remove(&(link, address));
            }
            Stimulus::Renew(lease, life) => {
                let lapsed = self.leases.insert(lease, now + life).is_none_or(|old| old <= now);
                if lapsed {
                    let under = self.claims.iter().filter(|(_, held)| held.1 == lease);
                    self.owed.extend(under.map(|(&key, _)| key));
                }
            }
            Stimulus::SetLink(link, mac) => {
                let news = self.links.insert(link, mac) != Some(mac);
                if news {
                    self.owed.extend(self.claims.keys().filter(|key| key.0 == link));
                }
            }
            Stimulus::RemoveLink(link) => {
                self.links.remove(&link);
                self.asked.retain(|asked| asked.1 != link);
            }
            Stimulus::Check(link, address) if !self.claims.contains_key(&(link, address)) => {
                self.checks.insert((link, address));
            }
            _ => {}
        }
    }

    /// Whether nothing is wrong with a question.
    pub(crate) fn is_good(&self, question: &Question) -> bool {
        // Once the link has another address, its first one is anybody's. In a probe for duplicates
        // it is wrong all the same.
        let first = our_mac(question.link, false);
        let not_ours = self.links.get(&question.link) != Some(&first);
        let solicits = question.probe && question.target.is_ipv6();
        question.flaw.is_none() || question.flaw == Some(Flaw::ClaimedOurs) && not_ours && !solicits
    }

    pub(crate) fn may_speak(&self, now: Instant, key: (LinkId, IpAddr)) -> bool {
        let Some((_, lease)) = self.claims.get(&key) else { return false };
        self.links.contains_key(&key.0) && self.leases.get(lease).is_some_and(|&end| now < end)
    }

    /// What is wrong with a frame that left at `now`.
    pub(crate) fn wrong(
        &mut self,
        now: Instant,
        link: LinkId,
        bytes: &[u8],
    ) -> Option<&'static str> {
        let source = MacAddr(bytes[6..12].try_into().unwrap());
        if self.links.get(&link) != Some(&source) {
            return Some("not from the link's address");
        }
        let (speaker, heard, plain) = match (ArpPacket::decode(bytes), NdpMessage::decode(bytes)) {
            (Ok(packet), _) if packet.is_probe() => {
                return self.wrong_probe((link, packet.target.into()));
            }
            (_, Ok(NdpMessage::Solicitation(packet))) if packet.is_probe() => {
                return self.wrong_probe((link, packet.target.into()));
            }
            (Ok(packet), _) => {
                let unicast =
                    packet.operation == ArpOperation::Reply && packet.sender != packet.target;
                let heard = unicast.then_some(IpAddr::V4(packet.target));
                let plain = packet == ArpPacket::announcement(packet.sender, source);
                (IpAddr::V4(packet.sender), heard, plain)
            }
            (_, Ok(NdpMessage::Solicitation(packet))) => (IpAddr::V6(packet.from), None, false),
            (_, Ok(NdpMessage::Advertisement(packet))) => {
                if packet.from != packet.target || !packet.overriding || packet.target_mac.is_none()
                {
                    return Some("not the advertisement of an owner");
                }
                let heard = packet.solicited.then_some(IpAddr::V6(packet.to));
                (IpAddr::V6(packet.target), heard, heard.is_none())
            }
            (Err(_), Err(_)) => return Some("unreadable"),
        };
        let key = (link, speaker);
        if !self.may_speak(now, key) {
            return Some("without a claim, or after its lease");
        }
        if plain {
            self.owed.remove(&key);
        }
        let to = heard?;
        let fresh = |asked: &(Instant, LinkId, IpAddr, IpAddr)| {
            asked.1 == link && asked.2 == speaker && asked.3 == to && now <= asked.0 + self.gap
        };
        match self.asked.iter().position(fresh) {
            Some(at) => _ = self.asked.remove(at),
            None => return Some("an answer to no question"),
        }
        None
    }

    fn wrong_probe(&self, key: (LinkId, IpAddr)) -> Option<&'static str> {
        (!self.checks.contains(&key)).then_some("a probe that nobody wants")
    }
}

pub(crate) fn our_mac(link: LinkId, other: bool) -> MacAddr {
    let [.., last] = link.0.to_be_bytes();
    MacAddr([2, 0, 0, u8::from(other), 0xbb, last])
}

pub(crate) fn host(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xaa, number])
}
