//! Captures: every frame of a bridge or of one port, in memory and in a pcap file.

use std::{
    fs::File,
    io::{self, BufWriter, IoSliceMut, Write},
    os::fd::{AsRawFd, OwnedFd},
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
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
use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use crate::{
    bridge::Bridge,
    error::{LabError, Result},
    frame::{Direction, Frame},
    lab::{Lab, lock},
    port::Port,
};

/// The longest frame that is kept whole: more than any that offloads can build.
const SNAP_LENGTH: u32 = 256 * 1024;

/// Where to capture.
#[derive(Debug, Clone)]
pub struct Tap {
    bridge: Bridge,
    /// The port alone, both directions; none is every port, what the hosts send.
    port: Option<u32>,
}

impl From<&Bridge> for Tap {
    /// Every frame that a host sends into the bridge, once, unicast too.
    fn from(bridge: &Bridge) -> Self {
        Self { bridge: bridge.clone(), port: None }
    }
}

impl From<&Port> for Tap {
    /// Every frame on one cable, in both directions.
    fn from(port: &Port) -> Self {
        Self { bridge: port.bridge().clone(), port: Some(port.record().index) }
    }
}

/// A running capture. It holds every frame since [`Lab::capture`] returned.
#[derive(Debug)]
pub struct Capture {
    path: PathBuf,
    caught: Arc<Caught>,
    stop: OwnedFd,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// What a capture caught; see [`Capture::stop`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Captured {
    /// All frames, in the order in which the kernel saw them.
    pub frames: Vec<Frame>,
    /// How many frames were lost for want of room, as far as the kernel told with the last frame.
    pub dropped: u32,
    /// The pcap file: nanoseconds, Ethernet. It holds the delivered frames.
    pub path: PathBuf,
}

#[derive(Debug, Default)]
struct Caught {
    state: Mutex<State>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct State {
    frames: Vec<Frame>,
    dropped: u32,
    ended: bool,
}

impl Lab {
    /// Captures on a bridge or a port until the [`Capture`] is stopped or dropped. The pcap file is
    /// in [`Lab::dir`].
    ///
    /// ```no_run
    /// # fn f(net: &vipcast_lab::Topology) -> vipcast_lab::Result<()> {
    /// let capture = net.lab.capture(&net.lan)?;
    /// net.client.fetch("http://172.18.1.1/")?;
    /// let caught = capture.stop()?;
    /// assert!(caught.frames.iter().filter_map(|frame| frame.arp()).any(|arp| arp.is_reply()));
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// A kernel that refuses the socket, or a file that cannot be written.
    pub fn capture(&self, tap: impl Into<Tap>) -> Result<Capture> {
        let tap = tap.into();
        let file = tempfile::Builder::new()
            .prefix(tap.bridge.name())
            .suffix(".pcap")
            .disable_cleanup(true)
            .tempfile_in(self.dir())
            .map_err(LabError::io("create a capture file"))?;
        Capture::start(&tap, file.path(), file.reopen().map_err(LabError::io("open it again"))?)
    }
}

impl Capture {
    fn start(tap: &Tap, path: &Path, file: File) -> Result<Self> {
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
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(LabError::io("create an eventfd"))?;
        let stopped = stop.try_clone().map_err(LabError::io("share an eventfd"))?;
        let caught = Arc::new(Caught::default());
        let reader = Reader {
            socket,
            tap: tap.clone(),
            caught: Arc::clone(&caught),
            pcap,
            file,
            start: (Instant::now(), SystemTime::now()),
            buffer: vec![0; SNAP_LENGTH as usize],
        };
        let thread = std::thread::Builder::new()
            .name("lab capture".to_owned())
            .spawn(move || reader.serve(&stopped))
            .map_err(LabError::io("start a capture's thread"))?;
        Ok(Self { path: path.to_owned(), caught, stop, thread: Some(thread) })
    }

    /// What was caught so far. A frame that was just sent may still be on its way here:
    /// [`wait_for`](Self::wait_for) and [`stop`](Self::stop) know better.
    pub fn frames(&self) -> Vec<Frame> {
        lock(&self.caught.state).frames.clone()
    }

    /// The pcap file, up to date whenever the network is quiet.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits for a frame, among those caught already too.
    ///
    /// # Errors
    /// [`LabError::Timeout`], with the number of frames seen.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Frame) -> bool,
    ) -> Result<Frame> {
        let start = Instant::now();
        let mut looked = 0;
        let mut state = lock(&self.caught.state);
        loop {
            if let Some(frame) = state.frames.iter().skip(looked).find(|frame| wanted(frame)) {
                return Ok(frame.clone());
            }
            looked = state.frames.len();
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() || state.ended {
                let what = format!("{what} among {looked} frames");
                return Err(LabError::Timeout { what, waited: start.elapsed() });
            }
            let waited = self.caught.grown.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the capture. Every frame that the kernel had seen by now is in the result and on disk.
    ///
    /// # Errors
    /// A socket or file that failed meanwhile.
    pub fn stop(mut self) -> Result<Captured> {
        self.end().map_err(LabError::io("finish the capture"))?;
        let mut state = lock(&self.caught.state);
        let frames = std::mem::take(&mut state.frames);
        Ok(Captured { frames, dropped: state.dropped, path: self.path.clone() })
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        rustix::io::write(&self.stop, &1_u64.to_ne_bytes())?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the capture's thread panicked")))
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.end();
    }
}

/// A program for the kernel: it passes on the frames of the tap.
fn filter(tap: &Tap) -> Vec<SockFilter> {
    const LOAD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const RETURN: u16 = 0x06;
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

/// The thread of a capture.
struct Reader {
    socket: Socket,
    tap: Tap,
    caught: Arc<Caught>,
    pcap: PcapWriter<Buffered>,
    file: Buffered,
    /// The same moment on the two clocks: the kernel stamps frames with the wall's.
    start: (Instant, SystemTime),
    buffer: Vec<u8>,
}

impl Reader {
    /// Reads until told to stop, and what was there by then.
    fn serve(mut self, stop: &OwnedFd) -> io::Result<()> {
        let result = loop {
            let mut ready =
                [PollFd::new(&self.socket, PollFlags::IN), PollFd::new(stop, PollFlags::IN)];
            match poll(&mut ready, None) {
                Ok(_) => {}
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => break Err(error.into()),
            }
            let stopping = !ready[1].revents().is_empty();
            let read = self.drain();
            if stopping || read.is_err() {
                break read;
            }
        };
        lock(&self.caught.state).ended = true;
        self.caught.grown.notify_all();
        result
    }

    /// Reads all that is there, and brings the file up to date.
    fn drain(&mut self) -> io::Result<()> {
        while let Some((frame, wall, dropped)) = self.receive()? {
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
        self.file.flush()
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
