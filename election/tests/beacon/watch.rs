//! Running a world and looking at it.

use std::time::Duration;

use vipcast_election::Unit;
use vipcast_sans_io::Instant;
use vipcast_sim::{NodeId, SegmentId};

use crate::world::*;

pub(crate) const LAN: SegmentId = SegmentId(0);

pub(crate) fn at(time: u64) -> Instant {
    Instant::from_millis(time)
}

pub(crate) fn units(count: u8) -> Vec<Unit> {
    (0..count).map(|number| unit(0, number)).collect()
}

/// A world two seconds after its start.
pub(crate) fn settled(plan: &Plan) -> World {
    settled_by(plan, 1, 2_000)
}

/// A world of that seed so long after its start.
pub(crate) fn settled_by(plan: &Plan, seed: u64, after: u64) -> World {
    let mut net = plan.build(seed);
    net.run_until(at(after));
    for unit in plan.candidates().keys() {
        assert_eq!(owners(&net, unit).len(), 1, "{unit}");
    }
    net.take_events();
    net
}

pub(crate) fn owner(net: &World, unit: &Unit) -> NodeId {
    let owners = owners(net, unit);
    assert_eq!(owners.len(), 1, "{unit}: {owners:?}");
    owners[0]
}

/// Runs on, and how long the unit has had no owner, and more than one, in all.
pub(crate) fn watch(net: &mut World, unit: &Unit, until: u64) -> (Duration, Duration) {
    let (mut none, mut many) = (Duration::ZERO, Duration::ZERO);
    let (mut last, mut before) = (net.now(), owners(net, unit).len());
    net.run_while(at(until), |net| -> Result<(), ()> {
        let passed = net.now() - last;
        match before {
            0 => none += passed,
            1 => {}
            _ => many += passed,
        }
        last = net.now();
        before = owners(net, unit).len();
        Ok(())
    })
    .unwrap();
    (none, many)
}
