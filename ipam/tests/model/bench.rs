//! The allocator and the model side by side.

use std::{collections::BTreeSet, net::IpAddr};

use vipcast_ipam::{Allocator, Assignment, Change, Families, Family, Others, Owner, Request};

use super::{
    Model,
    generate::{Operation, World},
};

/// The allocator and what the model makes of the same operations.
pub(crate) struct Bench {
    pub(crate) allocator: Allocator,
    pub(crate) model: Model,
}

impl Bench {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            allocator: Allocator::new(world.pools.clone()),
            model: Model::new(&world.pools, &world.flags),
        }
    }

    pub(crate) fn run(&mut self, operation: &Operation) {
        match operation {
            Operation::Allocate(request) => self.allocate(request),
            Operation::Release(owner) => {
                let released = self.allocator.release(owner).map(|was| was.addresses);
                let held = self.model.held.remove(owner).map(|(_, held)| held);
                assert_eq!(released, held);
                assert_eq!(self.allocator.release(owner), None, "release is idempotent");
            }
            Operation::Restore(request, addresses) => self.restore(request, addresses),
            Operation::Reconfigure(world) => self.reconfigure(world),
        }
        self.check();
    }

    fn allocate(&mut self, request: &Request) {
        let before = self.model.held.get(&request.owner).cloned();
        let (_, held) = before.clone().unwrap_or_else(|| (request.clone(), Vec::new()));
        let satisfied = before.is_some() && self.model.satisfied(request, &held);
        self.model.held.remove(&request.owner);
        let fresh = self.model.fresh(request);
        let explained = self.allocator.explain(request);
        let answer = self.allocator.allocate(request);
        assert_eq!(explained.outcome, answer, "explain tells what allocate answers");
        match &answer {
            Ok(assignment) => {
                let addresses = &assignment.addresses;
                assert_fits(&self.model, request, assignment);
                if satisfied {
                    assert_eq!(addresses, &held, "what fits is kept");
                } else if !held.iter().any(|address| addresses.contains(address)) {
                    assert_eq!(Some(addresses), fresh.as_ref(), "as the model scans");
                }
                let entry = (request.clone(), addresses.clone());
                self.model.held.insert(request.owner.clone(), entry);
                assert_eq!(self.allocator.allocate(request), answer, "allocate is idempotent");
            }
            Err(error) => {
                assert_eq!(fresh, None, "{error}");
                assert!(!satisfied, "{error}");
                assert_eq!(self.allocator.assignment(&request.owner), None);
            }
        }
    }

    fn restore(&mut self, request: &Request, addresses: &[IpAddr]) {
        self.model.held.remove(&request.owner);
        let restored = self.allocator.restore(request, addresses);
        let kept = restored.assignment.map_or(Vec::new(), |assignment| assignment.addresses);
        let lost = restored.lost.iter().map(|lost| lost.address);
        let all: BTreeSet<IpAddr> = kept.iter().copied().chain(lost).collect();
        assert_eq!(all, addresses.iter().copied().collect(), "each address is kept or named");
        for address in &all {
            let may = self.model.pool_of(*address).is_some_and(|pool| {
                let rules = &pool.pool;
                let mut holders = self.model.holders(*address);
                let shares =
                    |other| rules.share_explicit() || Model::may_share(request, other, rules);
                rules.permits(request) && holders.all(|(_, other)| shares(other))
            });
            let wanted = request.families.includes(Family::of(*address));
            if kept.contains(address) {
                assert!(may && wanted, "{address} must not be kept");
            } else if may && wanted {
                // It is one too many, or of another pool.
                let same = |at: &&IpAddr| Family::of(**at) == Family::of(*address);
                let full = kept.iter().filter(same).count() >= usize::from(request.per_family);
                let mixed = [&kept[..], &[*address]].concat();
                // What stood in the way may itself have been lost to another holder.
                let contested = restored.lost.len() > 1;
                assert!(full || contested || !self.model.pools_agree(request, &mixed));
            }
        }
        if !kept.is_empty() {
            self.model.held.insert(request.owner.clone(), (request.clone(), kept));
        }
    }

    fn reconfigure(&mut self, world: &World) {
        let changes = self.allocator.reconfigure(world.pools.clone());
        let mut model = Model::new(&world.pools, &world.flags);
        for (owner, (request, held)) in &self.model.held {
            let now = self.allocator.assignment(owner);
            let kept = now.map_or(Vec::new(), |assignment| assignment.addresses);
            if !kept.is_empty() {
                model.held.insert(owner.clone(), (request.clone(), kept.clone()));
            }
            for address in &kept {
                let pool = &model.pool_of(*address).expect("what is kept is in a pool").pool;
                assert!(pool.permits(request), "{owner} keeps {address} of a pool that refuses it");
            }
            assert!(model.pools_agree(request, &kept));
            let change = changes.iter().find(|change| change.owner == *owner);
            let lost: Vec<IpAddr> =
                change.map_or(Vec::new(), |change| change.lost.iter().map(|l| l.address).collect());
            let both: BTreeSet<IpAddr> = kept.iter().chain(&lost).copied().collect();
            assert_eq!(both, held.iter().copied().collect(), "nothing is lost in silence");
        }
        assert!(changes.iter().all(|change| self.model.held.contains_key(&change.owner)));
        let before = std::mem::replace(&mut self.model, model);
        for change in &changes {
            let (request, _) = &before.held[&change.owner];
            self.assert_justified(request, change);
        }
    }

    /// Nothing valid is taken away.
    fn assert_justified(&self, request: &Request, change: &Change) {
        let kept = change.after.as_ref().map_or(&[][..], |after| &after.addresses);
        for lost in &change.lost {
            let at = lost.address;
            let valid = self.model.pool_of(at).is_some_and(|pool| pool.pool.permits(request));
            let mixed = [kept, &[at]].concat();
            let apart = !self.model.pools_agree(request, &mixed);
            let contested = self.model.holders(at).next().is_some();
            let several = change.lost.len() > 1;
            assert!(!valid || apart || contested || several, "{change:?}");
        }
    }

    /// What must hold of every state.
    pub(crate) fn check(&self) {
        let model = &self.model;
        let all: Vec<(Owner, Vec<IpAddr>)> = self
            .allocator
            .assignments()
            .into_iter()
            .map(|(owner, assignment)| (owner, assignment.addresses))
            .collect();
        let expected = model.held.iter().map(|(owner, (_, held))| (owner.clone(), held.clone()));
        assert_eq!(all, expected.collect::<Vec<_>>(), "none is lost");
        for (owner, (request, held)) in &model.held {
            for address in held {
                let pool = model.pool_of(*address).expect("held addresses are in a pool");
                for (other, theirs) in model.holders(*address).filter(|(other, _)| *other != owner)
                {
                    let share =
                        pool.pool.share_explicit() || Model::may_share(request, theirs, &pool.pool);
                    assert!(share, "{owner} and {other} must not share {address}");
                }
                let holders: Vec<Owner> = model.holders(*address).map(|(o, _)| o.clone()).collect();
                assert_eq!(self.allocator.holders(*address), holders);
            }
        }
        for (usage, pool) in self.allocator.usage().iter().zip(&model.pools) {
            assert_eq!(&*usage.pool, pool.pool.name());
            for (family, usage) in [(Family::V4, usage.v4), (Family::V6, usage.v6)] {
                let of: Vec<_> =
                    pool.usable.iter().filter(|at| Family::of(**at) == family).collect();
                let held = |at: &&&IpAddr| model.holders(***at).next().is_some();
                let in_use = of.iter().filter(held).count();
                let reserved = |at: &&&IpAddr| pool.pool.reservations().contains_key(**at);
                let kept = of.iter().filter(reserved).filter(|at| !held(at)).count();
                assert_eq!(usage.capacity, of.len() as u128);
                assert_eq!(usage.in_use, in_use as u128);
                assert_eq!(usage.kept, kept as u128);
                assert_eq!(usage.available, (of.len() - in_use - kept) as u128);
            }
        }
    }
}

