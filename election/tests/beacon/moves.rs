//! Moves: those that are wished for, and those that are too many.

use std::{sync::Arc, time::Duration};

use vipcast_election::{
    Backend,
    beacon::{BeaconSettings, Notice},
};
use vipcast_sim::{Fault, Link, NodeId};

use crate::{watch::*, world::*};

#[test]
fn a_drain_leaves_no_moment_without_an_owner_and_nothing_behind() {
    let plan = Plan::exact(4, 12);
    let mut net = settled(&plan);
    let leaver = owner(&net, &unit(0, 0));
    command(&mut net, leaver, |elector, now| elector.election.drain(now));
    let (none, _) = watch(&mut net, &unit(0, 0), 3_000);
    assert_eq!(none, Duration::ZERO);
    assert!(elector(&net, leaver).unwrap().election.is_drained());
    let mut spread = loads(&net, &units(12));
    spread.sort_unstable();
    assert_eq!(spread, [0, 4, 4, 4]);
    net.begin(&Fault::Crash { node: leaver });
    net.take_events();
    net.run_until(at(5_000));
    assert!(net.events().is_empty(), "its end moves nothing");
}

#[test]
fn the_last_node_that_drains_serves_on() {
    let plan = Plan::exact(1, 2);
    let mut net = settled(&plan);
    command(&mut net, NodeId(0), |elector, now| elector.election.drain(now));
    net.run_until(at(5_000));
    assert_eq!(owner(&net, &unit(0, 0)), NodeId(0));
}

#[test]
fn without_a_budget_a_join_moves_nothing_and_with_one_it_gets_its_share_without_a_gap() {
    for rebalance in [false, true] {
        let mut plan = Plan::exact(3, 9);
        plan.settings = BeaconSettings {
            rebalance,
            dwell: Duration::from_secs(1),
            moves_per_minute: 60,
            ..BeaconSettings::default()
        };
        let mut net = plan.build(1);
        net.begin(&Fault::Crash { node: NodeId(2) });
        net.run_until(at(2_000));
        net.end(&Fault::Crash { node: NodeId(2) });
        net.take_events();
        let (none, _) = watch(&mut net, &unit(0, 0), 20_000);
        assert_eq!(none, Duration::ZERO);
        let loads = loads(&net, &units(9));
        if rebalance {
            assert_eq!(loads, [3, 3, 3]);
        } else {
            assert_eq!(loads[2], 0);
            assert!(net.events().is_empty(), "{:?}", net.events());
        }
    }
}

#[test]
fn a_changed_preference_is_a_hand_over_without_a_gap() {
    let mut plan = Plan::exact(3, 3);
    plan.settings.dwell = Duration::from_secs(5);
    let mut net = settled(&plan);
    let holder = owner(&net, &unit(0, 0));
    let better = NodeId((holder.0 + 1) % 3);
    let mut candidates = plan.candidates();
    let contenders = candidates.get_mut(&unit(0, 0)).unwrap();
    Arc::make_mut(&mut contenders.nodes).insert(name(better.0), 9);
    for node in 0..3 {
        let candidates = candidates.clone();
        command(&mut net, NodeId(node), |e, now| e.election.set_candidates(now, candidates));
    }
    net.run_until(at(4_000));
    assert_eq!(owner(&net, &unit(0, 0)), holder, "it dwells");
    let (none, _) = watch(&mut net, &unit(0, 0), 9_000);
    assert_eq!((none, owner(&net, &unit(0, 0))), (Duration::ZERO, better));
}

#[test]
fn an_eligibility_that_swings_moves_an_address_four_times_in_three_minutes_at_most() {
    let plan = Plan::exact(2, 1);
    let mut net = settled(&plan);
    let mut moves = Vec::new();
    for swing in 0..100_u64 {
        let mut candidates = plan.candidates();
        let out = u16::try_from(swing % 2).unwrap();
        let contenders = candidates.get_mut(&unit(0, 0)).unwrap();
        Arc::make_mut(&mut contenders.nodes).remove(&name(out));
        for node in 0..2 {
            let candidates = candidates.clone();
            command(&mut net, NodeId(node), |e, now| e.election.set_candidates(now, candidates));
        }
        net.run_until(at(2_000 + (swing + 1) * 4_000));
        let granted = net.take_events().into_iter();
        moves.extend(granted.filter(|s| matches!(s.event, Seen::Granted(..))).map(|s| s.at));
        assert_eq!(owners(&net, &unit(0, 0)).len(), 1);
    }
    assert!(moves.len() >= 8, "it moves again later: {moves:?}");
    for window in moves.windows(5) {
        assert!(window[4] - window[0] >= Duration::from_secs(180), "{window:?}");
    }
}

#[test]
fn a_failover_is_always_made_and_the_fifth_in_three_minutes_is_told() {
    let plan = Plan::exact(3, 1);
    let mut net = settled(&plan);
    let mut told = Vec::new();
    for round in 1..=5 {
        let node = owner(&net, &unit(0, 0));
        net.begin(&Fault::Unplug { node, link: Link(0) });
        net.run_until(at(2_000 + round * 2_000 - 1_000));
        net.end(&Fault::Unplug { node, link: Link(0) });
        net.run_until(at(2_000 + round * 2_000));
        let heir = owner(&net, &unit(0, 0));
        assert_ne!(heir, node);
        told.push(command(&mut net, heir, |elector, _| elector.election.poll_notice()).flatten());
    }
    let restless = Some(Notice::Restless(unit(0, 0)));
    assert_eq!(told, [None, None, None, None, restless]);
}
