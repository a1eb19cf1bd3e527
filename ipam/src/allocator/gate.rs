//! Which pools a request meets, and why the others do not serve it.

use alloc::{sync::Arc, vec::Vec};

use super::{
    Allocator,
    choose::{Ask, Manner, Need, need},
};
use crate::{AllocateError, Families, Family, PoolRefusal, address::Address};

impl Allocator {
    /// The pools that serve the owner without being asked for, in order.
    pub(crate) fn turns(&self, ask: &Ask<'_>) -> impl Iterator<Item = u32> {
        let automatic = self.pools.automatic(ask.request);
        automatic.filter(|pool| self.gate(ask, *pool, Manner::Automatic).is_ok())
    }

    /// Whether a pool may serve the owner at all.
    pub(crate) fn gate(&self, ask: &Ask<'_>, pool: u32, manner: Manner) -> Result<(), PoolRefusal> {
        let rules = self.pools.pool(pool);
        if !rules.permits(ask.request) {
            return Err(PoolRefusal::NotSelected { owner: ask.claim.owner.clone() });
        }
        if rules.is_disabled() {
            return Err(PoolRefusal::Disabled);
        }
        if manner == Manner::Automatic && !rules.auto_assign() {
            return Err(PoolRefusal::OnRequestOnly);
        }
        Ok(())
    }

    /// Why each pool does not serve a request that no pool serves.
    pub(crate) fn refusals(&self, ask: &Ask<'_>) -> Vec<(Arc<str>, PoolRefusal)> {
        let order = self.order(ask);
        let refusals = order.into_iter().map(|pool| {
            let why = self.refusal(ask, pool);
            let why = why.unwrap_or_else(|| self.shortage(ask, pool));
            (self.pools.name(pool).clone(), why)
        });
        refusals.collect()
    }

    /// All pools: first those that the request meets, in order.
    pub(crate) fn order(&self, ask: &Ask<'_>) -> Vec<u32> {
        let mut order: Vec<u32> = self.pools.automatic(ask.request).collect();
        for pool in self.pools.numbers() {
            if !order.contains(&pool) {
                order.push(pool);
            }
        }
        order
    }

    /// Why a pool does not serve a request; nothing if it could serve it alone.
    pub(crate) fn refusal(&self, ask: &Ask<'_>, pool: u32) -> Option<PoolRefusal> {
        let wanted = ask.request.pool.as_ref();
        if let Some(wanted) = wanted.filter(|wanted| *wanted != self.pools.pool(pool).name()) {
            return Some(PoolRefusal::OtherPoolWanted { wanted: wanted.clone() });
        }
        let manner = if wanted.is_some() { Manner::Asked } else { Manner::Automatic };
        if let Err(why) = self.gate(ask, pool, manner) {
            return Some(why);
        }
        if manner == Manner::Automatic && !self.pools.automatic(ask.request).any(|at| at == pool) {
            return Some(PoolRefusal::OnRequestOnly);
        }
        let fits = |need| self.pick_all(ask, pool, need, &mut Vec::new());
        let (first, second) = self.needs(ask);
        let why = fits(first).err()?;
        match second.map(fits) {
            Some(Ok(())) => None,
            _ => Some(why),
        }
    }

    /// What must be had of one pool, and what would do too.
    fn needs(&self, ask: &Ask<'_>) -> (Need, Option<Need>) {
        let request = ask.request;
        let only = |family| need(request, family == Family::V4, family == Family::V6);
        match request.families {
            Families::Single(family) => (only(family), None),
            Families::RequireDual => (need(request, true, true), None),
            Families::PreferDual { primary } => (only(primary), Some(only(primary.other()))),
        }
    }

    /// Why a pool that may serve the owner has not enough for it.
    pub(crate) fn shortage(&self, ask: &Ask<'_>, pool: u32) -> PoolRefusal {
        let (need, _) = self.needs(ask);
        match self.pick_all(ask, pool, need, &mut Vec::new()) {
            Err(why) => why,
            // Each family can be had, so the quota stands against both.
            Ok(()) => self.over_quota(ask, pool),
        }
    }

    pub(crate) fn refused(&self, pool: u32, why: PoolRefusal) -> AllocateError {
        AllocateError::PoolRefused { pool: self.pools.name(pool).clone(), why }
    }

    pub(crate) fn full(&self, pool: u32, family: Family) -> PoolRefusal {
        let usage = self.space.usage(pool, family);
        PoolRefusal::Full {
            family,
            capacity: usage.capacity,
            in_use: usage.in_use,
            kept: usage.kept,
        }
    }

    pub(crate) fn over_quota(&self, ask: &Ask<'_>, pool: u32) -> PoolRefusal {
        let owner = ask.claim.owner;
        PoolRefusal::Quota {
            namespace: owner.namespace().into(),
            limit: self.pools.pool(pool).quota_of(owner.namespace()).unwrap_or(u64::MAX),
            used: self.ledger.quota_used(pool, owner),
        }
    }

    /// How many more addresses of a pool the namespace of the owner may hold, beside those that are chosen already.
    pub(crate) fn budget(&self, ask: &Ask<'_>, pool: u32, chosen: &[Address]) -> u64 {
        let owner = ask.claim.owner;
        let Some(limit) = self.pools.pool(pool).quota_of(owner.namespace()) else {
            return u64::MAX;
        };
        let here = |address: &&Address| self.pools.number_containing(**address) == Some(pool);
        let cost = |address: &Address| self.cost(ask, *address);
        let left = ask.held.iter().filter(|at| !ask.kept.contains(at));
        let left: u64 = left.filter(here).map(cost).sum();
        let taken: u64 = chosen.iter().filter(here).map(cost).sum();
        let used = self.ledger.quota_used(pool, owner).saturating_sub(left);
        limit.saturating_sub(used.saturating_add(taken))
    }

    /// What an address counts against the quota: nothing if the namespace holds it already, beside the owner.
    pub(crate) fn cost(&self, ask: &Ask<'_>, address: Address) -> u64 {
        let claim = &ask.claim;
        let held = self.ledger.namespace_holds_beside(address, claim.owner, claim.slot);
        u64::from(!held)
    }
}
