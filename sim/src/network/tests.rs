use std::collections::BTreeSet;

use vipcast_sans_io::TimerTable;

use super::*;
use crate::{Arrival, Chance, Route};

/// Sends a numbered packet to all each 10 ms, and reports what comes in.
struct Counter {
    timers: TimerTable<()>,
    due: u8,
    sent: u8,
    heard: VecDeque<Heard>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Heard {
    Number(NodeId, u8),
    Carrier(Link, bool),
}

impl Counter {
    fn new(boot: Boot) -> Self {
        let mut timers = TimerTable::new();
        timers.set((), boot.now + TICK);
        Self { timers, due: 0, sent: 0, heard: VecDeque::new() }
    }
}

impl Node for Counter {
    type Event = Heard;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        self.handle_timeout(now);
        self.heard.push_back(match arrival {
            Arrival::Packet(packet) => Heard::Number(packet.from, packet.bytes[0]),
            Arrival::Carrier { link, up } => Heard::Carrier(link, up),
            other => panic!("{other:?}"),
        });
    }
    fn handle_timeout(&mut self, now: Instant) {
        while self.timers.pop_expired(now).is_some() {
            self.due = 1;
            self.timers.set((), now + TICK);
        }
    }
    fn poll_packet(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        self.due = self.due.checked_sub(1)?;
        self.sent = self.sent.wrapping_add(1);
        buf.clear();
        buf.push(self.sent);
        Some(Route::broadcast(Link(0)))
    }
    fn poll_event(&mut self) -> Option<Heard> {
        self.heard.pop_front()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

fn world(seed: u64, config: Config, nodes: u16) -> Network<Counter> {
    let mut net = Network::new(seed, config);
    let lan = net.add_segment();
    for index in 0..nodes {
        net.add_node(&format!("n{index}"), &[lan], Counter::new);
    }
    net
}

fn exact(nodes: u16) -> Network<Counter> {
    world(1, Config::exact(Duration::from_millis(1)), nodes)
}

/// The numbers that `to` heard of `from` since the last call.
fn numbers(net: &mut Network<Counter>, to: NodeId, from: NodeId) -> Vec<u8> {
    let mut numbers = Vec::new();
    for reported in net.take_events() {
        match reported.event {
            Heard::Number(sender, number) if reported.node == to && sender == from => {
                numbers.push(number);
            }
            _ => {}
        }
    }
    numbers
}

const TICK: Duration = Duration::from_millis(10);
const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const LAN: SegmentId = SegmentId(0);

#[test]
fn a_packet_arrives_after_the_latency_at_all_others_and_not_at_its_sender() {
    let mut net = exact(3);
    net.run_until(Instant::from_millis(11));
    let heard: Vec<_> = net.take_events().into_iter().map(|r| (r.at, r.node, r.event)).collect();
    assert_eq!(heard.len(), 6);
    assert!(heard.iter().all(|&(at, ..)| at == Instant::from_millis(11)));
    assert!(!heard.contains(&(Instant::from_millis(11), A, Heard::Number(A, 1))));
}

#[test]
fn a_unicast_reaches_its_receiver_alone_and_a_stranger_is_nobody() {
    struct Caller(Option<Route>);
    impl Node for Caller {
        type Event = ();
        fn handle(&mut self, _: Instant, _: Arrival<'_>) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_packet(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Route> {
            self.0.take()
        }
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            None
        }
    }
    for (to, received, dropped) in [(NodeId(2), 1, 0), (NodeId(3), 0, 1), (NodeId(9), 0, 1)] {
        let mut net = Network::new(1, Config::exact(TICK));
        let (lan, far) = (net.add_segment(), net.add_segment());
        net.add_node("caller", &[lan], move |_| Caller(Some(Route::unicast(Link(0), to))));
        net.add_node("other", &[lan], |_| Caller(None));
        net.add_node("called", &[lan], |_| Caller(None));
        net.add_node("far", &[far], |_| Caller(None));
        net.run_for(TICK);
        let counts = net.counts();
        assert_eq!((counts.received, counts.dropped), (received, dropped));
    }
}

#[test]
fn a_cut_stops_one_direction_and_nested_cuts_need_two_heals() {
    let mut net = exact(2);
    let cut = Fault::Cut { segment: LAN, from: A, to: B };
    let partition = Fault::Partition { segment: LAN, side: BTreeSet::from([A]) };
    net.begin(&cut);
    net.begin(&partition);
    net.end(&partition);
    assert!(!net.is_open(LAN, A, B) && net.is_open(LAN, B, A));
    net.run_until(Instant::from_millis(15));
    let events = net.take_events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event, Heard::Number(B, 1));
    net.end(&cut);
    net.run_until(Instant::from_millis(25));
    assert_eq!(numbers(&mut net, B, A), [2]);
    let counts = net.counts();
    assert_eq!((counts.cuts, counts.partitions, counts.heals), (2, 1, 2));
    assert_eq!(counts.cut_off, 1);
}

