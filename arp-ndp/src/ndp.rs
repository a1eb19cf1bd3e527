#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use smoltcp::{
    phy::ChecksumCapabilities,
    wire::{
        EthernetAddress, EthernetProtocol, Icmpv6Message, Icmpv6Packet, Icmpv6Repr, IpProtocol,
        Ipv6Packet, Ipv6Repr, NdiscNeighborFlags, NdiscRepr,
    },
};

use crate::{
    MacAddr, Refusal,
    ethernet::{self, Ethernet},
};

/// A message of neighbour discovery, in its frame (RFC 4861 §4.3, §4.4).
///
/// ```text
///  octets  0     6     12    14          54  55  56    58      62       78              86
///          ├─────┼─────┼─────┼───────────┼───┼───┼─────┼───────┼────────┼───────────────┤
///          │ dst │ src │86 dd│ IPv6, 255 │typ│ 0 │ sum │ flags │ target │ options, 01/02│
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NdpMessage {
    /// Who has the target address?
    Solicitation(NeighborSolicitation),
    /// The target address is here.
    Advertisement(NeighborAdvertisement),
}

/// A Neighbor Solicitation (type 135, RFC 4861 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborSolicitation {
    /// Where the frame goes.
    pub destination: MacAddr,
    /// Who sent the frame.
    pub source: MacAddr,
    /// The IPv6 source; `::` while the asker looks for duplicates of the target (RFC 4862 §5.4).
    pub from: Ipv6Addr,
    /// The IPv6 destination.
    pub to: Ipv6Addr,
    /// The address that is asked for.
    pub target: Ipv6Addr,
    /// The source link-layer address option: the hardware address of who asks.
    pub source_mac: Option<MacAddr>,
}

/// A Neighbor Advertisement (type 136, RFC 4861 §4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NeighborAdvertisement {
    /// Where the frame goes.
    pub destination: MacAddr,
    /// Who sent the frame.
    pub source: MacAddr,
    /// The IPv6 source.
    pub from: Ipv6Addr,
    /// The IPv6 destination.
    pub to: Ipv6Addr,
    /// The address that is told of.
    pub target: Ipv6Addr,
    /// R: the sender is a router.
    pub router: bool,
    /// S: it answers a solicitation.
    pub solicited: bool,
    /// O: it replaces what the receiver had cached.
    pub overriding: bool,
    /// The target link-layer address option: where the target is.
    pub target_mac: Option<MacAddr>,
}

/// The group that a question for `address` is sent to (RFC 4291 §2.7.1).
///
/// ```
/// let group = vipcast_arp_ndp::solicited_node("2001:db8::1:800:200e:8c6c".parse()?);
/// assert_eq!(group, "ff02::1:ff0e:8c6c".parse::<core::net::Ipv6Addr>()?);
/// # Ok::<_, core::net::AddrParseError>(())
/// ```
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

impl NdpMessage {
    /// Reads an Ethernet frame, and validates it as RFC 4861 §7.1 says. What follows the IPv6 packet
    /// is ignored, and so are reserved bits, options that we do not know, and priority tags.
    ///
    /// A message behind an IPv6 extension header is not read.
    ///
    /// # Errors
    /// The first rule that the frame breaks.
    pub fn decode(frame: &[u8]) -> Result<Self, Refusal> {
        let frame = Ethernet::decode(frame)?;
        if frame.protocol != EthernetProtocol::Ipv6 {
            return Err(Refusal::NotArpNorNdp);
        }
        Self::read(&frame)
    }

