use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
};
use core::ops::Range;

use hashbrown::HashTable;

use super::{
    groups::{Changed, Groups},
    record::{Record, Sharing, Terms},
    shared::Shared,
    shares::Shares,
    slab::Slab,
    space::Space,
};
use crate::{
    CrossNamespace, Owner, Pools, Port, SharingRefusal,
    address::Address,
    hash::{self, spread, tag},
};

/// Who holds what.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    records: Slab<Record>,
    by_owner: HashTable<u32>,
    /// Addresses with one holder, which would not share: a part of their hash, and the holder. The record of the holder has
    /// the address itself.
    by_address: HashTable<(u32, u32)>,
    /// All other addresses that are held.
    shared: Shares,
    pub(crate) groups: Groups,
    /// How many addresses of a pool with quotas a namespace holds.
    quotas: BTreeMap<(u32, Arc<str>), u64>,
}

/// What decides whether somebody may share.
#[derive(Clone, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) owner: &'a Owner,
    /// The record of the owner, if it holds something.
    pub(crate) slot: Option<u32>,
    pub(crate) keys: Option<(&'a str, &'a str)>,
    /// The number of the keys, if anybody else has the same.
    pub(crate) group: Option<u32>,
    pub(crate) ports: Ports<'a>,
    pub(crate) namespaces: &'a BTreeSet<String>,
}

/// The ports that a request names, or those that a record remembers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ports<'a> {
    Asked(&'a BTreeSet<Port>),
    Held(&'a [Port]),
}

impl<'a> Ports<'a> {
    fn iter(self) -> impl Iterator<Item = &'a Port> {
        let (asked, held) = match self {
            Self::Asked(ports) => (Some(ports), &[][..]),
            Self::Held(ports) => (None, ports),
        };
        asked.into_iter().flatten().chain(held)
    }
}

