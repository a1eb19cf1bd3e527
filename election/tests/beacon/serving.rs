//! Holders that live, and do not serve.

use std::time::Duration;

use vipcast_election::beacon::{Notice, ServeProof};
use vipcast_sans_io::Instant;
use vipcast_sim::{Fault, NodeId};

use crate::{watch::*, world::*};

/// From now on the node answers for none of this.
fn mute(net: &mut World, node: NodeId, mute: Mute) {
    command(net, node, |elector, _| elector.mute = mute);
}

/// Who may speak for the unit, and would.
fn served(net: &World, number: u8) -> bool {
    owners(net, &unit(0, number)).iter().any(|node| {
        let mute = elector(net, *node).map(|elector| elector.mute);
        mute == Some(Mute::Nothing) || matches!(mute, Some(Mute::Number(n)) if n != number)
    })
}

/// Runs until `until` and gives the moment from which on all of these were served.
fn served_from(net: &mut World, numbers: &[u8], until: u64) -> Instant {
    let mut last_bad = net.now();
    net.run_while(at(until), |net| -> Result<(), ()> {
        if !numbers.iter().all(|number| served(net, *number)) {
            last_bad = net.now();
        }
        for number in numbers {
            assert!(owners(net, &unit(0, *number)).len() <= 1, "{number} has two owners");
        }
        Ok(())
    })
    .unwrap();
    last_bad
}

fn held_by(net: &World, node: NodeId, units: u8) -> Vec<u8> {
    (0..units).filter(|number| owner(net, &unit(0, *number)) == node).collect()
}

#[test]
fn a_muted_responder_loses_its_address_within_a_second_and_there_are_never_two_owners() {
    for nodes in [2, 3, 5] {
        for phase in [0, 50, 90, 130, 199] {
            let mut net = settled(&Plan::exact(nodes, 1));
            net.run_for(millis(phase));
            let before = owner(&net, &unit(0, 0));
            let began = net.now();
            mute(&mut net, before, Mute::All);
            let served = served_from(&mut net, &[0], 6_000);
            let within = if nodes == 2 { 1_000 } else { 750 };
            assert!(served - began <= millis(within), "{:?} of {nodes}", served - began);
            assert_ne!(owner(&net, &unit(0, 0)), before);
            let told = command(&mut net, before, |e, _| e.election.poll_notice()).flatten();
            assert_eq!(told, Some(Notice::NotServed(unit(0, 0))));
            let counters = elector(&net, before).unwrap().election.counters();
            assert_eq!(counters.unserved, 1);
        }
    }
}

#[test]
fn a_muted_responder_with_many_addresses_loses_them_together_and_takes_none() {
    let mut net = settled(&Plan::exact(5, 60));
    let node = owner(&net, &unit(0, 0));
    let lost = held_by(&net, node, 60);
    assert_eq!(lost.len(), 12);
    let began = net.now();
    mute(&mut net, node, Mute::All);
    let served = served_from(&mut net, &lost, 6_000);
    assert!(served - began <= millis(1_000), "{:?}", served - began);
    assert_eq!(held_by(&net, node, 60), []);
    // Another dies: who is mute takes nothing of it.
    let dead = owner(&net, &unit(0, 0));
    net.begin(&Fault::Crash { node: dead });
    net.run_until(at(8_000));
    assert_eq!(held_by(&net, node, 60), []);
    assert!((0..60).all(|number| owners(&net, &unit(0, number)).len() == 1));
}

#[test]
fn one_address_that_is_not_answered_for_moves_alone() {
    let mut net = settled(&Plan::exact(4, 12));
    let node = owner(&net, &unit(0, 3));
    let before: Vec<NodeId> = units(12).iter().map(|unit| owner(&net, unit)).collect();
    let began = net.now();
    mute(&mut net, node, Mute::Number(3));
    let served = served_from(&mut net, &[3], 6_000);
    assert!(served - began <= millis(1_000), "{:?}", served - began);
    for (unit, before) in units(12).iter().zip(before) {
        assert_eq!(owner(&net, unit) == before, *unit != crate::world::unit(0, 3), "{unit}");
    }
}

