//! MetalLB's placement over beacons.

use std::{sync::Arc, time::Duration};

use vipcast_election::{Backend, placement::Rule, rendezvous};
use vipcast_sim::{Fault, NodeId};

use crate::{watch::*, world::*};

fn plan(nodes: u16, units: u8) -> Plan {
    let mut plan = Plan::exact(nodes, units);
    plan.settings.placement = Rule::Hash;
    plan
}

/// Who comes first for the address among these nodes.
fn first(number: u8, nodes: impl IntoIterator<Item = u16>) -> NodeId {
    let names: Vec<_> = nodes.into_iter().map(|node| (name(node), node)).collect();
    let address = unit(0, number).address;
    let chosen = rendezvous::first(names.iter().map(|(name, _)| (name, 0)), address).unwrap();
    NodeId(names.iter().find(|(name, _)| name == chosen).unwrap().1)
}

#[test]
fn each_address_is_where_its_hash_says_before_and_after_a_death_and_a_return() {
    let mut net = settled(&plan(5, 40));
    let placed = |net: &World, nodes: &[u16]| {
        (0..40).all(|n| owner(net, &unit(0, n)) == first(n, nodes.iter().copied()))
    };
    assert!(placed(&net, &[0, 1, 2, 3, 4]));
    net.begin(&Fault::Crash { node: NodeId(2) });
    net.run_until(at(3_000));
    assert!(placed(&net, &[0, 1, 3, 4]), "only what it held has moved");
    net.end(&Fault::Crash { node: NodeId(2) });
    let back = (0..40).find(|n| first(*n, 0..5) == NodeId(2)).unwrap();
    let (none, _) = watch(&mut net, &unit(0, back), 6_000);
    assert_eq!(none, Duration::ZERO, "it comes back without a gap");
    assert!(placed(&net, &[0, 1, 2, 3, 4]));
}

#[test]
fn a_preference_comes_before_the_hash() {
    let mut net = settled(&plan(4, 8));
    let mut candidates = plan(4, 8).candidates();
    for contenders in candidates.values_mut() {
        Arc::make_mut(&mut contenders.nodes).insert(name(3), 7);
    }
    for node in 0..4 {
        let candidates = candidates.clone();
        command(&mut net, NodeId(node), |e, now| e.election.set_candidates(now, candidates));
    }
    net.run_until(at(4_000));
    assert!((0..8).all(|number| owner(&net, &unit(0, number)) == NodeId(3)));
}

#[test]
fn a_node_that_comes_and_goes_moves_an_address_voluntarily_four_times_in_three_minutes_at_most() {
    let mut net = settled(&plan(2, 4));
    let number = (0..4).find(|n| first(*n, 0..2) == NodeId(1)).unwrap();
    let mut back = 0;
    for round in 0..10 {
        net.begin(&Fault::Crash { node: NodeId(1) });
        net.run_until(at(2_000 + round * 6_000 + 3_000));
        net.end(&Fault::Crash { node: NodeId(1) });
        net.run_until(at(2_000 + round * 6_000 + 6_000));
        back += u32::from(owner(&net, &unit(0, number)) == NodeId(1));
    }
    assert_eq!(back, 4);
}
