//! Which addresses a request would get. Nothing here changes anything.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{Allocator, ledger::Claim};
use crate::{AllocateError, Families, Family, PoolRefusal, Request, Reuse, address::Address};

/// A request, and what its owner keeps of what it holds.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    pub(crate) request: &'a Request,
    pub(crate) claim: Claim<'a>,
    pub(crate) held: &'a [Address],
    pub(crate) kept: &'a [Address],
}

/// How many addresses of each family are wanted: IPv4, IPv6.
pub(crate) type Need = [(Family, usize); 2];

/// Whether the owner asks for the pool, by name or by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Asked,
    Automatic,
}

pub(crate) fn need(request: &Request, v4: bool, v6: bool) -> Need {
    let each = usize::from(request.per_family.max(1));
    [(Family::V4, if v4 { each } else { 0 }), (Family::V6, if v6 { each } else { 0 })]
}

fn need_of(request: &Request, family: Family) -> Need {
    need(request, family == Family::V4, family == Family::V6)
}

impl Allocator {
    /// Addresses for an owner that keeps none: those kept for it first, then pool by pool.
    pub(crate) fn choose(&self, ask: &Ask<'_>) -> Result<Vec<Address>, AllocateError> {
        if self.pools.is_empty() {
            return Err(AllocateError::NoPool);
        }
        let request = ask.request;
        if let Some(name) = &request.pool {
            let unknown = || AllocateError::UnknownPool { pool: name.clone() };
            let pool = self.pools.number(name).ok_or_else(unknown)?;
            if let Err(why) = self.gate(ask, pool, Manner::Asked) {
                return Err(self.refused(pool, why));
            }
            let chosen = self.by_families(ask, &[pool], &[pool]);
            return chosen.ok_or_else(|| self.refused(pool, self.shortage(ask, pool)));
        }
        let own = self.own_turns(ask);
        if let Families::Single(family) = request.families
            && own.is_empty()
        {
            // As below, without a list of the pools.
            let chosen = self.in_one_pool(ask, self.turns(ask), need_of(request, family));
            return chosen.ok_or_else(|| AllocateError::NoPoolFits { pools: self.refusals(ask) });
        }
        let turns: Vec<u32> = self.turns(ask).collect();
        let chosen = (!own.is_empty()).then(|| {
            let others = turns.iter().filter(|pool| !own.contains(pool));
            let all: Vec<u32> = own.iter().chain(others).copied().collect();
            self.by_families(ask, &own, &all)
        });
        let chosen = chosen.flatten().or_else(|| self.by_families(ask, &turns, &turns));
        chosen.ok_or_else(|| AllocateError::NoPoolFits { pools: self.refusals(ask) })
    }

    /// An address of both families, for an owner that lost one of them with its pool.
    pub(crate) fn choose_dual(&self, ask: &Ask<'_>) -> Option<Vec<Address>> {
        let both = need(ask.request, true, true);
        if ask.request.pool.is_some() {
            return None;
        }
        self.in_one_pool(ask, self.turns(ask), both)
    }

    /// The order of families and pools: all from one of `turns`, before two of `pairs`, before one family.
    fn by_families(&self, ask: &Ask<'_>, turns: &[u32], pairs: &[u32]) -> Option<Vec<Address>> {
        let both = need(ask.request, true, true);
        let dual = || {
            let one = self.in_one_pool(ask, turns.iter().copied(), both);
            one.or_else(|| self.in_two_pools(ask, pairs, both, &[]))
        };
        let single =
            |family| self.in_one_pool(ask, turns.iter().copied(), need_of(ask.request, family));
        match ask.request.families {
            Families::Single(family) => single(family),
            Families::RequireDual => dual(),
            Families::PreferDual { primary } => {
                dual().or_else(|| single(primary)).or_else(|| single(primary.other()))
            }
        }
    }

    /// Everything from the first pool that has it.
    fn in_one_pool(
        &self,
        ask: &Ask<'_>,
        mut turns: impl Iterator<Item = u32>,
        need: Need,
    ) -> Option<Vec<Address>> {
        let mut chosen = Vec::new();
        let found = turns.any(|pool| self.pick_all(ask, pool, need, &mut chosen).is_ok());
        found.then_some(chosen)
    }

