//! From a request to what its owner will hold, and there.

use alloc::vec::Vec;

use super::{
    Allocator,
    choose::{Ask, Manner, Need, need},
    exact::wanted,
    fit::Holder,
    ledger::{Claim, Found, Ports},
    record::Record,
    terms::{BothLabels, OneOrMany, Sharing, Terms, key},
};
use crate::{
    AllocateError, Assignment, Families, Family, Request,
    address::{Address, sort},
};

/// What the owner will hold.
#[derive(Debug)]
pub(crate) struct Decision {
    addresses: Vec<Address>,
    /// It had both families, and lost one with its pool.
    was_dual: bool,
}

impl Allocator {
    /// What `request` leads to, from what its owner holds now.
    pub(crate) fn decide(
        &self,
        request: &Request,
        found: Found,
    ) -> Result<Decision, AllocateError> {
        let record = found.slot.map(|slot| self.ledger.record(slot));
        let mut ask = Ask {
            request,
            claim: Claim::of(request, found),
            held: record.map_or(&[], Record::addresses),
            kept: &[],
        };
        let wanted = wanted(request);
        let kept = self.keep(&ask, &wanted);
        if !wanted.is_empty() {
            if kept.len() != wanted.len() {
                self.exactly(&ask, &wanted)?;
            }
            return Ok(Decision::new(wanted));
        }
        let need = missing(request, &kept);
        if kept.is_empty() {
            return self.choose(&ask).map(Decision::new);
        }
        if need.iter().all(|(_, count)| *count == 0) {
            return Ok(Decision::new(kept));
        }
        ask.kept = &kept;
        // Both families; else what completes the one that is there.
        let stages = [
            need,
            need.map(|(family, count)| (family, if has(&kept, family) { count } else { 0 })),
        ];
        for stage in stages {
            let lacks = stage.iter().any(|(_, count)| *count > 0);
            let added = if lacks { self.top_up(&ask, stage) } else { None };
            let all = added.map(|added| [&*kept, &*added].concat());
            if let Some(all) = all.filter(|all| is_enough(request, all)) {
                return Ok(Decision::new(all));
            }
        }
        ask.kept = &[];
        if !is_enough(request, &kept) {
            return self.choose(&ask).map(Decision::new);
        }
        let was_dual = record.is_some_and(Record::was_dual);
        let reserved = self.pools.reserved_for(&request.owner);
        let settled = reserved.iter().any(|(_, address)| kept.contains(address));
        if was_dual
            && !settled
            && let Some(dual) = self.choose_dual(&ask)
        {
            return Ok(Decision::new(dual));
        }
        Ok(Decision { addresses: kept, was_dual })
    }

    /// What the owner keeps of what it holds.
    fn keep(&self, ask: &Ask<'_>, wanted: &[Address]) -> Vec<Address> {
        if ask.held.is_empty() {
            return Vec::new();
        }
        let request = ask.request;
        let pool = request.pool.as_deref();
        let elsewhere = |address: &Address| {
            let at = self.pools.number_containing(*address).map(|at| self.pools.pool(at).name());
            pool.is_some() && pool != at
        };
        if (!wanted.is_empty() && wanted != ask.held) || ask.held.iter().any(elsewhere) {
            return Vec::new();
        }
        let (mut kept, _) = self.fit(Holder::of(request), ask.held);
        let record = ask.claim.slot.map(|slot| self.ledger.record(slot));
        let unchanged = record.is_none_or(|record| record.consent_agrees(request, ask.claim.group));
        if !unchanged {
            let manner = if wanted.is_empty() { Manner::Automatic } else { Manner::Asked };
            kept.retain(|address| {
                let pool = self.pools.number_containing(*address);
                pool.is_some_and(|pool| self.open(ask, pool, *address, manner).is_ok())
            });
        }
        kept
    }

    /// What an owner lacks beside what it keeps: from the same pool, or from another where that is allowed.
    fn top_up(&self, ask: &Ask<'_>, need: Need) -> Option<Vec<Address>> {
        let pool = self.pools.number_containing(*ask.kept.first()?)?;
        let mut chosen = Vec::new();
        let mut lacking = need;
        // First the family that must come from where its others are, while the quota lasts.
        lacking.sort_by_key(|(family, _)| !has(ask.kept, *family));
        for (family, count) in &mut lacking {
            // Of one family all are from one pool, perhaps not the first.
            let same = ask.kept.iter().find(|at| at.family() == *family);
            let home = same.and_then(|at| self.pools.number_containing(*at)).unwrap_or(pool);
            let mut only = [(Family::V4, 0), (Family::V6, 0)];
            only[*family as usize].1 = *count;
            if *count > 0
                && self.gate(ask, home, Manner::Asked).is_ok()
                && self.pick_all(ask, home, only, &mut chosen).is_ok()
            {
                *count = 0;
            } else if *count > 0 && same.is_some() {
                return None;
            }
        }
        if lacking.iter().all(|(_, count)| *count == 0) {
            return Some(chosen);
        }
        if ask.request.pool.is_some() || !self.may_stand_beside(ask, pool) {
            return None;
        }
        let turns: Vec<u32> = self.turns(ask).collect();
        self.in_two_pools(ask, &turns, lacking, &chosen)
    }

