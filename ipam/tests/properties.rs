//! The allocator beside a slow, obvious model, under random pools, requests and operations.

use std::{
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
};

use proptest::prelude::*;
use vipcast_ipam::{Allocator, Families, Family, Owner, Request, Reuse};

use self::model::{
    bench::Bench,
    generate::{Operation, operations, request, world},
};

mod model;

fn reuse() -> impl Strategy<Value = Reuse> {
    proptest::sample::select(vec![Reuse::LeastRecentlyFreed, Reuse::HashOfName])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// No address twice without a right to share, none lost, none outside its pool, counters exact, answers as by a scan,
    /// reconfigure takes nothing valid.
    #[test]
    fn the_allocator_agrees_with_the_model(
        world in world(Reuse::LowestFree),
        operations in operations(Reuse::LowestFree, true),
    ) {
        let mut bench = Bench::new(&world);
        for operation in &operations {
            bench.run(operation);
        }
    }
}

/// The same requests, answered alike by both.
fn assert_same_state(left: &Allocator, right: &Allocator, probes: &[Request]) {
    assert_eq!(left.snapshot(), right.snapshot());
    assert_eq!(left.usage(), right.usage());
    for probe in probes {
        assert_eq!(left.explain(probe), right.explain(probe));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Live assignments made in any order, with operations in between that cancel out, lead to the same state.
    #[test]
    fn the_state_does_not_depend_on_the_order_of_calls(
        world in world(Reuse::LowestFree),
        operations in operations(Reuse::LowestFree, false),
        noise in proptest::collection::vec(request(), 0..8),
        shuffle in any::<u64>(),
        probes in proptest::collection::vec(request(), 1..6),
    ) {
        let mut bench = Bench::new(&world);
        for operation in &operations {
            bench.run(operation);
        }
        let mut live: Vec<_> = bench.model.held.values().cloned().collect();
        live.sort_by_key(|(request, _)| {
            let name = format!("{shuffle}{}", request.owner);
            name.bytes().fold(shuffle, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
        });
        let mut other = Allocator::new(world.pools.clone());
        for (request, held) in &live {
            for request in &noise {
                let request = &Request { owner: Owner::new("noise", request.owner.name()), ..request.clone() };
                let _ = other.allocate(request);
                other.release(&request.owner);
            }
            let restored = other.restore(request, held);
            prop_assert_eq!(restored.lost, vec![]);
        }
        assert_same_state(&bench.allocator, &other, &probes);
    }

    /// A snapshot restores to the same state, also through JSON.
    #[test]
    fn a_snapshot_restores_to_the_same_state(
        world in world(Reuse::LeastRecentlyFreed),
        operations in operations(Reuse::LeastRecentlyFreed, true),
        probes in proptest::collection::vec(request(), 1..6),
    ) {
        let mut allocator = Allocator::new(world.pools.clone());
        for operation in &operations {
            apply(&mut allocator, operation);
        }
        let snapshot = allocator.snapshot();
        #[cfg(feature = "serde")]
        let snapshot = serde_json::from_str(&serde_json::to_string(&snapshot)?)?;
        let pools = allocator.pools().clone();
        let (other, changes) = Allocator::from_snapshot(pools, snapshot).unwrap();
        prop_assert_eq!(changes, vec![]);
        assert_same_state(&allocator, &other, &probes);
    }

    /// What a copy does is what then happens, and the difference is told by owner.
    #[test]
    fn what_if_tells_what_then_happens(
        world in world(Reuse::LowestFree),
        before in operations(Reuse::LowestFree, false),
        operations in operations(Reuse::LowestFree, true),
    ) {
        let mut allocator = Allocator::new(world.pools.clone());
        for operation in &before {
            apply(&mut allocator, operation);
        }
        let state = allocator.snapshot();
        let (expected, differences) = allocator.what_if(|copy| {
            operations.iter().for_each(|operation| apply(copy, operation));
            copy.snapshot()
        });
        prop_assert_eq!(&allocator.snapshot(), &state, "the original is untouched");
        let mut told: BTreeMap<_, _> = allocator.assignments().into_iter().collect();
        for difference in differences {
            prop_assert_ne!(&difference.before, &difference.after);
            let before = match difference.after {
                Some(after) => told.insert(difference.owner, after),
                None => told.remove(&difference.owner),
            };
            prop_assert_eq!(before, difference.before);
        }
        operations.iter().for_each(|operation| apply(&mut allocator, operation));
        prop_assert_eq!(allocator.snapshot(), expected);
        let now: BTreeMap<_, _> = allocator.assignments().into_iter().collect();
        prop_assert_eq!(told, now, "the differences are all that differs");
    }

    /// No namespace gets more than its quota, however requests follow each other; what was restored above it stays.
    #[test]
    fn a_quota_is_never_exceeded(
        world in world(Reuse::LowestFree),
        operations in operations(Reuse::LowestFree, false),
    ) {
        let mut bench = Bench::new(&world);
        for operation in operations.iter().filter(|at| !matches!(at, Operation::Restore(..))) {
            bench.run(operation);
            for pool in &bench.model.pools {
                for namespace in ["red", "blue"] {
                    let limit = pool.pool.quota_of(namespace).unwrap_or(u64::MAX);
                    prop_assert!(bench.model.used(pool, namespace) <= limit);
                }
            }
        }
    }

    /// The other ways to choose keep all invariants; only which free address is taken differs.
    #[test]
    fn every_reuse_policy_finds_an_address_where_a_scan_does(
        world in reuse().prop_flat_map(world),
        operations in operations(Reuse::LowestFree, false),
    ) {
        let mut bench = Bench::new(&world);
        for operation in &operations {
            if let Operation::Allocate(request) = operation
                && request.per_family == 1
                && !bench.model.held.contains_key(&request.owner)
            {
                let fresh = bench.model.fresh(request);
                let answer = bench.allocator.explain(request).outcome.map(|at| at.addresses.len());
                // With a quota, which address is shared may decide whether the other family still fits.
                let quota = world.pools.iter().any(|pool| pool.quota_of("red").is_some());
                if !quota {
                    prop_assert_eq!(answer.ok(), fresh.map(|addresses| addresses.len()));
                }
                if let Ok(assignment) = bench.allocator.allocate(request) {
                    let entry = (request.clone(), assignment.addresses);
                    bench.model.held.insert(request.owner.clone(), entry);
                }
            } else if let Operation::Release(_) = operation {
                bench.run(operation);
            }
            bench.check();
        }
    }
}

fn apply(allocator: &mut Allocator, operation: &Operation) {
    match operation {
        Operation::Allocate(request) => drop(allocator.allocate(request)),
        Operation::Release(owner) => drop(allocator.release(owner)),
        Operation::Restore(request, addresses) => drop(allocator.restore(request, addresses)),
        Operation::Reconfigure(world) => drop(allocator.reconfigure(world.pools.clone())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Fresh addresses ascending, then those freed, longest ago first; the order of releases counts and nothing else does.
    #[test]
    fn least_recently_freed_follows_its_queue(steps in proptest::collection::vec((0u8..9, any::<bool>()), 1..60)) {
        let pool = vipcast_ipam::Pool::builder("p").reuse(Reuse::LeastRecentlyFreed);
        let pool = pool.range("10.0.0.1-10.0.0.6".parse()?).build()?;
        let mut allocator = Allocator::new(vipcast_ipam::Pools::new(vec![pool])?);
        let mut queue: VecDeque<IpAddr> = (1..7).map(|last| IpAddr::from([10, 0, 0, last])).collect();
        let mut held: BTreeMap<u8, IpAddr> = BTreeMap::new();
        for (name, takes) in steps {
            let request = Request::new(Owner::new("a", name.to_string()), Families::Single(Family::V4));
            if takes {
                let expected = held.get(&name).copied().or_else(|| queue.pop_front());
                let answer = allocator.allocate(&request).ok().map(|assignment| assignment.addresses[0]);
                prop_assert_eq!(answer, expected);
                held.extend(expected.map(|address| (name, address)));
            } else {
                let released = allocator.release(&request.owner).map(|was| was.addresses[0]);
                prop_assert_eq!(released, held.remove(&name));
                queue.extend(released);
            }
        }
    }
}
