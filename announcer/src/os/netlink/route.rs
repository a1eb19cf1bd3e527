use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use netlink_packet_core::{Emitable, Parseable};
use netlink_packet_route::{
    AddressFamily,
    route::{RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteType},
};

use super::{NetlinkError, NetlinkSocket, message::RawMessage, socket::ROUTE};

const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;

/// Asks the kernel by which way it would send a packet.
///
/// Each question is one lookup in the routing tables, a few microseconds however many routes there
/// are. Nothing is sent to any network, and no privilege is needed.
#[derive(Debug)]
pub struct RouteLookup {
    socket: NetlinkSocket,
}

/// The way of packets to one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The index of the link that they leave by; of an address of this machine, the link that has it.
    pub link: u32,
    /// The neighbour that they are handed to; `None` where the address is a neighbour itself.
    pub gateway: Option<IpAddr>,
    /// The address is one of this machine's own.
    pub local: bool,
}

/// Addresses that are nobody's (RFC 5737, RFC 3849, RFC 9637), and so are beyond the default route.
/// Two of each family: an administrator may have a route of their own for one, to drop what is sent
/// there.
const OUTSIDE_V4: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(203, 0, 113, 1)), IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1))];
const OUTSIDE_V6: [IpAddr; 2] = [
    IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 1)),
];

impl RouteLookup {
    /// Asks in the network namespace of the calling thread, from now on.
    ///
    /// # Errors
    /// The kernel's: too many open files.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: NetlinkSocket::open(ROUTE, 0)? })
    }

    /// The gateways of the default routes of both families that lead out by this link.
    ///
    /// # Errors
    /// [`NetlinkError`]; that there is no such route, or no such link, is none.
    pub fn gateways(&mut self, link: u32) -> Result<Vec<IpAddr>, NetlinkError> {
        let mut gateways = Vec::new();
        for outside in [OUTSIDE_V4, OUTSIDE_V6] {
            for address in outside {
                let route = self.find(address, Some(link))?;
                if let Some(gateway) = route.and_then(|route| route.gateway) {
                    gateways.push(gateway);
                    break;
                }
            }
        }
        Ok(gateways)
    }

    /// The way to an address, by one link or by the best one; `None` where there is none.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn find(&mut self, to: IpAddr, by: Option<u32>) -> Result<Option<Route>, NetlinkError> {
        self.ask(to, by, RouteFlags::empty())
    }

    /// The index of the link that has this address, if it is one of this machine's own.
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn local(&mut self, address: IpAddr) -> Result<Option<u32>, NetlinkError> {
        // The entry of the table itself: the answer to a lookup would name `lo`.
        let route = self.ask(address, None, RouteFlags::FibMatch)?;
        Ok(route.filter(|route| route.local).map(|route| route.link))
    }

    fn ask(
        &mut self,
        to: IpAddr,
        by: Option<u32>,
        flags: RouteFlags,
    ) -> Result<Option<Route>, NetlinkError> {
        let mut question = RouteMessage::default();
        let (family, length) =
            if to.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
        question.header.address_family = family;
        question.header.destination_prefix_length = length;
        question.header.flags = flags;
        question.attributes.push(RouteAttribute::Destination(to.into()));
        question.attributes.extend(by.map(RouteAttribute::Oif));
        let mut payload = vec![0; question.buffer_len()];
        question.emit(&mut payload);

        let mut route = None;
        let answered = self.socket.query(RTM_GETROUTE, &payload, |message| route = decode(message));
        match answered {
            Ok(()) => Ok(route),
            // No route, one that drops or refuses, or no such link.
            Err(error) => match error.errno() {
                Some(
                    libc::ENETUNREACH
                    | libc::EHOSTUNREACH
                    | libc::EINVAL
                    | libc::EACCES
                    | libc::ENODEV
                    | libc::ENETDOWN
                    | libc::EAFNOSUPPORT
                    | libc::EOPNOTSUPP,
                ) => Ok(None),
                _ => Err(error),
            },
        }
    }
}

/// `None` for routes that lead nowhere, or cannot be read.
fn decode(message: RawMessage<'_>) -> Option<Route> {
    if message.kind != RTM_NEWROUTE {
        return None;
    }
    let message = RouteMessage::parse(message.payload).ok()?;
    let local = match message.header.kind {
        RouteType::Unicast => false,
        RouteType::Local => true,
        _ => return None,
    };
    let (mut link, mut gateway) = (None, None);
    for attribute in message.attributes {
        match attribute {
            RouteAttribute::Oif(index) => link = Some(index),
            RouteAttribute::Gateway(RouteAddress::Inet(ip)) => gateway = Some(ip.into()),
            RouteAttribute::Gateway(RouteAddress::Inet6(ip)) => gateway = Some(ip.into()),
            _ => {}
        }
    }
    Some(Route { link: link?, gateway, local })
}
