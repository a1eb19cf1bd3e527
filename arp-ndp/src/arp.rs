#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use smoltcp::wire::{self, EthernetAddress, EthernetProtocol};

use crate::{
    MacAddr, Refusal,
    ethernet::{self, Ethernet},
};

/// Octets of an Ethernet frame with an ARP packet in it, without padding: 14 + 28.
pub const ETHERNET_ARP_LEN: usize = ethernet::HEADER_LEN + ARP_LEN;

/// An ARP packet for IPv4 over Ethernet, in its frame (RFC 826).
///
/// ```text
///  octets  0      6      12    14    16    18  19  20    22     28     32     38    42
///          ├──────┼──────┼─────┼─────┼─────┼───┼───┼─────┼──────┼──────┼──────┼─────┤
///          │ dst  │ src  │08 06│ hrd │ pro │hln│pln│ op  │ sha  │ spa  │ tha  │ tpa │
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArpPacket {
    /// Where the frame goes.
    pub destination: MacAddr,
    /// Who sent the frame. It is a field of its own: a frame may be sent on behalf of another.
    pub source: MacAddr,
    /// Request or reply.
    pub operation: ArpOperation,
    /// The sender's hardware address (`sha`).
    pub sender_mac: MacAddr,
    /// The sender's protocol address (`spa`).
    pub sender: Ipv4Addr,
    /// The target's hardware address (`tha`).
    pub target_mac: MacAddr,
    /// The target's protocol address (`tpa`).
    pub target: Ipv4Addr,
}

/// The operation of an ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArpOperation {
    /// 1: who has the target address?
    Request,
    /// 2: the sender has the sender address.
    Reply,
}

impl ArpPacket {
    /// The answer to `question`, from `mac`, which has the address that was asked for.
    ///
    /// It goes to where the frame came from, which may differ from the hardware address that the
    /// question claims; inside, that claim is answered as RFC 826 says.
    #[must_use]
    pub const fn reply(question: &Self, mac: MacAddr) -> Self {
        Self {
            destination: question.source,
            source: mac,
            operation: ArpOperation::Reply,
            sender_mac: mac,
            sender: question.target,
            target_mac: question.sender_mac,
            target: question.sender,
        }
    }

    /// An ARP announcement: a broadcast request in which sender and target are `address`, and the
    /// target's hardware address is zero (RFC 5227 §2.3).
    #[must_use]
    pub const fn announcement(address: Ipv4Addr, mac: MacAddr) -> Self {
        Self { sender: address, ..Self::probe(address, mac) }
    }

    /// An ARP probe: a broadcast request with a sender address of zero (RFC 5227 §2.1.1).
    #[must_use]
    pub const fn probe(address: Ipv4Addr, mac: MacAddr) -> Self {
        Self {
            destination: MacAddr::BROADCAST,
            source: mac,
            operation: ArpOperation::Request,
            sender_mac: mac,
            sender: Ipv4Addr::UNSPECIFIED,
            target_mac: MacAddr::ZERO,
            target: address,
        }
    }

    /// The other form of an announcement: a broadcast reply in which both pairs are those of
    /// `address`. Some stacks learn from replies only, and Linux believes a reply that follows
    /// another change at once only if it names the sender as its target (as in RFC 5944 §4.6).
    #[must_use]
    pub const fn gratuitous_reply(address: Ipv4Addr, mac: MacAddr) -> Self {
        Self { operation: ArpOperation::Reply, target_mac: mac, ..Self::announcement(address, mac) }
    }

    /// A question from `address` to a neighbour, sent to the neighbour's hardware address if that is
    /// known, and else to all. RFC 826 makes the neighbour learn who asks before it answers.
    #[must_use]
    pub fn question(
        address: Ipv4Addr,
        mac: MacAddr,
        neighbour: Ipv4Addr,
        neighbour_mac: Option<MacAddr>,
    ) -> Self {
        Self {
            destination: neighbour_mac.unwrap_or(MacAddr::BROADCAST),
            target: neighbour,
            ..Self::announcement(address, mac)
        }
    }

    /// Whether this is a probe: a request that names no sender.
    #[must_use]
    pub fn is_probe(&self) -> bool {
        self.operation == ArpOperation::Request && self.sender.is_unspecified()
    }

    /// Reads an Ethernet frame. Padding after the packet is ignored, and so are priority tags.
    ///
    /// # Errors
    /// A frame that is too short, is not ARP, belongs to a VLAN, or speaks of anything but IPv4 over
    /// Ethernet.
    pub fn decode(frame: &[u8]) -> Result<Self, Refusal> {
        let frame = Ethernet::decode(frame)?;
        if frame.protocol != EthernetProtocol::Arp {
            return Err(Refusal::NotArpNorNdp);
        }
        Self::read(&frame)
    }

    pub(crate) fn read(frame: &Ethernet<'_>) -> Result<Self, Refusal> {
        let arp = wire::ArpPacket::new_unchecked(frame.payload);
        // The fixed part says how long the rest is.
        if frame.payload.len() < FIXED_LEN {
            return Err(Refusal::Truncated);
        }
        // 6 is IEEE 802, which Linux takes for Ethernet too.
        let hardware = u16::from(arp.hardware_type());
        let ethernet = matches!(hardware, 1 | 6) && arp.hardware_len() == 6;
        if !ethernet || arp.protocol_type() != EthernetProtocol::Ipv4 || arp.protocol_len() != 4 {
            return Err(Refusal::NotIpv4OverEthernet);
        }
        arp.check_len().map_err(|wire::Error| Refusal::Truncated)?;
        let operation = match arp.operation() {
            wire::ArpOperation::Request => ArpOperation::Request,
            wire::ArpOperation::Reply => ArpOperation::Reply,
            wire::ArpOperation::Unknown(_) => return Err(Refusal::UnknownOperation),
        };
        Ok(Self {
            destination: frame.destination,
            source: frame.source,
            operation,
            sender_mac: mac(arp.source_hardware_addr())?,
            sender: ipv4(arp.source_protocol_addr())?,
            target_mac: mac(arp.target_hardware_addr())?,
            target: ipv4(arp.target_protocol_addr())?,
        })
    }

    /// Writes the frame into `buf`, which is cleared first: [`ETHERNET_ARP_LEN`] octets.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        let protocol = EthernetProtocol::Arp;
        let mut frame = ethernet::begin(buf, self.destination, self.source, protocol, ARP_LEN);
        let repr = wire::ArpRepr::EthernetIpv4 {
            operation: match self.operation {
                ArpOperation::Request => wire::ArpOperation::Request,
                ArpOperation::Reply => wire::ArpOperation::Reply,
            },
            source_hardware_addr: EthernetAddress(self.sender_mac.0),
            source_protocol_addr: self.sender,
            target_hardware_addr: EthernetAddress(self.target_mac.0),
            target_protocol_addr: self.target,
        };
        repr.emit(&mut wire::ArpPacket::new_unchecked(frame.payload_mut()));
    }
}

/// Octets of a packet for IPv4 over Ethernet.
const ARP_LEN: usize = 28;

/// Octets up to and with the operation.
const FIXED_LEN: usize = 8;

fn mac(octets: &[u8]) -> Result<MacAddr, Refusal> {
    octets.try_into().map(MacAddr).map_err(|_| Refusal::Truncated)
}

fn ipv4(octets: &[u8]) -> Result<Ipv4Addr, Refusal> {
    <[u8; 4]>::try_from(octets).map(Ipv4Addr::from).map_err(|_| Refusal::Truncated)
}

#[cfg(test)]
mod tests;
