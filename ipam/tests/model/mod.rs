//! A slow, obvious allocator: every address is written out, every rule is a scan.

#![allow(dead_code, reason = "each test uses its part")]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vipcast_ipam::{CrossNamespace, Families, Family, Others, Owner, Pool, Pools, Request};

pub(crate) mod bench;
pub(crate) mod generate;

/// Who holds what, and with which request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Model {
    pub(crate) pools: Vec<ModelPool>,
    pub(crate) held: BTreeMap<Owner, (Request, Vec<IpAddr>)>,
}

/// A pool with its addresses written out in the order in which they are used.
#[derive(Clone, Debug)]
pub(crate) struct ModelPool {
    pub(crate) pool: Pool,
    pub(crate) usable: Vec<IpAddr>,
}

impl ModelPool {
    fn new(pool: &Pool, spares: bool, avoids_buggy: bool) -> Self {
        let mut usable = Vec::new();
        for range in pool.ranges() {
            let mut address = range.first();
            loop {
                let text = range.to_string();
                let edge =
                    address == range.first() || (address == range.last() && address.is_ipv4());
                let host_bits = match text.split_once('/') {
                    Some((_, prefix)) => {
                        (if address.is_ipv4() { 32 } else { 128 }) - prefix.parse::<u32>().unwrap()
                    }
                    None => 0,
                };
                let spared = spares && edge && host_bits > 1;
                let buggy = match address {
                    IpAddr::V4(v4) => avoids_buggy && [0, 255].contains(&v4.octets()[3]),
                    IpAddr::V6(_) => false,
                };
                let excluded = pool.excluded().iter().any(|range| range.contains(address));
                if !spared && !buggy && !excluded {
                    usable.push(address);
                }
                if address == range.last() {
                    break;
                }
                address = match address {
                    IpAddr::V4(v4) => IpAddr::V4((v4.to_bits() + 1).into()),
                    IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() + 1).into()),
                };
            }
        }
        Self { pool: pool.clone(), usable }
    }
}

impl Model {
    pub(crate) fn new(pools: &Pools, flags: &BTreeMap<String, (bool, bool)>) -> Self {
        let pools = pools.iter().map(|pool| {
            let (spares, avoids_buggy) = flags[pool.name()];
            ModelPool::new(pool, spares, avoids_buggy)
        });
        Self { pools: pools.collect(), held: BTreeMap::new() }
    }

    pub(crate) fn pool_of(&self, address: IpAddr) -> Option<&ModelPool> {
        self.pools.iter().find(|pool| pool.usable.contains(&address))
    }

    pub(crate) fn holders(&self, address: IpAddr) -> impl Iterator<Item = (&Owner, &Request)> {
        let all = self.held.iter();
        all.filter_map(move |(owner, (request, held))| {
            held.contains(&address).then_some((owner, request))
        })
    }

    /// The rule of sharing for two owners, as it is written down.
    pub(crate) fn may_share(a: &Request, b: &Request, pool: &Pool) -> bool {
        let key = |request: &Request| request.sharing_key.clone().filter(|key| !key.is_empty());
        let same_key = key(a).is_some() && key(a) == key(b);
        let same_backend = a.backend_key == b.backend_key;
        let no_common_port = a.ports.is_disjoint(&b.ports);
        let (left, right) = (a.owner.namespace(), b.owner.namespace());
        let consent = left == right
            || pool.cross_namespace() == CrossNamespace::Allowed
            || (a.sharing_namespaces.contains(right) && b.sharing_namespaces.contains(left));
        same_key && same_backend && no_common_port && consent
    }

    /// Whether `request` may hold `address` beside its holders.
    pub(crate) fn open(&self, request: &Request, address: IpAddr, explicit: bool) -> bool {
        let Some(pool) = self.pool_of(address) else {
            return false;
        };
        let reserved = pool.pool.reservations().get(&address);
        if reserved.is_some_and(|owners| !owners.contains(&request.owner)) {
            return false;
        }
        let keyless = explicit && pool.pool.share_explicit();
        let mut others = self.holders(address).filter(|(owner, _)| **owner != request.owner);
        others.all(|(_, other)| keyless || Self::may_share(request, other, &pool.pool))
    }

    /// How many addresses of a pool a namespace holds, each once.
    pub(crate) fn used(&self, pool: &ModelPool, namespace: &str) -> u64 {
        let of = self.held.iter().filter(|(owner, _)| owner.namespace() == namespace);
        let held: BTreeSet<IpAddr> = of.flat_map(|(_, (_, held))| held.iter().copied()).collect();
        held.iter().filter(|at| pool.usable.contains(at)).count() as u64
    }

