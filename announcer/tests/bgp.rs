//! The BGP driver over loopback: sessions, strangers, neighbors that misbehave, and the way out.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use ipnet::{IpNet, Ipv4Net};
use tokio::time::timeout;
use vipcast_announcer::bgp::{
    Bgp, BgpConfig, BgpEvent, BgpReport, Neighbor, RouteChange, StartBgpError,
    proto::{
        Announcement, Asn, HoldTime, PeerConfig, RouterId,
        fsm::{DownReason, State},
        wire::{
            Attributes, CeaseSubcode, Community, DecodeContext, ErrorCode, Framer, Message,
            MessageType, Notification, PathAttribute, encode_keepalive,
        },
    },
};

/// Long enough for a busy machine; what is waited for takes milliseconds.
const LIMIT: Duration = Duration::from_secs(120);

const US: Asn = Asn(65001);
const THEM: Asn = Asn(65002);

fn id(number: u32) -> RouterId {
    RouterId::new(number).unwrap()
}

fn hosts(count: u32) -> Vec<RouteChange> {
    let with = Arc::new(Announcement::default());
    let host = |n: u32| IpNet::V4(Ipv4Net::from(Ipv4Addr::from_bits(0x0A00_0000 + n)));
    (0..count).map(|n| RouteChange::Announce(host(n), Arc::clone(&with))).collect()
}

async fn wait_for(bgp: &Bgp, wanted: impl FnMut(&Arc<BgpReport>) -> bool) -> Arc<BgpReport> {
    let mut reports = bgp.reports();
    let seen = timeout(LIMIT, reports.wait_for(wanted)).await;
    let seen = seen.unwrap_or_else(|_| panic!("it stayed so: {:#?}", bgp.reports().borrow()));
    Arc::clone(&seen.unwrap())
}

fn all_announced(report: &Arc<BgpReport>) -> bool {
    report.peers.values().all(|peer| peer.announced_at.is_some())
}

fn dialing(remote: SocketAddr) -> Neighbor {
    Neighbor::new(remote, PeerConfig::new(US, THEM))
}

/// A router of a few lines, on a thread: it opens the session, and then does what the test says.
fn router<T: Send + 'static>(
    then: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<T>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // Little room, so that what a router does not read is soon felt.
    socket2::SockRef::from(&listener).set_recv_buffer_size(64 * 1024).unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        greet(&mut stream);
        then(stream)
    });
    (address, thread)
}

fn greet(stream: &mut TcpStream) {
    let mut hello = Vec::new();
    PeerConfig::new(THEM, US).open(id(2), false).encode(&mut hello).unwrap();
    encode_keepalive(&mut hello);
    stream.write_all(&hello).unwrap();
}

