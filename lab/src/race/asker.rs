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
    time::Duration,
};

use nix::sys::socket::{MsgFlags, sendto};
use socket2::{Domain, Socket, Type};

use crate::{Host, Mac, Result, error::LabError, inject};

/// How often it asks.
pub(super) const EVERY: Duration = Duration::from_millis(10);

/// It asks until it is dropped; the answers are the capture's business.
#[derive(Debug)]
pub(super) struct Asker {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
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
            while !stop.load(Ordering::Acquire) {
                // A question that cannot leave is lost, as any other frame may be.
                let _ = sendto(socket.as_raw_fd(), &question, &interface, MsgFlags::empty());
                thread::sleep(EVERY);
            }
        })?;
        Ok(Self { stopped, thread: Some(thread) })
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
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
