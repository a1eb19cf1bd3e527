//! Captured frames, and what the tests ask of them.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Instant,
};

use smoltcp::wire::{
    ArpHardware, ArpOperation, ArpPacket, EthernetFrame, EthernetProtocol, Icmpv6Message,
    Icmpv6Packet, IpProtocol, Ipv4Packet, Ipv6Packet, NdiscNeighborFlags, NdiscOption,
    NdiscOptionType,
};

use crate::mac::Mac;

/// One frame on a wire.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frame {
    /// When the kernel saw it; CLOCK_MONOTONIC, comparable to what a probe reports.
    pub at: Instant,
    /// The host at the captured port.
    pub host: Arc<str>,
    /// Whether that host sent it or was to receive it. A bridge's capture holds sent ones only.
    pub direction: Direction,
    /// False for what a host sent into a [cut](crate::Port::cut): nobody received it. Of a frame
    /// sent while the cut is being made or healed, it may say either.
    pub delivered: bool,
    /// From the destination's MAC to the end of the payload, without checksum.
    pub bytes: Vec<u8>,
}

/// Which way a frame went, as its host sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The host sent it.
    Sent,
    /// The network sent it to the host.
    Received,
}

/// The fields of an ARP packet for Ethernet and IPv4 (RFC 826), with the frame's own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Arp {
    /// The frame's destination.
    pub eth_dst: Mac,
    /// The frame's source.
    pub eth_src: Mac,
    /// `ar$op`: 1 is a request, 2 a reply.
    pub op: u16,
    /// `ar$sha`: the sender's MAC.
    pub sha: Mac,
    /// `ar$spa`: the sender's address.
    pub spa: Ipv4Addr,
    /// `ar$tha`: the target's MAC.
    pub tha: Mac,
    /// `ar$tpa`: the target's address.
    pub tpa: Ipv4Addr,
}

impl Arp {
    /// Whether it asks.
    pub fn is_request(&self) -> bool {
        self.op == 1
    }

    /// Whether it answers.
    pub fn is_reply(&self) -> bool {
        self.op == 2
    }

    /// Whether it tells where its sender is and asks for nobody else (RFC 5227 section 3).
    pub fn is_gratuitous(&self) -> bool {
        self.spa == self.tpa
    }
}

/// A neighbor solicitation or advertisement (RFC 4861 sections 4.3 and 4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ndp {
    /// The frame's destination.
    pub eth_dst: Mac,
    /// The frame's source.
    pub eth_src: Mac,
    /// The packet's source.
    pub src: Ipv6Addr,
    /// The packet's destination.
    pub dst: Ipv6Addr,
    /// The address it is about.
    pub target: Ipv6Addr,
    /// The link address in its source or target option.
    pub link_address: Option<Mac>,
    /// An advertisement's flags; none makes it a solicitation.
    pub advertisement: Option<NaFlags>,
}

/// The flags of a neighbor advertisement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct NaFlags {
    /// R: the sender is a router.
    pub router: bool,
    /// S: it answers a solicitation.
    pub solicited: bool,
    /// O: it replaces what a cache holds.
    pub overrides: bool,
}

impl Frame {
    fn ethernet(&self) -> Option<EthernetFrame<&[u8]>> {
        EthernetFrame::new_checked(self.bytes.as_slice()).ok()
    }

    /// The MAC that it was sent to; zero if the frame is cut short.
    pub fn destination(&self) -> Mac {
        self.ethernet().map_or(Mac::ZERO, |frame| Mac(frame.dst_addr().0))
    }

    /// The MAC that it says to come from; zero if the frame is cut short.
    pub fn source(&self) -> Mac {
        self.ethernet().map_or(Mac::ZERO, |frame| Mac(frame.src_addr().0))
    }

    /// The protocol that it carries, as 0x0806 for ARP; zero if the frame is cut short.
    pub fn ethertype(&self) -> u16 {
        self.ethernet().map_or(0, |frame| frame.ethertype().into())
    }

    /// Its ARP packet, if it carries a whole one for Ethernet and IPv4.
    pub fn arp(&self) -> Option<Arp> {
        let frame = self.ethernet()?;
        if frame.ethertype() != EthernetProtocol::Arp {
            return None;
        }
        let packet = ArpPacket::new_checked(frame.payload()).ok()?;
        if packet.hardware_type() != ArpHardware::Ethernet
            || packet.protocol_type() != EthernetProtocol::Ipv4
            || (packet.hardware_len(), packet.protocol_len()) != (6, 4)
        {
            return None;
        }
        let ipv4 = |bytes: &[u8]| <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from);
        Some(Arp {
            eth_dst: self.destination(),
            eth_src: self.source(),
            op: match packet.operation() {
                ArpOperation::Request => 1,
                ArpOperation::Reply => 2,
                ArpOperation::Unknown(op) => op,
            },
            sha: Mac::from_slice(packet.source_hardware_addr())?,
            spa: ipv4(packet.source_protocol_addr())?,
            tha: Mac::from_slice(packet.target_hardware_addr())?,
            tpa: ipv4(packet.target_protocol_addr())?,
        })
    }

    /// Source and destination of its IP packet, if it carries one.
    pub fn ip(&self) -> Option<(IpAddr, IpAddr)> {
        let frame = self.ethernet()?;
        match frame.ethertype() {
            EthernetProtocol::Ipv4 => {
                let packet = Ipv4Packet::new_checked(frame.payload()).ok()?;
                Some((packet.src_addr().into(), packet.dst_addr().into()))
            }
            EthernetProtocol::Ipv6 => {
                let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
                Some((packet.src_addr().into(), packet.dst_addr().into()))
            }
            _ => None,
        }
    }

    /// Its neighbor solicitation or advertisement, if it carries one without extension headers.
    pub fn ndp(&self) -> Option<Ndp> {
        let frame = self.ethernet().filter(|eth| eth.ethertype() == EthernetProtocol::Ipv6)?;
        let packet = Ipv6Packet::new_checked(frame.payload()).ok()?;
        if packet.next_header() != IpProtocol::Icmpv6 {
            return None;
        }
        let message = Icmpv6Packet::new_checked(packet.payload()).ok()?;
        let advertisement = match message.msg_type() {
            Icmpv6Message::NeighborSolicit => None,
            Icmpv6Message::NeighborAdvert => {
                let flags = message.neighbor_flags();
                Some(NaFlags {
                    router: flags.contains(NdiscNeighborFlags::ROUTER),
                    solicited: flags.contains(NdiscNeighborFlags::SOLICITED),
                    overrides: flags.contains(NdiscNeighborFlags::OVERRIDE),
                })
            }
            _ => return None,
        };
        Some(Ndp {
            eth_dst: self.destination(),
            eth_src: self.source(),
            src: packet.src_addr(),
            dst: packet.dst_addr(),
            target: message.target_addr(),
            link_address: link_option(message.payload()),
            advertisement,
        })
    }
}

/// The first source or target link-layer address among the options.
fn link_option(mut options: &[u8]) -> Option<Mac> {
    while !options.is_empty() {
        let option = NdiscOption::new_checked(options).ok()?;
        let wanted = [NdiscOptionType::SourceLinkLayerAddr, NdiscOptionType::TargetLinkLayerAddr];
        if wanted.contains(&option.option_type()) {
            return Mac::from_slice(option.link_layer_addr().as_bytes());
        }
        let length = usize::from(option.data_len()) * 8;
        options = options.get(length..).filter(|_| length > 0)?;
    }
    None
}

#[cfg(test)]
mod tests;
