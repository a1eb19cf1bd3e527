//! One neighbor: greeting, collision, negotiation, loss.

mod common;

use std::time::Duration;

use common::*;
use vipcast_bgp_proto::{
    Asn, ConnectionId, HoldTime, Instant, Machine, Peer, PeerAs, PeerConfig, PeerEvent, PeerInput,
    PeerTransmit, RestartConfig, RouterId, SendHoldTime,
    fsm::{DownReason, State, Timer},
    wire::{
        Capability, CeaseSubcode, ErrorCode, Family, Frame, Framer, Message, Notification, Open,
        Role, encode_keepalive,
    },
};

const LOCAL: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn id(value: u32) -> RouterId {
    RouterId::new(value).unwrap()
}

/// We are AS 65001 with identifier 10, the neighbor is AS 65002.
fn config() -> PeerConfig {
    PeerConfig::new(Asn(65001), Asn(65002))
}

/// The neighbor, by hand: octets in, octets out.
struct Bench {
    peer: Peer,
    now: Instant,
    sent: Vec<(ConnectionId, Vec<u8>)>,
    dialed: Vec<ConnectionId>,
    closed: Vec<ConnectionId>,
}

impl Bench {
    fn new(config: PeerConfig) -> Self {
        let mut bench = Self {
            peer: Peer::new(config, id(10), 1),
            now: Instant::from_millis(1),
            sent: vec![],
            dialed: vec![],
            closed: vec![],
        };
        bench.peer.start(bench.now);
        bench.drain();
        bench
    }

