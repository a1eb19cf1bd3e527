//! Who receives, and says when all was there.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::Path,
    thread::{JoinHandle, sleep},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    speaker::{Seen, dial, listen, receive},
    world::World,
};
use crate::{Bird, Capture, Result, error::LabError};

/// A receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Receiver {
    /// Reads, and counts.
    Raw,
    /// BIRD 2, which imports all.
    Bird,
}

/// A receiver that waits.
#[derive(Debug)]
pub(super) enum Receiving {
    Raw(JoinHandle<io::Result<Seen>>),
    /// Boxed for its size.
    Bird(Box<(Bird, Capture)>),
}

/// Nobody needs this long.
const LIMIT: Duration = Duration::from_secs(60);
/// How often BIRD is asked: each question costs it some microseconds.
const AGAIN: Duration = Duration::from_micros(300);

impl Receiver {
    /// Starts it. It listens when this returns, or dials.
    pub(super) fn start(self, world: &World, dials: bool, routes: u32) -> Result<Receiving> {
        let [them, us, _] = world.addresses;
        if self == Self::Raw {
            let failed = || LabError::io("listen as the raw receiver");
            let listener = world.receiver.run(listen)?.map_err(failed())?;
            return Ok(Receiving::Raw(world.receiver.start(move || {
                let stream = if dials { dial(them)? } else { listener.accept()?.0 };
                receive(stream, 65002, us, routes)
            })?));
        }
        let capture = world.lab.capture(&world.receiver_port)?;
        let passive = if dials { "off" } else { "on" };
        let config = format!(
            "router id {us};\n\
             protocol bgp sender {{ local {us} as 65002; neighbor {them} as 65001;\n\
             passive {passive}; hold time 240; connect delay time 1; connect retry time 1;\n\
             ipv4 {{ import all; export none; }}; }}\n"
        );
        let bird = Bird::start(&world.lab, &world.receiver, &config)?;
        Ok(Receiving::Bird(Box::new((bird, capture))))
    }
}

impl Receiving {
    /// Waits until all was there.
    pub(super) fn wait(self, routes: u32) -> Result<Seen> {
        match self {
            Self::Raw(thread) => {
                let seen = thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
                seen.map_err(LabError::io("receive"))
            }
            Self::Bird(both) => {
                let (bird, capture) = *both;
                let last = imported(bird.control(), routes).map_err(LabError::io("ask BIRD"))?;
                let caught = capture.stop()?;
                let allowed = caught.frames.iter().find(|frame| {
                    frame.direction == crate::Direction::Sent && has_keepalive(&frame.bytes)
                });
                let what = || LabError::Topology { what: "BIRD sent no KEEPALIVE".to_owned() };
                let start = allowed.ok_or_else(what)?.at;
                let last = last.saturating_duration_since(start);
                let there = bird.count("master4", "")?;
                if there != routes as usize {
                    return Err(LabError::Topology { what: format!("BIRD has {there} routes") });
                }
                Ok(Seen { first: last, p99: last, last, updates: 0 })
            }
        }
    }
}

impl fmt::Display for Receiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Raw => "raw",
            Self::Bird => "BIRD",
        })
    }
}

/// Whether a frame holds a KEEPALIVE, whatever is before it.
fn has_keepalive(bytes: &[u8]) -> bool {
    bytes.windows(19).any(|message| message[..16] == [0xff; 16] && message[16..] == [0, 19, 4])
}

/// When BIRD had imported so many routes, by what it says on its control socket.
fn imported(control: &Path, routes: u32) -> io::Result<Instant> {
    let mut talk = BufReader::new(UnixStream::connect(control)?);
    let mut line = String::new();
    talk.read_line(&mut line)?;
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        talk.get_mut().write_all(b"show protocols all sender\n")?;
        let mut count = 0;
        loop {
            line.clear();
            if talk.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some((_, numbers)) = line.split_once("Import updates:") {
                let first = numbers.split_whitespace().next();
                count = first.and_then(|number| number.parse().ok()).unwrap_or(0);
            }
            // A reply ends with a line of four digits and a space.
            if line.as_bytes().get(4) == Some(&b' ')
                && line.starts_with(|c: char| c.is_ascii_digit())
            {
                break;
            }
        }
        if count >= routes {
            return Ok(Instant::now());
        }
        sleep(AGAIN);
    }
    Err(io::ErrorKind::TimedOut.into())
}
