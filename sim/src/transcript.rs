use std::{fmt, sync::Arc};

use vipcast_sans_io::Instant;

use crate::{Link, StreamId};

/// What happened, in order. Two runs of one seed have equal transcripts.
///
/// ```
/// use vipcast_sans_io::Instant;
/// use vipcast_sim::{Transcript, What};
///
/// let mut left = Transcript::new();
/// left.push(Instant::ZERO, "a", What::Timeout);
/// let mut right = left.clone();
/// right.push(Instant::from_millis(3), "b", What::Event("Up".into()));
/// let difference = left.first_difference(&right).unwrap();
/// assert_eq!(difference.index, 1);
/// assert_eq!(difference.right.unwrap().to_string(), "0.003000s b: event Up");
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Transcript {
    records: Vec<Record>,
}

impl Transcript {
    /// Nothing happened yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { records: Vec::new() }
    }

    /// Appends a record.
    pub fn push(&mut self, at: Instant, who: impl Into<Arc<str>>, what: What) {
        self.push_local(at, at, who, what);
    }

    pub(crate) fn push_local(
        &mut self,
        at: Instant,
        local: Instant,
        who: impl Into<Arc<str>>,
        what: What,
    ) {
        self.records.push(Record { at, local, who: who.into(), what });
    }

    /// All records, oldest first.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Where the two begin to differ; `None` if they are equal.
    #[must_use]
    pub fn first_difference(&self, other: &Self) -> Option<Difference> {
        let common = self
            .records
            .iter()
            .zip(&other.records)
            .take_while(|(left, right)| left == right)
            .count();
        let (left, right) = (self.records.get(common), other.records.get(common));
        if left.is_none() && right.is_none() {
            return None;
        }
        let before = self.records.iter().take(common);
        Some(Difference {
            index: common,
            before: before.skip(common.saturating_sub(CONTEXT)).cloned().collect(),
            left: left.cloned(),
            right: right.cloned(),
        })
    }

    /// The last `count` records, one a line, each ended by a line feed.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let skipped = self.records.len().saturating_sub(count);
        self.records.iter().skip(skipped).map(|record| format!("{record}\n")).collect()
    }
}

/// One thing that happened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// When: the world's time in a network, the machine's own in [`Recorded`](crate::Recorded).
    pub at: Instant,
    /// When, by the node's own clock: what a deadline of the node is compared with.
    pub local: Instant,
    /// The name of the node or machine.
    pub who: Arc<str>,
    /// What.
    pub what: What,
}

/// What can happen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum What {
    /// A node was made, for the first time or after a crash.
    Boot {
        /// How many lives it had before.
        life: u32,
    },
    /// A packet was built and left by a link.
    Sent {
        /// The sender's link.
        link: Link,
        /// The receiver's name, or `None` for all others.
        to: Option<Arc<str>>,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A packet was handed to the node.
    Received {
        /// The receiver's link.
        link: Link,
        /// The sender's name.
        from: Arc<str>,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// A link lost its carrier, or has it again.
    Carrier {
        /// The node's own link.
        link: Link,
        /// Whether the carrier is there now.
        up: bool,
    },
    /// A packet was not delivered.
    Dropped {
        /// Why.
        why: DropReason,
        /// The name of the node that it was for.
        to: Arc<str>,
    },
    /// A stream was opened, accepted or closed, in words.
    Stream(String),
    /// Bytes were written to a stream.
    Wrote {
        /// The writer's end.
        stream: StreamId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// Bytes of a stream were handed to the node.
    Read {
        /// The reader's end.
        stream: StreamId,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// A machine was given an input, as it prints.
    Input(String),
    /// A machine built something to send.
    Transmit {
        /// Where it goes, as it prints.
        to: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The deadline had passed, and the due timers were fired.
    Timeout,
    /// When timers are due next.
    Deadline(Option<Instant>),
    /// The node or machine reported this event, as it prints.
    Event(String),
    /// The owner gave it a command.
    Command(String),
    /// A fault began, as it prints.
    Begun(String),
    /// A fault ended.
    Ended(String),
}

/// Why a packet was not delivered.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DropReason {
    /// The segment lost it.
    Loss,
    /// The direction is cut.
    Cut,
    /// The sender's or the receiver's link has no carrier.
    Unplugged,
    /// The receiver has crashed.
    Down,
    /// The receiver is paused, and its buffer is full.
    Overflow,
    /// The receiver is not on that segment, or the sender has no such link.
    Nobody,
}

/// Where two transcripts begin to differ.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// How many records are equal.
    pub index: usize,
    /// The last equal ones.
    pub before: Vec<Record>,
    /// The next record of the one; `None` at its end.
    pub left: Option<Record>,
    /// The next record of the other; `None` at its end.
    pub right: Option<Record>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the transcripts differ from record {} on:", self.index)?;
        for record in &self.before {
            writeln!(f, "  both  {record}")?;
        }
        for (side, record) in [("left ", &self.left), ("right", &self.right)] {
            match record {
                Some(record) => writeln!(f, "  {side} {record}")?,
                None => writeln!(f, "  {side} (ends here)")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}: {}", self.at, self.who, self.what)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boot { life: 0 } => f.write_str("starts"),
            Self::Boot { life } => write!(f, "starts again, life {life}"),
            Self::Sent { link, to, bytes } => {
                let to = to.as_deref().unwrap_or("all");
                write!(f, "sends by {link:?} to {to}: {}", Bytes(bytes))
            }
            Self::Received { link, from, bytes } => {
                write!(f, "receives at {link:?} from {from}: {}", Bytes(bytes))
            }
            Self::Carrier { link, up: true } => write!(f, "{link:?} is up"),
            Self::Carrier { link, up: false } => write!(f, "{link:?} is down"),
            Self::Dropped { why, to } => write!(f, "packet for {to} dropped: {why:?}"),
            Self::Stream(what) => f.write_str(what),
            Self::Wrote { stream, bytes } => write!(f, "writes to {stream:?}: {}", Bytes(bytes)),
            Self::Read { stream, bytes } => write!(f, "reads from {stream:?}: {}", Bytes(bytes)),
            Self::Input(input) => write!(f, "input {input}"),
            Self::Transmit { to, bytes } => write!(f, "transmit to {to}: {}", Bytes(bytes)),
            Self::Timeout => f.write_str("timeout"),
            Self::Deadline(Some(at)) => write!(f, "next timeout at {at:?}"),
            Self::Deadline(None) => f.write_str("no timeout"),
            Self::Event(event) => write!(f, "event {event}"),
            Self::Command(command) => write!(f, "command {command}"),
            Self::Begun(fault) => write!(f, "begins: {fault}"),
            Self::Ended(fault) => write!(f, "ends: {fault}"),
        }
    }
}

/// Hexadecimal, with the length of what is left out.
struct Bytes<'a>(&'a [u8]);

impl fmt::Display for Bytes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0.iter().take(SHOWN) {
            write!(f, "{byte:02x}")?;
        }
        match self.0.len() {
            0 => f.write_str("(nothing)"),
            len if len > SHOWN => write!(f, ".. ({len} bytes)"),
            _ => Ok(()),
        }
    }
}

/// How many equal records a [`Difference`] keeps.
const CONTEXT: usize = 5;
/// How many bytes of a packet are shown.
const SHOWN: usize = 64;
