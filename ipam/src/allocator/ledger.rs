use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
};
use core::ops::Range;

use super::{
    groups::{Changed, Groups},
    index::Index,
    record::{Consent, Record},
    shared::Shared,
    shares::Shares,
    slab::Slab,
    space::Space,
    terms::{Terms, key},
};
use crate::{
    CrossNamespace, Owner, Pools, Port, Request, SharingRefusal,
    address::Address,
    hash::{of_address, of_owner, tag},
};

/// Who holds what.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    records: Slab<Record>,
    by_owner: Index,
    /// The holders of addresses with one holder, which would not share.
    by_address: Index,
    /// All other addresses that are held.
    shared: Shares,
    pub(crate) groups: Groups,
    /// How many addresses of a pool with quotas a namespace holds.
    quotas: BTreeMap<(u32, Arc<str>), u64>,
}

/// Where a request's owner and keys are found, so that they are looked for once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) tag: u32,
    /// The record of the owner, if it holds something.
    pub(crate) slot: Option<u32>,
    /// The number of the keys, if somebody has them.
    pub(crate) group: Option<u32>,
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
            by_owner: Index::new(),
            by_address: Index::new(),
            shared: Shares::new(),
            groups: Groups::new(),
            quotas: BTreeMap::new(),
        }
    }

    pub(crate) fn find(&self, owner: &Owner) -> Option<u32> {
        self.find_tagged(tag(of_owner(owner)), owner)
    }

    pub(crate) fn find_tagged(&self, tag: u32, owner: &Owner) -> Option<u32> {
        self.by_owner.find(tag, |slot| self.records.at(slot).owner == *owner)
    }

    pub(crate) fn find_all(&self, request: &Request) -> Found {
        let tag = tag(of_owner(&request.owner));
        let group = key(request).and_then(|key| self.groups.find(key, &request.backend_key));
        Found { tag, slot: self.find_tagged(tag, &request.owner), group }
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

    /// Adds the record of an owner that has none. Its addresses are joined by the caller. `tag` is that of the owner.
    pub(crate) fn insert(&mut self, tag: u32, record: Record) -> u32 {
        let slot = self.records.insert(record);
        self.by_owner.insert(tag, slot);
        slot
    }

    /// Removes a record whose addresses have all been left. `tag` is that of its owner.
    pub(crate) fn remove(&mut self, tag: u32, slot: u32) {
        self.by_owner.remove(tag, slot);
        let record = self.records.remove(slot);
        if let Some(consent) = record.as_ref().and_then(Record::consent) {
            self.groups.leave(consent.group);
        }
    }

    /// Replaces addresses and terms of a record whose addresses have all been left; the new ones are joined by the caller.
    pub(crate) fn hold(&mut self, slot: u32, addresses: &[Address], terms: Terms) {
        let record = self.records.at_mut(slot);
        let before = record.consent().map(|consent| consent.group);
        record.hold(addresses, terms);
        if let Some(group) = before {
            self.groups.leave(group);
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
        let group = self.record(slot).consent().map(|consent| consent.group);
        let guess = group.map(|group| self.groups.joined(group));
        let shared = self.shared.number_near(guess, address);
        // Two addresses of one record may have the same tag, and this one is not joined yet.
        let alone = if shared.is_none() { self.alone(address) } else { None };
        let alone = alone.filter(|other| *other != slot);
        if alone.is_none() && shared.is_none() {
            space.occupy(pools, pool, address);
            if group.is_none() {
                self.insert_alone(address, slot);
                return;
            }
        }
        let number = shared.unwrap_or_else(|| self.shared.insert(address));
        let rules = pools.pool(pool);
        let counts = rules.has_quota() || rules.cross_namespace() == CrossNamespace::WithConsent;
        self.records.at_mut(slot).note_joined(number);
        if let Some(group) = group {
            self.groups.note_joined(group, number);
        }
        let record = self.records.at(slot);
        let shared = self.shared.at_mut(number);
        if let Some(other) = alone {
            shared.add(other, self.records.at(other), counts);
            self.by_address.remove(tag(of_address(address)), other);
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
        let guess = self.record(slot).consent().map(|consent| consent.joined);
        let Some(number) = self.shared.number_near(guess, address) else {
            self.by_address.remove(tag(of_address(address)), slot);
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
            (1, Some(last)) if self.records.at(last).consent().is_none() => {
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
        let guess = claim.group.map(|group| self.groups.joined(group));
        let shared = self.shared.number_near(guess, address).map(|number| self.shared.at(number));
        let alone = if shared.is_none() { self.alone(address) } else { None };
        let holders = || shared.into_iter().flat_map(|s| s.holders().iter()).chain(alone);
        let others = || holders().filter(|slot| Some(*slot) != claim.slot);
        if keyless || others().next().is_none() {
            return Ok(());
        }
        // Whom to name is looked for only when there is something to say.
        let refuse = |why| self.lowest(others()).map_or(Ok(()), |slot| Err((slot, why)));
        let Some((key, backend)) = claim.keys else {
            return refuse(SharingRefusal::NoKey);
        };
        let Some(shared) = shared else {
            return refuse(SharingRefusal::OtherKey);
        };
        if claim.group.is_none() || shared.common_group() != claim.group {
            let refusal = |slot: u32| {
                let consent = self.record(slot).consent();
                match consent.map(|consent| self.groups.keys(consent.group)) {
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
            let agreed = |to: Consent<'_>| to.namespaces.contains(claim.owner.namespace());
            theirs == claim.owner.namespace()
                || (claim.namespaces.contains(theirs) && record.consent().is_some_and(agreed))
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
        let holds = |slot| self.records.at(slot).addresses().contains(&address);
        self.by_address.find(tag(of_address(address)), holds)
    }

    fn insert_alone(&mut self, address: Address, slot: u32) {
        self.by_address.insert(tag(of_address(address)), slot);
    }
}
