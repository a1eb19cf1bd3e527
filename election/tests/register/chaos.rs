//! Many faults at once, under many seeds. `VIPCAST_SIM_SEEDS` asks for more.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use vipcast_election::register::RegisterSettings;
use vipcast_sans_io::Instant;
use vipcast_sim::{Bounds, Config, Exploration, Fault, NodeId, Quality, Rng};

use crate::world::*;

/// What has ever been true anywhere.
#[derive(Default)]
struct Truth {
    /// The document of each version.
    versions: BTreeMap<u64, BTreeMap<u16, u16>>,
    service_of: BTreeMap<u16, u16>,
    address_of: BTreeMap<u16, u16>,
    seen: BTreeMap<NodeId, u64>,
}

#[derive(Debug, Default)]
struct Done {
    elected: u64,
    campaigns: u64,
    versions: u64,
    copies: u64,
    deltas: u64,
    lost_disks: u64,
    leaders_cut_off: u64,
    readmitted: u64,
    assigned_in_faults: u64,
}

impl Truth {
    /// No address ever serves two services, and none has another address than before; there is one
    /// document of each version, and no node goes back.
    fn judge(
        &mut self,
        node: NodeId,
        version: u64,
        document: &BTreeMap<u16, u16>,
    ) -> Result<(), String> {
        let known = self.versions.entry(version).or_insert_with(|| document.clone());
        if known != document {
            return Err(format!(
                "{node:?} has {document:?} as version {version}, and not {known:?}"
            ));
        }
        let last = self.seen.insert(node, version).unwrap_or(0);
        if last > version {
            return Err(format!("{node:?} went back from version {last} to {version}"));
        }
        for (service, address) in document {
            let before = *self.service_of.entry(*address).or_insert(*service);
            if before != *service {
                return Err(format!("{address} serves {before} and {service}"));
            }
            let before = *self.address_of.entry(*service).or_insert(*address);
            if before != *address {
                return Err(format!("{service} has moved from {before} to {address}"));
            }
        }
        Ok(())
    }
}

struct Run {
    plan: Plan,
    truth: Truth,
    rng: Rng,
    service: u16,
    disks: Vec<Rc<RefCell<Disk>>>,
    lose_disks: bool,
}

impl Run {
    fn go(&mut self, net: &mut World, done: &mut Done) -> Result<(), String> {
        let mut cut: Option<(Instant, Fault)> = None;
        while net.now() < Instant::from_millis(14_000) {
            net.run_for(Duration::from_millis(20));
            self.judge(net)?;
            if self.rng.below(12) == 0 {
                // Somebody edits, at one node; all the others that it reaches hear of it some day.
                let node =
                    NodeId(u16::try_from(self.rng.below(u64::from(self.plan.nodes))).unwrap());
                wish(net, [node], self.service);
                self.service += 1;
            }
            if let Some((_, fault)) = cut.take_if(|(until, _)| *until <= net.now()) {
                net.end(&fault);
            }
            if cut.is_none()
                && self.rng.below(60) == 0
                && let Some(leader) = leaders(net).first()
            {
                // Of all nodes, the leader is cut off, alone or with another.
                let other = (leader.0 + 1) % self.plan.nodes;
                let side = match self.rng.below(2) {
                    0 => [*leader].into(),
                    _ => [*leader, NodeId(other)].into(),
                };
                let fault = Fault::Partition { segment: LAN, side };
                net.begin(&fault);
                let lasts = Duration::from_millis(200 + self.rng.below(2_500));
                cut = Some((net.now() + lasts, fault));
                done.leaders_cut_off += 1;
            }
            if self.lose_disks && self.rng.below(300) == 0 {
                // A disk dies with its machine.
                let node = u16::try_from(self.rng.below(u64::from(self.plan.nodes))).unwrap();
                self.disks[usize::from(node)].borrow_mut().lose();
                let crash = Fault::Crash { node: NodeId(node) };
                net.begin(&crash);
                self.disks[usize::from(node)].borrow_mut().lose();
                self.truth.seen.remove(&NodeId(node));
                net.end(&crash);
                done.lost_disks += 1;
            }
        }
        if let Some((_, fault)) = cut {
            net.end(&fault);
        }
        done.assigned_in_faults += self.truth.address_of.len() as u64;
        // Everything is repaired, and everybody knows of everything.
        for service in 0..self.service {
            wish(net, (0..self.plan.nodes).map(NodeId), service);
        }
        if !self.lose_disks {
            let until = net.now() + Duration::from_secs(9);
            while net.now() < until {
                net.run_for(Duration::from_millis(20));
                self.judge(net)?;
            }
            self.judge_end(net)?;
        }
        for node in net.nodes() {
            if let Some(host) = net.node(node) {
                let counters = host.register.counters();
                done.elected += counters.elected;
                done.campaigns += counters.campaigns;
                done.copies += counters.copies;
                done.deltas += counters.deltas;
                let voter = host.register.voter();
                let member = host.register.document().members().get(&name(node.0)) == Some(&voter);
                done.readmitted += u64::from(member && voter.0 % 1_000 > 1);
            }
        }
        done.versions += self.truth.versions.len() as u64;
        Ok(())
    }

