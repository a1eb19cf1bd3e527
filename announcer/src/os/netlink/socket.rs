use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, bind, connect,
        netlink::SocketAddrNetlink, recv, send, socket_with, sockopt,
    },
};

use super::{
    NetlinkError,
    message::{self, MessageBuilder, RawMessage},
};

/// `NETLINK_ROUTE` is number zero, which is how rustix spells it.
pub(in crate::os) const ROUTE: Option<Protocol> = None;

/// The kernel fills at most 32 KiB of a dump at a time; its notifications are smaller.
const DATAGRAM: usize = 64 * 1024;
/// How often a listing that was interrupted by a change is begun anew.
const ATTEMPTS: usize = 5;

/// A netlink socket to the kernel, and to nobody else.
///
/// The kernel carries out a request while it is being sent, and prepares the next part of a dump while
/// the last is being read. So the answer is always there already, and nothing here ever waits.
#[derive(Debug)]
pub(in crate::os) struct NetlinkSocket {
    fd: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl NetlinkSocket {
    /// Opens a socket that is told of the multicast groups in the bit mask `groups`.
    pub(in crate::os) fn open(protocol: Option<Protocol>, groups: u32) -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?;
        bind(&fd, &SocketAddrNetlink::new(0, groups))?;
        // Other processes may not send to a connected netlink socket.
        connect(&fd, &SocketAddrNetlink::new(0, 0))?;
        Ok(Self { fd, sequence: 0, buffer: vec![0; DATAGRAM] })
    }

    pub(in crate::os) fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    /// Makes room for requests and answers of `bytes`, as far as the system's limits let us.
    pub(in crate::os) fn reserve(&self, bytes: usize) -> io::Result<()> {
        sockopt::set_socket_send_buffer_size(&self.fd, bytes)?;
        sockopt::set_socket_recv_buffer_size(&self.fd, bytes)?;
        Ok(())
    }

    pub(in crate::os) fn send(&self, bytes: &[u8]) -> io::Result<()> {
        loop {
            match send(&self.fd, bytes, SendFlags::DONTWAIT) {
                Ok(_) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// The next datagram, or `None` when none is waiting.
    pub(in crate::os) fn receive(&mut self) -> io::Result<Option<&[u8]>> {
        let flags = RecvFlags::DONTWAIT | RecvFlags::TRUNC;
        let whole = loop {
            match recv(&self.fd, &mut self.buffer[..], flags) {
                Ok((_, whole)) => break whole,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return Ok(None),
                Err(errno) => return Err(errno.into()),
            }
        };
        match self.buffer.get(..whole) {
            Some(datagram) => Ok(Some(datagram)),
            None => Err(io::Error::new(io::ErrorKind::InvalidData, "netlink datagram too long")),
        }
    }

    /// Carries out one request; `payload` begins with the family's own header.
    pub(in crate::os) fn request(
        &mut self,
        kind: u16,
        flags: u16,
        payload: &[u8],
    ) -> Result<(), NetlinkError> {
        self.exchange(kind, flags | message::REQUEST | message::ACK, payload, |_| {}).map(drop)
    }

    /// Asks for one thing; `read` is shown the answer.
    pub(in crate::os) fn query(
        &mut self,
        kind: u16,
        payload: &[u8],
        read: impl FnMut(RawMessage<'_>),
    ) -> Result<(), NetlinkError> {
        self.exchange(kind, message::REQUEST | message::ACK, payload, read).map(drop)
    }

    /// Lists a table, and again from the start when it changed meanwhile.
    pub(in crate::os) fn dump<T>(
        &mut self,
        kind: u16,
        payload: &[u8],
        mut read: impl FnMut(RawMessage<'_>) -> Option<T>,
    ) -> Result<Vec<T>, NetlinkError> {
        for _ in 0..ATTEMPTS {
            let mut rows = Vec::new();
            let flags = message::REQUEST | message::DUMP;
            let steady =
                self.exchange(kind, flags, payload, |message| rows.extend(read(message)))?;
            if steady {
                return Ok(rows);
            }
        }
        Err(NetlinkError::Interrupted)
    }

    /// Sends a request and reads until its end; `false` when a dump was interrupted by a change.
    fn exchange(
        &mut self,
        kind: u16,
        flags: u16,
        payload: &[u8],
        mut each: impl FnMut(RawMessage<'_>),
    ) -> Result<bool, NetlinkError> {
        let sequence = self.next_sequence();
        let request = MessageBuilder::new(kind, flags, sequence).payload(payload).finish();
        self.send(&request).map_err(NetlinkError::Socket)?;
        let mut steady = true;
        while let Some(datagram) = self.receive().map_err(NetlinkError::Socket)? {
            for message in message::messages(datagram) {
                if message.sequence != sequence {
                    continue; // left over from a request that failed half-way
                }
                steady &= message.flags & message::DUMP_INTERRUPTED == 0;
                match message.kind {
                    message::ERROR | message::DONE if message.errno() != 0 => {
                        return Err(NetlinkError::refused(message.errno()));
                    }
                    message::ERROR | message::DONE => return Ok(steady),
                    _ => each(message),
                }
            }
        }
        Err(NetlinkError::Incomplete)
    }
}

impl AsFd for NetlinkSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
