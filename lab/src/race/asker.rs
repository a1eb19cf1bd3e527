//! The newcomer: asks for the address by ARP, and remembers nothing.

use std::{
    io,
    net::Ipv4Addr,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::sys::socket::{MsgFlags, sendto};
use socket2::{Domain, Socket, Type};

use crate::{Host, Mac, Result, error::LabError, inject};

/// How often it asks.
pub(super) const EVERY: Duration = Duration::from_millis(10);

/// It asks until it is stopped or dropped; the answers are the capture's business.
#[derive(Debug)]
pub(super) struct Asker {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<Vec<Instant>>>,
}

impl Asker {
    pub(super) fn start(host: &Host, own: Ipv4Addr, address: Ipv4Addr) -> Result<Self> {
        let question = question(host.mac("eth0")?, own, address);
        let opened = host.run(|| {
            let interface = inject::interface("eth0")?.ok_or(io::ErrorKind::NotFound)?;
            let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
            Ok::<_, io::Error>((socket, interface))
        })?;
        let (socket, interface) = opened.map_err(LabError::io("open the newcomer's socket"))?;
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let thread = host.start(move || {
            let mut asked = Vec::new();
            while !stop.load(Ordering::Acquire) {
                asked.push(Instant::now());
                // A question that cannot leave is lost, as any other frame may be.
                let _ = sendto(socket.as_raw_fd(), &question, &interface, MsgFlags::empty());
                thread::sleep(EVERY);
            }
            asked
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }

    /// Ends it, and says when it asked. Its socket is never full, so that a gap tells how far the
    /// harness itself was held up.
    pub(super) fn stop(mut self) -> Vec<Instant> {
        self.end()
    }

    fn end(&mut self) -> Vec<Instant> {
        self.stopped.store(true, Ordering::Release);
        let asked = self.thread.take().and_then(|thread| thread.join().ok());
        asked.unwrap_or_default()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.end();
    }
}

/// A broadcast: who has `address`?
fn question(mac: Mac, own: Ipv4Addr, address: Ipv4Addr) -> Vec<u8> {
    let mut frame = Mac::BROADCAST.0.to_vec();
    frame.extend(mac.0);
    // ARP, for Ethernet and IPv4, a request.
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(mac.0);
    frame.extend(own.octets());
    frame.extend(Mac::ZERO.0);
    frame.extend(address.octets());
    frame
}