    pub(crate) fn read(frame: &Ethernet<'_>) -> Result<Self, Refusal> {
        let truncated = |smoltcp::wire::Error| Refusal::Truncated;
        let ip = Ipv6Packet::new_checked(frame.payload).map_err(truncated)?;
        if ip.version() != 6 || ip.next_header() != IpProtocol::Icmpv6 {
            return Err(Refusal::NotArpNorNdp);
        }
        let &kind = ip.payload().first().ok_or(Refusal::Truncated)?;
        let solicitation = match Icmpv6Message::from(kind) {
            Icmpv6Message::NeighborSolicit => true,
            Icmpv6Message::NeighborAdvert => false,
            _ => return Err(Refusal::NotArpNorNdp),
        };
        let icmp = Icmpv6Packet::new_checked(ip.payload()).map_err(truncated)?;
        let (from, to) = (ip.src_addr(), ip.dst_addr());
        if ip.hop_limit() != HOP_LIMIT {
            return Err(Refusal::HopLimit);
        }
        if icmp.msg_code() != 0 {
            return Err(Refusal::Code);
        }
        if !icmp.verify_checksum(&from, &to) {
            return Err(Refusal::Checksum);
        }
        let target = icmp.target_addr();
        if target.is_multicast() {
            return Err(Refusal::Target);
        }
        let &Ethernet { destination, source, .. } = frame;
        if solicitation {
            let source_mac = link_layer_address(icmp.payload(), SOURCE_LINK_LAYER)?;
            if from.is_unspecified() && (to != solicited_node(target) || source_mac.is_some()) {
                return Err(Refusal::UnspecifiedSource);
            }
            let question =
                NeighborSolicitation { destination, source, from, to, target, source_mac };
            return Ok(Self::Solicitation(question));
        }
        let flags = icmp.neighbor_flags();
        let solicited = flags.contains(NdiscNeighborFlags::SOLICITED);
        if solicited && to.is_multicast() {
            return Err(Refusal::SolicitedToGroup);
        }
        Ok(Self::Advertisement(NeighborAdvertisement {
            destination,
            source,
            from,
            to,
            target,
            router: flags.contains(NdiscNeighborFlags::ROUTER),
            solicited,
            overriding: flags.contains(NdiscNeighborFlags::OVERRIDE),
            target_mac: link_layer_address(icmp.payload(), TARGET_LINK_LAYER)?,
        }))
    }

    /// Writes the frame into `buf`, which is cleared first.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        match self {
            Self::Solicitation(solicitation) => solicitation.encode(buf),
            Self::Advertisement(advertisement) => advertisement.encode(buf),
        }
    }
}

impl NeighborSolicitation {
    /// A question from `address` to a neighbour, sent to the neighbour itself if its hardware
    /// address is known, and else to its solicited-node group. It carries ours, so that the
    /// neighbour learns it (RFC 4861 §7.2.3) and answers to it.
    #[must_use]
    pub fn question(
        address: Ipv6Addr,
        mac: MacAddr,
        neighbour: Ipv6Addr,
        neighbour_mac: Option<MacAddr>,
    ) -> Self {
        let group = solicited_node(neighbour);
        let (destination, to) = match neighbour_mac {
            Some(known) => (known, neighbour),
            None => (MacAddr::of_group(group), group),
        };
        Self {
            destination,
            source: mac,
            from: address,
            to,
            target: neighbour,
            source_mac: Some(mac),
        }
    }

    /// The question whether anybody has `address`, asked by nobody (RFC 4862 §5.4.2).
    #[must_use]
    pub const fn probe(address: Ipv6Addr, mac: MacAddr) -> Self {
        let group = solicited_node(address);
        Self {
            destination: MacAddr::of_group(group),
            source: mac,
            from: Ipv6Addr::UNSPECIFIED,
            to: group,
            target: address,
            source_mac: None,
        }
    }

    /// Whether nobody asks: a probe for duplicates of the target.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.from.is_unspecified()
    }

    /// Writes the frame into `buf`, which is cleared first.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        let repr = NdiscRepr::NeighborSolicit {
            target_addr: self.target,
            lladdr: self.source_mac.map(|mac| EthernetAddress(mac.0).into()),
        };
        encode(buf, (self.destination, self.source), (self.from, self.to), repr);
    }
}

impl NeighborAdvertisement {
    /// The answer to `question`, from `mac`, which has the address that was asked for.
    ///
    /// It goes to where the frame came from, whether that was told in an option or not; to all nodes
    /// if nobody asked (RFC 4861 §7.2.4). Its source is the address itself.
    #[must_use]
    pub fn reply(question: &NeighborSolicitation, mac: MacAddr, router: bool) -> Self {
        let announcement = Self::announcement(question.target, mac, router);
        if question.is_probe() {
            return announcement;
        }
        Self { destination: question.source, to: question.from, solicited: true, ..announcement }
    }