    fn drain(&mut self) {
        let mut buf = Vec::new();
        while let Some(transmit) = self.peer.poll_transmit(self.now, &mut buf) {
            match transmit {
                PeerTransmit::Connect(id) => self.dialed.push(id),
                PeerTransmit::Close(id) => self.closed.push(id),
                PeerTransmit::Send(id) => {
                    self.sent.push((id, buf.clone()));
                    let connection = id;
                    self.peer.handle_input(self.now, PeerInput::Writable { connection });
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn input(&mut self, input: PeerInput<'_>) {
        self.peer.handle_input(self.now, input);
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.peer.handle_timeout(self.now);
        self.drain();
    }

    fn accept(&mut self) -> ConnectionId {
        let connection = self.peer.next_connection();
        self.input(PeerInput::Accepted { connection, local: LOCAL });
        connection
    }

    fn connect(&mut self) -> ConnectionId {
        let connection = *self.dialed.last().expect("dialed");
        self.input(PeerInput::Connected { connection, local: LOCAL });
        connection
    }

    fn receive(&mut self, connection: ConnectionId, bytes: &[u8]) {
        self.input(PeerInput::Received { connection, bytes });
    }

    fn receive_open(&mut self, connection: ConnectionId, open: &Open) {
        let mut bytes = Vec::new();
        open.encode(&mut bytes).unwrap();
        self.receive(connection, &bytes);
    }

    fn keepalive(&mut self, connection: ConnectionId) {
        let mut bytes = Vec::new();
        encode_keepalive(&mut bytes);
        self.receive(connection, &bytes);
    }

    /// Dials, and goes on to Established.
    fn establish(&mut self, open: &Open) -> ConnectionId {
        let connection = self.connect();
        self.receive_open(connection, open);
        self.keepalive(connection);
        assert_eq!(self.peer.state(), State::Established);
        connection
    }

    /// What was sent on a connection, message by message.
    fn messages(&self, connection: ConnectionId) -> Vec<(u8, Vec<u8>)> {
        let mut framer = Framer::new();
        let mut messages = vec![];
        for (_, bytes) in self.sent.iter().filter(|(id, _)| *id == connection) {
            let mut input = &bytes[..];
            while let Some(frame) = framer.next(&mut input) {
                let frame = frame.unwrap();
                messages.push((frame.kind().0, frame.body().to_vec()));
            }
        }
        messages
    }

    fn notification(&self, connection: ConnectionId) -> Option<(u8, u8)> {
        let messages = self.messages(connection);
        let (kind, body) = messages.last()?;
        (*kind == 3).then(|| (body[0], body[1]))
    }

    fn events(&mut self) -> Vec<PeerEvent> {
        std::iter::from_fn(|| self.peer.poll_event()).collect()
    }

    fn down(&mut self) -> Option<(DownReason, bool)> {
        self.events().into_iter().find_map(|event| match event {
            PeerEvent::Down { reason, retained } => Some((reason, retained)),
            _ => None,
        })
    }
}

/// The neighbor's OPEN: AS 65002, both families, identifier `value`.
fn open(value: u32) -> Open {
    PeerConfig::new(Asn(65002), Asn(65001)).open(id(value), false)
}

#[test]
fn a_session_is_established_over_the_dialed_connection() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    let kinds: Vec<u8> = bench.messages(connection).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [1, 4]);
    let events = bench.events();
    let [PeerEvent::Established(session)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((session.local_as, session.peer_as), (Asn(65001), Asn(65002)));
    assert_eq!(session.hold_time, Duration::from_secs(90));
    assert!(session.four_octet_as && session.enhanced_route_refresh && !session.is_internal());
    assert_eq!(session.max_message_len, 65_535);
    let families: Vec<_> = session.families.iter().map(|agreed| agreed.family).collect();
    assert_eq!(families, [Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
}

#[test]
fn messages_glued_into_one_segment_are_read_in_order() {
    let mut bench = Bench::new(config());
    let connection = bench.connect();
    let mut bytes = Vec::new();
    open(20).encode(&mut bytes).unwrap();
    encode_keepalive(&mut bytes);
    bytes.extend([0xFF; 16]);
    bytes.extend([0, 23, 2, 0, 0, 0, 0]);
    bench.receive(connection, &bytes);
    assert_eq!(bench.peer.state(), State::Established);
    assert_eq!(bench.peer.counters().updates_received, 1);
}

#[test]
fn rfc4271_8_2_2_an_incoming_connection_is_refused_in_idle() {
    let mut bench = Bench::new(config());
    bench.peer.stop(bench.now);
    bench.drain();
    let connection = bench.accept();
    assert_eq!(bench.closed.last(), Some(&connection));
    assert!(bench.messages(connection).is_empty());
    assert_eq!(bench.peer.counters().refused, 1);
}

#[test]
fn a_passive_peer_never_dials_and_takes_the_neighbors_connection() {
    let mut passive = config();
    passive.passive = true;
    let mut bench = Bench::new(passive);
    for _ in 0..100 {
        bench.wait(Duration::from_secs(10));
    }
    assert!(bench.dialed.is_empty());
    let connection = bench.accept();
    bench.receive_open(connection, &open(20));
    bench.keepalive(connection);
    assert_eq!(bench.peer.state(), State::Established);
}

#[test]
fn an_unanswered_dial_is_given_up_and_repeated_every_second_at_first() {
    let mut bench = Bench::new(config());
    for _ in 0..5 {
        bench.wait(Duration::from_secs(1));
    }
    assert_eq!(bench.dialed.len(), 6);
    assert_eq!(bench.closed, bench.dialed[..5]);
    for _ in 0..600 {
        bench.wait(Duration::from_secs(1));
    }
    assert!(bench.dialed.len() < 40, "{}", bench.dialed.len());
}

/// Both connections reach OpenConfirm; who is left?
fn collide(our_id: u32, their_id: u32, ours_first: bool) -> (Bench, ConnectionId, ConnectionId) {
    let mut bench = Bench::new(config());
    bench.peer = Peer::new(config(), id(our_id), 1);
    bench.dialed.clear();
    bench.peer.start(bench.now);
    bench.drain();
    let outgoing;
    let incoming;
    if ours_first {
        outgoing = bench.connect();
        incoming = bench.accept();
        bench.receive_open(outgoing, &open(their_id));
        bench.receive_open(incoming, &open(their_id));
    } else {
        incoming = bench.accept();
        outgoing = bench.connect();
        bench.receive_open(incoming, &open(their_id));
        bench.receive_open(outgoing, &open(their_id));
    }
    (bench, outgoing, incoming)
}

#[test]
fn rfc4271_6_8_of_two_connections_the_one_dialed_by_the_higher_identifier_survives() {
    for ours_first in [true, false] {
        let (bench, outgoing, incoming) = collide(10, 20, ours_first);
        assert_eq!(bench.notification(outgoing), Some((6, 7)));
        assert_eq!(bench.closed, [outgoing]);
        assert_eq!(bench.peer.connections().collect::<Vec<_>>(), [(incoming, State::OpenConfirm)]);

        let (bench, outgoing, incoming) = collide(30, 20, ours_first);
        assert_eq!(bench.notification(incoming), Some((6, 7)));
        assert_eq!(bench.closed, [incoming]);
        assert_eq!(bench.peer.connections().collect::<Vec<_>>(), [(outgoing, State::OpenConfirm)]);
    }
}

#[test]
fn rfc6286_2_3_with_equal_identifiers_the_one_dialed_by_the_higher_as_survives() {
    for ours_first in [true, false] {
        // The neighbor's AS is the higher one.
        let (bench, outgoing, _) = collide(20, 20, ours_first);
        assert_eq!(bench.notification(outgoing), Some((6, 7)));
    }
}

#[test]
fn rfc4271_6_8_a_dial_that_is_not_answered_yields_to_a_connection_with_an_open() {
    let mut bench = Bench::new(config());
    let dialed = bench.dialed[0];
    let incoming = bench.accept();
    bench.receive_open(incoming, &open(5));
    assert_eq!(bench.closed, [dialed]);
    bench.keepalive(incoming);
    assert_eq!(bench.peer.state(), State::Established);
    // Late news of the dial change nothing.
    bench.input(PeerInput::Connected { connection: dialed, local: LOCAL });
    bench.input(PeerInput::Closed { connection: dialed });
    assert_eq!(bench.peer.state(), State::Established);
}

#[test]
fn rfc4271_6_8_a_connection_beside_an_established_one_is_closed() {
    let mut bench = Bench::new(config());
    let mut theirs = open(20);
    theirs.capabilities.retain(|c| !matches!(c, Capability::GracefulRestart(_)));
    let connection = bench.establish(&theirs);
    let second = bench.accept();
    bench.receive_open(second, &theirs);
    assert_eq!(bench.notification(second), Some((6, 7)));
    assert_eq!(bench.peer.connections().collect::<Vec<_>>(), [(connection, State::Established)]);
}

#[test]
fn rfc4724_4_2_a_new_connection_of_a_restarting_peer_replaces_the_established_one_silently() {
    let mut bench = Bench::new(config());
    let mut restarting = PeerConfig::new(Asn(65002), Asn(65001));
    restarting.graceful_restart = Some(RestartConfig::default());
    let theirs = restarting.open(id(20), false);
    let old = bench.establish(&theirs);
    bench.events();
    let new = bench.accept();
    bench.receive_open(new, &restarting.open(id(20), true));
    assert_eq!(bench.notification(old), None);
    assert_eq!(bench.closed, [old]);
    assert_eq!(bench.down(), Some((DownReason::Replaced, true)));
    bench.keepalive(new);
    assert_eq!(bench.peer.connections().collect::<Vec<_>>(), [(new, State::Established)]);
}

#[test]
fn two_peers_that_dial_each_other_settle_on_one_connection() {
    for seed in 0..50 {
        let peer = |local, remote, value, seed| {
            Peer::new(PeerConfig::new(Asn(local), Asn(remote)), id(value), seed)
        };
        let mut net =
            net::Net::new([peer(65001, 65002, 10, seed), peer(65002, 65001, 20, seed + 1000)]);
        let now = net.now;
        for node in &mut net.nodes {
            node.start(now);
        }
        net.run(Duration::from_secs(20));
        for node in &net.nodes {
            assert_eq!(node.state(), State::Established);
            assert_eq!(node.connections().count(), 1);
        }
        assert_eq!(net.answered_notifications, 0);
        net.run(Duration::from_secs(600));
        assert_eq!(net.nodes[0].counters().established, 1);
    }
}

#[test]
fn rfc4271_6_5_a_silent_neighbor_is_left_at_the_hold_time_with_4_0() {
    let mut bench = Bench::new(config());
    let mut theirs = open(20);
    theirs.hold_time = 9;
    let connection = bench.establish(&theirs);
    let mut keepalives = 0;
    while bench.peer.state() == State::Established {
        bench.wait(Duration::from_millis(10));
        keepalives = bench.messages(connection).iter().filter(|(kind, _)| *kind == 4).count();
    }
    assert_eq!(bench.now, Instant::from_millis(1) + Duration::from_secs(9));
    assert_eq!(bench.notification(connection), Some((4, 0)));
    // One with the OPEN, then one each 2.25 to 3 s.
    assert!((4..=5).contains(&keepalives), "{keepalives}");
    let reason = bench.down().unwrap().0;
    assert_eq!(reason.to_string(), "sent Hold Timer Expired (4/0)");
}

#[test]
fn rfc4271_4_2_with_a_hold_time_of_zero_nothing_expires_and_no_keepalives_are_sent() {
    let mut forever = config();
    forever.hold_time = HoldTime::NEVER;
    let mut bench = Bench::new(forever);
    let connection = bench.establish(&open(20));
    bench.wait(Duration::from_secs(100_000));
    assert_eq!(bench.peer.state(), State::Established);
    assert_eq!(bench.messages(connection).len(), 2);
    assert_eq!(bench.peer.poll_timeout(), None);
}

#[test]
fn rfc9687_a_transport_that_takes_nothing_is_left_with_8_0() {
    let mut impatient = config();
    impatient.send_hold_time = SendHoldTime::Is(Duration::from_secs(100));
    let mut bench = Bench::new(impatient);
    let connection = bench.establish(&open(20));
    let mut buf = Vec::new();
    let mut sent_at = None;
    for _ in 0..200 {
        bench.now += Duration::from_secs(1);
        let mut bytes = Vec::new();
        encode_keepalive(&mut bytes);
        bench.peer.handle_input(bench.now, PeerInput::Received { connection, bytes: &bytes });
        // The transport never says that it has taken what it is given.
        while let Some(transmit) = bench.peer.poll_transmit(bench.now, &mut buf) {
            match transmit {
                PeerTransmit::Send(_) if buf[18] == 4 => {
                    assert_eq!(sent_at.replace(bench.now), None, "nothing is sent on top");
                }
                PeerTransmit::Send(_) => assert_eq!(buf[18..21], [3, 8, 0]),
                _ => {}
            }
        }
        if bench.peer.state() == State::Idle {
            break;
        }
    }
    assert_eq!(bench.now - sent_at.unwrap(), Duration::from_secs(100));
    let reason = bench.down().unwrap().0;
    assert_eq!(reason.to_string(), "sent Send Hold Timer Expired (8/0)");
}

#[test]
fn rfc9687_octets_that_wait_since_before_the_session_count_too() {
    let now = Instant::from_millis(1);
    let mut peer = Peer::new(config(), id(10), 1);
    peer.start(now);
    let mut buf = Vec::new();
    let Some(PeerTransmit::Connect(connection)) = peer.poll_transmit(now, &mut buf) else {
        panic!("it dials")
    };
    peer.handle_input(now, PeerInput::Connected { connection, local: LOCAL });
    // The OPEN leaves, and TCP never says that it has taken it.
    assert!(peer.poll_transmit(now, &mut buf).is_some());
    let mut bytes = Vec::new();
    open(20).encode(&mut bytes).unwrap();
    encode_keepalive(&mut bytes);
    peer.handle_input(now, PeerInput::Received { connection, bytes: &bytes });
    assert_eq!(peer.state(), State::Established);
    assert_eq!(peer.deadline(Timer::SendHold), Some(now + Duration::from_secs(480)));
    peer.handle_input(now, PeerInput::Writable { connection });
    assert_eq!(peer.deadline(Timer::SendHold), None);
}

#[test]
fn rfc4271_6_4_a_notification_is_never_answered_with_one() {
    for settled in [false, true] {
        let mut bench = Bench::new(config());
        let connection = if settled { bench.establish(&open(20)) } else { bench.connect() };
        let mut bytes = Vec::new();
        Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET).encode(&mut bytes);
        bench.receive(connection, &bytes);
        assert_eq!(bench.notification(connection), None);
        assert_eq!(bench.closed, [connection]);
        assert_eq!(bench.peer.state(), State::Idle);
    }
}

#[test]
fn a_stop_says_cease_with_the_text_and_stays_idle() {
    let mut worded = config();
    worded.shutdown_text = "maintenance".into();
    let mut bench = Bench::new(worded);
    let mut theirs = open(20);
    theirs.capabilities.retain(|c| !matches!(c, Capability::GracefulRestart(_)));
    let connection = bench.establish(&theirs);
    bench.peer.stop(bench.now);
    bench.drain();
    let (_, body) = bench.messages(connection).pop().unwrap();
    assert_eq!(body, b"\x06\x02\x0bmaintenance");
    bench.wait(Duration::from_secs(10_000));
    assert_eq!(bench.peer.state(), State::Idle);
    assert_eq!(bench.dialed.len(), 1);
    assert_eq!(bench.down().unwrap().0, DownReason::Stopped);
}

#[test]
fn rfc8538_3_1_towards_a_neighbor_with_the_n_bit_a_stop_is_a_hard_reset() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    bench.peer.stop(bench.now);
    bench.drain();
    let (_, body) = bench.messages(connection).pop().unwrap();
    assert_eq!(body, [6, 9, 6, 2, 0]);
}

#[test]
fn rfc4724_4_a_hand_over_is_silent() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    bench.peer.hand_over(bench.now);
    bench.drain();
    assert_eq!(bench.notification(connection), None);
    assert_eq!(bench.closed, [connection]);
    bench.wait(Duration::from_secs(1000));
    assert_eq!(bench.peer.state(), State::Idle);
    assert_eq!(bench.down().unwrap().0, DownReason::HandedOver);
}

#[test]
fn rfc9384_bfd_down_ends_the_session_with_6_10() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    bench.peer.bfd_down(bench.now);
    bench.drain();
    assert_eq!(bench.notification(connection), Some((6, 10)));
    // And it dials again.
    bench.wait(Duration::from_secs(1));
    assert_eq!(bench.dialed.len(), 2);
}

/// Sends `open` to a peer with `config`; the NOTIFICATION that it answers with.
#[track_caller]
fn answer(config: PeerConfig, open: &Open) -> Option<(u8, u8)> {
    let mut bench = Bench::new(config);
    let connection = bench.connect();
    bench.receive_open(connection, open);
    bench.notification(connection)
}

#[test]
fn rfc4271_6_2_the_neighbors_as_must_be_the_configured_one() {
    let in_as = |asn| PeerConfig::new(Asn(asn), Asn(1)).open(id(20), false);
    let with = |peer_as| PeerConfig::new(Asn(65001), peer_as);
    assert_eq!(answer(with(PeerAs::Is(Asn(65002))), &in_as(65003)), Some((2, 2)));
    assert_eq!(answer(with(PeerAs::External), &in_as(65001)), Some((2, 2)));
    assert_eq!(answer(with(PeerAs::Internal), &in_as(65002)), Some((2, 2)));
    assert_eq!(answer(with(PeerAs::External), &in_as(65009)), None);
    assert_eq!(answer(with(PeerAs::Internal), &in_as(65001)), None);
    let four_octets = 4_200_000_000;
    assert_eq!(answer(with(PeerAs::Is(Asn(four_octets))), &in_as(four_octets)), None);
}

#[test]
fn rfc6286_2_2_our_identifier_is_refused_from_an_internal_neighbor_only() {
    let internal = PeerConfig::new(Asn(65001), PeerAs::Internal);
    let theirs = PeerConfig::new(Asn(65001), Asn(65001)).open(id(10), false);
    assert_eq!(answer(internal, &theirs), Some((2, 3)));
    assert_eq!(answer(config(), &open(10)), None);
}

#[test]
fn rfc9234_4_2_roles_must_fit() {
    let with = |role, strict| {
        let mut config = config();
        config.role = role;
        config.strict_role = strict;
        config
    };
    let theirs = |roles: &[Role]| {
        let mut open = open(20);
        open.capabilities.extend(roles.iter().map(|role| Capability::Role(*role)));
        open
    };
    let customer = Some(Role::Customer);
    assert_eq!(answer(with(customer, false), &theirs(&[Role::Provider])), None);
    assert_eq!(answer(with(customer, false), &theirs(&[Role::Peer])), Some((2, 11)));
    assert_eq!(answer(with(customer, false), &theirs(&[])), None);
    assert_eq!(answer(with(customer, true), &theirs(&[])), Some((2, 11)));
    let conflicting = theirs(&[Role::Provider, Role::Peer]);
    assert_eq!(answer(with(customer, false), &conflicting), Some((2, 11)));
    assert_eq!(answer(with(None, false), &theirs(&[Role::Peer])), None);
    let pairs = [
        (Role::RouteServer, Role::RouteServerClient),
        (Role::RouteServerClient, Role::RouteServer),
        (Role::Peer, Role::Peer),
        (Role::Provider, Role::Customer),
    ];
    for (ours, other) in pairs {
        assert_eq!(answer(with(Some(ours), true), &theirs(&[other])), None);
    }
}

#[test]
fn rfc4760_8_without_the_capability_a_session_is_ipv4_unicast() {
    let families = |capabilities: Vec<Capability>| {
        let mut bench = Bench::new(config());
        let mut theirs = open(20);
        theirs.capabilities = capabilities;
        bench.establish(&theirs);
        let session = bench.peer.session().unwrap();
        session.families.iter().map(|agreed| agreed.family).collect::<Vec<_>>()
    };
    assert_eq!(families(vec![]), [Family::IPV4_UNICAST]);
    let v6 = Capability::Multiprotocol(Family::IPV6_UNICAST);
    assert_eq!(families(vec![v6]), [Family::IPV6_UNICAST]);
}

#[test]
fn rfc6608_an_update_before_its_time_is_told_with_its_type() {
    let empty = [&[0xFF; 16][..], &[0, 23, 2, 0, 0, 0, 0]].concat();
    let mut bench = Bench::new(config());
    let connection = bench.connect();
    bench.receive(connection, &empty);
    let (_, body) = bench.messages(connection).pop().unwrap();
    assert_eq!(body, [5, 1, 2]);

    let mut bench = Bench::new(config());
    let connection = bench.connect();
    bench.receive_open(connection, &open(20));
    bench.receive(connection, &empty);
    let (_, body) = bench.messages(connection).pop().unwrap();
    assert_eq!(body, [5, 2, 2]);
}

#[test]
fn rfc4271_8_1_3_with_delay_open_the_neighbors_open_comes_first() {
    let mut delaying = config();
    delaying.delay_open = Some(Duration::from_secs(5));
    let mut bench = Bench::new(delaying.clone());
    let connection = bench.connect();
    assert!(bench.messages(connection).is_empty());
    bench.receive_open(connection, &open(20));
    let kinds: Vec<u8> = bench.messages(connection).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [1, 4]);
    bench.keepalive(connection);
    assert_eq!(bench.peer.state(), State::Established);

