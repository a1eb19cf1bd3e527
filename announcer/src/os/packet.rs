mod batch;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use ipnet::IpNet;
use rustix::{io::Errno, net::SendFlags};
use socket2::{Domain, Socket, Type};

pub use self::batch::{FrameBatch, SendBatch};
use super::{
    filter::{self, FrameKind},
    ring::Ring,
    sys,
};

/// Raw Ethernet frames of one link and one neighbour protocol (`AF_PACKET`).
///
/// The kernel filters before it wakes anybody: only well-formed questions and answers of the protocol
/// come through, none to another MAC, none of a VLAN that has no link here, and none of our own. The socket sees frames even where the
/// [`Guard`](super::Guard) keeps the kernel's own ARP from seeing them. It survives the link going
/// down and up again, not its removal. Needs `CAP_NET_RAW`.
#[derive(Debug)]
pub struct PacketSocket {
    ring: Ring,
    receiver: Socket,
    /// It hears nothing and nobody polls it, so a frame that has left wakes nobody.
    sender: Socket,
    kind: FrameKind,
}

/// One received frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Received {
    /// Bytes written to the buffer, from the destination MAC on.
    pub len: usize,
    /// The tag (TCI: priority and VID) that was stripped off the frame, where the kernel still knows
    /// it. The filter lets only VID 0 pass, a priority without a VLAN.
    pub vlan: Option<u16>,
    /// To whom the frame was addressed.
    pub packet_type: PacketType,
}

/// To whom the kernel found a frame addressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PacketType {
    /// To the link's own MAC.
    Host,
    /// To all.
    Broadcast,
    /// To a group.
    Multicast,
    /// To another host: the link is promiscuous, or the frame is of a VLAN unknown here. The filter
    /// drops these.
    OtherHost,
    /// Something newer than this list.
    Other(u8),
}

/// What became of a frame to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a frame may not have been sent"]
pub enum Sent {
    /// It is in the link's queue.
    Queued,
    /// The queue is full: back-pressure, not an error. The frame is gone; build it anew later.
    Full,
}

/// What the kernel counted since the last reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Statistics {
    /// Frames that passed the filter and were queued.
    pub packets: u32,
    /// Frames that passed the filter and found the receive queue full.
    pub drops: u32,
}

impl PacketSocket {
    /// Opens the socket on the link with this index, filtered from the first frame on. The frames that
    /// wait take memory that is the kernel's and ours: 128 KiB for 1,024 of ARP, 512 KiB for 256 of ND.
    ///
    /// # Errors
    /// The kernel's: `EPERM` without `CAP_NET_RAW`, `ENODEV` when there is no such link, `ENETDOWN`
    /// when it is down. A kernel that has no receive rings (`PACKET_RX_RING`), or no memory for one, is
    /// named as such.
    pub fn open(link: u32, kind: FrameKind) -> io::Result<Self> {
        // Protocol 0 receives nothing, so that no unfiltered frame is queued before `bind`.
        let open = || Socket::new(Domain::PACKET, Type::RAW.nonblocking().cloexec(), None);
        let (receiver, sender) = (open()?, open()?);
        receiver.attach_filter(&filter::program(kind, None))?;
        let ring = Ring::new(receiver.as_fd(), kind).map_err(|error| {
            let why = format!("the kernel gives no receive ring (PACKET_RX_RING): {error}");
            io::Error::new(error.kind(), why)
        })?;
        // Bound to one ethertype it hears incoming frames alone; PACKET_IGNORE_OUTGOING, which kernels
        // before 4.20 do not have, is for sockets that hear all.
        sys::bind_packet(receiver.as_fd(), link, kind.ethertype())?;
        sys::bind_packet(sender.as_fd(), link, 0)?;
        Ok(Self { ring, receiver, sender, kind })
    }

    /// Lets the kernel drop frames that concern none of these prefixes, as target, sender or, in
    /// IPv6, destination; `None` lets them all pass again, as after [`open`](Self::open). Prefixes of
    /// the other family do not matter. The new filter replaces the old one in one step.
    ///
    /// It only saves wake-ups: addresses side by side are taken together, and more prefixes than a
    /// filter can hold (about 120 of IPv4, 25 of IPv6) are widened, so what comes through is still to
    /// be checked.
    ///
    /// # Errors
    /// The kernel's: out of memory for filters (`net.core.optmem_max`). The old filter stays.
    pub fn set_targets(&self, targets: Option<&[IpNet]>) -> io::Result<()> {
        self.receiver.attach_filter(&filter::program(self.kind, targets))
    }