    /// Each family from another pool, the first pair that can serve both, among those that may stand beside another.
    pub(crate) fn in_two_pools(
        &self,
        ask: &Ask<'_>,
        turns: &[u32],
        need: Need,
        chosen: &[Address],
    ) -> Option<Vec<Address>> {
        let Some(first) = need.into_iter().find(|(_, count)| *count > 0) else {
            return Some(chosen.to_vec());
        };
        let only = |family| if family == first.0 { first.1 } else { 0 };
        let rest = need.map(|(family, count)| (family, count - only(family)));
        let mut pools = turns.iter().filter(|pool| self.may_stand_beside(ask, **pool));
        pools.find_map(|pool| {
            let mut chosen = chosen.to_vec();
            let only = need.map(|(family, _)| (family, only(family)));
            self.pick_all(ask, *pool, only, &mut chosen).ok()?;
            self.in_two_pools(ask, turns, rest, &chosen)
        })
    }

    /// Whether the other family may come from another pool.
    pub(crate) fn may_stand_beside(&self, ask: &Ask<'_>, pool: u32) -> bool {
        ask.request.two_pools || self.pools.pool(pool).dual_with_other_pools()
    }

    /// Adds what is needed from one pool, or nothing.
    pub(crate) fn pick_all(
        &self,
        ask: &Ask<'_>,
        pool: u32,
        need: Need,
        chosen: &mut Vec<Address>,
    ) -> Result<(), PoolRefusal> {
        let greedy = self.fill(ask, pool, need, chosen, false);
        match greedy {
            // Addresses that count for nothing may leave enough of the quota for the rest.
            Err(PoolRefusal::Quota { .. }) if ask.claim.group.is_some() => {
                self.fill(ask, pool, need, chosen, true)
            }
            answer => answer,
        }
    }

    fn fill(
        &self,
        ask: &Ask<'_>,
        pool: u32,
        need: Need,
        chosen: &mut Vec<Address>,
        thrifty: bool,
    ) -> Result<(), PoolRefusal> {
        let before = chosen.len();
        let mut basket = Basket {
            budget: self.budget(ask, pool, chosen),
            over_quota: false,
            kept: ask.kept,
            chosen,
            thrifty,
        };
        for (family, count) in need.into_iter().filter(|(_, count)| *count > 0) {
            if let Err(why) = self.pick(ask, pool, family, count, &mut basket) {
                chosen.truncate(before);
                return Err(why);
            }
        }
        Ok(())
    }

    fn pick(
        &self,
        ask: &Ask<'_>,
        pool: u32,
        family: Family,
        count: usize,
        basket: &mut Basket<'_>,
    ) -> Result<(), PoolRefusal> {
        let segments = self.pools.segments_of(pool, family);
        if segments.is_empty() {
            return Err(PoolRefusal::NoRange { family });
        }
        let enough = basket.chosen.len() + count;
        let is_open = |address| self.open(ask, pool, address, Manner::Automatic).is_ok();
        if basket.thrifty {
            for (_, address) in self.ledger.shareable(&ask.claim, segments.clone()) {
                let costs = self.cost(ask, address) > 0;
                if basket.chosen.len() < enough && !costs && is_open(address) {
                    basket.add(address, || 0);
                }
            }
        }
        let held = ask.held.iter().copied();
        let held = held.filter(|at| self.pools.number_containing(*at) == Some(pool));
        for address in held.chain(self.kept_for(ask, pool)) {
            if address.family() == family && basket.chosen.len() < enough && is_open(address) {
                basket.add(address, || self.cost(ask, address));
            }
        }
        // Only the lowest free address has a place among those that can be shared.
        let by_place = self.pools.pool(pool).reuse() == Reuse::LowestFree;
        let shareable = || {
            let all = self.ledger.shareable(&ask.claim, segments.clone());
            all.filter(|place| is_open(place.1))
        };
        if basket.chosen.len() + 1 == enough && basket.budget == u64::MAX {
            // One more, as a rule the only one: found without walking. If it is chosen already, the walk finds another.
            let free = self.space.first(&self.pools, pool, family, ask.claim.owner);
            if let Some((_, address)) = preferred(free, shareable().next(), by_place) {
                basket.add(address, || 0);
            }
            if basket.chosen.len() == enough {
                return Ok(());
            }
        }
        let mut shareable = shareable().peekable();
        let free = self.space.in_order(&self.pools, pool, family, ask.claim.owner);
        let mut free = free.peekable();
        while basket.chosen.len() < enough {
            let affordable = free.peek().filter(|_| basket.budget > 0);
            let next = preferred(affordable.copied(), shareable.peek().copied(), by_place);
            let Some((_, address)) = next else {
                break;
            };
            free.next_if(|place| place.1 == address);
            shareable.next_if(|place| place.1 == address);
            basket.add(address, || self.cost(ask, address));
        }
        if basket.chosen.len() >= enough {
            return Ok(());
        }
        if basket.over_quota || free.peek().is_some() {
            return Err(self.over_quota(ask, pool));
        }
        Err(self.full(pool, family))
    }