    let mut bench = Bench::new(delaying);
    let connection = bench.connect();
    bench.wait(Duration::from_secs(5));
    assert_eq!(bench.messages(connection).len(), 1);
    assert_eq!(bench.peer.state(), State::OpenSent);
}

#[test]
fn rfc7606_a_session_survives_what_can_be_withdrawn_and_not_what_cannot() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    let message = |attributes: &[u8], nlri: &[u8]| {
        let body = update(&[], attributes, nlri);
        let len = u16::try_from(19 + body.len()).unwrap().to_be_bytes();
        [&[0xFF; 16][..], &len, &[2], &body].concat()
    };
    let bad_med = [mandatory(), attribute(0x80, 4, &[1])].concat();
    bench.receive(connection, &message(&bad_med, &HOST));
    assert_eq!(bench.peer.state(), State::Established);
    assert_eq!(bench.peer.counters().treated_as_withdraw, 1);
    bench.receive(connection, &message(&mandatory(), &[33, 1, 2, 3, 4, 5]));
    assert_eq!(bench.notification(connection), Some((3, 10)));
    assert_eq!(bench.peer.counters().malformed, 1);
}

#[test]
fn rfc8654_4_a_long_message_is_refused_where_long_ones_were_not_offered() {
    let long = [&[0xFF; 16][..], &[0x20, 0, 2], &[0; 0x2000 - 19]].concat();
    let mut short = config();
    short.extended_messages = false;
    let mut bench = Bench::new(short);
    let connection = bench.establish(&open(20));
    assert_eq!(bench.peer.session().unwrap().max_message_len, 4096);
    bench.receive(connection, &long);
    assert_eq!(bench.notification(connection), Some((1, 2)));
}

