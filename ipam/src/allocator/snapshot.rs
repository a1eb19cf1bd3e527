use alloc::vec::Vec;

use super::{
    Allocator,
    record::{Consent, Record},
    terms::{BothLabels, Sharing, Terms},
};
use crate::{
    Change, Pools, Snapshot, SnapshotError,
    address::{Address, sort},
    hash::{of_owner, tag},
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
            let tag = tag(of_owner(&entry.owner));
            if allocator.ledger.find_tagged(tag, &entry.owner).is_some() {
                return Err(SnapshotError::Twice { owner: entry.owner });
            }
            if let Some(record) = allocator.record_of(entry) {
                slots.push(allocator.ledger.insert(tag, record));
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
        let sharing = |consent: Consent<'_>| {
            let (key, backend) = self.ledger.groups.keys(consent.group);
            EntrySharing {
                key: key.into(),
                backend: backend.into(),
                ports: consent.ports.iter().copied().collect(),
                namespaces: consent.namespaces.clone(),
            }
        };
        let (labels, namespace_labels) = record.labels();
        let terms = (!record.is_plain()).then(|| EntryTerms {
            labels: labels.clone(),
            namespace_labels: namespace_labels.clone(),
            two_pools: record.two_pools(),
            sharing: record.consent().map(sharing),
            missing: record.missing(),
            was_dual: record.was_dual(),
        });
        let addresses = record.addresses().iter();
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
        let groups = &mut self.ledger.groups;
        let terms = entry.terms.map(|terms| Terms {
            labels: BothLabels::some(&terms.labels, &terms.namespace_labels),
            two_pools: terms.two_pools,
            sharing: terms.sharing.map(|sharing| Sharing {
                group: groups.enter(
                    groups.find(&sharing.key, &sharing.backend),
                    &sharing.key,
                    &sharing.backend,
                ),
                ports: sharing.ports.iter().collect(),
                namespaces: sharing.namespaces,
            }),
            missing: terms.missing,
            was_dual: terms.was_dual,
        });
        Some(Record::new(entry.owner, &addresses, terms.unwrap_or_default()))
    }
}
