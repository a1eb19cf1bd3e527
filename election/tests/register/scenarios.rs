//! One fault at a time.

use std::collections::BTreeMap;

use vipcast_election::register::ProposeError;
use vipcast_sans_io::Machine;
use vipcast_sim::{Fault, NodeId};

use crate::world::*;

fn all(nodes: u16) -> impl Iterator<Item = NodeId> {
    (0..nodes).map(NodeId)
}

fn known(net: &World, node: u16) -> BTreeMap<u16, u16> {
    assigned(&net.node(NodeId(node)).unwrap().register)
}

#[test]
fn three_founders_lead_one_and_all_others_learn_what_it_hands_out() {
    let (mut net, _) = Plan::exact(6, 3).build(1);
    net.run_until(at(5_000));
    assert_eq!(leaders(&net), [NodeId(0)]);
    for service in 0..20 {
        wish(&mut net, all(6), service);
        net.run_until(at(5_000 + u64::from(service) * 50));
    }
    net.run_until(at(7_000));
    let expected: BTreeMap<u16, u16> = (0..20).map(|number| (number, number)).collect();
    for node in 0..6 {
        assert_eq!(known(&net, node), expected, "{node}");
    }
}

#[test]
fn nothing_is_founded_while_a_founder_is_missing_or_has_another_list() {
    let (mut net, _) = Plan::exact(3, 3).build(1);
    net.begin(&Fault::Crash { node: NodeId(2) });
    net.run_until(at(20_000));
    assert_eq!(leaders(&net), []);
    net.end(&Fault::Crash { node: NodeId(2) });
    net.run_until(at(25_000));
    assert_eq!(leaders(&net).len(), 1);
}

#[test]
fn the_death_of_the_leader_costs_three_seconds_at_most_and_no_assignment() {
    let (mut net, _) = Plan::exact(5, 5).build(1);
    net.run_until(at(5_000));
    wish(&mut net, all(5), 1);
    net.run_until(at(6_000));
    let leader = leaders(&net)[0];
    net.begin(&Fault::Crash { node: leader });
    net.run_until(at(9_000));
    let next = leaders(&net);
    assert!(next.len() == 1 && next[0] != leader, "{next:?}");
    wish(&mut net, all(5), 2);
    net.run_until(at(10_000));
    assert_eq!(known(&net, 4), BTreeMap::from([(1, 0), (2, 1)]));
}

#[test]
fn in_a_partition_only_the_majority_assigns_and_after_it_all_have_the_same() {
    let (mut net, _) = Plan::exact(5, 5).build(1);
    net.run_until(at(5_000));
    wish(&mut net, all(5), 1);
    net.run_until(at(6_000));
    // The leader is on the smaller side.
    let cut = Fault::Partition { segment: LAN, side: [NodeId(0), NodeId(1)].into() };
    net.begin(&cut);
    wish(&mut net, [NodeId(0), NodeId(1)], 10);
    wish(&mut net, [NodeId(2), NodeId(3), NodeId(4)], 20);
    net.run_until(at(10_000));
    assert!(leaders(&net).iter().all(|node| node.0 >= 2), "{:?}", leaders(&net));
    assert_eq!(known(&net, 0), BTreeMap::from([(1, 0)]), "what is assigned stays known");
    let lost = net.command(NodeId(0), |host, now| host.register.propose(now, [].into()));
    assert_eq!(lost, Some(Err(ProposeError::NotLeading)));
    assert_eq!(known(&net, 3), BTreeMap::from([(1, 0), (20, 1)]));
    net.end(&cut);
    net.run_until(at(12_000));
    // The edit of the smaller side is made by whoever leads, once it hears of it.
    wish(&mut net, all(5), 10);
    net.run_until(at(14_000));
    for node in 0..5 {
        assert_eq!(known(&net, node), BTreeMap::from([(1, 0), (10, 2), (20, 1)]), "{node}");
    }
}

#[test]
fn all_restart_and_go_on_from_what_they_kept() {
    let (mut net, _) = Plan::exact(3, 3).build(1);
    net.run_until(at(5_000));
    wish(&mut net, all(3), 7);
    net.run_until(at(6_000));
    for node in all(3) {
        net.begin(&Fault::Crash { node });
    }
    for node in all(3) {
        net.end(&Fault::Crash { node });
    }
    assert_eq!(known(&net, 1), BTreeMap::from([(7, 0)]), "served at once");
    net.run_until(at(10_000));
    wish(&mut net, all(3), 8);
    net.run_until(at(11_000));
    assert_eq!(known(&net, 2), BTreeMap::from([(7, 0), (8, 1)]));
}

