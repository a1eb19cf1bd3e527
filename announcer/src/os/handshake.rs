use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    os::fd::{AsFd, BorrowedFd},
};

use rustix::{io::Errno, net::RecvFlags};
use socket2::{Domain, Protocol, Socket, Type};

use super::{filter, sys};

/// The agreeing answers (SYN and ACK, RFC 9293 §3.5) that come in on one link to one TCP port, as
/// whole Ethernet frames.
///
/// The kernel filters: nothing else comes through, none to another MAC, and none of a VLAN that has no
/// link here. A header with IP options or extension headers is not waited for. Needs `CAP_NET_RAW`.
#[derive(Debug)]
pub struct HandshakeSocket(Socket);

/// An answer has little more than headers: 14 + 40 + 60 at most.
const RECEIVE_BUFFER: usize = 64 * 1024;

impl HandshakeSocket {
    /// Opens the socket on the link with this index, for one family.
    ///
    /// # Errors
    /// As those of [`PacketSocket::open`](super::PacketSocket::open).
    pub fn open(link: u32, ipv4: bool, port: u16) -> io::Result<Self> {
        // Protocol 0 receives nothing, so that no unfiltered frame is queued before `bind`.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None)?;
        socket.attach_filter(&filter::handshake(ipv4, port))?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        sys::bind_packet(socket.as_fd(), link, if ipv4 { 0x0800 } else { 0x86dd })?;
        Ok(Self(socket))
    }

    /// Takes the next frame, from the destination MAC on, or `None` when there is none; never waits.
    /// What the buffer cannot hold is cut off.
    ///
    /// # Errors
    /// `ENETDOWN` once when the link has gone down or away; reading may go on. Others are the
    /// kernel's.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        match rustix::net::recv(&self.0, buffer, RecvFlags::DONTWAIT) {
            Ok((len, _)) => Ok(Some(len)),
            Err(Errno::AGAIN | Errno::INTR) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl AsFd for HandshakeSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A TCP port that nothing else on this machine uses as long as this lives. Nothing listens on it, so
/// the kernel refuses whatever comes to it.
#[derive(Debug)]
pub struct ReservedPort {
    _socket: Socket,
    port: u16,
}

impl ReservedPort {
    /// Takes a free port, in both families where there are both.
    ///
    /// # Errors
    /// The kernel's: no port is free.
    pub fn new() -> io::Result<Self> {
        Self::of(Domain::IPV6, (Ipv6Addr::UNSPECIFIED, 0).into())
            .or_else(|_| Self::of(Domain::IPV4, (Ipv4Addr::UNSPECIFIED, 0).into()))
    }

    fn of(domain: Domain, any: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(domain, Type::STREAM.cloexec(), Some(Protocol::TCP))?;
        if domain == Domain::IPV6 {
            socket.set_only_v6(false)?;
        }
        socket.bind(&any.into())?;
        let port = socket.local_addr()?.as_socket().map_or(0, |address| address.port());
        Ok(Self { _socket: socket, port })
    }

    /// Its number.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}