#[test]
fn what_must_stay_together_moves_together() {
    let mut net = settled(&Plan::exact(3, 4));
    let mut candidates = Plan::exact(3, 4).candidates();
    // Two addresses of one node become one group.
    let node = owner(&net, &unit(0, 0));
    let mates = held_by(&net, node, 4);
    let candidates = {
        for number in &mates {
            let contenders = candidates.get_mut(&unit(0, *number)).unwrap();
            contenders.group = unit(0, 0).address;
        }
        candidates
    };
    for index in 0..3 {
        let candidates = candidates.clone();
        command(&mut net, NodeId(index), |elector, now| {
            vipcast_election::Backend::set_candidates(&mut elector.election, now, candidates);
        });
    }
    mute(&mut net, node, Mute::Number(0));
    net.run_until(at(5_000));
    let owners: Vec<NodeId> = mates.iter().map(|n| owner(&net, &unit(0, *n))).collect();
    assert!(owners.iter().all(|owner| *owner == owners[0] && *owner != node), "{owners:?}");
}

#[test]
fn where_everybody_fails_nothing_moves() {
    for nodes in [2, 3, 5] {
        let mut net = settled(&Plan::exact(nodes, 10));
        let before: Vec<NodeId> = units(10).iter().map(|unit| owner(&net, unit)).collect();
        for node in (0..nodes).map(NodeId) {
            mute(&mut net, node, Mute::All);
        }
        net.take_events();
        net.run_until(at(20_000));
        let after: Vec<NodeId> = units(10).iter().map(|unit| owner(&net, unit)).collect();
        assert_eq!(before, after, "{:?}", net.events());
    }
}

#[test]
fn an_address_that_no_node_serves_is_tried_once_by_each_and_stays_with_the_last() {
    let mut net = settled(&Plan::exact(4, 1));
    for node in (0..4).map(NodeId) {
        mute(&mut net, node, Mute::All);
    }
    net.take_events();
    net.run_until(at(50_000));
    let grants = |net: &World| {
        net.events().iter().filter(|seen| matches!(seen.event, Seen::Granted(..))).count()
    };
    assert!((1..=3).contains(&grants(&net)), "{:?}", net.events());
    assert_eq!(owners(&net, &unit(0, 0)).len(), 1, "the last one keeps it");
    // Within ten minutes it may not move more than four times in any 180 s.
    net.run_until(at(600_000));
    let moves: Vec<Instant> = net
        .take_events()
        .into_iter()
        .filter(|seen| matches!(seen.event, Seen::Granted(..)))
        .map(|seen| seen.at)
        .collect();
    for window in moves.windows(5) {
        assert!(window[4] - window[0] >= Duration::from_secs(180), "{window:?}");
    }
}

#[test]
fn nodes_that_see_no_answers_at_all_accuse_nobody() {
    let mut net = settled(&Plan::exact(5, 10));
    for node in [2, 3] {
        command(&mut net, NodeId(node), |elector, _| elector.deaf_to_answers = true);
    }
    net.take_events();
    net.run_until(at(10_000));
    assert!(net.events().is_empty(), "{:?}", net.events());
    let counters = elector(&net, NodeId(2)).unwrap().election.counters();
    assert!(counters.proof_failures > 50, "{counters:?}");
}

