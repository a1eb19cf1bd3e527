//! Other pools under live assignments, and assignments from elsewhere under these pools.

use alloc::vec::Vec;

use super::{
    Allocator,
    fit::Holder,
    ledger::{Claim, Ports},
    record::Record,
    space::Space,
};
use crate::{
    Assignment, Change, Family, Lost, LostReason, Pools, Request, Restored, SharingRefusal,
    address::{Address, sort},
    hash::{of_owner, tag},
};

impl Allocator {
    /// Puts other pools in place. Assignments that are still valid stay; the returned changes name every owner that lost an
    /// address or whose pool has another name now, in the order of owners. Call [`allocate`](Self::allocate) for those that
    /// lost something.
    ///
    /// Valid means: in a pool, not taken out, permitted by the selection, with equal right to share. Quotas, reservations,
    /// `disabled` and `auto_assign` concern what is handed out from now on. Where an address may no longer be shared, the first
    /// owner by name keeps it. What is retained stays so where the pool still retains.
    pub fn reconfigure(&mut self, pools: Pools) -> Vec<Change> {
        if pools == self.pools {
            return Vec::new();
        }
        let before = core::mem::replace(&mut self.pools, pools);
        let clock = self.space.clock();
        let freed = self.space.freed();
        let retained = self.space.retained();
        let retained =
            retained.map(|(address, owner, end)| (address, owner.clone(), end)).collect();
        self.space = Space::new(&self.pools);
        let changes = self.settle_all(&before);
        self.space.inherit(&self.pools, clock, freed, retained);
        changes
    }

    /// Gives all records what they say that they hold, as far as it is valid.
    pub(crate) fn settle_all(&mut self, before: &Pools) -> Vec<Change> {
        let shared = self.ledger.clear_addresses();
        let alone = self.ledger.records().map(|(slot, _)| slot);
        let mut slots: Vec<u32> = alone.filter(|slot| !shared.contains(slot)).collect();
        let mut sharing: Vec<u32> = shared.into_iter().collect();
        // Who shares meets others, and then the order counts.
        sharing.sort_by(|a, b| self.ledger.record(*a).owner.cmp(&self.ledger.record(*b).owner));
        slots.append(&mut sharing);
        let changes = slots.into_iter().filter_map(|slot| self.resettle(slot, before));
        let mut changes: Vec<Change> = changes.collect();
        changes.sort_by(|a, b| a.owner.cmp(&b.owner));
        changes
    }

    pub(crate) fn resettle(&mut self, slot: u32, before: &Pools) -> Option<Change> {
        let record = self.ledger.record(slot);
        let old = record.addresses();
        let (mut kept, mut lost) = self.fit(Holder::of_record(record), old);
        let claim = self.claim_of(slot, record);
        self.drop_unshareable(&claim, &mut kept, &mut lost);
        sort(&mut kept);
        let renamed = || {
            let name = |pools: &Pools, at: Address| {
                pools.number_containing(at).map(|pool| pools.name(pool).clone())
            };
            kept.iter().any(|at| name(before, *at) != name(&self.pools, *at))
        };
        if lost.is_empty() && !renamed() {
            self.join_all(slot, &kept);
            return None;
        }
        let owner = record.owner.clone();
        let was = assignment(before, old, record.missing());
        let lost_family = [Family::V4, Family::V6].into_iter().find(|family| {
            let has = |addresses: &[Address]| addresses.iter().any(|at| at.family() == *family);
            has(old) && !has(&kept)
        });
        let after = if kept.is_empty() {
            self.ledger.remove(tag(of_owner(&owner)), slot);
            None
        } else {
            let record = self.ledger.record_mut(slot);
            let mut terms = record.terms();
            if lost_family.is_some() {
                terms.was_dual = true;
                terms.missing = lost_family;
            }
            record.hold(&kept, terms);
            self.join_all(slot, &kept);
            Some(self.view(slot))
        };
        Some(Change { owner, before: was, after, lost })
    }

    fn claim_of<'a>(&'a self, slot: u32, record: &'a Record) -> Claim<'a> {
        let consent = record.consent();
        Claim {
            owner: &record.owner,
            slot: Some(slot),
            keys: consent.map(|consent| self.ledger.groups.keys(consent.group)),
            group: consent.map(|consent| consent.group),
            ports: Ports::Held(record.ports()),
            namespaces: consent.map_or(&NO_NAMESPACES, |consent| consent.namespaces),
        }
    }

    /// Parts off the addresses that somebody else holds and that cannot be shared.
    fn drop_unshareable(&self, claim: &Claim<'_>, kept: &mut Vec<Address>, lost: &mut Vec<Lost>) {
        kept.retain(|address| {
            let Some(pool) = self.pools.number_containing(*address) else {
                return false;
            };
            let rules = self.pools.pool(pool);
            let (consent, keyless) = (rules.cross_namespace(), rules.share_explicit());
            match self.ledger.may_join(*address, claim, consent, keyless) {
                Ok(()) => true,
                Err((holder, why)) => {
                    lost.push(self.in_use(*address, holder, why));
                    false
                }
            }
        });
    }

    fn in_use(&self, address: Address, holder: u32, why: SharingRefusal) -> Lost {
        Lost {
            address: address.into(),
            why: LostReason::InUse { holder: self.ledger.record(holder).owner.clone(), why },
        }
    }

    /// Records that the owner holds these addresses already, as a cluster's status or a state file says. Call it for all
    /// owners before the first [`allocate`](Self::allocate), which then completes or corrects what each holds.
    ///
    /// Quotas, reservations, `disabled` and `auto_assign` are not looked at. Addresses that cannot be kept are named with the
    /// reason, and the others are kept. What the owner held before is replaced.
    pub fn restore(&mut self, request: &Request, addresses: &[core::net::IpAddr]) -> Restored {
        let mut found = self.ledger.find_all(request);
        if let Some(slot) = found.slot {
            self.remove(found.tag, slot, false);
            found = self.ledger.find_all(request);
        }
        let mut recorded: Vec<Address> = addresses.iter().copied().map(Address::from).collect();
        sort(&mut recorded);
        recorded.dedup();
        let (mut kept, mut lost) = self.fit(Holder::of(request), &recorded);
        self.drop_unshareable(&Claim::of(request, found), &mut kept, &mut lost);
        let assignment = (!kept.is_empty()).then(|| self.hold(request, found, kept));
        Restored { assignment, lost }
    }
}

impl<'a> Holder<'a> {
    fn of_record(record: &'a Record) -> Self {
        let (labels, namespace_labels) = record.labels();
        Self {
            namespace: record.owner.namespace(),
            labels,
            namespace_labels,
            two_pools: record.two_pools(),
            shape: None,
        }
    }
}

pub(crate) fn assignment(
    pools: &Pools,
    addresses: &[Address],
    missing: Option<Family>,
) -> Assignment {
    let name = |at: &Address| Some(pools.name(pools.number_containing(*at)?).clone());
    Assignment {
        addresses: addresses.iter().map(|at| (*at).into()).collect(),
        pools: addresses.iter().map(|at| name(at).unwrap_or_default()).collect(),
        missing,
    }
}

static NO_NAMESPACES: alloc::collections::BTreeSet<alloc::string::String> =
    alloc::collections::BTreeSet::new();
