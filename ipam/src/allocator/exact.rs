//! Requests for addresses by number.

use alloc::vec::Vec;

use super::{
    Allocator,
    choose::{Ask, Manner},
};
use crate::{
    AllocateError, Families, Family, Request,
    address::{Address, sort},
};

/// The addresses that a request names, in their canonical form and order, each once.
pub(crate) fn wanted(request: &Request) -> Vec<Address> {
    let mut wanted: Vec<Address> = request.addresses.iter().copied().map(Address::from).collect();
    sort(&mut wanted);
    wanted.dedup();
    wanted
}

impl Allocator {
    /// Whether the owner can have exactly these addresses, all of them at once.
    pub(crate) fn exactly(&self, ask: &Ask<'_>, wanted: &[Address]) -> Result<(), AllocateError> {
        if self.pools.is_empty() {
            return Err(AllocateError::NoPool);
        }
        check_families(ask.request, wanted)?;
        let mut pools: Vec<u32> = Vec::with_capacity(wanted.len());
        for address in wanted {
            pools.push(self.pool_of(ask.request, *address)?);
        }
        self.check_pools(ask, wanted, &pools)?;
        let mut budgets: Vec<(u32, u64)> = Vec::new();
        for (address, pool) in wanted.iter().zip(pools) {
            self.gate(ask, pool, Manner::Asked).map_err(|why| self.refused(pool, why))?;
            if self.pools.segment_of(*address).is_none() {
                return Err(AllocateError::Unusable {
                    address: (*address).into(),
                    pool: self.pools.name(pool).clone(),
                    why: self.pools.pool(pool).unusable((*address).into()),
                });
            }
            self.open(ask, pool, *address, Manner::Asked)?;
            let known = budgets.iter().position(|entry| entry.0 == pool);
            let place = known.unwrap_or_else(|| {
                budgets.push((pool, self.budget(ask, pool, &[])));
                budgets.len() - 1
            });
            let budget = &mut budgets[place].1;
            let cost = self.cost(ask, *address);
            if cost > *budget {
                return Err(self.refused(pool, self.over_quota(ask, pool)));
            }
            *budget -= cost;
        }
        Ok(())
    }

    fn pool_of(&self, request: &Request, address: Address) -> Result<u32, AllocateError> {
        if let Some(name) = &request.pool
            && self.pools.number(name).is_none()
        {
            return Err(AllocateError::UnknownPool { pool: name.clone() });
        }
        let outside = || AllocateError::OutsidePools { address: address.into() };
        let pool = self.pools.number_containing(address).ok_or_else(outside)?;
        match &request.pool {
            Some(name) if name != self.pools.pool(pool).name() => Err(AllocateError::NotInPool {
                address: address.into(),
                pool: name.clone(),
                actual: self.pools.name(pool).clone(),
            }),
            _ => Ok(pool),
        }
    }

    /// All from one pool; or each family from one, where two pools are allowed.
    fn check_pools(
        &self,
        ask: &Ask<'_>,
        wanted: &[Address],
        pools: &[u32],
    ) -> Result<(), AllocateError> {
        let Some((first, first_pool)) = wanted.iter().zip(pools).next() else {
            return Ok(());
        };
        let may = |pool: u32| self.may_stand_beside(ask, pool);
        let mut rest = wanted.iter().zip(pools).skip(1);
        let stranger = rest.find(|(address, pool)| {
            let beside = address.family() != first.family() && may(**pool) && may(*first_pool);
            *pool != first_pool && !beside
        });
        // The addresses of the second family must be of one pool too.
        let second = wanted.iter().zip(pools).find(|at| at.0.family() != first.family());
        let split = second.and_then(|(_, second)| {
            let mut others = wanted.iter().zip(pools);
            others.find(|(at, pool)| at.family() != first.family() && *pool != second)
        });
        let conflict = match (stranger, split) {
            (Some(stranger), _) => Some(((first, first_pool), stranger)),
            (None, Some(split)) => second.map(|second| (second, split)),
            (None, None) => None,
        };
        match conflict {
            None => Ok(()),
            Some(((first, first_pool), (second, second_pool))) => {
                Err(AllocateError::DifferentPools {
                    first: (*first).into(),
                    first_pool: self.pools.name(*first_pool).clone(),
                    second: (*second).into(),
                    second_pool: self.pools.name(*second_pool).clone(),
                })
            }
        }
    }
}

fn check_families(request: &Request, wanted: &[Address]) -> Result<(), AllocateError> {
    let families = request.families;
    if let Some(address) = wanted.iter().find(|at| !families.includes(at.family())) {
        return Err(AllocateError::WrongFamily { address: (*address).into(), families });
    }
    let allowed = request.per_family.max(1);
    for family in [Family::V4, Family::V6] {
        let asked = wanted.iter().filter(|at| at.family() == family).count() as u32;
        if asked == 0 && families == Families::RequireDual {
            return Err(AllocateError::FamilyNotAskedFor { family });
        }
        if asked > u32::from(allowed) {
            return Err(AllocateError::TooManyAddresses { family, asked, allowed });
        }
    }
    Ok(())
}
