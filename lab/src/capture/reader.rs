//! The thread of a capture: from the kernel's socket to memory and file.

use std::{
    fs::File,
    io::{self, BufWriter, IoSliceMut, Write},
    os::fd::{AsRawFd, OwnedFd},
    sync::{Arc, Mutex},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    cmsg_space, libc,
    sys::{
        socket::{ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt},
        time::TimeSpec,
    },
};
use pcap_file::{
    DataLink, Endianness, TsResolution,
    pcap::{PcapHeader, PcapPacket, PcapWriter},
};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::{Caught, Tap};
use crate::{
    error::{LabError, Result},
    frame::{Direction, Frame},
    lock::lock,
};

/// The longest frame that is kept whole: more than any that offloads can build.
const SNAP_LENGTH: u32 = 256 * 1024;

/// The instruction that ends a filter, with how much of the frame is kept.
const RETURN: u16 = 0x06;

/// How many frames are read before a look whether to stop.
const BATCH: usize = 256;

/// A program for the kernel: it passes on the frames of the tap.
fn filter(tap: &Tap) -> Vec<SockFilter> {
    const LOAD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const PACKET_TYPE: u32 = 0xffff_f004;
    const INTERFACE: u32 = 0xffff_f008;
    const OUTGOING: u32 = 4;
    const LOOPBACK: u32 = 1;
    let interface = SockFilter::new(LOAD, 0, 0, INTERFACE);
    let [keep, drop] = [SNAP_LENGTH, 0].map(|length| SockFilter::new(RETURN, 0, 0, length));
    if let Some(port) = tap.port {
        return vec![interface, SockFilter::new(JUMP_EQUAL, 0, 1, port), keep, drop];
    }
    // What the bridge floods, and what it hands to itself, was seen when it came in.
    vec![
        SockFilter::new(LOAD, 0, 0, PACKET_TYPE),
        SockFilter::new(JUMP_EQUAL, 4, 0, OUTGOING),
        interface,
        SockFilter::new(JUMP_EQUAL, 2, 0, tap.bridge.index()),
        SockFilter::new(JUMP_EQUAL, 1, 0, LOOPBACK),
        keep,
        drop,
    ]
}

/// Opens a packet socket for all interfaces of the calling thread's namespace.
fn open(filter: &[SockFilter]) -> io::Result<Socket> {
    let all = u16::try_from(libc::ETH_P_ALL).map_err(io::Error::other)?.to_be();
    let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(i32::from(all))))?;
    socket.attach_filter(filter)?;
    // Only real root may ask for more than the system's limit; reading at once is the better cure.
    if setsockopt(&socket, sockopt::RcvBufForce, &(32 << 20)).is_err() {
        socket.set_recv_buffer_size(4 << 20)?;
    }
    setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
    setsockopt(&socket, sockopt::RxqOvfl, &1)?;
    // What came before the filter was in place is not what was asked for.
    let mut byte = [0];
    while rustix::net::recv(&socket, &mut byte, rustix::net::RecvFlags::DONTWAIT).is_ok() {}
    Ok(socket)
}

/// A buffered file that can be flushed while the pcap library writes to it.
#[derive(Debug, Clone)]
struct Buffered(Arc<Mutex<BufWriter<File>>>);

impl Write for Buffered {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        lock(&self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.0).flush()
    }
}

/// What the two clocks say at one moment. A thread may be put aside between two readings, so the
/// closest of some pairs is taken.
fn one_moment() -> (Instant, SystemTime) {
    let pairs = (0..8).map(|_| {
        let (before, wall) = (Instant::now(), SystemTime::now());
        (before.elapsed(), before, wall)
    });
    let closest = pairs.min_by_key(|(width, ..)| *width);
    closest.map_or_else(|| (Instant::now(), SystemTime::now()), |(_, at, wall)| (at, wall))
}

/// The thread of a capture.
pub(super) struct Reader {
    socket: Socket,
    tap: Tap,
    caught: Arc<Caught>,
    pcap: PcapWriter<Buffered>,
    file: Buffered,
    /// One moment on the two clocks: the kernel stamps frames with the wall's.
    start: (Instant, SystemTime),
    buffer: Vec<u8>,
}

