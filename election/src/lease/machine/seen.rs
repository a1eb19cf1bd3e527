use core::time::Duration;

use vipcast_sans_io::Instant;

use crate::lease::{LeaseConfig, LeaseRecord, RecordVersion};

/// The record as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Seen {
    /// `None`: there is none.
    pub(super) record: Option<(LeaseRecord, RecordVersion)>,
    /// When it was first seen as it is.
    pub(super) since: Instant,
    /// It is gone, or was made anew, and there was another before: whoever held that may hold still.
    pub(super) bereft: bool,
}

impl Seen {
    /// From when on a contender may take it.
    pub(super) fn free_at(&self, config: &LeaseConfig) -> Instant {
        let record = self.record.as_ref().map(|(record, _)| record);
        let Some(record) = record.filter(|record| !says_nothing(record)) else {
            // In the place of one that was deleted it is free once its holder has ended.
            return self.since + if self.bereft { config.duration() } else { Duration::ZERO };
        };
        let ours = record.holder.as_ref() == Some(config.me());
        let wait = record.duration.max(config.duration());
        if record.is_given_up() || ours { self.since } else { self.since + wait }
    }
}

/// Whether a record is as one that was only just made: nobody has written a name into it yet.
pub(super) fn says_nothing(record: &LeaseRecord) -> bool {
    record.holder.is_none() && !record.is_given_up()
}
