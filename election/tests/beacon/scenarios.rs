//! One fault at a time, on a network that is never late: exact times.

use std::{collections::BTreeSet, time::Duration};

use vipcast_election::{Backend, Unit};
use vipcast_sim::{Fault, Link, NodeId, Reported};

use crate::{watch::*, world::*};

#[test]
fn at_cold_start_ten_addresses_on_ten_nodes_are_one_each_and_all_agree() {
    let plan = Plan::exact(10, 10);
    let net = settled(&plan);
    assert_eq!(loads(&net, &units(10)), [1; 10]);
    let claims = elector(&net, NodeId(0)).unwrap().election.claims();
    assert_eq!(claims.len(), 10);
    for index in 1..10 {
        let others = elector(&net, NodeId(index)).unwrap().election.claims();
        let holders = |c: &vipcast_election::Claims| -> Vec<_> {
            c.iter().map(|(u, c)| (u.clone(), c.holder.clone(), c.epoch)).collect()
        };
        assert_eq!(holders(claims), holders(others));
    }
}

#[test]
fn a_death_is_found_within_the_detection_time_and_moves_only_what_the_dead_node_held() {
    for phase in [0, 30, 60, 99] {
        let plan = Plan::exact(4, 12);
        let mut net = settled(&plan);
        net.run_for(millis(phase));
        let before: Vec<NodeId> = units(12).iter().map(|unit| owner(&net, unit)).collect();
        let dead = before[0];
        net.begin(&Fault::Crash { node: dead });
        let until = net.now().as_micros() / 1_000 + 1_000;
        let (none, many) = watch(&mut net, &unit(0, 0), until);
        assert!(none <= millis(182) && none >= millis(70), "{none:?} at {phase}");
        assert_eq!(many, Duration::ZERO);
        for (unit, before) in units(12).iter().zip(before) {
            assert!(before == dead || owner(&net, unit) == before, "{unit} moved");
        }
        let mut loads = loads(&net, &units(12));
        loads.sort_unstable();
        assert_eq!(loads, [4, 4, 4]);
    }
}

#[test]
fn without_the_burst_a_death_takes_three_misses_and_the_check() {
    let mut plan = Plan::exact(3, 1);
    plan.settings.burst = None;
    let mut net = settled(&plan);
    let dead = owner(&net, &unit(0, 0));
    net.begin(&Fault::Crash { node: dead });
    let (none, many) = watch(&mut net, &unit(0, 0), 4_000);
    assert!(none <= millis(322) && none >= millis(210), "{none:?}");
    assert_eq!(many, Duration::ZERO);
}

#[test]
fn each_side_of_a_partition_has_an_owner_and_one_is_left_within_an_interval_after_it() {
    let plan = Plan::exact(4, 4);
    let mut net = settled(&plan);
    let cut = Fault::Partition { segment: LAN, side: [NodeId(0), NodeId(1)].into() };
    net.begin(&cut);
    net.run_until(at(4_000));
    for unit in units(4) {
        let owners: BTreeSet<bool> = owners(&net, &unit).iter().map(|node| node.0 < 2).collect();
        assert_eq!(owners.len(), 2, "{unit} has an owner on each side");
    }
    net.take_events();
    net.end(&cut);
    let (none, many) = watch(&mut net, &unit(0, 1), 6_000);
    assert_eq!(none, Duration::ZERO);
    assert!(many <= millis(101), "{many:?}");
    for unit in units(4) {
        let winner = owner(&net, &unit);
        let announced = net.events().iter().any(|seen| {
            seen.node == winner && matches!(&seen.event, Seen::Granted(at, _) if *at == unit)
        });
        assert!(announced, "who is left announces {unit} again");
    }
}