#[test]
fn rfc2918_4_a_refresh_of_an_agreed_family_is_passed_on_once() {
    let mut bench = Bench::new(config());
    let connection = bench.establish(&open(20));
    let refresh = |afi: u8| [&[0xFF; 16][..], &[0, 23, 5, 0, afi, 0, 1]].concat();
    for afi in [2, 2, 25] {
        bench.receive(connection, &refresh(afi));
    }
    assert_eq!(bench.peer.take_refresh_request(), Some(Family::IPV6_UNICAST));
    assert_eq!(bench.peer.take_refresh_request(), None);
    let bad = [&[0xFF; 16][..], &[0, 22, 5, 0, 1, 0]].concat();
    bench.receive(connection, &bad);
    assert_eq!(bench.notification(connection), Some((7, 1)));
}

#[test]
fn rfc4724_4_2_and_rfc8538_which_losses_retain_the_neighbors_routes() {
    let lose = |how: &dyn Fn(&mut Bench, ConnectionId), n_bit: bool| {
        let mut bench = Bench::new(config());
        let mut restarting = PeerConfig::new(Asn(65002), Asn(65001));
        restarting.graceful_restart = Some(RestartConfig::default());
        let mut theirs = restarting.open(id(20), false);
        for capability in &mut theirs.capabilities {
            if let Capability::GracefulRestart(restart) = capability {
                restart.notification = n_bit;
            }
        }
        let connection = bench.establish(&theirs);
        bench.events();
        how(&mut bench, connection);
        bench.down().expect("down").1
    };
    let cut: &dyn Fn(&mut Bench, ConnectionId) =
        &|bench, connection| bench.input(PeerInput::Closed { connection });
    let told = |notification: Notification| {
        move |bench: &mut Bench, connection| {
            let mut bytes = Vec::new();
            notification.encode(&mut bytes);
            bench.receive(connection, &bytes);
        }
    };
    let reset = told(Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET));
    let hard = told(Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET).into_hard_reset());
    let silence: &dyn Fn(&mut Bench, ConnectionId) =
        &|bench, _| bench.wait(Duration::from_secs(90));
    assert!(lose(cut, false));
    assert!(!lose(&reset, false));
    assert!(!lose(silence, false));
    assert!(lose(cut, true));
    assert!(lose(&reset, true));
    assert!(lose(silence, true));
    assert!(!lose(&hard, true));
}

