//! Many faults at once, under many seeds. `VIPCAST_SIM_SEEDS` asks for more.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use vipcast_election::{Backend, Epoch, Unit};
use vipcast_sans_io::Instant;
use vipcast_sim::{Bounds, Config, Counts, Exploration, NodeId, Quality};

use crate::world::*;

const NODES: u16 = 4;
const UNITS: u8 = 4;
/// How often the world is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// What the elections did in all runs together.
#[derive(Debug, Default)]
struct Done {
    granted: u64,
    fences: u64,
    deaths: u64,
    yields: u64,
    spared: u64,
    longest_double: Duration,
    longest_none: Duration,
}

fn plan() -> Plan {
    let network =
        Config { quality: Quality::lan(), record: false, most_ppm: 5_000, ..Config::default() };
    Plan { network, ..Plan::exact(NODES, UNITS) }
}

fn units() -> Vec<Unit> {
    (0..UNITS).map(|number| unit(0, number)).collect()
}

fn bounds() -> Bounds {
    Bounds { until: Duration::from_secs(7), most_faults: 8, ..Bounds::none() }
}

/// Takes the events: nothing wrong in them, and epochs rise on each node from life to life.
fn judge_events(
    net: &mut World,
    epochs: &mut BTreeMap<(NodeId, Unit), Epoch>,
    done: &mut Done,
) -> Result<usize, String> {
    let mut granted = 0;
    for seen in net.take_events() {
        match seen.event {
            Seen::Wrong(what) => return Err(format!("{:?} at {:?}: {what}", seen.node, seen.at)),
            Seen::Granted(unit, epoch) => {
                granted += 1;
                done.granted += 1;
                let last = epochs.insert((seen.node, unit.clone()), epoch);
                if last.is_some_and(|last| last >= epoch) {
                    return Err(format!("{:?}: {unit} from {last:?} to {epoch}", seen.node));
                }
            }
            Seen::Revoked(_) => {}
        }
    }
    Ok(granted)
}

/// One owner for each unit, all know it, the client's traffic goes to it, and nothing moves any more.
fn judge_end(net: &mut World, done: &mut Done) -> Result<(), String> {
    let mut epochs = BTreeMap::new();
    judge_events(net, &mut epochs, done)?;
    let until = net.now() + Duration::from_millis(1_500);
    while net.now() < until {
        net.run_for(LOOK);
        for unit in units() {
            let owners = owners(net, &unit);
            if owners.len() != 1 {
                return Err(format!("{unit} has the owners {owners:?} at the end"));
            }
        }
    }
    let moved = judge_events(net, &mut epochs, done)?;
    if moved > 0 {
        return Err(format!("{moved} moves long after the last fault"));
    }
    for unit in units() {
        let owner = owners(net, &unit)[0];
        let epoch = elector(net, owner).map(|e| e.election.tokens()[&unit].epoch);
        for node in (0..NODES).map(NodeId) {
            let election = &elector(net, node).ok_or("a node is missing")?.election;
            let claim = election.claims().get(&unit);
            let holder = claim.map(|claim| (claim.holder.clone(), claim.epoch));
            if holder != Some((name(owner.0), epoch)) {
                return Err(format!("{node:?} says that {unit} is held by {holder:?}"));
            }
        }
        let Some(Host::Client(cache)) = net.node(NodeId(NODES)) else { continue };
        // A client that knows nobody asks.
        if cache.get(&unit).is_some_and(|known| *known != owner) {
            return Err(format!("the client sends to {:?} and not {owner:?}", cache.get(&unit)));
        }
    }
    for node in (0..NODES).map(NodeId) {
        if let Some(elector) = elector(net, node) {
            let counters = elector.election.counters();
            done.fences += counters.fences;
            done.deaths += counters.deaths;
            done.yields += counters.yields;
            done.spared += counters.spared;
        }
    }
    Ok(())
}

fn report(done: &Done) {
    println!(
        "{} grants, {} deaths found, {} fences, {} yields, {} spared; longest with two owners \
         {:?}, with none {:?}",
        done.granted,
        done.deaths,
        done.fences,
        done.yields,
        done.spared,
        done.longest_double,
        done.longest_none,
    );
}

fn asked_for_all(runs: u64, usual: u64) -> bool {
    runs >= usual
}

