//! More questions than a node takes at a time.

use std::{
    net::Ipv4Addr,
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use nix::sys::socket::{MsgFlags, sendto};
use socket2::{Domain, Socket, Type};
use vipcast_lab::{Capture, Mac, harness::TestResult};

use crate::{
    fence::interface,
    wire::Arp,
    world::{LIMIT, Lan, Result, VIP},
};

/// Some batches of 32, and a part of one.
const QUESTIONS: u8 = 200;

/// A node that is stopped for longer drops what waits for it.
const MOST: Duration = Duration::from_millis(400);

/// A busy machine may keep the node stopped for longer, after it was told to go on.
const TRIES: usize = 5;

/// Before the node asks its gateway again, whose answer would wake it.
const SOON: Duration = Duration::from_secs(20);

fn asker(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0xbb, number])
}

/// Each asker asks once.
fn ask() -> Result<()> {
    let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
    let link = interface("eth0")?;
    for number in 0..QUESTIONS {
        let from = Ipv4Addr::new(172, 18, 9, number);
        let question = Arp::question(asker(number), from, VIP).bytes();
        sendto(socket.as_raw_fd(), &question, &link, MsgFlags::empty())?;
    }
    Ok(())
}

/// What waits is answered to the last question, though nothing comes after it that would wake the node.
pub(crate) fn to_the_last() -> TestResult {
    let lan = Lan::new("to-the-last", 1)?;
    lan.serve([VIP.into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("gateway 172.18.255.254 on eth0 has learned", LIMIT)?;
    let mut wrong = "this machine is too busy to ask while the node is stopped".into();
    for _ in 0..TRIES {
        let capture = lan.net.lab.capture(&lan.net.lan)?;
        node.stop()?;
        let start = Instant::now();
        lan.net.client.run(|| ask().map_err(|error| error.to_string()))??;
        node.resume()?;
        if start.elapsed() > MOST {
            continue;
        }
        match all_answered(&capture) {
            Ok(()) => return Lan::end(&node).map(drop),
            Err(error) => wrong = error,
        }
    }
    Err(wrong)
}

fn all_answered(capture: &Capture) -> Result<()> {
    for number in 0..QUESTIONS {
        capture.wait_for(&format!("the answer to question {number}"), SOON, |frame| {
            let of_it = |arp: vipcast_lab::Arp| arp.is_reply() && arp.spa == VIP;
            frame.destination() == asker(number) && frame.arp().is_some_and(of_it)
        })?;
    }
    Ok(())
}