#[test]
fn a_crash_forgets_and_the_next_life_starts_anew() {
    let mut net = exact(2);
    let crash = Fault::Crash { node: B };
    net.run_until(Instant::from_millis(35));
    net.begin(&crash);
    assert!(net.node(B).is_none());
    assert_eq!(net.command(B, |_, _| ()), None);
    net.run_until(Instant::from_millis(45));
    net.end(&crash);
    net.take_events();
    net.run_until(Instant::from_millis(60));
    assert_eq!(numbers(&mut net, A, B), [1], "counted from one again");
    assert_eq!(net.node(B).map(|node| node.sent), Some(1));
    assert_eq!((net.counts().crashes, net.counts().restarts), (1, 1));
}

#[test]
fn a_stalled_transport_takes_nothing_until_it_recovers() {
    let mut net = exact(2);
    let stall = Fault::Stall { node: A };
    net.begin(&stall);
    net.run_until(Instant::from_millis(55));
    assert_eq!(numbers(&mut net, B, A), []);
    net.end(&stall);
    net.run_for(Duration::from_millis(1));
    assert_eq!(numbers(&mut net, B, A), [1]);
}

#[test]
fn an_unplugged_link_is_silent_both_ways_and_its_node_is_told_also_after_a_crash() {
    let mut net = exact(2);
    let unplug = Fault::Unplug { node: B, link: Link(0) };
    net.begin(&unplug);
    net.run_until(Instant::from_millis(15));
    let heard: Vec<_> = net.take_events().into_iter().map(|r| r.event).collect();
    assert_eq!(heard, [Heard::Carrier(Link(0), false)]);
    net.begin(&Fault::Crash { node: B });
    net.end(&Fault::Crash { node: B });
    net.run_until(Instant::from_millis(16));
    net.end(&unplug);
    let heard: Vec<_> = net.take_events().into_iter().map(|r| r.event).collect();
    assert_eq!(heard, [Heard::Carrier(Link(0), false), Heard::Carrier(Link(0), true)]);
}

#[test]
fn a_clock_gap_makes_deadlines_due_and_a_slow_clock_makes_them_late() {
    let mut net = exact(2);
    net.run_until(Instant::from_millis(2));
    net.begin(&Fault::ClockGap { node: A, by: Duration::from_secs(60) });
    net.run_until(Instant::from_millis(3));
    assert_eq!(numbers(&mut net, B, A), [1]);
    assert_eq!(net.local(A), Instant::from_millis(60_003));

    net.begin(&Fault::Drift { node: B, ppm: -500_000 });
    net.run_until(Instant::from_millis(17));
    assert_eq!(numbers(&mut net, A, B), [], "7 ms of its clock take 14 of the world");
    net.run_until(Instant::from_millis(18));
    assert_eq!(numbers(&mut net, A, B), [1]);
    net.end(&Fault::Drift { node: B, ppm: -500_000 });
    assert_eq!(net.clock(B).ppm(), 0);
}

#[test]
fn at_one_instant_packets_come_before_timers() {
    let mut net = world(1, Config::exact(TICK), 2);
    net.run_until(Instant::from_millis(20));
    let at_20: Vec<_> = net
        .transcript()
        .records()
        .iter()
        .filter(|record| record.at == Instant::from_millis(20) && &*record.who == "n1")
        .map(|record| std::mem::discriminant(&record.what))
        .collect();
    let packet = What::Received { link: Link(0), from: "n0".into(), bytes: vec![1] };
    assert_eq!(at_20.first(), Some(&std::mem::discriminant(&packet)));
    assert!(at_20.len() > 1);
}

