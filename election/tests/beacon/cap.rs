//! More nodes than are needed on one segment: the rest listen.

use std::collections::BTreeSet;

use vipcast_sim::{Fault, NodeId};

use crate::{watch::*, world::*};

const NODES: u16 = 70;
const UNITS: u8 = 64;

/// Who sends a beacon within this time.
fn announcing(net: &mut World, within: u64) -> BTreeSet<u16> {
    let sent = |net: &World| -> Vec<u64> {
        let count = |n| elector(net, NodeId(n)).map_or(0, |e| e.election.counters().sent);
        (0..NODES).map(count).collect()
    };
    let before = sent(net);
    net.run_for(millis(within));
    let after = sent(net);
    (0..NODES).filter(|n| after[usize::from(*n)] > before[usize::from(*n)]).collect()
}

fn holders(net: &World) -> BTreeSet<u16> {
    units(UNITS).iter().map(|unit| owner(net, unit).0).collect()
}

#[test]
fn of_seventy_nodes_sixty_four_announce_and_a_death_lets_one_listener_in() {
    let mut plan = Plan::exact(NODES, UNITS);
    plan.settings.serve_proof = None;
    let mut net = plan.build(1);
    let first: BTreeSet<u16> = (0..64).collect();
    // Each has said at its start that it is there, and then the last ones have heard enough.
    net.run_until(at(150));
    assert_eq!(announcing(&mut net, 300), first);
    assert_eq!(announcing(&mut net, 300), first);
    assert_eq!(holders(&net), first);

    // A death lets in one of those that listen, whichever is the first.
    net.begin(&Fault::Crash { node: NodeId(3) });
    let heard = announcing(&mut net, 1_300);
    assert_eq!(heard.difference(&first).count(), 1, "the others heard it in time: {heard:?}");
    let now = announcing(&mut net, 300);
    assert_eq!(now.len(), 64, "{now:?}");
    assert_eq!(now.difference(&first).count(), 1, "{now:?}");

    // Who returns finds its place taken, and listens.
    net.take_events();
    net.end(&Fault::Crash { node: NodeId(3) });
    net.run_for(millis(150));
    assert_eq!(announcing(&mut net, 300), now);
    net.run_for(millis(300));
    assert!(net.take_events().is_empty(), "its return moves nothing");
    holders(&net);
}