#[test]
fn one_witness_of_two_is_not_enough_and_a_single_one_is_asked_for_more() {
    let mut net = settled(&Plan::exact(3, 1));
    let holder = owner(&net, &unit(0, 0));
    let deaf = NodeId((holder.0 + 1) % 3);
    command(&mut net, deaf, |elector, _| elector.deaf_to_answers = true);
    net.take_events();
    net.run_until(at(10_000));
    assert!(net.events().is_empty(), "{:?}", net.events());
    // Where there is no second, it takes twice as many.
    let mut net = settled(&Plan::exact(2, 1));
    let holder = owner(&net, &unit(0, 0));
    net.take_events();
    for round in 0..5 {
        mute(&mut net, holder, Mute::All);
        net.run_for(millis(480));
        mute(&mut net, holder, Mute::Nothing);
        net.run_until(at(4_000 + round * 1_000));
    }
    assert!(net.events().is_empty(), "{:?}", net.events());
}

#[test]
fn two_lost_answers_move_nothing() {
    let mut net = settled(&Plan::exact(3, 1));
    let node = owner(&net, &unit(0, 0));
    net.take_events();
    for round in 0..10 {
        mute(&mut net, node, Mute::All);
        net.run_for(millis(180));
        mute(&mut net, node, Mute::Nothing);
        net.run_until(at(3_000 + round * 1_000));
    }
    assert!(net.events().is_empty(), "{:?}", net.events());
}

#[test]
fn who_served_nothing_does_not_take_it_back_until_it_has_rested_or_is_the_last() {
    let mut net = settled(&Plan::exact(3, 1));
    let first = owner(&net, &unit(0, 0));
    mute(&mut net, first, Mute::All);
    net.run_until(at(4_000));
    mute(&mut net, first, Mute::Nothing);
    let second = owner(&net, &unit(0, 0));
    net.begin(&Fault::Crash { node: second });
    net.run_until(at(6_000));
    let third = owner(&net, &unit(0, 0));
    assert!(third != first && third != second, "it rests");
    net.begin(&Fault::Crash { node: third });
    let (none, _) = watch(&mut net, &unit(0, 0), 8_000);
    assert_eq!(owner(&net, &unit(0, 0)), first, "nobody else is left");
    assert!(none <= millis(182), "{none:?}");
}

#[test]
fn questions_keep_to_their_rate_and_each_address_has_one_that_asks() {
    let plan = Plan::exact(5, 100);
    let mut net = settled(&plan);
    let count = |net: &World, node| elector(net, NodeId(node)).unwrap().proofs.len();
    let before: Vec<usize> = (0..5).map(|node| count(&net, node)).collect();
    net.run_for(Duration::from_secs(10));
    let mut asked = std::collections::BTreeMap::new();
    for node in 0..5 {
        let proofs = &elector(&net, NodeId(node)).unwrap().proofs[before[usize::from(node)]..];
        assert!(proofs.len() <= 201, "20 a second: {}", proofs.len());
        for (_, unit, owner) in proofs {
            assert_eq!(*owner, name(crate::watch::owner(&net, unit).0));
            asked.entry(unit.clone()).or_insert_with(std::collections::BTreeSet::new).insert(node);
        }
    }
    assert_eq!(asked.len(), 100, "all are asked for");
    assert!(asked.values().all(|by| by.len() == 1), "{asked:?}");
}

#[test]
fn without_the_proof_nobody_asks_and_a_muted_responder_keeps_its_address() {
    let mut plan = Plan::exact(3, 1);
    plan.settings.serve_proof = None;
    let mut net = settled(&plan);
    let node = owner(&net, &unit(0, 0));
    mute(&mut net, node, Mute::All);
    net.run_until(at(6_000));
    assert_eq!(owner(&net, &unit(0, 0)), node);
    assert!((0..3).all(|node| elector(&net, NodeId(node)).unwrap().proofs.is_empty()));
}

#[test]
fn where_a_connection_is_asked_for_an_answer_is_no_proof() {
    let mut plan = Plan::exact(3, 1);
    plan.settings.serve_proof = Some(ServeProof { connect: true, ..ServeProof::default() });
    let mut net = plan.build(1);
    net.run_until(at(1_000));
    let first = owner(&net, &unit(0, 0));
    net.run_until(at(3_000));
    assert_ne!(owner(&net, &unit(0, 0)), first, "nobody accepts a connection in this world");
}