#[test]
fn an_owner_that_is_heard_by_nobody_yields_to_who_takes_over() {
    for nodes in [2, 3, 5] {
        let plan = Plan::exact(nodes, 3);
        let mut net = settled(&plan);
        let mute = owner(&net, &unit(0, 0));
        for node in (0..nodes).map(NodeId).filter(|node| *node != mute) {
            net.begin(&Fault::Cut { segment: LAN, from: mute, to: node });
        }
        let (none, many) = watch(&mut net, &unit(0, 0), 6_000);
        assert_ne!(owner(&net, &unit(0, 0)), mute);
        assert_eq!(none, Duration::ZERO);
        assert!(many <= millis(300), "{many:?}");
        net.take_events();
        net.run_until(at(9_000));
        assert!(net.events().is_empty(), "it is stable: {:?}", net.events());
    }
}

/// It takes all others for dead, and announces what they hold to clients that believe it. They have the
/// last word, now and when it hears them again.
#[test]
fn a_deaf_node_does_not_take_what_the_others_serve() {
    let plan = Plan::exact(4, 4);
    let mut net = settled(&plan);
    let deaf = NodeId(0);
    let before: Vec<NodeId> = units(4).iter().map(|unit| owner(&net, unit)).collect();
    let cuts = [1, 2, 3].map(|node| Fault::Cut { segment: LAN, from: NodeId(node), to: deaf });
    cuts.iter().for_each(|cut| net.begin(cut));
    net.run_until(at(6_000));
    let granted = net.take_events();
    let epoch = |node: NodeId, unit: &Unit| {
        let of_unit = granted.iter().filter(|seen| seen.node == node);
        of_unit.fold(None, |last, seen| match &seen.event {
            Seen::Granted(granted, epoch) if granted == unit => Some(*epoch),
            _ => last,
        })
    };
    let others = || units(4).into_iter().zip(&before).filter(|(_, node)| **node != deaf);
    for (unit, before) in others() {
        assert!(owners(&net, &unit).contains(before), "{unit} is still served");
        assert!(epoch(deaf, &unit).is_some(), "{unit} was claimed by who hears nobody");
        assert!(epoch(*before, &unit) > epoch(deaf, &unit), "{unit} is claimed again, above that");
    }
    cuts.iter().for_each(|cut| net.end(cut));
    net.run_until(at(9_000));
    for (unit, before) in others() {
        assert_eq!(owner(&net, &unit), *before, "{unit} was not moved by all that");
    }
}

#[test]
fn an_owner_that_hears_nobody_loses_what_it_holds_to_those_who_hear_each_other() {
    for nodes in [3, 5] {
        let plan = Plan::exact(nodes, 3);
        let mut net = settled(&plan);
        let deaf = owner(&net, &unit(0, 0));
        let cuts: Vec<Fault> = (0..nodes)
            .map(NodeId)
            .filter(|node| *node != deaf)
            .map(|node| Fault::Cut { segment: LAN, from: node, to: deaf })
            .collect();
        cuts.iter().for_each(|cut| net.begin(cut));
        let others = |net: &World| -> Vec<Vec<NodeId>> {
            let others = |unit| owners(net, &unit).into_iter().filter(|node| *node != deaf);
            units(3).into_iter().map(|unit| others(unit).collect()).collect()
        };
        // It finds that it hears nobody, as it would find a death, and says so.
        net.run_until(at(2_190));
        let before = others(&net);
        assert!(before.iter().all(|owners| owners.len() == 1), "of {nodes}: {before:?}");
        net.take_events();
        net.run_until(at(6_000));
        assert_eq!(others(&net), before, "it is stable");
        let lost =
            |seen: &Reported<Seen>| seen.node != deaf && matches!(seen.event, Seen::Revoked(_));
        assert!(!net.take_events().iter().any(lost), "it was so all the time");
        cuts.iter().for_each(|cut| net.end(cut));
        let (none, many) = watch(&mut net, &unit(0, 0), 9_000);
        assert_ne!(owner(&net, &unit(0, 0)), deaf);
        assert!(none == Duration::ZERO && many <= millis(101), "{none:?} {many:?}");
    }
}

