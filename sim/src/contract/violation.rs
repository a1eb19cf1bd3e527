use std::fmt;

use vipcast_sans_io::Instant;

use crate::Difference;

/// A rule of the contract that a machine broke. `seed` gives the script; the same seed finds it
/// again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Two instances of one seed behaved differently under one script: a clock, a global random
    /// source, or a map of random order.
    #[error(
        "seed {seed}: two runs differ; look for a clock, a random source or a map without order\n{difference}"
    )]
    NotReproducible {
        /// Of the script.
        seed: u64,
        /// The first run left, the second right.
        difference: Box<Difference>,
    },
    /// `handle_timeout` before the deadline changed something.
    #[error(
        "seed {seed}: a timeout at {at:?}, with the deadline at {deadline:?}, must do nothing, and did:\n{difference}"
    )]
    EarlyTimeout {
        /// Of the script.
        seed: u64,
        /// When the last early timeout was.
        at: Instant,
        /// What `poll_timeout` had said.
        deadline: Option<Instant>,
        /// Without it left, with it right.
        difference: Box<Difference>,
    },
    /// `handle_input` believed an input before it fired the timers that were due.
    #[error(
        "seed {seed}: an input at {at:?} was believed before the due timers fired:\n{difference}"
    )]
    InputBeforeTimers {
        /// Of the script.
        seed: u64,
        /// When the last such input was.
        at: Instant,
        /// As it is left, with the timers fired first right.
        difference: Box<Difference>,
    },
    /// `poll_transmit` built something that was no longer true.
    #[error(
        "seed {seed}: at {at:?} a stale packet left for {to}: {bytes:02x?} (wanted by {since:?} or before)"
    )]
    Stale {
        /// Of the script.
        seed: u64,
        /// When it was built.
        at: Instant,
        /// When the machine was called last before.
        since: Instant,
        /// Where it goes, as it prints.
        to: String,
        /// The packet.
        bytes: Vec<u8>,
    },
    /// The bytes of a packet depend on what was in the buffer.
    #[error("seed {seed}: poll_transmit must clear its buffer first:\n{difference}")]
    BufferNotCleared {
        /// Of the script.
        seed: u64,
        /// With an empty buffer left, with a dirty one right.
        difference: Box<Difference>,
    },
    /// `handle_timeout` at the deadline does not move `poll_timeout` on: a driver would spin.
    #[error(
        "seed {seed}: at {at:?} handle_timeout leaves a deadline of {deadline:?}: a driver would spin"
    )]
    NoProgress {
        /// Of the script.
        seed: u64,
        /// When.
        at: Instant,
        /// What `poll_timeout` says again and again.
        deadline: Instant,
    },
    /// Two reads of `poll_timeout` differ though nothing happened between them.
    #[error("seed {seed}: at {at:?} poll_timeout says {first:?}, then {second:?}")]
    RestlessDeadline {
        /// Of the script.
        seed: u64,
        /// When.
        at: Instant,
        /// What it said first.
        first: Option<Instant>,
        /// What it said next.
        second: Option<Instant>,
    },
    /// After one call a queue does not come to its end.
    #[error("seed {seed}: at {at:?} {queue} gave more than {limit} and did not end")]
    Endless {
        /// Of the script.
        seed: u64,
        /// When.
        at: Instant,
        /// Which.
        queue: Queue,
        /// How many were taken.
        limit: usize,
    },
    /// A flood of inputs that nobody drains made a queue or table grow past its limit.
    #[error("seed {seed}: {inputs} inputs without a drain made {queue} hold more than {limit}")]
    Unbounded {
        /// Of the script.
        seed: u64,
        /// How many inputs came.
        inputs: usize,
        /// Which.
        queue: Queue,
        /// How much is allowed.
        limit: usize,
    },
}

/// What grew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Queue {
    /// What `poll_transmit` gives.
    Transmits,
    /// What `poll_event` gives.
    Events,
    /// What [`footprint`](super::Subject::footprint) counts.
    Footprint,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Transmits => "poll_transmit",
            Self::Events => "poll_event",
            Self::Footprint => "the footprint",
        })
    }
}
