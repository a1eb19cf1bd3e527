//! Captures: every frame of a bridge or of one port, in memory and in a pcap file.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use rustix::event::{EventfdFlags, eventfd};

use crate::{
    bridge::Bridge,
    error::{LabError, Result},
    frame::{Arp, Frame},
    lab::Lab,
    lock::lock,
    port::Port,
};

use reader::Reader;

mod reader;

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
    /// All frames, in the order in which the kernel saw them, by its own clock: two processors may hand
    /// over what they saw the other way round.
    pub frames: Vec<Frame>,
    /// How many frames were lost for want of room, as far as the kernel told with the last frame.
    pub dropped: u32,
    /// The pcap file: nanoseconds, Ethernet. It holds the delivered frames.
    pub path: PathBuf,
}

impl Captured {
    /// The frames that were not lost in a [cut](Port::cut).
    pub fn delivered(&self) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(|frame| frame.delivered)
    }

    /// The delivered ARP packets, with their frames.
    pub fn arps(&self) -> impl Iterator<Item = (&Frame, Arp)> {
        self.delivered().filter_map(|frame| Some((frame, frame.arp()?)))
    }
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
        let stop = eventfd(0, EventfdFlags::CLOEXEC).map_err(LabError::io("create an eventfd"))?;
        let stopped = stop.try_clone().map_err(LabError::io("share an eventfd"))?;
        let caught = Arc::new(Caught::default());
        let reader = Reader::open(tap, Arc::clone(&caught), file)?;
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
        let mut frames = std::mem::take(&mut state.frames);
        frames.sort_by_key(|frame| frame.at);
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