/// Reads to the end: the types of the messages, the last NOTIFICATION, and the communities seen.
fn read_all(mut stream: TcpStream) -> (Vec<MessageType>, Option<Notification>, Vec<Community>) {
    let (mut kinds, mut last, mut communities) = (Vec::new(), None, Vec::new());
    let (mut framer, mut buf) = (Framer::new(), [0; 4096]);
    framer.set_extended(true);
    loop {
        let count = match stream.read(&mut buf) {
            Ok(0) => return (kinds, last, communities),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => panic!("a RST, no FIN"),
            Err(error) => panic!("{error}"),
        };
        let mut input = &buf[..count];
        while let Some(frame) = framer.next(&mut input) {
            let frame = frame.unwrap();
            kinds.push(frame.kind());
            match Message::decode(&frame, &DecodeContext::default()).unwrap() {
                Message::Notification(told) => last = Some(told),
                Message::Update(update) => {
                    communities.extend(update.attributes().filter_map(|one| match one {
                        PathAttribute::Communities(list) => list.last(),
                        _ => None,
                    }));
                }
                _ => {}
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_speakers_tell_each_other_over_both_transports() {
    for host in ["127.0.0.1", "::1"] {
        let host: IpAddr = host.parse().unwrap();
        let mut config = BgpConfig::new(id(2));
        config.listen.push(SocketAddr::new(host, 0));
        let waiting = Bgp::start(config).unwrap();
        let mut session = PeerConfig::new(THEM, US);
        session.passive = true;
        waiting.add_peer(Neighbor::new(SocketAddr::new(host, 1), session)).await.unwrap();

        let node = Bgp::start(BgpConfig::new(id(1))).unwrap();
        node.change(hosts(10_000)).await.unwrap();
        let peer = node.add_peer(dialing(waiting.listening()[0])).await.unwrap();
        let report = wait_for(&node, all_announced).await;
        assert_eq!((report.routes, report.strangers), (10_000, 0));
        assert_eq!(report.peers[&peer].state, State::Established);
        assert_eq!(report.peers[&peer].session.as_ref().unwrap().peer_as, THEM);

        node.drain(Duration::ZERO).await.unwrap();
        node.ended().await;
        let report =
            wait_for(&waiting, |report| report.peers.values().any(|p| p.losses == 1)).await;
        let loss = report.peers.values().next().unwrap().last_loss.clone().unwrap();
        let DownReason::Received(told) = loss.reason else { panic!("{loss:?}") };
        // Both sides would keep routes beyond any other Cease (RFC 8538).
        let told = told.hard_reset_reason().unwrap_or(told);
        assert_eq!(told.subcode, CeaseSubcode::ADMINISTRATIVE_SHUTDOWN.0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_let_go_and_counted() {
    let mut config = BgpConfig::new(id(1));
    config.listen.push("127.0.0.1:0".parse().unwrap());
    let bgp = Bgp::start(config).unwrap();
    let mut session = PeerConfig::new(US, THEM);
    session.passive = true;
    bgp.add_peer(Neighbor::new("127.0.0.77:179".parse().unwrap(), session)).await.unwrap();
    let mut stranger = TcpStream::connect(bgp.listening()[0]).unwrap();
    stranger.set_read_timeout(Some(LIMIT)).unwrap();
    assert_eq!(stranger.read(&mut [0; 64]).unwrap(), 0, "it is told nothing");
    wait_for(&bgp, |report| report.strangers == 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_is_refused() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut config = BgpConfig::new(id(1));
    config.listen.push(taken.local_addr().unwrap());
    let refused = Bgp::start(config).map(|_| ());
    assert!(matches!(refused, Err(StartBgpError::Listen { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_that_never_reads_holds_up_no_other() {
    let (deaf, _deaf) = router(|stream| (stream, thread::park()));
    let (healthy, reader) = router(read_all);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    // More than the buffers of both kernels hold.
    bgp.change(hosts(1_000_000)).await.unwrap();
    let deaf = bgp.add_peer(dialing(deaf)).await.unwrap();
    wait_for(&bgp, |report| report.peers[&deaf].state == State::Established).await;
    let healthy = bgp.add_peer(dialing(healthy)).await.unwrap();
    let report = wait_for(&bgp, |report| report.peers[&healthy].announced_at.is_some()).await;
    assert_eq!(report.peers[&deaf].state, State::Established);
    assert_eq!(report.peers[&deaf].announced_at, None);
    bgp.drain(Duration::ZERO).await.unwrap();
    bgp.ended().await;
    let (kinds, told, _) = reader.join().unwrap();
    let updates = kinds.iter().filter(|kind| **kind == MessageType::UPDATE).count();
    assert!(updates >= 1_000_000 * 5 / 65_535, "{updates}");
    assert!(told.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_marks_the_routes_then_says_cease() {
    let (address, reader) = router(read_all);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    let mut attributes = Attributes::default();
    attributes.communities.push(Community::new(65001, 1));
    let with = Arc::new(Announcement::new(attributes));
    let route = RouteChange::Announce("192.0.2.10/32".parse().unwrap(), with);
    bgp.change(vec![route]).await.unwrap();
    bgp.add_peer(dialing(address)).await.unwrap();
    wait_for(&bgp, all_announced).await;
    bgp.drain(Duration::from_millis(100)).await.unwrap();
    bgp.ended().await;
    let (kinds, told, communities) = reader.join().unwrap();
    assert_eq!(communities, [Community::new(65001, 1), Community::GRACEFUL_SHUTDOWN]);
    assert_eq!(kinds.last(), Some(&MessageType::NOTIFICATION));
    let told = told.unwrap();
    assert_eq!(told.code, ErrorCode::CEASE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_handle_says_cease() {
    let (address, reader) = router(read_all);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    bgp.add_peer(dialing(address)).await.unwrap();
    wait_for(&bgp, all_announced).await;
    drop(bgp);
    let told = tokio::task::spawn_blocking(|| reader.join().unwrap().1).await.unwrap();
    assert_eq!(told.map(|told| told.code), Some(ErrorCode::CEASE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handover_leaves_without_a_word() {
    let (address, reader) = router(read_all);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    bgp.add_peer(dialing(address)).await.unwrap();
    wait_for(&bgp, all_announced).await;
    bgp.handover().await.unwrap();
    bgp.ended().await;
    assert_eq!(reader.join().unwrap().1, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reason_is_read_though_the_router_is_gone_already() {
    // It closes with our UPDATEs unread, so that its kernel resets the connection behind its words.
    let (address, _router) = router(|mut stream| {
        stream.read_exact(&mut [0; 64]).unwrap();
        thread::sleep(Duration::from_millis(50));
        let mut bytes = Vec::new();
        Notification::cease(CeaseSubcode::MAXIMUM_PREFIXES).encode(&mut bytes);
        stream.write_all(&bytes).unwrap();
    });
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    bgp.change(hosts(1_000_000)).await.unwrap();
    let peer = bgp.add_peer(dialing(address)).await.unwrap();
    let report = wait_for(&bgp, |report| report.peers[&peer].losses == 1).await;
    let loss = report.peers[&peer].last_loss.clone().unwrap();
    let told = Notification::cease(CeaseSubcode::MAXIMUM_PREFIXES);
    assert_eq!(loss.reason, DownReason::Received(told));
    let events = report.events_since(&BgpReport::default());
    let lost = events.iter().find(|event| matches!(event, BgpEvent::Lost { .. })).unwrap();
    assert!(
        lost.to_string().ends_with("lost: received Cease/Maximum Number of Prefixes Reached (6/1)"),
        "{lost}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_router_is_left_at_hold_time_and_told() {
    let (address, reader) = router(read_all);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    let mut neighbor = dialing(address);
    neighbor.session.hold_time = HoldTime::from_secs(3).unwrap();
    let peer = bgp.add_peer(neighbor).await.unwrap();
    let report = wait_for(&bgp, |report| report.peers[&peer].losses == 1).await;
    let loss = report.peers[&peer].last_loss.clone().unwrap();
    assert!(matches!(&loss.reason, DownReason::Sent(told) if told.code == ErrorCode::HOLD_TIMER));
    let told = reader.join().unwrap().1.unwrap();
    assert_eq!((told.code, told.subcode), (ErrorCode::HOLD_TIMER, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dial_that_fails_says_why_and_is_repeated() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    let bgp = Bgp::start(BgpConfig::new(id(1))).unwrap();
    let peer = bgp.add_peer(dialing(address)).await.unwrap();
    let report = wait_for(&bgp, |report| report.peers[&peer].failures >= 2).await;
    let error = report.peers[&peer].dial_error.clone().unwrap();
    assert!(error.contains("refused"), "{error}");
}
