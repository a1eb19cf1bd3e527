//! Who holds how much, after much has happened; and nodes of two versions together.

use std::time::Duration;

use vipcast_election::beacon::BeaconSettings;
use vipcast_sim::{Fault, NodeId, Rng};

use crate::{watch::*, world::*};

#[test]
fn after_a_hundred_joins_and_deaths_the_spread_is_even_or_nothing_has_moved_without_need() {
    const NODES: u16 = 6;
    const UNITS: u8 = 20;
    for rebalance in [true, false] {
        let mut plan = Plan::exact(NODES, UNITS);
        plan.settings = BeaconSettings {
            rebalance,
            dwell: Duration::from_secs(1),
            moves_per_minute: 60,
            serve_proof: None,
            ..BeaconSettings::default()
        };
        let mut net = settled(&plan);
        let (mut rng, mut gone) = (Rng::new(7), std::collections::BTreeSet::new());
        for _ in 0..100 {
            let before: Vec<NodeId> = units(UNITS).iter().map(|unit| owner(&net, unit)).collect();
            let node = NodeId(u16::try_from(rng.below(NODES.into())).unwrap());
            let crash = Fault::Crash { node };
            let dies = !gone.contains(&node) && gone.len() < usize::from(NODES) - 2;
            if dies {
                gone.insert(node);
                net.begin(&crash);
            } else if gone.remove(&node) {
                net.end(&crash);
            }
            net.run_for(Duration::from_secs(2));
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
            let most = usize::from(UNITS.div_ceil(u8::try_from(NODES).unwrap())) + 1;
            assert!(loads.iter().all(|load| *load <= most), "{loads:?}");
        }
    }
}

#[test]
fn an_upgrade_node_by_node_to_beacons_that_say_more_leaves_no_moment_without_an_owner() {
    let mut net = settled(&Plan::exact(4, 8));
    for node in (0..4).map(NodeId) {
        command(&mut net, node, |elector, now| elector.election.drain(now));
        let until = net.now().as_micros() / 1_000;
        for number in [0, 5] {
            let after = until + 500 * (1 + u64::from(number == 5));
            let (none, _) = watch(&mut net, &unit(0, number), after);
            assert_eq!(none, Duration::ZERO);
        }
        assert!(elector(&net, node).unwrap().election.is_drained());
        net.begin(&Fault::Crash { node });
        net.end(&Fault::Crash { node });
        command(&mut net, node, |elector, _| elector.says_more = true);
        let until = net.now().as_micros() / 1_000;
        let (none, many) = watch(&mut net, &unit(0, 2), until + 2_000);
        assert_eq!((none, many), (Duration::ZERO, Duration::ZERO));
    }
    for node in (0..4).map(NodeId) {
        let refused = elector(&net, node).unwrap().election.counters().refused;
        assert!(refused.is_empty(), "{refused:?}");
    }
    // Both versions have taken part in a failover too.
    let dead = owner(&net, &unit(0, 0));
    net.begin(&Fault::Crash { node: dead });
    net.run_for(Duration::from_secs(1));
    assert!(units(8).iter().all(|unit| owners(&net, unit).len() == 1));
}
