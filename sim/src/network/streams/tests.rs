use std::collections::{BTreeMap, VecDeque};

use super::*;
use crate::{Config, Fault, Network, Quality, Rng, Route};

/// Does what it is commanded, and reports what it sees. Reads are put together by stream.
#[derive(Default)]
struct Peer {
    todo: VecDeque<(StreamAction, Vec<u8>)>,
    seen: VecDeque<Seen>,
    read: BTreeMap<StreamId, Vec<u8>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Seen {
    Accepted(StreamId),
    Connected(StreamId),
    Read(StreamId, usize),
    Full(StreamId),
    Writable(StreamId),
    Closed(StreamId),
}

impl Node for Peer {
    type Event = Seen;

    fn handle(&mut self, _: Instant, arrival: Arrival<'_>) {
        self.seen.push_back(match arrival {
            Arrival::Accepted { stream, .. } => Seen::Accepted(stream),
            Arrival::Connected { stream } => Seen::Connected(stream),
            Arrival::Data { stream, bytes } => {
                self.read.entry(stream).or_default().extend_from_slice(bytes);
                Seen::Read(stream, bytes.len())
            }
            Arrival::Full { stream } => Seen::Full(stream),
            Arrival::Writable { stream } => Seen::Writable(stream),
            Arrival::Closed { stream } => Seen::Closed(stream),
            other => panic!("{other:?}"),
        });
    }
    fn handle_timeout(&mut self, _: Instant) {}
    fn poll_packet(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Route> {
        None
    }
    fn poll_stream(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<StreamAction> {
        let (action, bytes) = self.todo.pop_front()?;
        *buf = bytes;
        Some(action)
    }
    fn poll_event(&mut self) -> Option<Seen> {
        self.seen.pop_front()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }
}

const A: NodeId = NodeId(0);
const B: NodeId = NodeId(1);
const LAN: SegmentId = SegmentId(0);
/// The name of A's end.
const OURS: StreamId = StreamId(7);
/// The name of B's end of the first connection.
const THEIRS: StreamId = StreamId(ACCEPTED + 1);
const CONNECT: StreamAction = StreamAction::Connect { stream: OURS, link: Link(0), to: B };
const CLOSE: StreamAction = StreamAction::Close { stream: OURS };

fn pair(config: Config) -> Network<Peer> {
    let mut net = Network::new(1, config);
    let lan = net.add_segment();
    for name in ["a", "b"] {
        net.add_node(name, &[lan], |_| Peer::default());
    }
    net
}

fn exact() -> Network<Peer> {
    pair(Config::exact(Duration::from_millis(2)))
}

fn act(net: &mut Network<Peer>, node: NodeId, action: StreamAction, bytes: &[u8]) {
    net.command(node, |peer, _| peer.todo.push_back((action, bytes.to_vec())));
}

fn write(net: &mut Network<Peer>, bytes: &[u8]) {
    act(net, A, StreamAction::Write { stream: OURS }, bytes);
}

/// What was seen since the last call: milliseconds, node, what.
fn seen(net: &mut Network<Peer>) -> Vec<(u64, NodeId, Seen)> {
    let events = net.take_events().into_iter();
    events.map(|r| (r.at.as_micros() / 1_000, r.node, r.event)).collect()
}

#[test]
fn a_stream_is_opened_written_and_closed_at_exact_times() {
    let mut net = exact();
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(10));
    write(&mut net, b"hel");
    write(&mut net, b"lo");
    act(&mut net, A, CLOSE, b"");
    net.run_for(Duration::from_millis(10));
    assert_eq!(
        seen(&mut net),
        [
            (2, B, Seen::Accepted(THEIRS)),
            (4, A, Seen::Connected(OURS)),
            (12, B, Seen::Read(THEIRS, 3)),
            (12, B, Seen::Read(THEIRS, 2)),
            (12, B, Seen::Closed(THEIRS)),
        ]
    );
    assert_eq!(net.node(B).unwrap().read[&THEIRS], b"hello");
    assert!(net.ends.is_empty());
}

#[test]
fn an_accepted_stream_carries_bytes_the_other_way_too() {
    let mut net = exact();
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(4));
    act(&mut net, B, StreamAction::Write { stream: THEIRS }, b"open");
    act(&mut net, B, StreamAction::Close { stream: THEIRS }, b"");
    net.run_for(Duration::from_millis(2));
    let last = seen(&mut net).split_off(2);
    assert_eq!(last, [(6, A, Seen::Read(OURS, 4)), (6, A, Seen::Closed(OURS))]);
}

#[test]
fn a_reader_that_is_paused_holds_the_writer_back() {
    let mut net = pair(Config { stream_buffer: 100, ..Config::exact(Duration::from_millis(2)) });
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(4));
    net.begin(&Fault::Pause { node: B });
    seen(&mut net);
    for _ in 0..4 {
        write(&mut net, &[1; 50]);
    }
    net.run_for(Duration::from_secs(10));
    assert_eq!(seen(&mut net), [(4, A, Seen::Full(OURS))], "100 under way and 100 waiting");
    net.end(&Fault::Pause { node: B });
    net.run_for(Duration::from_millis(10));
    assert!(seen(&mut net).contains(&(10_004, A, Seen::Writable(OURS))));
    assert_eq!(net.node(B).unwrap().read[&THEIRS].len(), 200);
    net.begin(&Fault::Pause { node: B });
    for _ in 0..4 {
        write(&mut net, &[1; 50]);
    }
    assert_eq!(seen(&mut net), [(10_014, A, Seen::Full(OURS))], "and again");
}

