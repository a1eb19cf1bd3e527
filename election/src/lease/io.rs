use vipcast_sans_io::Instant;

use super::{LeaseRecord, RecordVersion};

/// The right to act as the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tenure {
    /// Counts the tenures of this contender: it is the same for as long as none ended.
    pub number: u64,
    /// The record's count of changes of the holder. Who takes its own record again leaves it as it is.
    pub transitions: u32,
    /// The last holder did not give the record up, or the record was deleted: that holder may be
    /// paused, and what it sent before its end may still be on the way. It may have had the same name:
    /// this contender before its tenure lapsed, or before it was started anew.
    pub seized: bool,
    /// It is worth nothing from this moment on.
    pub not_after: Instant,
}

/// What the store answers. `number` is the request's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeaseInput {
    /// The record as it is; `None` where there is none.
    Read {
        /// The request.
        number: u64,
        /// What there is.
        record: Option<(LeaseRecord, RecordVersion)>,
    },
    /// The write was accepted, and the record is now of this version.
    Written {
        /// The request.
        number: u64,
        /// The version.
        version: RecordVersion,
    },
    /// The write was refused: the record is another than the one that was expected.
    Refused {
        /// The request.
        number: u64,
    },
    /// No answer, or none of use. Whether a write was accepted is not known.
    Failed {
        /// The request.
        number: u64,
    },
}

impl LeaseInput {
    /// The request that it answers.
    #[must_use]
    pub const fn number(&self) -> u64 {
        match self {
            Self::Read { number, .. }
            | Self::Written { number, .. }
            | Self::Refused { number }
            | Self::Failed { number } => *number,
        }
    }
}

/// What the store is asked. There is one request at a time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LeaseRequest {
    /// Read the record.
    Read {
        /// Comes back with the answer.
        number: u64,
        /// The answer is of no use later than this.
        deadline: Instant,
    },
    /// Write the record if it still is of the version `expected`; where that is `None`, make it if
    /// there is none.
    Write {
        /// Comes back with the answer.
        number: u64,
        /// What is to be there.
        record: LeaseRecord,
        /// What must be there before.
        expected: Option<RecordVersion>,
        /// The answer is of no use later than this.
        deadline: Instant,
    },
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LeaseEvent {
    /// The lease is held, or renewed.
    Held(Tenure),
    /// The lease is not held any more.
    Lost,
}