    /// Whether the owner may hold an address of a pool beside those that hold it now.
    pub(crate) fn open(
        &self,
        ask: &Ask<'_>,
        pool: u32,
        address: Address,
        manner: Manner,
    ) -> Result<(), AllocateError> {
        let owner = ask.claim.owner;
        let kept = self.space.kept_from(&self.pools, pool, address, owner);
        if let Some(owners) = kept.filter(|_| !ask.held.contains(&address)) {
            return Err(AllocateError::Reserved { address: address.into(), owners });
        }
        let rules = self.pools.pool(pool);
        let keyless = manner == Manner::Asked && rules.share_explicit();
        let joined = self.ledger.may_join(address, &ask.claim, rules.cross_namespace(), keyless);
        joined.map_err(|(slot, why)| AllocateError::InUse {
            address: address.into(),
            holder: self.ledger.record(slot).owner.clone(),
            why,
        })
    }

    /// What a pool keeps for the owner.
    fn kept_for(&self, ask: &Ask<'_>, pool: u32) -> impl Iterator<Item = Address> {
        let owner = ask.claim.owner;
        let reserved = self.pools.reserved_for(owner).iter().map(|(_, address)| *address);
        let all = reserved.chain(self.space.retained_for(owner));
        all.filter(move |address| self.pools.number_containing(*address) == Some(pool))
    }

    /// The pools that keep something for the owner that it can have now.
    fn own_turns(&self, ask: &Ask<'_>) -> Vec<u32> {
        let owner = ask.claim.owner;
        let reserved = self.pools.reserved_for(owner).iter().map(|(pool, _)| *pool);
        let mut retained = self.space.retained_for(owner).peekable();
        if reserved.len() == 0 && retained.peek().is_none() {
            return Vec::new();
        }
        let retained = retained.filter_map(|address| self.pools.number_containing(address));
        let pools: BTreeSet<u32> = reserved.chain(retained).collect();
        let can_have = |pool: &u32| {
            let wanted = |at: &Address| ask.request.families.includes(at.family());
            let mut own = self.kept_for(ask, *pool).filter(wanted);
            self.gate(ask, *pool, Manner::Asked).is_ok()
                && own.any(|address| self.open(ask, *pool, address, Manner::Automatic).is_ok())
        };
        pools.into_iter().filter(can_have).collect()
    }
}

/// Of a free address and one that can be shared: the lower one where places count, else the shared one.
fn preferred(
    free: Option<(u32, Address)>,
    shared: Option<(u32, Address)>,
    by_place: bool,
) -> Option<(u32, Address)> {
    match (free, shared) {
        (Some(free), Some(shared)) if by_place && free < shared => Some(free),
        (free, shared) => shared.or(free),
    }
}

/// What is chosen so far, and what the quota still allows.
#[derive(Debug)]
struct Basket<'a> {
    chosen: &'a mut Vec<Address>,
    kept: &'a [Address],
    /// `u64::MAX` where there is no quota.
    budget: u64,
    over_quota: bool,
    /// Addresses that the namespace holds already come first.
    thrifty: bool,
}

impl Basket<'_> {
    fn add(&mut self, address: Address, cost: impl FnOnce() -> u64) {
        if self.chosen.contains(&address) || self.kept.contains(&address) {
            return;
        }
        if self.budget < u64::MAX {
            let cost = cost();
            if cost > self.budget {
                self.over_quota = true;
                return;
            }
            self.budget -= cost;
        }
        self.chosen.push(address);
    }
}