    fn namespace_has(&self, address: IpAddr, owner: &Owner) -> bool {
        self.holders(address).any(|(other, _)| other.namespace() == owner.namespace())
    }

    fn budget(&self, pool: &ModelPool, owner: &Owner) -> u64 {
        let limit = pool.pool.quota_of(owner.namespace());
        limit.map_or(u64::MAX, |limit| limit.saturating_sub(self.used(pool, owner.namespace())))
    }

    /// What an owner gets that holds nothing.
    pub(crate) fn fresh(&self, request: &Request) -> Option<Vec<IpAddr>> {
        if !request.addresses.is_empty() {
            return self.exactly(request);
        }
        let permitted = |pool: &&ModelPool| pool.pool.permits(request) && !pool.pool.is_disabled();
        if let Some(name) = &request.pool {
            let named = self.pools.iter().filter(|pool| pool.pool.name() == *name);
            let named: Vec<_> = named.filter(permitted).collect();
            return self.families(request, &named, &named);
        }
        let has_own = |pool: &&ModelPool| {
            pool.pool.reservations().iter().any(|(address, owners)| {
                owners.contains(&request.owner)
                    && request.families.includes(Family::of(*address))
                    && self.open(request, *address, false)
            })
        };
        let own: Vec<_> = self.pools.iter().filter(permitted).filter(has_own).collect();
        let automatic = self.automatic(request);
        let automatic: Vec<_> = automatic.into_iter().filter(permitted).collect();
        let not_own = automatic
            .iter()
            .filter(|pool| !own.iter().any(|at| at.pool.name() == pool.pool.name()));
        let pairs: Vec<_> = own.iter().chain(not_own).copied().collect();
        let first = (!own.is_empty()).then(|| self.families(request, &own, &pairs)).flatten();
        first.or_else(|| self.families(request, &automatic, &automatic))
    }

    fn automatic(&self, request: &Request) -> Vec<&ModelPool> {
        let selects = |pool: &Pool| pool.selection().map(|selection| selection.matches(request));
        let mut turns: Vec<(u8, &ModelPool)> = Vec::new();
        for pool in &self.pools {
            let class = match (selects(&pool.pool), pool.pool.is_default()) {
                (Some(true), _) => 0,
                (Some(false), true)
                    if pool.pool.selection().unwrap().others == Others::OnRequest =>
                {
                    1
                }
                (Some(false), _) => continue,
                (None, true) => 1,
                (None, false) => 2,
            };
            if pool.pool.auto_assign() {
                turns.push((class, pool));
            }
        }
        turns.sort_by_key(|(class, pool)| (*class, pool.pool.priority(), pool.pool.name()));
        turns.into_iter().map(|(_, pool)| pool).collect()
    }

    fn families(
        &self,
        request: &Request,
        pools: &[&ModelPool],
        pairs: &[&ModelPool],
    ) -> Option<Vec<IpAddr>> {
        let one =
            |wanted: &[Family]| pools.iter().find_map(|pool| self.pick(request, pool, wanted, &[]));
        let both = || {
            let beside =
                |pool: &&&ModelPool| request.two_pools || pool.pool.dual_with_other_pools();
            let two = || {
                let first = pairs.iter().filter(beside);
                let mut first =
                    first.filter_map(|pool| self.pick(request, pool, &[Family::V4], &[]));
                first.find_map(|v4| {
                    let mut second = pairs.iter().filter(beside);
                    let v6 = second.find_map(|at| self.pick(request, at, &[Family::V6], &v4))?;
                    Some([v4, v6].concat())
                })
            };
            let all = one(&[Family::V4, Family::V6]);
            all.or_else(two)
        };
        match request.families {
            Families::Single(family) => one(&[family]),
            Families::RequireDual => both(),
            Families::PreferDual { primary } => {
                both().or_else(|| one(&[primary])).or_else(|| one(&[primary.other()]))
            }
        }
    }

    fn pick(
        &self,
        request: &Request,
        pool: &ModelPool,
        wanted: &[Family],
        taken: &[IpAddr],
    ) -> Option<Vec<IpAddr>> {
        let greedy = self.scan(request, pool, wanted, taken, false);
        greedy.or_else(|| self.scan(request, pool, wanted, taken, true))
    }