#[test]
fn nodes_wake_late_by_as_much_as_is_allowed_and_never_early() {
    let most = Duration::from_millis(4);
    let config = Config { most_lateness: most, ..Config::exact(Duration::ZERO) };
    let mut net = world(1, config, 2);
    net.run_until(Instant::from_millis(10_000));
    let heard = net.take_events().into_iter().filter(|r| r.node == B).map(|r| r.at);
    let gaps: Vec<Duration> =
        heard.scan(Instant::ZERO, |last, at| Some(at - std::mem::replace(last, at))).collect();
    assert!(gaps.iter().all(|&gap| gap >= TICK && gap <= TICK + most));
    assert!(gaps.iter().any(|&gap| gap > TICK + most / 2));
}

#[test]
fn a_record_keeps_what_the_clock_showed_then_also_after_a_jump() {
    let mut net: Network<Counter> = Network::new(1, Config::exact(TICK));
    let lan = net.add_segment();
    let clock = Clock::new(Duration::from_secs(5), 0);
    let node = net.add_node_with("ahead", &[lan], clock, Counter::new);
    net.run_until(Instant::from_millis(15));
    net.begin(&Fault::ClockGap { node, by: Duration::from_secs(60) });
    let sent = |record: &&crate::Record| matches!(record.what, What::Sent { .. });
    let record = net.transcript().records().iter().find(sent).unwrap();
    assert_eq!((record.at, record.local), (Instant::from_millis(10), Instant::from_millis(5_010)));
}

#[test]
fn packets_keep_their_order_unless_reordering_is_asked_for() {
    for (reordering, ordered) in [(Chance::NEVER, true), (Chance::percent(30), false)] {
        let config = Config {
            quality: Quality {
                most_latency: Duration::from_millis(40),
                reordering,
                most_delay: Duration::from_millis(40),
                ..Quality::lan()
            },
            ..Config::default()
        };
        let mut net = world(5, config, 2);
        net.run_until(Instant::from_millis(2_000));
        let numbers = numbers(&mut net, B, A);
        assert!(numbers.len() > 150);
        assert_eq!(numbers.is_sorted(), ordered);
        assert_eq!(net.counts().reordered == 0, ordered);
    }
}

#[test]
fn loss_and_duplication_happen_about_as_often_as_asked() {
    let config = Config {
        quality: Quality {
            loss: Chance::percent(20),
            duplication: Chance::percent(10),
            ..Quality::lan()
        },
        ..Config::default()
    };
    let mut net = world(5, config, 2);
    net.run_until(Instant::from_millis(20_000));
    let counts = net.counts();
    let share = |count: u64| count * 100 / counts.sent;
    assert!((17..=23).contains(&share(counts.lost)), "{counts}");
    assert!((6..=10).contains(&share(counts.duplicated)), "{counts}");
    assert!(counts.received + counts.lost >= counts.sent + counts.duplicated - 4);
}

#[test]
fn one_seed_fixes_all_and_another_changes_it() {
    let run = |seed| {
        let config = Config { quality: Quality::poor(), ..Config::default() };
        let mut net = world(seed, config, 4);
        let schedule = Schedule::generate(seed, &crate::Bounds::default(), &net.topology());
        net.install(&schedule);
        net.run_until(Instant::from_millis(12_000));
        (net.transcript().clone(), net.counts())
    };
    let (first, counts) = run(11);
    let (again, _) = run(11);
    assert_eq!(first.first_difference(&again), None);
    assert!(counts.lost > 0 && counts.received > 1_000, "{counts}");
    let (other, _) = run(12);
    assert!(first.first_difference(&other).is_some());
}

#[test]
#[should_panic(expected = "wakes again and again")]
fn a_node_whose_deadline_does_not_move_on_is_named() {
    struct Stuck;
    impl Node for Stuck {
        type Event = ();
        fn handle(&mut self, _: Instant, _: Arrival<'_>) {}
        fn handle_timeout(&mut self, _: Instant) {}
        fn poll_packet(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Route> {
            None
        }
        fn poll_event(&mut self) -> Option<()> {
            None
        }
        fn poll_timeout(&self) -> Option<Instant> {
            Some(Instant::ZERO)
        }
    }
    let mut net = Network::new(1, Config::exact(TICK));
    net.add_node("stuck", &[], |_| Stuck);
    net.run_for(TICK);
}

mod pauses;
