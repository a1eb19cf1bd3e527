//! What leaves a node that was stopped past the end of its claim, in the midst of a flood.

use std::{
    net::Ipv4Addr,
    os::fd::AsRawFd,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{LinkAddr, MsgFlags, sendto},
};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use vipcast_lab::{Mac, harness::TestResult};

use crate::{
    wire::Arp,
    world::{LIMIT, Lan, Result, VIP},
};

/// Frames that a system call of the process may have been interrupted in the midst of.
const ONE_BATCH: usize = 32;
const QUESTIONS_A_SECOND: u64 = 50_000;
/// The token lives for a second.
const STOPPED_FOR: Duration = Duration::from_millis(1_300);

/// How often the process is stopped: `VIPCAST_LAB_STOPS` says so for a long run.
fn stops() -> u32 {
    let named = std::env::var("VIPCAST_LAB_STOPS").ok();
    named.and_then(|number| number.parse().ok()).unwrap_or(20)
}

pub(crate) fn interface(name: &str) -> Result<LinkAddr> {
    let mut all = getifaddrs()?.filter(|entry| entry.interface_name == name);
    all.find_map(|entry| entry.address?.as_link_addr().copied()).ok_or_else(|| "no eth0".into())
}

/// Asks for the address, from 64 askers in turn, until told to stop.
fn flood(stop: &AtomicBool, sent: &AtomicU64) -> Result<()> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let link = interface("eth0")?;
    let frames: Vec<Vec<u8>> = (0..64)
        .map(|number| {
            let asker = Mac([2, 0, 0, 0, 0xcc, number]);
            Arp::question(asker, Ipv4Addr::new(172, 18, 8, number), VIP).bytes()
        })
        .collect();
    let start = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        let due = start.elapsed().as_micros() as u64 * QUESTIONS_A_SECOND / 1_000_000;
        let done = sent.load(Ordering::Relaxed);
        // What was missed while this thread waited for its turn is not made up for.
        let due = due.min(done + 500);
        for number in done..due {
            let frame = &frames[(number % 64) as usize];
            // A full queue is as good as a flood.
            let _ = sendto(socket.as_raw_fd(), frame, &link, MsgFlags::MSG_DONTWAIT);
        }
        sent.store(due.max(done), Ordering::Relaxed);
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(())
}

/// What the node says about the address, as the askers' port hears it.
struct Ear(Socket);

#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Answer,
    /// An announcement, or a question from the address: the begin of a tenure.
    News,
}

impl Ear {
    fn open() -> Result<Self> {
        // ARP from the address, and nothing else.
        let filter = [
            SockFilter::new(0x20, 0, 0, 28),
            SockFilter::new(0x15, 0, 1, VIP.to_bits()),
            SockFilter::new(0x06, 0, 0, u32::MAX),
            SockFilter::new(0x06, 0, 0, 0),
        ];
        let arp = Protocol::from(i32::from(0x0806_u16.to_be()));
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(arp))?;
        socket.attach_filter(&filter)?;
        socket.set_recv_buffer_size(64 << 20)?;
        socket.set_read_timeout(Some(LIMIT))?;
        Ok(Self(socket))
    }

    /// The next frame; none after a long silence.
    fn next(&self, wait: bool) -> Option<Heard> {
        let mut frame = [0; 64];
        let flags = if wait { MsgFlags::empty() } else { MsgFlags::MSG_DONTWAIT };
        let length = nix::sys::socket::recv(self.0.as_raw_fd(), &mut frame, flags).ok()?;
        let gratuitous = frame[28..32] == frame[38..42];
        let reply = length > 21 && frame[21] == 2 && !gratuitous;
        Some(if reply { Heard::Answer } else { Heard::News })
    }

    fn drain(&self) -> usize {
        std::iter::from_fn(|| self.next(false)).count()
    }
}

pub(crate) fn stopped() -> TestResult {
    let lan = Lan::new("stopped", 1)?;
    lan.serve([VIP.into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("gateway 172.18.255.254 on eth0 has learned", LIMIT)?;
    let client = &lan.net.client;
    let ear = client.run(|| Ear::open().map_err(|error| error.to_string()))??;
    let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let flooding = {
        let (stop, sent) = (Arc::clone(&stop), Arc::clone(&sent));
        client.start(move || flood(&stop, &sent).map_err(|error| error.to_string()))?
    };
    assert!(ear.next(true).is_some(), "the flood is answered");

    let (mut worst, mut late, mut answered) = (0, 0, 0);
    let mut phase: u64 = 0x9e37_79b9_7f4a_7c15;
    let start = Instant::now();
    for round in 0..stops() {
        // Some way between two renewals.
        phase = phase.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let until = Instant::now() + Duration::from_micros((phase >> 33) % 400_000);
        while Instant::now() < until {
            answered += ear.drain();
        }
        node.stop()?;
        // Its last word may still be on the way: the claim ends a second after it at the latest.
        let mut last = Instant::now();
        while last.elapsed() < STOPPED_FOR {
            std::thread::sleep(Duration::from_millis(10));
            let heard = ear.drain();
            answered += heard;
            if heard > 0 {
                last = Instant::now();
            }
        }
        node.resume()?;
        let mut stale = 0;
        while ear.next(true).ok_or("the node does not come back")? == Heard::Answer {
            stale += 1;
        }
        late += stale;
        worst = worst.max(stale);
        assert!(stale <= ONE_BATCH, "round {round}: {stale} answers after the claim's end");
    }
    let rate = sent.load(Ordering::Relaxed) as f64 / start.elapsed().as_secs_f64();
    stop.store(true, Ordering::Relaxed);
    flooding.join().map_err(|_| "the flood panicked")??;
    println!(
        "stopped {} times past its claim, under {rate:.0} questions/s, {answered} answers: {late} \
         frames after a claim's end, {worst} at most after one",
        stops()
    );
    Lan::end(&node)?;
    Ok(())
}
