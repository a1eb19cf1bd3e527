use alloc::{boxed::Box, vec::Vec};

use super::{
    Allocator,
    record::{BothLabels, OneOrMany, Record, Sharing, Terms},
};
use crate::{
    Change, Pools, Snapshot, SnapshotError,
    address::{Address, sort},
    hash,
    snapshot::{Entry, EntrySharing, EntryTerms, VERSION, Waiting},
};

impl Allocator {
    /// The state without the pools, to be written down.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let records = self.ledger.records().map(|(_, record)| self.entry(record));
        let mut assignments: Vec<Entry> = records.collect();
        assignments.sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        let waiting = |(address, owner, until): (Address, &crate::Owner, u64)| Waiting {
            address: address.into(),
            owner: owner.clone(),
            until,
        };
        Snapshot {
            version: VERSION,
            assignments,
            clock: self.space.clock(),
            retained: self.space.retained().map(waiting).collect(),
            freed: self.space.freed().into_iter().map(Into::into).collect(),
        }
    }

    /// The state that was written down, under these pools. What does not fit them any more is reported as
    /// [`reconfigure`](Self::reconfigure) does.
    ///
    /// # Errors
    ///
    /// See [`SnapshotError`].
    pub fn from_snapshot(
        pools: Pools,
        snapshot: Snapshot,
    ) -> Result<(Self, Vec<Change>), SnapshotError> {
        if snapshot.version > VERSION {
            return Err(SnapshotError::TooNew { found: snapshot.version, newest: VERSION });
        }
        let mut allocator = Self::new(pools);
        let mut entries = snapshot.assignments;
        // Where an address cannot be shared, the first owner by name keeps it.
        entries.sort_by(|a, b| a.owner.cmp(&b.owner));
        let mut slots = Vec::with_capacity(entries.len());
        for entry in entries {
            if allocator.ledger.find(&entry.owner).is_some() {
                return Err(SnapshotError::Twice { owner: entry.owner });
            }
            if let Some(record) = allocator.record_of(entry) {
                slots.push(allocator.ledger.insert(record));
            }
        }
        let pools = allocator.pools.clone();
        let changes =
            slots.into_iter().filter_map(|slot| allocator.resettle(slot, &pools)).collect();
        let freed = snapshot.freed.into_iter().map(Address::from).collect();
        let retained = snapshot.retained.into_iter();
        let retained =
            retained.map(|waiting| (waiting.address.into(), waiting.owner, waiting.until));
        let (pools, space) = (&allocator.pools, &mut allocator.space);
        space.inherit(pools, snapshot.clock, freed, retained.collect());
        Ok((allocator, changes))
    }

    fn entry(&self, record: &Record) -> Entry {
        let sharing = |sharing: &Sharing| {
            let (key, backend) = self.ledger.groups.keys(sharing.group);
            EntrySharing {
                key: key.into(),
                backend: backend.into(),
                ports: sharing.ports.as_slice().iter().copied().collect(),
                namespaces: sharing.namespaces.clone(),
            }
        };
        let terms = record.terms.as_deref().map(|terms| EntryTerms {
            labels: terms.labels().0.clone(),
            namespace_labels: terms.labels().1.clone(),
            two_pools: terms.two_pools,
            sharing: terms.sharing.as_ref().map(sharing),
            missing: terms.missing,
            was_dual: terms.was_dual,
        });
        let addresses = record.addresses.as_slice().iter();
        Entry {
            owner: record.owner.clone(),
            addresses: addresses.map(|address| (*address).into()).collect(),
            terms,
        }
    }

    /// The record of an entry; nothing if it has no address.
    fn record_of(&mut self, entry: Entry) -> Option<Record> {
        let mut addresses: Vec<Address> = entry.addresses.into_iter().map(Address::from).collect();
        sort(&mut addresses);
        addresses.dedup();
        if addresses.is_empty() {
            return None;
        }
        let terms = entry.terms.map(|terms| Terms {
            labels: BothLabels::some(&terms.labels, &terms.namespace_labels),
            two_pools: terms.two_pools,
            sharing: terms.sharing.map(|sharing| Sharing {
                group: self.ledger.groups.enter(&sharing.key, &sharing.backend),
                joined: 0,
                ports: sharing.ports.iter().collect(),
                namespaces: sharing.namespaces,
            }),
            missing: terms.missing,
            was_dual: terms.was_dual,
        });
        Some(Record {
            hash: hash::of_owner(&entry.owner),
            owner: entry.owner,
            addresses: OneOrMany::new(&addresses),
            terms: terms.filter(|terms| !terms.is_plain()).map(Box::new),
        })
    }
}