#[test]
fn rfc4724_4_2_retained_routes_are_flushed_at_the_restart_time_or_when_not_preserved() {
    let mut restarting = PeerConfig::new(Asn(65002), Asn(65001));
    restarting.graceful_restart = Some(RestartConfig::default());
    let theirs = restarting.open(id(20), false);
    let mut bench = Bench::new(config());
    let connection = bench.establish(&theirs);
    bench.input(PeerInput::Closed { connection });
    bench.events();
    bench.wait(Duration::from_secs(119));
    assert!(!bench.events().iter().any(|event| matches!(event, PeerEvent::Flush(_))));
    bench.wait(Duration::from_secs(1));
    let both = vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST];
    assert!(bench.events().contains(&PeerEvent::Flush(both)));

    let mut bench = Bench::new(config());
    let connection = bench.establish(&theirs);
    bench.input(PeerInput::Closed { connection });
    bench.wait(Duration::from_secs(1));
    bench.events();
    let mut partly = theirs.clone();
    for capability in &mut partly.capabilities {
        if let Capability::GracefulRestart(restart) = capability {
            restart.families[1].forwarding = false;
        }
    }
    bench.establish(&partly);
    let lost = PeerEvent::Flush(vec![Family::IPV6_UNICAST]);
    assert_eq!(bench.events().first(), Some(&lost));
}