#[test]
fn of_two_nodes_one_that_hears_nobody_keeps_what_it_holds() {
    let mut net = settled(&Plan::exact(2, 2));
    let deaf = owner(&net, &unit(0, 0));
    // The other cannot know which of them is at fault.
    net.begin(&Fault::Cut { segment: LAN, from: NodeId(1 - deaf.0), to: deaf });
    net.run_until(at(6_000));
    assert_eq!(owner(&net, &unit(0, 0)), deaf);
}

#[test]
fn one_way_between_two_of_three_moves_nothing_while_the_third_hears_both() {
    let plan = Plan::exact(3, 3);
    let mut net = settled(&plan);
    let first = owner(&net, &unit(0, 0));
    let other = NodeId((first.0 + 1) % 3);
    net.begin(&Fault::Cut { segment: LAN, from: first, to: other });
    let (none, many) = watch(&mut net, &unit(0, 0), 6_000);
    assert_eq!((none, many), (Duration::ZERO, Duration::ZERO));
    assert_eq!(owner(&net, &unit(0, 0)), first);
}

#[test]
fn an_owner_whose_beacons_alone_are_lost_keeps_what_it_answers_for() {
    let plan = Plan::exact(3, 3);
    let mut net = settled(&plan);
    let owner_before = owner(&net, &unit(0, 0));
    command(&mut net, owner_before, |elector, _| elector.mute_beacons = true);
    let (none, many) = watch(&mut net, &unit(0, 0), 6_000);
    assert_eq!((none, many), (Duration::ZERO, Duration::ZERO));
    assert_eq!(owner(&net, &unit(0, 0)), owner_before);
    let other = elector(&net, NodeId((owner_before.0 + 1) % 3)).unwrap();
    assert!(other.election.counters().spared > 10);
}

#[test]
fn who_was_stopped_for_two_seconds_holds_nothing_and_listens_before_it_claims() {
    let plan = Plan::exact(3, 6);
    let mut net = settled(&plan);
    let stopped = owner(&net, &unit(0, 0));
    let pause = Fault::Pause { node: stopped };
    net.begin(&pause);
    let (none, many) = watch(&mut net, &unit(0, 0), 4_000);
    assert!(none <= millis(182), "{none:?}");
    net.end(&pause);
    assert!(units(6).iter().all(|unit| !owners(&net, unit).contains(&stopped)));
    let (after, double) = watch(&mut net, &unit(0, 0), 8_000);
    assert_eq!((many, after, double), (Duration::ZERO, Duration::ZERO, Duration::ZERO));
    assert!(elector(&net, stopped).unwrap().election.counters().fences >= 1);
    assert_eq!(loads(&net, &units(6))[usize::from(stopped.0)], 0, "no preemption by itself");
}

#[test]
fn a_transport_that_takes_nothing_ends_the_tokens() {
    let plan = Plan::exact(2, 2);
    let mut net = settled(&plan);
    let stalled = owner(&net, &unit(0, 0));
    net.begin(&Fault::Stall { node: stalled });
    let (none, many) = watch(&mut net, &unit(0, 0), 4_000);
    assert_ne!(owner(&net, &unit(0, 0)), stalled);
    assert_eq!(many, Duration::ZERO, "it fences itself before another takes over");
    assert!(none <= millis(30), "{none:?}");
}

#[test]
fn an_owner_whose_beacons_the_kernel_refuses_is_silent_before_another_takes_over() {
    for nodes in [2, 3] {
        let mut net = settled(&Plan::exact(nodes, 3));
        let refused = owner(&net, &unit(0, 0));
        command(&mut net, refused, |elector, _| elector.refused = true);
        let (none, many) = watch(&mut net, &unit(0, 0), 5_000);
        assert_eq!(many, Duration::ZERO, "what did not leave has renewed nothing");
        // It answers those who ask until its tokens end, and they give it that much longer.
        assert!(none <= millis(182), "{none:?}");
        assert_ne!(owner(&net, &unit(0, 0)), refused);
        command(&mut net, refused, |elector, _| elector.refused = false);
        net.take_events();
        net.run_until(at(8_000));
        assert!(net.events().is_empty(), "its return moves nothing: {:?}", net.events());
        let counters = elector(&net, refused).unwrap().election.counters();
        assert!(counters.unsent > 0 && counters.fences > 0, "{counters:?}");
    }
}

