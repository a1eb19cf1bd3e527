//! A planted fault: an election that takes over whenever it hears nobody better. A cut of one
//! direction makes two owners, and the exploration must find, replay and shrink that.

use std::{cell::Cell, collections::BTreeMap, process::Command, time::Duration};

use vipcast_sans_io::{Instant, Machine, TimerTable};
use vipcast_sim::{
    Arrival, Bounds, Config, Exploration, Failure, Fault, Link, Network, Node, NodeId, Route, Wired,
};

/// The lowest number that is heard owns the address. Nobody asks whether the others hear it too.
struct Naive {
    me: u8,
    timers: TimerTable<Timer>,
    /// Who is heard, and until when without another beacon.
    heard: BTreeMap<u8, Instant>,
    beacon: bool,
    owner: bool,
    changed: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Beacon,
    Start,
    Silence(u8),
}

impl Naive {
    fn new(me: u8, now: Instant) -> Self {
        let mut timers = TimerTable::new();
        timers.set(Timer::Beacon, now);
        timers.set(Timer::Start, now + SILENCE);
        Self { me, timers, heard: BTreeMap::new(), beacon: false, owner: false, changed: false }
    }

    fn decide(&mut self) {
        let listening = self.timers.deadline(&Timer::Start).is_some();
        let better = self.heard.keys().any(|&other| other < self.me);
        let owner = !listening && !better;
        self.changed |= owner != self.owner;
        self.owner = owner;
    }
}

impl Machine for Naive {
    type Input<'a> = &'a [u8];
    type Transmit = ();
    type Event = bool;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.handle_timeout(now);
        let &[other] = input else { return };
        self.heard.insert(other, now + SILENCE);
        self.timers.set(Timer::Silence(other), now + SILENCE);
        self.decide();
    }
    fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Beacon => {
                    self.beacon = true;
                    self.timers.set(Timer::Beacon, now + BEACON);
                }
                Timer::Start => {}
                Timer::Silence(other) => {
                    self.heard.remove(&other);
                }
            }
            self.decide();
        }
    }
    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<()> {
        buf.clear();
        buf.push(self.me);
        std::mem::take(&mut self.beacon).then_some(())
    }
    fn poll_event(&mut self) -> Option<bool> {
        std::mem::take(&mut self.changed).then_some(self.owner)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

const BEACON: Duration = Duration::from_millis(100);
const SILENCE: Duration = Duration::from_millis(350);

fn world(seed: u64) -> Network<Wired<Naive>> {
    let mut net = Network::new(seed, Config::default());
    let lan = net.add_segment();
    for me in 0..3 {
        net.add_node(&format!("n{me}"), &[lan], move |boot| {
            Wired::new(
                Naive::new(me, boot.now),
                |packet| packet.bytes,
                |()| Route::broadcast(Link(0)),
            )
        });
    }
    net
}

/// Two nodes that run own the address for longer than any takeover among healthy nodes lasts.
fn one_owner(net: &mut Network<Wired<Naive>>) -> Result<(), String> {
    let mut double_since: Option<Instant> = None;
    net.run_while(Instant::from_millis(12_000), |net| {
        let owners: Vec<NodeId> = net
            .nodes()
            .filter(|&node| net.is_running(node))
            .filter(|&node| net.node(node).is_some_and(|node| node.machine().owner))
            .collect();
        if owners.len() < 2 {
            double_since = None;
            return Ok(());
        }
        let since = *double_since.get_or_insert_with(|| net.now());
        if net.now() - since < Duration::from_millis(200) {
            return Ok(());
        }
        Err(format!("{owners:?} own the address since {since:?}"))
    })
}

fn exploration(exploration: Exploration) -> Exploration {
    exploration.bounds(Bounds {
        cuts: 1,
        pauses: 4,
        crashes: 4,
        degradations: 2,
        clock_gaps: 2,
        ..Bounds::none()
    })
}

fn found() -> Box<Failure> {
    exploration(Exploration::exactly(0..1_000))
        .explore(world, one_owner)
        .expect_err("1,000 seeds did not find the split brain")
}

#[test]
fn the_split_brain_is_found_within_a_thousand_seeds_and_shrunk_to_the_cut() {
    let failure = found();
    println!("{failure}");
    assert!(failure.schedule.faults().len() > 1, "nothing to shrink");
    let [timed] = failure.shrunk.faults() else {
        panic!("{failure}");
    };
    assert!(matches!(timed.fault, Fault::Cut { .. }), "{failure}");
    assert!(timed.lasts < Duration::from_millis(1_500), "made shorter as well");
    assert!(failure.to_string().contains(&format!("VIPCAST_SIM_SEED={}", failure.seed)));
}

#[test]
fn the_printed_seed_fails_again_in_the_same_way() {
    let failure = found();
    let again = exploration(Exploration::exactly(failure.seed..failure.seed + 1))
        .explore(world, one_owner)
        .expect_err("the seed did not fail again");
    assert_eq!(failure, again);
}

/// Run by the test below in a process of its own, with the seed in the environment.
#[test]
#[ignore = "fails by intent: it holds the planted fault"]
fn replay() {
    exploration(Exploration::seeds(0..0)).run(world, one_owner);
}

#[test]
fn the_environment_replays_a_seed_and_asks_for_more() {
    let failure = found();
    let run = |name: &str, value: u64| {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "replay", "--ignored", "--nocapture"])
            .env_remove("VIPCAST_SIM_SEED")
            .env_remove("VIPCAST_SIM_SEEDS")
            .env(name, value.to_string())
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8(text).unwrap())
    };
    for (name, value) in
        [("VIPCAST_SIM_SEED", failure.seed), ("VIPCAST_SIM_SEEDS", failure.seed + 1)]
    {
        let (success, text) = run(name, value);
        assert!(!success);
        assert!(text.contains(&failure.to_string()), "{text}");
    }
    // All seeds before it are well, and what happened in them is printed.
    let (success, text) = run("VIPCAST_SIM_SEEDS", failure.seed);
    assert!(success, "{text}");
    assert!(text.contains(&format!("{} seeds went well", failure.seed)), "{text}");
}

