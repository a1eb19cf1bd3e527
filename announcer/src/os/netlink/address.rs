use std::net::IpAddr;

use ipnet::IpNet;
use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressHeaderFlags, AddressMessage,
};

use super::{NetlinkError, NetlinkSocket, message::RawMessage};

pub(in crate::os) const RTM_NEWADDR: u16 = 20;
pub(in crate::os) const RTM_DELADDR: u16 = 21;
const RTM_GETADDR: u16 = 22;

/// An address of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkAddress {
    /// The host's own address with the length of its prefix.
    pub net: IpNet,
    /// `RT_SCOPE_*`: 0 is global, 253 the link, 254 this host.
    pub scope: u8,
    /// The label of an IPv4 address, the link's name as a rule.
    pub label: Option<String>,
    /// Who set it (`IFA_PROTO`, `/etc/iproute2/rt_addrprotos`); 0 says nothing. Kernels before 5.18
    /// do not keep it.
    pub protocol: u8,
    /// IPv6 duplicate address detection is not over, or has failed.
    pub tentative: bool,
}

/// All addresses of this network namespace, each with the index of its link.
pub(in crate::os) fn addresses(
    socket: &mut NetlinkSocket,
) -> Result<Vec<(u32, LinkAddress)>, NetlinkError> {
    let mut payload = [0; 8];
    AddressMessage::default().emit(&mut payload);
    socket.dump(RTM_GETADDR, &payload, decode)
}

/// `None` for what is no address of IPv4 or IPv6, or cannot be read.
fn decode(message: RawMessage<'_>) -> Option<(u32, LinkAddress)> {
    if message.kind != RTM_NEWADDR {
        return None;
    }
    let message = AddressMessage::parse(message.payload).ok()?;
    let (mut local, mut address): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    let (mut label, mut protocol) = (None, 0);
    let header_flags: AddressHeaderFlags = message.header.flags;
    let mut flags = AddressFlags::from_bits_retain(header_flags.bits().into());
    for attribute in message.attributes {
        match attribute {
            // On a point-to-point link the other one is the peer's.
            AddressAttribute::Local(ip) => local = Some(ip),
            AddressAttribute::Address(ip) => address = Some(ip),
            AddressAttribute::Label(text) => label = Some(text),
            AddressAttribute::Flags(all) => flags = all,
            AddressAttribute::Protocol(value) => protocol = value.into(),
            _ => {}
        }
    }
    let net = IpNet::new(local.or(address)?, message.header.prefix_len).ok()?;
    let unready = AddressFlags::Tentative | AddressFlags::Dadfailed;
    let address = LinkAddress {
        net,
        scope: message.header.scope.into(),
        label,
        protocol,
        tentative: flags.intersects(unready),
    };
    Some((message.header.index, address))
}