    fn scan(
        &self,
        request: &Request,
        pool: &ModelPool,
        wanted: &[Family],
        taken: &[IpAddr],
        thrifty: bool,
    ) -> Option<Vec<IpAddr>> {
        let mut budget = self.budget(pool, &request.owner);
        for address in taken.iter().filter(|at| pool.usable.contains(at)) {
            budget -= u64::from(!self.namespace_has(*address, &request.owner));
        }
        let mut all = Vec::new();
        let own = |address: &IpAddr| {
            let reserved = pool.pool.reservations().get(address);
            reserved.is_some_and(|owners| owners.contains(&request.owner))
        };
        for family in wanted {
            let of = || pool.usable.iter().copied().filter(|at| Family::of(*at) == *family);
            let mut kept: Vec<IpAddr> = of().filter(own).collect();
            kept.sort_unstable();
            let mut chosen: Vec<IpAddr> = Vec::new();
            let free_of_cost = |at: &IpAddr| thrifty && self.namespace_has(*at, &request.owner);
            let cheap: Vec<IpAddr> = of().filter(free_of_cost).collect();
            for address in cheap.into_iter().chain(kept).chain(of()) {
                let cost = u64::from(!self.namespace_has(address, &request.owner));
                if chosen.len() < usize::from(request.per_family)
                    && !chosen.contains(&address)
                    && cost <= budget
                    && self.open(request, address, false)
                {
                    budget -= cost;
                    chosen.push(address);
                }
            }
            if chosen.len() < usize::from(request.per_family) {
                return None;
            }
            all.append(&mut chosen);
        }
        all.sort_unstable();
        Some(all)
    }

    fn exactly(&self, request: &Request) -> Option<Vec<IpAddr>> {
        let wanted: BTreeSet<IpAddr> = request.addresses.iter().copied().collect();
        let wanted: Vec<IpAddr> = wanted.into_iter().collect();
        let of = |family| wanted.iter().filter(|at| Family::of(**at) == family).count();
        let counts = [of(Family::V4), of(Family::V6)];
        let mut ok = wanted.iter().all(|at| request.families.includes(Family::of(*at)))
            && counts.iter().all(|count| *count <= usize::from(request.per_family))
            && (request.families != Families::RequireDual || !counts.contains(&0));
        let mut costs: BTreeMap<&str, u64> = BTreeMap::new();
        for address in &wanted {
            let pool = self.pool_of(*address)?;
            let named = request.pool.as_ref().is_none_or(|name| name == pool.pool.name());
            ok &= named && pool.pool.permits(request) && !pool.pool.is_disabled();
            ok &= self.open(request, *address, true);
            let cost = costs.entry(pool.pool.name()).or_default();
            *cost += u64::from(!self.namespace_has(*address, &request.owner));
            ok &= *cost == 0 || *cost <= self.budget(pool, &request.owner);
        }
        ok &= self.pools_agree(request, &wanted);
        ok.then_some(wanted)
    }

    /// All from one pool, or each family from one where two pools are allowed.
    pub(crate) fn pools_agree(&self, request: &Request, addresses: &[IpAddr]) -> bool {
        let pool = |address: &IpAddr| self.pool_of(*address).map(|pool| &pool.pool);
        let pairs = addresses.iter().flat_map(|a| addresses.iter().map(move |b| (a, b)));
        let mut pairs = pairs.filter_map(|(a, b)| Some((a, pool(a)?, b, pool(b)?)));
        pairs.all(|(a, at, b, bt)| {
            let beside = at.dual_with_other_pools() && bt.dual_with_other_pools();
            at.name() == bt.name()
                || (Family::of(*a) != Family::of(*b) && (request.two_pools || beside))
        })
    }

    /// Whether held addresses are all that a request asks for, so that nothing may change.
    pub(crate) fn satisfied(&self, request: &Request, held: &[IpAddr]) -> bool {
        let of = |family| held.iter().filter(|at| Family::of(**at) == family).count();
        let full = usize::from(request.per_family);
        let shape = match request.families {
            Families::Single(family) => of(family) == full && of(family.other()) == 0,
            _ => of(Family::V4) == full && of(Family::V6) == full,
        };
        let wanted: BTreeSet<IpAddr> = request.addresses.iter().copied().collect();
        let exact = wanted.is_empty() || wanted == held.iter().copied().collect();
        let named = |address: &IpAddr| {
            let pool = self.pool_of(*address).map(|pool| &pool.pool);
            pool.is_some_and(|pool| {
                pool.permits(request)
                    && request.pool.as_ref().is_none_or(|name| name == pool.name())
            })
        };
        // With exact addresses the shape need not be full.
        let exact_shape = !wanted.is_empty()
            && held.iter().all(|at| {
                request.families.includes(Family::of(*at)) && of(Family::of(*at)) <= full
            });
        exact
            && (shape || exact_shape)
            && held.iter().all(named)
            && self.pools_agree(request, held)
            && held.iter().all(|at| {
                let rules = &self.pool_of(*at).unwrap().pool;
                let keyless = rules.share_explicit() && !wanted.is_empty();
                let mut others = self.holders(*at).filter(|(owner, _)| **owner != request.owner);
                others.all(|(_, other)| keyless || Self::may_share(request, other, rules))
            })
    }
}
