use alloc::collections::BTreeMap;

use vipcast_sans_io::Instant;

use super::Group;
use crate::lease::{LeaseInput, LeaseRecord, RecordVersion};

/// The records that there are, also of other counts.
pub type Records = BTreeMap<Group, (LeaseRecord, RecordVersion)>;

/// What the store says. Of one record, what is told later must not be older.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupInput {
    /// This is all there is. What is not here is gone.
    Listed {
        /// The request that it answers, if it was asked for.
        number: Option<u64>,
        /// The count that was founded; 0 stands for one that cannot be read.
        charter: Option<u16>,
        /// The records.
        records: Records,
    },
    /// The count that was founded, from now on; `None` where there is none any more.
    Charter(Option<u16>),
    /// This record is so, from now on; `None` where there is none any more.
    Record(Group, Option<(LeaseRecord, RecordVersion)>),
    /// The answer to a [write](GroupRequest::Write).
    Answer(Group, LeaseInput),
}

/// What the store is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRequest {
    /// Found this count, unless one is founded already. There is no answer: what is there is told.
    Found {
        /// So many groups.
        count: u16,
        /// It is of no use later than this.
        deadline: Instant,
    },
    /// Tell all there is, as it is after this was asked.
    List {
        /// Comes back with the answer.
        number: u64,
        /// The answer is of no use later than this.
        deadline: Instant,
    },
    /// Write the record of a group if it still is of the version `expected`; where that is `None`, make
    /// it if there is none.
    Write {
        /// Which.
        group: Group,
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