#[test]
fn the_same_election_without_cuts_holds_and_really_had_faults() {
    let explored = exploration(Exploration::exactly(0..100))
        .bounds(Bounds { pauses: 1, crashes: 1, ..Bounds::none() })
        .run(world, one_owner);
    let counts = explored.counts;
    assert!(counts.pauses > 100 && counts.crashes > 100, "{counts}");
    assert!(counts.resumes <= counts.pauses && counts.restarts <= counts.crashes, "{counts}");
    assert_eq!((counts.cuts, counts.heals), (0, 0));
}

#[test]
fn a_panic_in_a_scenario_is_a_failure_with_its_message() {
    let failure = Exploration::exactly(3..4)
        .explore(world, |net: &mut Network<Wired<Naive>>| {
            net.run_until(Instant::from_millis(100));
            assert!(net.events().len() > 1_000, "too quiet");
            Ok(())
        })
        .unwrap_err();
    assert_eq!((failure.seed, failure.reason.as_str()), (3, "too quiet"));
}

#[test]
fn a_world_that_is_not_the_same_twice_is_found_before_anything_else() {
    let built = Cell::new(0);
    let failure = Exploration::exactly(0..10)
        .explore(
            |seed| {
                built.set(built.get() + 1);
                world(seed + u64::from(built.get() > 2))
            },
            |net| {
                net.run_until(Instant::from_millis(500));
                Ok(())
            },
        )
        .unwrap_err();
    assert!(failure.reason.starts_with("two runs of this seed differ"), "{failure}");
}

#[test]
fn hosts_of_several_kinds_share_one_network() {
    struct Listener(Vec<u8>);
    impl Node for Listener {
        type Event = bool;
        fn handle(&mut self, _: Instant, arrival: Arrival<'_>) {
            if let Arrival::Packet(packet) = arrival {
                self.0.extend_from_slice(packet.bytes);
            }
        }
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_packet(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Route> {
            None
        }
        fn poll_event(&mut self) -> Option<bool> {
            (self.0.len() == 3).then(|| self.0.clear()).map(|()| true)
        }
        fn poll_timeout(&self) -> Option<Instant> {
            None
        }
    }
    let mut net: Network<Box<dyn Node<Event = bool>>> = Network::new(1, Config::default());
    let lan = net.add_segment();
    net.add_node("candidate", &[lan], |boot| {
        let machine = Naive::new(0, boot.now);
        Box::new(Wired::new(machine, |packet| packet.bytes, |()| Route::broadcast(Link(0))))
    });
    let listener = net.add_node("listener", &[lan], |_| Box::new(Listener(Vec::new())));
    net.run_until(Instant::from_millis(250));
    let heard = net.take_events();
    assert_eq!(heard.len(), 1, "three beacons make one event");
    assert_eq!((heard[0].node, heard[0].event), (listener, true));
}