impl Ledger {
    pub(crate) const fn new() -> Self {
        Self {
            records: Slab::new(),
            by_owner: HashTable::new(),
            by_address: HashTable::new(),
            shared: Shares::new(),
            groups: Groups::new(),
            quotas: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&self, owner: &Owner) -> Option<u32> {
        let same = |slot: &u32| self.records.at(*slot).owner == *owner;
        self.by_owner.find(hash::of_owner(owner), same).copied()
    }

    pub(crate) fn record(&self, slot: u32) -> &Record {
        self.records.at(slot)
    }

    pub(crate) fn record_mut(&mut self, slot: u32) -> &mut Record {
        self.records.at_mut(slot)
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = (u32, &Record)> {
        self.records.iter()
    }

    pub(crate) const fn len(&self) -> usize {
        self.records.len()
    }

    /// Adds the record of an owner that has none. Its addresses are joined by the caller.
    pub(crate) fn insert(&mut self, record: Record) -> u32 {
        let hash = record.hash;
        let slot = self.records.insert(record);
        let records = &self.records;
        self.by_owner.insert_unique(hash, slot, |slot| records.at(*slot).hash);
        slot
    }

    /// Removes a record whose addresses have all been left.
    pub(crate) fn remove(&mut self, slot: u32) -> Option<Record> {
        let record = self.records.remove(slot)?;
        if let Ok(entry) = self.by_owner.find_entry(record.hash, |other| *other == slot) {
            entry.remove();
        }
        if let Some(sharing) = record.sharing() {
            self.groups.leave(sharing.group);
        }
        Some(record)
    }

    /// Replaces the terms of a record that holds no address for the moment.
    pub(crate) fn set_terms(&mut self, slot: u32, terms: Option<Box<Terms>>) {
        let before = core::mem::replace(&mut self.records.at_mut(slot).terms, terms);
        if let Some(sharing) = before.and_then(|terms| terms.sharing) {
            self.groups.leave(sharing.group);
        }
    }

    /// The owner of `slot` holds a usable address from now on.
    pub(crate) fn join(&mut self, pools: &Pools, space: &mut Space, slot: u32, address: Address) {
        let Some(segment) = pools.segment_of(address) else {
            return;
        };
        let pool = pools.segment(segment).pool;
        if pools.pool(pool).has_quota() && !self.namespace_holds(address, slot) {
            let namespace = self.record(slot).owner.shared_namespace().clone();
            *self.quotas.entry((pool, namespace)).or_default() += 1;
        }
        let shared = self.shared.number(address);
        // Two addresses of one record may have the same tag, and this one is not joined yet.
        let alone = if shared.is_none() { self.alone(address) } else { None };
        let alone = alone.filter(|other| *other != slot);
        if alone.is_none() && shared.is_none() {
            space.occupy(pools, pool, address);
            if self.record(slot).sharing().is_none() {
                self.insert_alone(address, slot);
                return;
            }
        }
        let number = shared.unwrap_or_else(|| self.shared.insert(address));
        let rules = pools.pool(pool);
        let counts = rules.has_quota() || rules.cross_namespace() == CrossNamespace::WithConsent;
        if let Some(sharing) = self.records.at_mut(slot).sharing_mut() {
            sharing.joined = number;
        }
        let record = self.records.at(slot);
        let shared = self.shared.at_mut(number);
        if let Some(other) = alone {
            shared.add(other, self.records.at(other), counts);
            remove_alone(&mut self.by_address, address, other);
        }
        let before = shared.common_group();
        shared.add(slot, record, counts);
        let changed = Changed::Added(record.ports());
        let uncounted = self.groups.reindex((segment, address), shared, before, changed);
        self.count_ports(uncounted);
    }

    /// The owner of `slot` does not hold an address any more. Where nobody else does, it waits for that owner if it is to
    /// be retained.
    pub(crate) fn leave(
        &mut self,
        pools: &Pools,
        space: &mut Space,
        slot: u32,
        address: Address,
        retain: bool,
    ) {
        let Some(segment) = pools.segment_of(address) else {
            return;
        };
        let pool = pools.segment(segment).pool;
        if pools.pool(pool).has_quota() && !self.namespace_holds(address, slot) {
            let namespace = self.record(slot).owner.shared_namespace().clone();
            if let Some(count) = self.quotas.get_mut(&(pool, namespace)) {
                *count -= 1;
            }
        }
        let guess = self.record(slot).sharing().map(|sharing| sharing.joined);
        let number = match guess {
            Some(guess) => self.shared.number_near(guess, address),
            None => self.shared.number(address),
        };
        let Some(number) = number else {
            remove_alone(&mut self.by_address, address, slot);
            let former = retain.then(|| &self.records.at(slot).owner);
            space.vacate(pools, pool, address, former);
            return;
        };
        let record = self.records.at(slot);
        let shared = self.shared.at_mut(number);
        let before = shared.common_group();
        shared.remove(slot, record);
        let changed = Changed::Removed(record.ports());
        let uncounted = self.groups.reindex((segment, address), shared, before, changed);
        let first = shared.holders().iter().next();
        match (shared.holders().len(), first) {
            (0, _) => {
                self.shared.remove(number);
                space.vacate(pools, pool, address, retain.then_some(&record.owner));
            }
            (1, Some(last)) if self.records.at(last).sharing().is_none() => {
                self.shared.remove(number);
                self.insert_alone(address, last);
            }
            _ => {}
        }
        self.count_ports(uncounted);
    }

    fn count_ports(&mut self, group: Option<u32>) {
        if let Some(group) = group {
            let shared = &self.shared;
            let of = |address| shared.find(address).into_iter().flat_map(Shared::ports);
            self.groups.count_ports(group, of);
        }
    }

    /// Forgets which addresses are held, but no record. Says whose addresses may be shared.
    pub(crate) fn clear_addresses(&mut self) -> BTreeSet<u32> {
        self.by_address.clear();
        self.quotas.clear();
        self.groups.clear_addresses();
        let shared = core::mem::replace(&mut self.shared, Shares::new());
        shared.iter().flat_map(|shared| shared.holders().iter()).collect()
    }

    /// Whoever holds an address, in no particular order.
    pub(crate) fn holders(&self, address: Address) -> impl Iterator<Item = u32> {
        let shared = self.shared.find(address);
        let alone = if shared.is_none() { self.alone(address) } else { None };
        shared.into_iter().flat_map(|shared| shared.holders().iter()).chain(alone)
    }

    /// Whether somebody else in the namespace of `slot` holds an address.
    pub(crate) fn namespace_holds(&self, address: Address, slot: u32) -> bool {
        self.namespace_holds_beside(address, &self.record(slot).owner, Some(slot))
    }

    pub(crate) fn namespace_holds_beside(
        &self,
        address: Address,
        owner: &Owner,
        slot: Option<u32>,
    ) -> bool {
        let namespace = owner.namespace();
        if let Some(shared) = self.shared.find(address) {
            let own = slot.is_some_and(|slot| shared.holders().contains(slot));
            return shared.in_namespace(owner) > u32::from(own);
        }
        let alone = self.alone(address).filter(|other| Some(*other) != slot);
        alone.is_some_and(|other| self.record(other).owner.namespace() == namespace)
    }

    /// How many addresses of a pool with quotas a namespace holds.
    pub(crate) fn quota_used(&self, pool: u32, owner: &Owner) -> u64 {
        let key = (pool, owner.shared_namespace().clone());
        self.quotas.get(&key).copied().unwrap_or(0)
    }

    /// Whether an address that is held can be held by one more; if not, who stands in the way, and why.
    pub(crate) fn may_join(
        &self,
        address: Address,
        claim: &Claim<'_>,
        rule: CrossNamespace,
        keyless: bool,
    ) -> Result<(), (u32, SharingRefusal)> {
        let others = || self.holders(address).filter(|slot| Some(*slot) != claim.slot);
        if keyless || others().next().is_none() {
            return Ok(());
        }
        // Whom to name is looked for only when there is something to say.
        let refuse = |why| self.lowest(others()).map_or(Ok(()), |slot| Err((slot, why)));
        let Some((key, backend)) = claim.keys else {
            return refuse(SharingRefusal::NoKey);
        };
        let Some(shared) = self.shared.find(address) else {
            return refuse(SharingRefusal::OtherKey);
        };
        if claim.group.is_none() || shared.common_group() != claim.group {
            let refusal = |slot: u32| {
                let sharing = self.record(slot).sharing();
                match sharing.map(|sharing| self.groups.keys(sharing.group)) {
                    Some(theirs) if theirs == (key, backend) => None,
                    Some((theirs, _)) if theirs == key => Some(SharingRefusal::OtherBackend),
                    _ => Some(SharingRefusal::OtherKey),
                }
            };
            let strangers = others().filter(|slot| refusal(*slot).is_some());
            if let Some(stranger) = self.lowest(strangers) {
                return Err((stranger, refusal(stranger).unwrap_or(SharingRefusal::OtherKey)));
            }
        }
        for port in claim.ports.iter() {
            let users = shared.users(*port).filter(|slot| Some(*slot) != claim.slot);
            if let Some(user) = self.lowest(users) {
                return Err((user, SharingRefusal::PortInUse { port: *port }));
            }
        }
        let own = claim.slot.filter(|slot| shared.holders().contains(*slot));
        if rule == CrossNamespace::WithConsent && !self.all_consent(shared, claim, own) {
            return refuse(SharingRefusal::NoConsent);
        }
        Ok(())
    }

    fn all_consent(&self, shared: &Shared, claim: &Claim<'_>, own: Option<u32>) -> bool {
        if own.is_none() {
            return shared.consents(claim.owner, claim.namespaces);
        }
        // The owner is counted itself, perhaps with an older consent: look at the others one by one.
        let mut others = shared.holders().iter().filter(|slot| Some(*slot) != own);
        others.all(|slot| {
            let record = self.record(slot);
            let theirs = record.owner.namespace();
            let agreed = |sharing: &Sharing| sharing.namespaces.contains(claim.owner.namespace());
            theirs == claim.owner.namespace()
                || (claim.namespaces.contains(theirs) && record.sharing().is_some_and(agreed))
        })
    }

    /// Addresses of some segments that all holders share under the keys of `claim`, ascending.
    pub(crate) fn shareable(
        &self,
        claim: &Claim<'_>,
        segments: Range<u32>,
    ) -> impl Iterator<Item = (u32, Address)> {
        let group = claim.group.into_iter();
        group.flat_map(move |group| {
            self.groups.addresses(group, segments.clone(), claim.ports.iter())
        })
    }

    /// The first of some slots by owner, so that no answer depends on slots.
    fn lowest(&self, slots: impl Iterator<Item = u32>) -> Option<u32> {
        slots.min_by(|a, b| self.record(*a).owner.cmp(&self.record(*b).owner))
    }

    fn alone(&self, address: Address) -> Option<u32> {
        let tag = tag(address);
        let found = self.by_address.find(spread(tag), |(other, slot)| {
            let addresses = || self.records.at(*slot).addresses.as_slice();
            *other == tag && addresses().contains(&address)
        });
        found.map(|(_, slot)| *slot)
    }

    fn insert_alone(&mut self, address: Address, slot: u32) {
        let tag = tag(address);
        self.by_address.insert_unique(spread(tag), (tag, slot), |(tag, _)| spread(*tag));
    }
}

fn remove_alone(by_address: &mut HashTable<(u32, u32)>, address: Address, slot: u32) {
    let entry = (tag(address), slot);
    if let Ok(found) = by_address.find_entry(spread(entry.0), |other| *other == entry) {
        found.remove();
    }
}
