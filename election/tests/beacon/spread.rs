//! Who holds how much, after much has happened; and nodes of two versions together.

use std::time::Duration;

use vipcast_election::beacon::{BeaconSettings, wire::Refusal};
use vipcast_sim::{Fault, NodeId, Quality, Rng};

use crate::{watch::*, world::*};

/// So slow that a hundred of them take little time here; all else is in proportion.
fn slow() -> BeaconSettings {
    BeaconSettings { serve_proof: None, ..BeaconSettings::every(Duration::from_secs(1), true) }
}

#[test]
fn after_a_hundred_joins_and_deaths_ten_addresses_on_ten_nodes_are_even_or_none_moved_without_need()
{
    const NODES: u16 = 10;
    const UNITS: u8 = 10;
    for rebalance in [true, false] {
        let mut plan = Plan::exact(NODES, UNITS);
        let dwell = Duration::from_secs(10);
        plan.settings = BeaconSettings { rebalance, dwell, moves_per_minute: 60, ..slow() };
        let mut net = settled_by(&plan, 1, 10_000);
        assert_eq!(loads(&net, &units(UNITS)), [1; 10], "at cold start");
        let (mut rng, mut gone) = (Rng::new(7), std::collections::BTreeSet::new());
        let (mut joins, mut deaths) = (0, 0);
        while joins + deaths < 100 {
            let before: Vec<NodeId> = units(UNITS).iter().map(|unit| owner(&net, unit)).collect();
            let node = NodeId(u16::try_from(rng.below(NODES.into())).unwrap());
            let crash = Fault::Crash { node };
            let dies = !gone.contains(&node);
            if dies && gone.len() < usize::from(NODES) - 2 {
                deaths += 1;
                gone.insert(node);
                net.begin(&crash);
            } else if gone.remove(&node) {
                joins += 1;
                net.end(&crash);
            } else {
                continue;
            }
            net.run_for(Duration::from_secs(8));
            for (unit, before) in units(UNITS).iter().zip(before).filter(|_| !rebalance) {
                let after = owner(&net, unit);
                assert!(after == before || dies && before == node, "{unit} moved for nothing");
            }
        }
        for node in gone {
            net.end(&Fault::Crash { node });
        }
        if rebalance {
            // No address may move voluntarily more than four times in three minutes.
            net.run_for(Duration::from_secs(240));
            let loads = loads(&net, &units(UNITS));
            println!("after {joins} joins and {deaths} deaths: {loads:?}");
            assert!(loads.iter().all(|load| *load <= 2), "{loads:?}");
        }
    }
}

#[test]
fn an_upgrade_node_by_node_to_beacons_that_say_more_and_back_leaves_no_moment_without_an_owner() {
    for seed in 0..10 {
        let mut plan = Plan::exact(3, 6);
        // Every other time datagrams are late, and overtake each other.
        if seed % 2 == 1 {
            plan.network.quality = Quality::lan();
        }
        let mut net = settled_by(&plan, seed, 2_000);
        for (says_more, node) in
            [true, false].iter().flat_map(|more| (0..3).map(move |n| (*more, n)))
        {
            let node = NodeId(node);
            let begin = net.now().as_micros() / 1_000;
            command(&mut net, node, |elector, now| elector.election.drain(now));
            let (none, _) = watch(&mut net, &unit(0, 0), begin + 300);
            assert_eq!(none, Duration::ZERO, "seed {seed}");
            assert!(elector(&net, node).unwrap().election.is_drained(), "seed {seed}");
            net.begin(&Fault::Crash { node });
            net.end(&Fault::Crash { node });
            command(&mut net, node, |elector, _| elector.says_more = says_more);
            let (none, many) = watch(&mut net, &unit(0, 0), begin + 1_200);
            assert_eq!((none, many), (Duration::ZERO, Duration::ZERO), "seed {seed}");
        }
        for node in (0..3).map(NodeId) {
            let refused = elector(&net, node).unwrap().election.counters().refused;
            let strange = refused.keys().find(|why| **why != Refusal::Replayed);
            assert_eq!(strange, None, "seed {seed}");
        }
        // Both versions have taken part in a failover too.
        command(&mut net, NodeId(1), |elector, _| elector.says_more = true);
        let dead = owner(&net, &unit(0, 0));
        net.begin(&Fault::Crash { node: dead });
        net.run_for(Duration::from_secs(1));
        assert!(units(6).iter().all(|unit| owners(&net, unit).len() == 1), "seed {seed}");
    }
}