#[test]
fn events_that_nobody_takes_are_merged_and_the_last_one_is_true() {
    let mut bench = Bench::new(config());
    for _ in 0..20 {
        let connection = bench.establish(&open(20));
        bench.input(PeerInput::Closed { connection });
        bench.wait(Duration::from_secs(100));
    }
    bench.establish(&open(20));
    let events = bench.events();
    assert!(events.len() <= 4, "{events:?}");
    assert!(matches!(events.last(), Some(PeerEvent::Established(_))));
}

#[test]
fn our_open_says_what_is_configured() {
    let mut all = config();
    all.role = Some(Role::Customer);
    all.add_path_send = true;
    all.extended_next_hop = true;
    all.graceful_restart = Some(RestartConfig {
        long_lived: Some(Duration::from_secs(3600)),
        ..RestartConfig::default()
    });
    let mut bytes = Vec::new();
    all.open(id(10), true).encode(&mut bytes).unwrap();
    let frame = Frame::new(&bytes, false).unwrap();
    let context = external();
    let Ok(Message::Open(read)) = Message::decode(&frame, &context) else { panic!("not read") };
    assert_eq!(read, all.open(id(10), true));
    let codes: Vec<u8> = read.capabilities.iter().map(|c| c.code().0).collect();
    assert_eq!(codes, [1, 1, 2, 70, 65, 6, 5, 69, 9, 64, 71]);
}

#[test]
fn an_open_of_another_version_is_told_which_one_we_speak() {
    let mut bench = Bench::new(config());
    let connection = bench.connect();
    let mut bytes = Vec::new();
    open(20).encode(&mut bytes).unwrap();
    bytes[19] = 3;
    bench.receive(connection, &bytes);
    let (_, body) = bench.messages(connection).pop().unwrap();
    assert_eq!(body, [ErrorCode::OPEN.0, 1, 0, 4]);
    assert_eq!(bench.peer.deadline(Timer::Hold), None);
}