    /// Takes the next frame, or `None` when there is none; never waits. A buffer of 60 bytes holds
    /// all that matters of an ARP frame, 1514 any ND frame; the rest is cut off.
    ///
    /// Take at most 32 in a row before the deadline of claims is looked at again.
    ///
    /// # Errors
    /// `ENETDOWN` once when the link has gone down or away; reading may go on. Others are the
    /// kernel's.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Option<Received>> {
        let Some(meta) = self.ring.take(buffer) else { return self.no_frame().map(|()| None) };
        Ok(Some(Received {
            len: meta.len,
            vlan: meta.vlan_tci,
            packet_type: meta.packet_type.into(),
        }))
    }

    /// Takes the frames that wait, 32 at most, without a system call; `false` when there are none.
    /// Never waits. What was in the batch is gone.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_batch(&self, batch: &mut FrameBatch) -> io::Result<bool> {
        batch.count = 0;
        for (buffer, meta) in batch.buffers.iter_mut().zip(&mut batch.metas) {
            let Some(taken) = self.ring.take(buffer) else { break };
            *meta = taken;
            batch.count += 1;
        }
        if batch.count == 0 {
            self.no_frame()?;
        }
        Ok(batch.count > 0)
    }

    /// Without a frame it may be an error that has woken the caller. It is told once: until then the
    /// socket stays readable.
    fn no_frame(&self) -> io::Result<()> {
        self.receiver.take_error()?.map_or(Ok(()), Err)
    }

    /// Sends a whole frame, destination MAC first, as it is; never waits. It does not pass through
    /// the kernel's ARP hooks.
    ///
    /// # Errors
    /// `ENETDOWN` while the link is down, `ENXIO` when it is gone, `EMSGSIZE` for a frame that is too
    /// long. Others are the kernel's.
    pub fn send(&self, frame: &[u8]) -> io::Result<Sent> {
        loop {
            return match rustix::net::send(&self.sender, frame, SendFlags::DONTWAIT) {
                Ok(_) => Ok(Sent::Queued),
                Err(Errno::AGAIN | Errno::NOBUFS) => Ok(Sent::Full),
                Err(Errno::INTR) => continue,
                Err(errno) => Err(errno.into()),
            };
        }
    }

    /// Sends the frames of a batch in their order, in one system call; never waits. None is left in
    /// the batch but those that found the queue full, which may be tried again.
    ///
    /// # Errors
    /// As [`send`](Self::send); what was left of the batch is dropped.
    pub fn send_batch(&self, batch: &mut SendBatch) -> io::Result<Sent> {
        while !batch.is_empty() {
            let sent = match batch.len() {
                1 => self.send(batch.frames().next().unwrap_or_default()).map(|sent| match sent {
                    Sent::Queued => 1,
                    Sent::Full => 0,
                }),
                _ => match sys::send_packets(self.sender.as_fd(), batch.frames()) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) if is_full(&error) => Ok(0),
                    sent => sent,
                },
            };
            match sent {
                Ok(0) => return Ok(Sent::Full),
                Ok(sent) => batch.take(sent),
                Err(error) => {
                    batch.clear();
                    return Err(error);
                }
            }
        }
        Ok(Sent::Queued)
    }

    /// Frames received and dropped since the last call, which resets both.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn statistics(&self) -> io::Result<Statistics> {
        let (packets, drops) = sys::packet_statistics(self.receiver.as_fd())?;
        Ok(Statistics { packets, drops })
    }

    /// The protocol it was opened for.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }
}

impl AsFd for PacketSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.receiver.as_fd()
    }
}

impl From<u8> for PacketType {
    fn from(value: u8) -> Self {
        match value {
            libc::PACKET_HOST => Self::Host,
            libc::PACKET_BROADCAST => Self::Broadcast,
            libc::PACKET_MULTICAST => Self::Multicast,
            libc::PACKET_OTHERHOST => Self::OtherHost,
            other => Self::Other(other),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENOBUFS))
}
