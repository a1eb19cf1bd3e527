use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{
    io::Errno,
    net::{RecvFlags, SendFlags},
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockFilter, Socket, Type};

use super::Sent;

/// UDP among the neighbours on one link: to all of them by a group, or to one.
///
/// It is bound to the link, joins the group there, sends with a TTL or hop limit of 255, and the
/// kernel drops what comes with any other: no router has passed it on (as in RFC 5082). Its own
/// datagrams do not come back.
#[derive(Debug)]
pub struct NeighbourSocket {
    socket: Socket,
    link: u32,
    group: SocketAddr,
}

/// Class selector 6, network control (RFC 4594 §3.1): what keeps the network working goes first.
const NETWORK_CONTROL: u32 = 48 << 2;

/// The only TTL or hop limit that comes from a neighbour for certain.
const HIGHEST_TTL: u32 = 255;

/// Where the TTL is in an IPv4 header (RFC 791 §3.1), and the hop limit in an IPv6 header (RFC 8200
/// §3).
const TTL_AT: i32 = 8;
const HOP_LIMIT_AT: i32 = 7;

impl NeighbourSocket {
    /// Opens the socket on the link of this index and name, for one port and the family of `group`.
    ///
    /// # Errors
    /// The kernel's: `EADDRINUSE` when another process has the port, `EPERM` where only root may bind
    /// to a link, `ENODEV` when there is no such link.
    pub fn open(link: u32, name: &str, group: IpAddr, port: u16) -> io::Result<Self> {
        let domain = if group.is_ipv4() { Domain::IPV4 } else { Domain::IPV6 };
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(domain, kind, Some(Protocol::UDP))?;
        // Before it is bound, so that nothing else is queued.
        socket.attach_filter(&only_neighbours(group.is_ipv4()))?;
        socket.bind_device(Some(name.as_bytes()))?;
        let (any, group) = match group {
            IpAddr::V4(group) => {
                socket.set_multicast_all_v4(false)?;
                socket.set_multicast_loop_v4(false)?;
                socket.set_multicast_ttl_v4(HIGHEST_TTL)?;
                socket.set_ttl_v4(HIGHEST_TTL)?;
                socket.set_tos_v4(NETWORK_CONTROL)?;
                socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(link))?;
                let any: IpAddr = Ipv4Addr::UNSPECIFIED.into();
                (any, SocketAddr::V4(SocketAddrV4::new(group, port)))
            }
            IpAddr::V6(group) => {
                socket.set_only_v6(true)?;
                socket.set_multicast_all_v6(false)?;
                socket.set_multicast_loop_v6(false)?;
                socket.set_multicast_hops_v6(HIGHEST_TTL)?;
                socket.set_unicast_hops_v6(HIGHEST_TTL)?;
                socket.set_multicast_if_v6(link)?;
                socket.set_tclass_v6(NETWORK_CONTROL)?;
                socket.join_multicast_v6(&group, link)?;
                let any: IpAddr = Ipv6Addr::UNSPECIFIED.into();
                (any, SocketAddr::V6(SocketAddrV6::new(group, port, 0, link)))
            }
        };
        socket.bind(&SocketAddr::new(any, port).into())?;
        Ok(Self { socket, link, group })
    }

    /// Takes the next datagram and its sender, or `None` when there is none; never waits. What does
    /// not fit into `buffer` is cut off.
    ///
    /// # Errors
    /// `ENETDOWN` when the link has gone down. Others are the kernel's.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, Option<IpAddr>)>> {
        match rustix::net::recvfrom(&self.socket, buffer, RecvFlags::DONTWAIT) {
            Ok((len, _, from)) => {
                let from = from.and_then(|from| SocketAddr::try_from(from).ok());
                Ok(Some((len, from.map(|from| from.ip()))))
            }
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Sends a datagram to all neighbours that have joined the group; never waits.
    ///
    /// # Errors
    /// `ENETDOWN` while the link is down, `ENETUNREACH` without an address, `EPERM` where a firewall
    /// drops it. Others are the kernel's.
    pub fn send_to_all(&self, bytes: &[u8]) -> io::Result<Sent> {
        self.send(bytes, self.group)
    }

    /// Sends a datagram to one neighbour's port of the same number; never waits.
    ///
    /// # Errors
    /// As [`send_to_all`](Self::send_to_all).
    pub fn send_to(&self, bytes: &[u8], neighbour: IpAddr) -> io::Result<Sent> {
        let port = self.group.port();
        let to = match neighbour {
            IpAddr::V4(address) => SocketAddr::V4(SocketAddrV4::new(address, port)),
            IpAddr::V6(address) => SocketAddr::V6(SocketAddrV6::new(address, port, 0, self.link)),
        };
        self.send(bytes, to)
    }

    fn send(&self, bytes: &[u8], to: SocketAddr) -> io::Result<Sent> {
        loop {
            return match rustix::net::sendto(&self.socket, bytes, SendFlags::DONTWAIT, &to) {
                Ok(_) => Ok(Sent::Queued),
                Err(Errno::AGAIN | Errno::NOBUFS) => Ok(Sent::Full),
                Err(Errno::INTR) => continue,
                Err(errno) => Err(errno.into()),
            };
        }
    }
}

impl AsFd for NeighbourSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A filter that passes what no router has passed on. It sees the datagram from its UDP header on,
/// and the network header at negative offsets.
fn only_neighbours(ipv4: bool) -> [SockFilter; 4] {
    let at = libc::SKF_NET_OFF + if ipv4 { TTL_AT } else { HOP_LIMIT_AT };
    let load = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    let jump = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    let end = (libc::BPF_RET | libc::BPF_K) as u16;
    [
        SockFilter::new(load, 0, 0, at.cast_unsigned()),
        SockFilter::new(jump, 0, 1, HIGHEST_TTL),
        SockFilter::new(end, 0, 0, u32::MAX),
        SockFilter::new(end, 0, 0, 0),
    ]
}
