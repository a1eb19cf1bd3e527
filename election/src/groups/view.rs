use alloc::collections::BTreeMap;
use core::{fmt, time::Duration};

use vipcast_sans_io::Instant;

use super::{Group, GroupCount, Records};
use crate::lease::{LeaseRecord, RecordVersion};

/// Whether a node may take records at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// What there is has not been told yet.
    #[default]
    Unlisted,
    /// No count of groups is founded; this node tries to.
    Founding,
    /// It takes what is its turn.
    Contends,
    /// Other nodes have, or had, another count of groups: this one takes nothing, since an address could
    /// have two owners.
    OtherCount {
        /// That count; 0 stands for one that cannot be read.
        found: u16,
        /// This node's.
        mine: u16,
    },
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unlisted => f.write_str("the leases have not been read yet"),
            Self::Founding => f.write_str("the count of groups is about to be founded"),
            Self::Contends => f.write_str("contends"),
            Self::OtherCount { found, mine } => write!(
                f,
                "THIS NODE TAKES NO ADDRESS: the count of groups is {mine} here and {found} in the \
                 cluster, so that an address could have two owners; give all nodes the same count. To \
                 change it, stop all nodes, and delete the leases"
            ),
        }
    }
}

/// What the store has told.
#[derive(Debug)]
pub(super) struct View {
    count: GroupCount,
    /// How long a record of another count counts as held.
    duration: Duration,
    listed: bool,
    charter: Option<u16>,
    own: BTreeMap<u16, (LeaseRecord, RecordVersion)>,
    /// Of other counts, and since when each is as it is.
    strangers: BTreeMap<Group, (LeaseRecord, RecordVersion, Instant)>,
}

impl View {
    pub(super) fn new(count: GroupCount, duration: Duration) -> Self {
        let (own, strangers) = (BTreeMap::new(), BTreeMap::new());
        Self { count, duration, listed: false, charter: None, own, strangers }
    }

    pub(super) fn list(&mut self, now: Instant, charter: Option<u16>, records: Records) {
        (self.listed, self.charter) = (true, charter);
        self.own.clear();
        self.strangers.retain(|group, _| records.contains_key(group));
        for (group, record) in records {
            self.set(now, group, Some(record));
        }
    }

    pub(super) const fn set_charter(&mut self, charter: Option<u16>) {
        self.charter = charter;
    }

    pub(super) fn set(
        &mut self,
        now: Instant,
        group: Group,
        record: Option<(LeaseRecord, RecordVersion)>,
    ) {
        let Some((record, version)) = record else {
            self.strangers.remove(&group);
            if group.of == self.count.count() {
                self.own.remove(&group.number);
            }
            return;
        };
        if group.of == self.count.count() {
            if group.number < self.count.count() {
                self.own.insert(group.number, (record, version));
            }
            return;
        }
        let same = self.strangers.get(&group).filter(|(_, known, _)| *known == version);
        let since = same.map_or(now, |(_, _, since)| *since);
        self.strangers.insert(group, (record, version, since));
    }

    /// The record of a group of ours.
    pub(super) fn record(&self, number: u16) -> Option<&(LeaseRecord, RecordVersion)> {
        self.own.get(&number)
    }

    pub(super) fn standing(&self, now: Instant) -> Standing {
        let mine = self.count.count();
        let living = self.strangers().find(|(_, end)| now < *end);
        match (self.listed, self.charter, living) {
            (false, ..) => Standing::Unlisted,
            (_, Some(found), _) if found != mine => Standing::OtherCount { found, mine },
            (_, _, Some((found, _))) => Standing::OtherCount { found, mine },
            (_, None, _) => Standing::Founding,
            (_, Some(_), None) => Standing::Contends,
        }
    }

    /// Whether another count is founded.
    pub(super) fn is_other(&self) -> bool {
        self.charter.is_some_and(|count| count != self.count.count())
    }

    /// The next moment at which the standing changes by itself.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        self.strangers().map(|(_, end)| end).filter(|end| now < *end).min()
    }

    /// The counts of others that may hold something, and until when.
    fn strangers(&self) -> impl Iterator<Item = (u16, Instant)> {
        let held = self.strangers.iter().filter(|(_, (record, ..))| record.holder.is_some());
        held.map(|(group, (record, _, since))| {
            (group.of, *since + record.duration.max(self.duration))
        })
    }
}