    fn judge(&mut self, net: &mut World) -> Result<(), String> {
        for seen in net.take_events() {
            match seen.event {
                Seen::Wrong(what) => return Err(format!("{:?}: {what}", seen.node)),
                Seen::Agreed(version, document) => {
                    self.truth.judge(seen.node, version, &document)?;
                }
            }
        }
        let leaders = leaders(net);
        if leaders.len() > 1 {
            return Err(format!("{leaders:?} have tokens at {:?}", net.now()));
        }
        for node in leaders {
            // Who leads knows everything that anybody has ever seen agreed.
            let Some(host) = net.node(node) else { continue };
            let version = host.register.document().version();
            let newest = self.truth.versions.last_key_value().map_or(0, |(version, _)| *version);
            if version < newest {
                return Err(format!("{node:?} leads with {version}, and {newest} was agreed"));
            }
        }
        Ok(())
    }

    fn judge_end(&mut self, net: &World) -> Result<(), String> {
        let leaders = leaders(net);
        if leaders.len() != 1 {
            return Err(format!("{leaders:?} lead at the end"));
        }
        let services: BTreeSet<u16> = (0..self.service).collect();
        for node in net.nodes() {
            let host = net.node(node).ok_or("a node is missing")?;
            let known: BTreeSet<u16> = assigned(&host.register).into_keys().collect();
            if known != services {
                let missing: Vec<_> = services.difference(&known).collect();
                return Err(format!("{node:?} lacks {missing:?}"));
            }
        }
        Ok(())
    }
}

fn explore(seeds: u64, lose_disks: bool) -> (vipcast_sim::Explored, Done) {
    let settings = RegisterSettings {
        interval: Duration::from_millis(100),
        life: Duration::from_millis(400),
        skew: Duration::from_millis(150),
        ..RegisterSettings::default()
    };
    let network =
        Config { quality: Quality::lan(), record: false, most_ppm: 5_000, ..Config::default() };
    let plan = Plan {
        nodes: 5,
        founders: 4,
        settings,
        disk_takes: Duration::from_millis(4),
        heals: true,
        network,
    };
    let done = RefCell::new(Done::default());
    let disks: RefCell<Vec<Rc<RefCell<Disk>>>> = RefCell::new(Vec::new());
    let seed_now = RefCell::new(0);
    let explored = Exploration::seeds(0..seeds)
        .bounds(Bounds {
            cuts: 3,
            partitions: 3,
            unplugs: 1,
            degradations: 1,
            pauses: 2,
            stalls: 1,
            crashes: 3,
            clock_gaps: 1,
            drifts: 1,
            until: Duration::from_secs(13),
            most_faults: 12,
            ..Bounds::none()
        })
        .run(
            |seed| {
                let (net, new) = plan.build(seed);
                *disks.borrow_mut() = new;
                *seed_now.borrow_mut() = seed;
                net
            },
            |net| {
                let mut run = Run {
                    plan: plan.clone(),
                    truth: Truth::default(),
                    rng: Rng::new(*seed_now.borrow()),
                    service: 0,
                    disks: disks.borrow().clone(),
                    lose_disks,
                };
                run.go(net, &mut done.borrow_mut())
            },
        );
    let done = done.into_inner();
    println!("{done:?}");
    (explored, done)
}

/// Cuts, partitions, pauses, crashes in the middle of a write, gaps and rates of clocks, edits
/// everywhere: no address ever serves two services, none changes, there is one document of each
/// version, and never more than one leader. Afterwards all have everything.
#[test]
fn no_address_ever_serves_two_services_whatever_happens() {
    const SEEDS: u64 = 400;
    let (explored, done) = explore(SEEDS, false);
    if explored.runs >= SEEDS {
        let counts = explored.counts;
        assert!(counts.partitions > 1_000 && counts.crashes > 300, "{explored}");
        assert!(counts.heals > 10_000 && counts.pauses > 150, "{explored}");
        assert!(done.leaders_cut_off > 1_000 && done.elected > 800, "{done:?}");
        assert!(done.versions > 3_000 && done.assigned_in_faults > 5_000, "{done:?}");
        assert!(done.copies > 1_500 && done.deltas > 10_000, "{done:?}");
    }
}

/// The same with disks that die. A majority may be lost for good, so nothing is asked of the end.
#[test]
fn nor_with_disks_that_die() {
    const SEEDS: u64 = 200;
    let (explored, done) = explore(SEEDS, true);
    if explored.runs >= SEEDS {
        assert!(done.lost_disks > 250 && done.readmitted > 100, "{done:?}");
        assert!(done.versions > 1_500, "{done:?}");
    }
}