#[test]
fn a_queue_that_is_full_for_a_moment_ends_no_token() {
    let mut net = settled(&Plan::exact(3, 3));
    let busy = owner(&net, &unit(0, 0));
    for round in 0..20 {
        command(&mut net, busy, |elector, _| elector.refused = true);
        // A beacon or none is due meanwhile.
        net.run_for(millis(60));
        command(&mut net, busy, |elector, _| elector.refused = false);
        net.run_for(millis(90 + round));
    }
    assert_eq!(owner(&net, &unit(0, 0)), busy);
    assert!(net.events().is_empty(), "{:?}", net.events());
    assert!(elector(&net, busy).unwrap().election.counters().unsent > 0);
}

#[test]
fn a_link_that_is_unplugged_moves_only_what_is_on_its_segment() {
    let mut plan = Plan::exact(3, 6);
    plan.segments = 2;
    let mut net = settled(&plan);
    let node = owner(&net, &unit(0, 0));
    let other = |net: &World| -> Vec<NodeId> {
        (0..6).map(|number| owner(net, &unit(1, number))).collect()
    };
    let before = other(&net);
    net.begin(&Fault::Unplug { node, link: Link(0) });
    net.run_until(at(3_000));
    assert_ne!(owner(&net, &unit(0, 0)), node);
    assert_eq!(other(&net), before);
}

#[test]
fn a_node_that_comes_back_from_a_silent_cut_leaves_what_others_have_taken() {
    let plan = Plan::exact(3, 3);
    let mut net = settled(&plan);
    let cut_off = owner(&net, &unit(0, 0));
    let cut = Fault::Partition { segment: LAN, side: [cut_off].into() };
    net.begin(&cut);
    net.run_until(at(5_000));
    net.end(&cut);
    net.run_until(at(5_200));
    for unit in units(3) {
        owner(&net, &unit);
    }
    net.take_events();
    net.run_until(at(8_000));
    assert!(net.events().is_empty(), "{:?}", net.events());
}

#[test]
fn five_hundred_addresses_are_known_to_all_and_to_who_comes_later() {
    let mut plan = Plan::exact(3, 250);
    plan.segments = 2;
    let mut net = plan.build(1);
    net.begin(&Fault::Crash { node: NodeId(2) });
    net.run_until(at(3_000));
    net.end(&Fault::Crash { node: NodeId(2) });
    net.run_until(at(6_000));
    let count = |node| elector(&net, NodeId(node)).unwrap().election.claims().len();
    assert_eq!([count(0), count(1), count(2)], [500; 3]);
    net.take_events();
    net.begin(&Fault::Crash { node: NodeId(0) });
    net.run_until(at(7_000));
    assert!((0..250).all(|number| owners(&net, &unit(0, number)).len() == 1));
}

#[test]
fn epochs_rise_also_when_all_nodes_have_lost_their_memory() {
    let plan = Plan::exact(3, 2);
    let mut net = settled(&plan);
    let epoch = |net: &World| elector(net, NodeId(1)).unwrap().election.claims()[&unit(0, 0)].epoch;
    let before = epoch(&net);
    for node in 0..3 {
        net.begin(&Fault::Crash { node: NodeId(node) });
    }
    net.run_until(at(3_000));
    for node in 0..3 {
        net.end(&Fault::Crash { node: NodeId(node) });
    }
    net.run_until(at(5_000));
    assert!(epoch(&net) > before);
}