/// Loss, duplication, reordering, cuts of one direction and of both, unplugged links, pauses, stalls,
/// gaps and rates of clocks, crashes and restarts, all at once. Afterwards there is one owner.
#[test]
fn after_any_faults_each_address_has_one_owner_that_all_agree_on() {
    const SEEDS: u64 = 1_000;
    let done = RefCell::new(Done::default());
    let explored = Exploration::seeds(0..SEEDS)
        .bounds(Bounds {
            cuts: 2,
            partitions: 2,
            unplugs: 1,
            degradations: 2,
            pauses: 2,
            stalls: 1,
            crashes: 2,
            clock_gaps: 1,
            drifts: 1,
            ..bounds()
        })
        .run(
            |seed| plan().build(seed),
            |net| {
                let done = &mut *done.borrow_mut();
                let mut epochs = BTreeMap::new();
                net.run_until(Instant::from_millis(9_000));
                judge_events(net, &mut epochs, done)?;
                judge_end(net, done)
            },
        );
    let done = done.into_inner();
    report(&done);
    if asked_for_all(explored.runs, SEEDS) {
        let Counts { cuts, pauses, heals, crashes, partitions, .. } = explored.counts;
        assert!(cuts > 3_000 && heals > 3_000, "{cuts} cuts, {heals} heals");
        assert!(partitions > 400 && pauses > 400 && crashes > 400, "{explored}");
        assert!(done.granted > 10_000 && done.fences > 500, "{done:?}");
        assert!(done.deaths > 3_000 && done.yields > 500, "{done:?}");
    }
}

/// Where nodes hear each other, two never own an address for longer than an interval, and none for
/// longer than a takeover takes, whatever happens to the nodes themselves.
#[test]
fn whatever_happens_to_nodes_that_hear_each_other_owners_neither_overlap_nor_fail_for_long() {
    const SEEDS: u64 = 500;
    let done = RefCell::new(Done::default());
    let explored = Exploration::seeds(0..SEEDS)
        .bounds(Bounds { pauses: 3, crashes: 3, drifts: 1, clock_gaps: 1, stalls: 1, ..bounds() })
        .run(
            |seed| plan().build(seed),
            |net| {
                let done = &mut *done.borrow_mut();
                let mut epochs = BTreeMap::new();
                judge_each_moment(net, &mut epochs, done)?;
                judge_end(net, done)
            },
        );
    let done = done.into_inner();
    report(&done);
    if asked_for_all(explored.runs, SEEDS) {
        let Counts { pauses, crashes, restarts, .. } = explored.counts;
        assert!(pauses > 500 && crashes > 500 && restarts > 500, "{explored}");
        assert!(done.granted > 3_000 && done.fences > 500, "{done:?}");
    }
}

fn judge_each_moment(
    net: &mut World,
    epochs: &mut BTreeMap<(NodeId, Unit), Epoch>,
    done: &mut Done,
) -> Result<(), String> {
    let mut none: BTreeMap<Unit, Instant> = BTreeMap::new();
    let mut many: BTreeMap<Unit, Instant> = BTreeMap::new();
    let mut fenced: BTreeMap<NodeId, Option<u64>> = BTreeMap::new();
    // When each node was last seen not to run, to be new, or to have fenced itself.
    let mut disturbed: BTreeMap<NodeId, Instant> = BTreeMap::new();
    while net.now() < Instant::from_millis(9_000) {
        net.run_for(LOOK);
        judge_events(net, epochs, done)?;
        let now = net.now();
        for node in (0..NODES).map(NodeId) {
            let holds_back = elector(net, node).is_none_or(|elector| {
                elector.election.counters().claims == 0 && elector.election.tokens().is_empty()
            });
            let fences = elector(net, node).map(|e| e.election.counters().fences);
            let fenced = fences != fenced.insert(node, fences).flatten();
            if !net.is_running(node) || fenced || holds_back && now < Instant::from_millis(1_000) {
                disturbed.insert(node, now);
            }
        }
        // Somebody was there all the time, so nobody may be missed for long.
        let sound = (0..NODES).map(NodeId).any(|node| {
            disturbed.get(&node).is_none_or(|at| now - *at > Duration::from_millis(1_200))
        });
        for unit in units() {
            let count = owners(net, &unit).len();
            let missed = count == 0 && sound;
            let since_none = span(&mut none, &unit, missed, now);
            let since_many = span(&mut many, &unit, count > 1, now);
            done.longest_none = done.longest_none.max(since_none);
            done.longest_double = done.longest_double.max(since_many);
            if since_many > Duration::from_millis(110) {
                return Err(format!("{unit} has {:?} for {since_many:?}", owners(net, &unit)));
            }
            if since_none > Duration::from_millis(500) {
                return Err(format!("{unit} has no owner for {since_none:?}"));
            }
        }
    }
    Ok(())
}

/// For how long it has been so.
fn span(since: &mut BTreeMap<Unit, Instant>, unit: &Unit, so: bool, now: Instant) -> Duration {
    if !so {
        since.remove(unit);
        return Duration::ZERO;
    }
    now - *since.entry(unit.clone()).or_insert(now)
}