    /// Makes a decision true.
    pub(crate) fn apply(
        &mut self,
        request: &Request,
        found: Found,
        mut decision: Decision,
    ) -> Assignment {
        sort(&mut decision.addresses);
        let new = &decision.addresses;
        let missing = missing_family(request, new);
        let was_dual = decision.was_dual;
        let slot = match found.slot {
            None => {
                let terms = self.terms(request, found, missing, was_dual);
                let record = Record::new(request.owner.clone(), new, terms);
                self.ledger.insert(found.tag, record)
            }
            Some(slot) => {
                let record = self.ledger.record(slot);
                if record.addresses() == new
                    && record.agrees(request, found.group)
                    && record.missing() == missing
                    && record.was_dual() == was_dual
                {
                    return self.view(slot);
                }
                // Terms are part of how an address is shared, so all are left and joined again; none is free in between.
                self.leave_all(slot, false);
                let terms = self.terms(request, found, missing, was_dual);
                self.ledger.hold(slot, new, terms);
                slot
            }
        };
        self.join_all(slot, new);
        self.view(slot)
    }

    fn terms(
        &mut self,
        request: &Request,
        found: Found,
        missing: Option<Family>,
        was_dual: bool,
    ) -> Terms {
        let sharing = key(request).map(|key| Sharing {
            group: self.ledger.groups.enter(found.group, key, &request.backend_key),
            ports: request.ports.iter().collect(),
            namespaces: request.sharing_namespaces.clone(),
        });
        Terms {
            labels: BothLabels::some(&request.labels, &request.namespace_labels),
            two_pools: request.two_pools,
            sharing,
            missing,
            was_dual,
        }
    }

    pub(crate) fn join_all(&mut self, slot: u32, addresses: &[Address]) {
        for address in addresses {
            self.ledger.join(&self.pools, &mut self.space, slot, *address);
        }
    }

    /// Leaves all addresses of a record, which keeps them in its list.
    pub(crate) fn leave_all(&mut self, slot: u32, retain: bool) {
        let addresses = OneOrMany::new(self.ledger.record(slot).addresses());
        for address in addresses.as_slice() {
            self.ledger.leave(&self.pools, &mut self.space, slot, *address, retain);
        }
    }
}

impl Decision {
    pub(crate) const fn new(addresses: Vec<Address>) -> Self {
        Self { addresses, was_dual: false }
    }

    pub(crate) fn into_addresses(mut self) -> Vec<Address> {
        sort(&mut self.addresses);
        self.addresses
    }
}

impl<'a> Claim<'a> {
    pub(crate) fn of(request: &'a Request, found: Found) -> Self {
        Self {
            owner: &request.owner,
            slot: found.slot,
            keys: key(request).map(|key| (key, &*request.backend_key)),
            group: found.group,
            ports: Ports::Asked(&request.ports),
            namespaces: &request.sharing_namespaces,
        }
    }
}

impl<'a> Holder<'a> {
    pub(crate) fn of(request: &'a Request) -> Self {
        Self {
            namespace: request.owner.namespace(),
            labels: &request.labels,
            namespace_labels: &request.namespace_labels,
            two_pools: request.two_pools,
            shape: Some((request.families, request.per_family)),
        }
    }
}

fn has(addresses: &[Address], family: Family) -> bool {
    addresses.iter().any(|address| address.family() == family)
}

/// What a request lacks beside some addresses, at best.
fn missing(request: &Request, kept: &[Address]) -> Need {
    let families = request.families;
    let wanted = need(request, families.includes(Family::V4), families.includes(Family::V6));
    wanted.map(|(family, count)| {
        let have = kept.iter().filter(|at| at.family() == family).count();
        (family, count.saturating_sub(have))
    })
}

/// Whether some addresses satisfy a request, if not at best.
fn is_enough(request: &Request, kept: &[Address]) -> bool {
    let lacking = missing(request, kept).map(|(_, count)| count);
    let full = usize::from(request.per_family.max(1));
    match request.families {
        Families::PreferDual { .. } => {
            lacking.contains(&0) && lacking.iter().all(|count| *count == 0 || *count == full)
        }
        _ => lacking == [0, 0],
    }
}

/// The family that was preferred too; where exact addresses are asked for, nothing else is.
pub(crate) fn missing_family(request: &Request, addresses: &[Address]) -> Option<Family> {
    let dual = matches!(request.families, Families::PreferDual { .. });
    if !dual || !request.addresses.is_empty() {
        return None;
    }
    [Family::V4, Family::V6].into_iter().find(|family| !has(addresses, *family))
}