fn assert_fits(model: &Model, request: &Request, assignment: &Assignment) {
    let addresses = &assignment.addresses;
    let of = |family| addresses.iter().filter(|at| Family::of(**at) == family).count();
    let counts = [of(Family::V4), of(Family::V6)];
    let full = usize::from(request.per_family);
    if request.addresses.is_empty() {
        let shapes: &[[usize; 2]] = match request.families {
            Families::Single(Family::V4) => &[[full, 0]],
            Families::Single(Family::V6) => &[[0, full]],
            Families::RequireDual => &[[full, full]],
            Families::PreferDual { .. } => &[[full, full], [full, 0], [0, full]],
        };
        assert!(shapes.contains(&counts), "{counts:?} for {:?}", request.families);
    } else {
        let wanted: BTreeSet<IpAddr> = request.addresses.iter().copied().collect();
        assert_eq!(addresses.iter().copied().collect::<BTreeSet<_>>(), wanted);
    }
    assert!(model.pools_agree(request, addresses));
    assert!(addresses.is_sorted(), "IPv4 is first");
    for (address, name) in addresses.iter().zip(&assignment.pools) {
        let pool = &model.pool_of(*address).expect("in a pool").pool;
        assert_eq!(pool.name(), &**name);
        assert!(pool.permits(request));
        assert!(request.pool.as_ref().is_none_or(|wanted| *wanted == **name));
        if let Some(selection) = pool.selection() {
            assert!(selection.others == Others::OnRequest || selection.matches(request));
        }
    }
}