    /// An unsolicited advertisement to all nodes, which replaces what they had cached
    /// (RFC 4861 §7.2.6).
    #[must_use]
    pub const fn announcement(address: Ipv6Addr, mac: MacAddr, router: bool) -> Self {
        Self {
            destination: MacAddr::of_group(ALL_NODES),
            source: mac,
            from: address,
            to: ALL_NODES,
            target: address,
            router,
            solicited: false,
            overriding: true,
            target_mac: Some(mac),
        }
    }

    /// An unsolicited advertisement to all routers, for those that have not heard of the address yet:
    /// it replaces nothing (RFC 9131 §4.1.1).
    #[must_use]
    pub const fn to_routers(address: Ipv6Addr, mac: MacAddr, router: bool) -> Self {
        Self {
            destination: MacAddr::of_group(ALL_ROUTERS),
            to: ALL_ROUTERS,
            overriding: false,
            ..Self::announcement(address, mac, router)
        }
    }

    /// Writes the frame into `buf`, which is cleared first.
    pub fn encode(&self, buf: &mut Vec<u8>) {
        let mut flags = NdiscNeighborFlags::empty();
        flags.set(NdiscNeighborFlags::ROUTER, self.router);
        flags.set(NdiscNeighborFlags::SOLICITED, self.solicited);
        flags.set(NdiscNeighborFlags::OVERRIDE, self.overriding);
        let repr = NdiscRepr::NeighborAdvert {
            flags,
            target_addr: self.target,
            lladdr: self.target_mac.map(|mac| EthernetAddress(mac.0).into()),
        };
        encode(buf, (self.destination, self.source), (self.from, self.to), repr);
    }
}

fn encode(
    buf: &mut Vec<u8>,
    (destination, source): (MacAddr, MacAddr),
    (from, to): (Ipv6Addr, Ipv6Addr),
    message: NdiscRepr<'_>,
) {
    let ip = Ipv6Repr {
        src_addr: from,
        dst_addr: to,
        next_header: IpProtocol::Icmpv6,
        payload_len: message.buffer_len(),
        hop_limit: HOP_LIMIT,
    };
    let len = ip.buffer_len() + ip.payload_len;
    let mut frame = ethernet::begin(buf, destination, source, EthernetProtocol::Ipv6, len);
    let mut packet = Ipv6Packet::new_unchecked(frame.payload_mut());
    ip.emit(&mut packet);
    let mut icmp = Icmpv6Packet::new_unchecked(packet.payload_mut());
    Icmpv6Repr::Ndisc(message).emit(&from, &to, &mut icmp, &ChecksumCapabilities::default());
}

/// The first option of this kind, if there is one. Any option's length is in units of 8 octets, is
/// not 0, and ends within the message (RFC 4861 §7.1).
fn link_layer_address(mut options: &[u8], wanted: u8) -> Result<Option<MacAddr>, Refusal> {
    let mut found = None;
    while let Some((&kind, rest)) = options.split_first() {
        let &units = rest.first().ok_or(Refusal::OptionLength)?;
        let length = usize::from(units) * 8;
        let (option, others) = match options.split_at_checked(length) {
            Some(split) if units > 0 => split,
            _ => return Err(Refusal::OptionLength),
        };
        if kind == wanted {
            // For Ethernet it is one unit: 6 octets after the first two (RFC 2464 §6).
            let &[_, _, ref mac @ ..] =
                <&[u8; 8]>::try_from(option).map_err(|_| Refusal::LinkLayerOption)?;
            found = found.or(Some(MacAddr(*mac)));
        }
        options = others;
    }
    Ok(found)
}

const HOP_LIMIT: u8 = 255;
const SOURCE_LINK_LAYER: u8 = 1;
const TARGET_LINK_LAYER: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);

#[cfg(test)]
mod tests;
