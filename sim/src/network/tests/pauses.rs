use std::cell::Cell;

use super::*;

#[test]
fn what_arrives_in_a_pause_waits_and_more_than_the_buffer_is_dropped() {
    let config = Config { receive_buffer: 3, ..Config::exact(Duration::from_millis(1)) };
    let mut net = world(1, config, 2);
    let pause = Fault::Pause { node: B };
    net.begin(&pause);
    net.run_until(Instant::from_millis(55));
    assert!(net.take_events().is_empty());
    net.end(&pause);
    assert_eq!(numbers(&mut net, B, A), [1, 2, 3]);
    assert_eq!(net.counts().dropped, 2);
    assert_eq!((net.counts().pauses, net.counts().resumes), (1, 1));
}

#[test]
fn what_waited_for_a_paused_node_dies_with_it() {
    let mut net = exact(2);
    net.begin(&Fault::Pause { node: B });
    net.run_until(Instant::from_millis(25));
    net.begin(&Fault::Crash { node: B });
    net.end(&Fault::Crash { node: B });
    net.end(&Fault::Pause { node: B });
    assert_eq!(numbers(&mut net, B, A), []);
    net.run_until(Instant::from_millis(35));
    assert_eq!(numbers(&mut net, B, A), [3]);
}

#[test]
fn a_paused_node_sends_nothing_when_its_transport_recovers() {
    let mut net = exact(2);
    net.begin(&Fault::Stall { node: A });
    net.run_until(Instant::from_millis(15));
    net.begin(&Fault::Pause { node: A });
    net.end(&Fault::Stall { node: A });
    net.run_until(Instant::from_millis(30));
    assert_eq!(numbers(&mut net, B, A), []);
    net.end(&Fault::Pause { node: A });
    net.run_until(Instant::from_millis(31));
    assert!(!numbers(&mut net, B, A).is_empty());
}

/// Reports which of its verbs is used first after 50 ms.
#[derive(Default)]
struct Waking(Cell<Option<&'static str>>, bool);

impl Waking {
    fn used(&self, now: Instant, verb: &'static str) {
        if now >= Instant::from_millis(50) && self.0.get().is_none() {
            self.0.set(Some(verb));
        }
    }
}

impl Node for Waking {
    type Event = ();
    fn handle(&mut self, now: Instant, _: Arrival<'_>) {
        self.used(now, "input");
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.used(now, "timeout");
        self.1 = true;
    }
    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        self.used(now, "transmit");
        buf.clear();
        None
    }
    fn poll_event(&mut self) -> Option<()> {
        None
    }
    fn poll_timeout(&self) -> Option<Instant> {
        (!self.1).then_some(Instant::from_millis(20))
    }
}

#[test]
fn a_node_that_goes_on_looks_at_any_of_its_sources_first() {
    let mut first = BTreeSet::new();
    for seed in 0..30 {
        let mut net = Network::new(seed, Config::exact(Duration::ZERO));
        let lan = net.add_segment();
        let node = net.add_node("waking", &[lan], |_| Waking::default());
        net.begin(&Fault::Pause { node });
        net.begin(&Fault::Unplug { node, link: Link(0) });
        net.run_until(Instant::from_millis(50));
        net.end(&Fault::Pause { node });
        first.extend(net.node(node).and_then(|node| node.0.get()));
    }
    assert_eq!(first, BTreeSet::from(["input", "timeout", "transmit"]));
}