#[test]
fn who_lost_its_memory_is_another_voter_until_it_is_admitted_anew() {
    let (mut net, disks) = Plan::exact(3, 3).build(1);
    net.run_until(at(5_000));
    wish(&mut net, all(3), 7);
    net.run_until(at(6_000));
    let members = |net: &World| net.node(NodeId(0)).unwrap().register.document().members();
    let before = members(&net);
    let lost = NodeId(2);
    net.begin(&Fault::Crash { node: lost });
    disks[2].borrow_mut().lose();
    net.end(&Fault::Crash { node: lost });
    net.run_until(at(9_000));
    let after = members(&net);
    assert_ne!(before[&name(2)], after[&name(2)]);
    assert_eq!(after.len(), 3);
    assert_eq!(known(&net, 2), BTreeMap::from([(7, 0)]));
    // It votes: with it, another may die.
    net.begin(&Fault::Crash { node: NodeId(1) });
    net.run_until(at(13_000));
    wish(&mut net, all(3), 8);
    net.run_until(at(14_000));
    assert_eq!(known(&net, 2), BTreeMap::from([(7, 0), (8, 1)]));
}

#[test]
fn where_all_memories_but_one_are_lost_nothing_is_assigned_and_what_is_known_stays() {
    let (mut net, disks) = Plan::exact(3, 3).build(1);
    net.run_until(at(5_000));
    wish(&mut net, all(3), 7);
    net.run_until(at(6_000));
    for node in [0, 1] {
        net.begin(&Fault::Crash { node: NodeId(node) });
        disks[usize::from(node)].borrow_mut().lose();
        net.end(&Fault::Crash { node: NodeId(node) });
    }
    wish(&mut net, all(3), 8);
    net.run_until(at(20_000));
    assert_eq!(leaders(&net), []);
    assert_eq!(known(&net, 2), BTreeMap::from([(7, 0)]));
}

#[test]
fn members_are_admitted_and_dismissed_one_at_a_time() {
    let mut plan = Plan::exact(5, 3);
    plan.heals = false;
    let (mut net, _) = plan.build(1);
    net.run_until(at(5_000));
    let leader = leaders(&net)[0];
    for new in [3, 4] {
        let voter = net.node(NodeId(new)).unwrap().register.voter();
        let done = net.command(leader, |host, now| {
            host.register.admit(now, &name(new), voter).unwrap();
            host.register.admit(now, &name(new), voter)
        });
        assert_eq!(done, Some(Err(ProposeError::Busy)));
        net.run_for(std::time::Duration::from_millis(500));
    }
    assert_eq!(net.node(NodeId(1)).unwrap().register.document().members().len(), 5);
    // Two of five may be away.
    for node in [1, 2] {
        net.begin(&Fault::Crash { node: NodeId(node) });
    }
    wish(&mut net, all(5), 1);
    net.run_until(at(8_000));
    assert_eq!(known(&net, 4), BTreeMap::from([(1, 0)]));
    // The leader dismisses itself, and another leads.
    net.end(&Fault::Crash { node: NodeId(1) });
    net.run_until(at(10_000));
    let leader = leaders(&net)[0];
    net.command(leader, |host, now| host.register.dismiss(now, &name(leader.0)).unwrap());
    net.run_until(at(15_000));
    let next = leaders(&net);
    assert!(next.len() == 1 && next[0] != leader, "{next:?}");
}

#[test]
fn a_large_document_reaches_who_comes_late_and_a_small_difference_costs_little() {
    let (mut net, _) = Plan::exact(4, 3).build(1);
    net.begin(&Fault::Crash { node: NodeId(3) });
    net.run_until(at(5_000));
    for node in all(3) {
        net.command(node, |host, now| {
            host.services.extend(0..600);
            host.register.handle_timeout(now);
        });
    }
    net.run_until(at(8_000));
    net.end(&Fault::Crash { node: NodeId(3) });
    net.run_until(at(11_000));
    assert_eq!(known(&net, 3).len(), 600);
    let heard = |net: &World| net.node(NodeId(3)).unwrap().register.counters().heard;
    let cut = Fault::Partition { segment: LAN, side: [NodeId(3)].into() };
    net.begin(&cut);
    wish(&mut net, all(3), 5_000);
    net.run_until(at(12_000));
    wish(&mut net, all(3), 5_001);
    net.run_until(at(13_000));
    let before = heard(&net);
    net.end(&cut);
    net.run_until(at(14_000));
    assert_eq!(known(&net, 3).len(), 602);
    assert!(heard(&net) - before < 20, "{} datagrams", heard(&net) - before);
}
