//! What can be done to a responder, drawn from plain numbers, and an obvious model of what it may
//! say then.

#![allow(dead_code, reason = "each test uses some of it")]

mod model;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vipcast_arp_ndp::{
    ArpPacket, Claim, Frame, LeaseId, LinkId, MacAddr, NeighborAdvertisement, NeighborSolicitation,
    Responder, Verdict,
};
use vipcast_sans_io::Instant;

pub(crate) use model::Model;

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

pub(crate) fn our_mac(link: LinkId, other: bool) -> MacAddr {
    let [.., last] = link.0.to_be_bytes();
    MacAddr([2, 0, 0, u8::from(other), 0xbb, last])
}

pub(crate) fn host(number: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0xaa, number])
}