#[test]
fn who_cannot_be_reached_is_closed() {
    let mut net = exact();
    net.begin(&Fault::Crash { node: B });
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(4));
    assert_eq!(seen(&mut net), [(4, A, Seen::Closed(OURS))], "refused");

    let stranger = StreamAction::Connect { stream: OURS, link: Link(0), to: NodeId(9) };
    act(&mut net, A, stranger, b"");
    net.run_for(Duration::from_millis(1));
    assert_eq!(seen(&mut net), [(4, A, Seen::Closed(OURS))], "nobody there");

    net.begin(&Fault::Cut { segment: LAN, from: B, to: A });
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_secs(10));
    assert_eq!(seen(&mut net), [(5_005, A, Seen::Closed(OURS))], "given up");
}

#[test]
fn a_crash_is_seen_by_the_peer_at_once_or_when_it_next_writes() {
    for cut in [false, true] {
        let mut net = exact();
        act(&mut net, A, CONNECT, b"");
        net.run_for(Duration::from_millis(10));
        seen(&mut net);
        let way = Fault::Cut { segment: LAN, from: B, to: A };
        if cut {
            net.begin(&way);
        }
        net.begin(&Fault::Crash { node: B });
        net.end(&Fault::Crash { node: B });
        net.run_for(Duration::from_millis(10));
        if !cut {
            assert_eq!(seen(&mut net), [(12, A, Seen::Closed(OURS))]);
            continue;
        }
        net.end(&way);
        assert_eq!(seen(&mut net), [], "half open");
        write(&mut net, b"keepalive");
        net.run_for(Duration::from_millis(10));
        assert_eq!(seen(&mut net), [(24, A, Seen::Closed(OURS))]);
    }
}

#[test]
fn a_name_used_again_hears_nothing_of_the_stream_before() {
    let mut net = exact();
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(4));
    act(&mut net, B, StreamAction::Write { stream: THEIRS }, b"old");
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(20));
    let next = StreamId(ACCEPTED + 2);
    assert_eq!(
        seen(&mut net).split_off(2),
        [(6, B, Seen::Closed(THEIRS)), (6, B, Seen::Accepted(next)), (8, A, Seen::Connected(OURS)),]
    );
    assert!(net.node(A).unwrap().read.is_empty());
}

#[test]
fn a_name_used_again_resets_a_stream_that_still_had_to_send() {
    let mut net = pair(Config { stream_buffer: 10, ..Config::exact(Duration::from_millis(2)) });
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(4));
    write(&mut net, &[1; 30]);
    net.begin(&Fault::Pause { node: B });
    seen(&mut net);
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(10));
    net.end(&Fault::Pause { node: B });
    net.run_for(Duration::from_millis(10));
    assert!(seen(&mut net).contains(&(14, B, Seen::Closed(THEIRS))));
    assert_eq!(net.ends.len(), 2, "the new connection alone");
}

#[test]
fn what_met_a_cut_is_sent_again_after_200_ms_and_later_bytes_wait_for_it() {
    let mut net = exact();
    act(&mut net, A, CONNECT, b"");
    net.run_for(Duration::from_millis(10));
    seen(&mut net);
    let way = Fault::Cut { segment: LAN, from: A, to: B };
    net.begin(&way);
    write(&mut net, b"one");
    net.run_for(Duration::from_millis(50));
    net.end(&way);
    write(&mut net, b"two");
    net.run_for(Duration::from_secs(1));
    assert_eq!(seen(&mut net), [(212, B, Seen::Read(THEIRS, 6))]);
    assert_eq!(net.node(B).unwrap().read[&THEIRS], b"onetwo");
}

#[test]
fn all_bytes_arrive_once_and_in_order_over_a_poor_network_with_cuts() {
    for seed in 0..50 {
        let config = Config { stream_buffer: 300, quality: Quality::poor(), ..Config::default() };
        let mut net = pair(config);
        let mut rng = Rng::new(seed);
        act(&mut net, A, CONNECT, b"");
        net.run_for(Duration::from_secs(10));
        let mut written = Vec::new();
        for _ in 0..100 {
            let bytes: Vec<u8> = (0..rng.below(60)).map(|_| rng.next_u64() as u8).collect();
            written.extend_from_slice(&bytes);
            write(&mut net, &bytes);
            let (from, to) = if rng.below(2) == 0 { (A, B) } else { (B, A) };
            let cut = Fault::Cut { segment: LAN, from, to };
            let pause = Fault::Pause { node: B };
            let faults = [cut, pause];
            let fault = &faults[rng.index(2)];
            net.begin(fault);
            net.run_for(rng.between(Duration::ZERO, Duration::from_millis(300)));
            net.end(fault);
        }
        act(&mut net, A, CLOSE, b"");
        net.run_for(Duration::from_secs(60));
        assert_eq!(net.node(B).unwrap().read[&THEIRS], written, "seed {seed}");
        let last = seen(&mut net).pop().map(|(_, node, seen)| (node, seen));
        assert_eq!(last, Some((B, Seen::Closed(THEIRS))), "seed {seed}");
        assert!(net.ends.is_empty(), "seed {seed}");
    }
}