impl Reader {
    /// Opens the socket in the tap's namespace, and begins the file.
    pub(super) fn open(tap: &Tap, caught: Arc<Caught>, file: File) -> Result<Self> {
        let header = PcapHeader {
            snaplen: SNAP_LENGTH,
            datalink: DataLink::ETHERNET,
            ts_resolution: TsResolution::NanoSecond,
            endianness: Endianness::native(),
            ..PcapHeader::default()
        };
        let file = Buffered(Arc::new(Mutex::new(BufWriter::new(file))));
        let failed = |error| LabError::io("write the capture file")(io::Error::other(error));
        let pcap = PcapWriter::with_header(file.clone(), header).map_err(failed)?;
        let filter = filter(tap);
        let opened = tap.bridge.namespace().run(move || open(&filter))?;
        let socket = opened.map_err(LabError::io("open a packet socket"))?;
        let start = one_moment();
        let buffer = vec![0; SNAP_LENGTH as usize];
        Ok(Self { socket, tap: tap.clone(), caught, pcap, file, start, buffer })
    }

    /// Reads until told to stop, and what was there by then.
    pub(super) fn serve(mut self, stop: &OwnedFd) -> io::Result<()> {
        let result = loop {
            let mut ready =
                [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => break Err(error.into()),
            }
            if !ready[1].revents().is_empty() {
                break self.finish();
            }
            if let Err(error) = self.drain() {
                break Err(error);
            }
        };
        lock(&self.caught.state).ended = true;
        self.caught.grown.notify_all();
        result
    }

    /// Lets nothing more in, however much comes, and reads the rest.
    fn finish(&mut self) -> io::Result<()> {
        self.socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, 0)])?;
        while self.drain()? == BATCH {}
        Ok(())
    }

    /// Reads what is there, so many at most, and brings the file up to date. Returns how many.
    fn drain(&mut self) -> io::Result<usize> {
        for count in 0..BATCH {
            let Some((frame, wall, dropped)) = self.receive()? else {
                self.file.flush()?;
                return Ok(count);
            };
            if frame.delivered {
                let length = u32::try_from(frame.bytes.len()).unwrap_or(u32::MAX);
                let packet = PcapPacket::new(wall, length, &frame.bytes);
                self.pcap.write_packet(&packet).map_err(io::Error::other)?;
            }
            let mut state = lock(&self.caught.state);
            state.frames.push(frame);
            state.dropped = dropped.unwrap_or(state.dropped);
            self.caught.grown.notify_all();
        }
        self.file.flush()?;
        Ok(BATCH)
    }

    /// One frame, its wall time since 1970, and how many were lost before it.
    fn receive(&mut self) -> io::Result<Option<(Frame, Duration, Option<u32>)>> {
        let mut control = cmsg_space!(TimeSpec, u32);
        let mut parts = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT;
        let fd = self.socket.as_raw_fd();
        let message = match recvmsg::<LinkAddr>(fd, &mut parts, Some(&mut control), flags) {
            Ok(message) => message,
            Err(nix::Error::EAGAIN) => return Ok(None),
            // A port went down: the socket lives on for the others.
            Err(nix::Error::ENETDOWN | nix::Error::EINTR) => return self.receive(),
            Err(error) => return Err(error.into()),
        };
        let (mut wall, mut dropped) = (None, None);
        for control in message.cmsgs()? {
            match control {
                ControlMessageOwned::ScmTimestampns(stamp) => wall = Some(Duration::from(stamp)),
                ControlMessageOwned::RxqOvfl(count) => dropped = Some(count),
                _ => {}
            }
        }
        let (index, kind) = message.address.map_or((0, 0), |from| (from.ifindex(), from.pkttype()));
        let length = message.bytes;
        let wall = wall.or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).ok());
        let wall = wall.unwrap_or_default();
        let at = self.monotonic(wall);
        let sent = kind != libc::PACKET_OUTGOING;
        let ports = self.tap.bridge.ports();
        let record = ports.iter().find(|port| usize::try_from(port.index) == Ok(index));
        let frame = Frame {
            at,
            host: record.map_or_else(|| "".into(), |port| Arc::clone(&port.host)),
            direction: if sent { Direction::Sent } else { Direction::Received },
            delivered: !(sent && record.is_some_and(|port| port.dropped(at))),
            bytes: self.buffer[..length].to_vec(),
        };
        Ok(Some((frame, wall, dropped)))
    }

    fn monotonic(&self, wall: Duration) -> Instant {
        let (start, start_wall) = self.start;
        let start_wall = start_wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        // A frame may be stamped a little before the capture's own clocks were read.
        let before = start_wall.saturating_sub(wall);
        start.checked_sub(before).unwrap_or(start) + wall.saturating_sub(start_wall)
    }
}
