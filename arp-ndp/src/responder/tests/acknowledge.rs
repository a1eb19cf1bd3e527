use core::net::Ipv6Addr;

use super::*;
use crate::{NdpMessage, NeighborAdvertisement, NeighborSolicitation};

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);
const GATEWAY_MAC: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0x01]);
const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const GATEWAY6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

fn asking() -> Responder {
    let mut responder = with(ResponderConfig { announcements: 0, advertisements: 0, ..plain() });
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.set_gateways(START, LINK, &[GATEWAY.into(), GATEWAY6.into()]);
    responder
}

fn question(known: Option<MacAddr>) -> ArpPacket {
    ArpPacket::question(VIP, OURS, GATEWAY, known)
}

/// The gateway's answer to [`question`].
fn reply() -> ArpPacket {
    ArpPacket::reply(&question(None), GATEWAY_MAC)
}

fn answer_of(responder: &Responder, address: IpAddr) -> Vec<(IpAddr, bool, Acknowledged)> {
    let all = responder.acknowledgements(LINK, address);
    all.map(|ack| (ack.neighbour, ack.gateway, ack.answer)).collect()
}

fn after(millis: u64) -> Instant {
    START + Duration::from_millis(millis)
}

fn events(responder: &mut Responder) -> Vec<Event> {
    core::iter::from_fn(|| responder.poll_event()).collect()
}

#[test]
fn a_gateway_is_asked_from_the_address_until_it_answers() {
    let mut responder = asking();
    responder.grant(START, CLAIM);
    for at in [0, 20, 60] {
        responder.handle_timeout(after(at));
        assert_eq!(sent(&mut responder, after(at)), [question(None)], "{at}");
    }
    assert_eq!(responder.poll_timeout(), Some(after(200)));
    assert_eq!(ask(&mut responder, after(61), reply()), Verdict::Acknowledged);
    let elapsed = Duration::from_millis(61);
    let event = Event::Acknowledged {
        address: VIP.into(),
        link: LINK,
        neighbour: GATEWAY.into(),
        gateway: true,
        after: elapsed,
    };
    assert_eq!(events(&mut responder), [event]);
    let state = (IpAddr::from(GATEWAY), true, Acknowledged::After(elapsed));
    assert_eq!(answer_of(&responder, VIP.into()), [state]);
    responder.handle_timeout(after(1_100));
    assert!(sent(&mut responder, after(1_100)).is_empty(), "it is not asked again");
    assert_eq!(responder.counters().acknowledged, 1);
}

#[test]
fn a_silent_gateway_is_an_event_once() {
    let mut responder = asking();
    responder.grant(START, CLAIM);
    for at in [0, 20, 60, 200, 1_100] {
        assert!(events(&mut responder).is_empty());
        responder.handle_timeout(after(at));
        assert_eq!(sent(&mut responder, after(at)).len(), 1, "{at}");
    }
    assert_eq!(responder.poll_timeout(), Some(after(2_100)));
    responder.handle_timeout(after(2_100));
    assert!(sent(&mut responder, after(2_100)).is_empty());
    let (address, gateway) = (VIP.into(), GATEWAY.into());
    let event = Event::Unanswered { address, link: LINK, gateway };
    assert_eq!(events(&mut responder), [event]);
    assert_eq!(answer_of(&responder, address), [(gateway, true, Acknowledged::Silent)]);
    assert_eq!(responder.counters().unanswered, 1);
    let again = responder.poll_timeout().unwrap();
    let later = again - after(1_100);
    assert!((54..=66).contains(&later.as_secs()), "{later:?}");
    responder.handle_timeout(again);
    assert_eq!(sent(&mut responder, again).len(), 1, "it is asked again");
    assert_eq!(ask(&mut responder, again, reply()), Verdict::Acknowledged);
    assert_eq!(events(&mut responder).len(), 1, "it is back");
}

#[test]
fn only_the_asked_neighbours_answer_to_this_claim_after_its_start_counts() {
    let foreign = [
        ("of another neighbour", ArpPacket { sender: CLIENT, ..reply() }),
        ("to another address", ArpPacket { target: Ipv4Addr::new(172, 18, 0, 99), ..reply() }),
        ("to all", ArpPacket { destination: MacAddr::BROADCAST, ..reply() }),
        ("to another host", ArpPacket { destination: ASKER, target_mac: ASKER, ..reply() }),
        ("about another host", ArpPacket { target_mac: ASKER, ..reply() }),
        ("that is a question", ArpPacket { operation: ArpOperation::Request, ..reply() }),
        ("from a group", ArpPacket { source: MacAddr([0x33; 6]), ..reply() }),
        ("that names a group", ArpPacket { sender_mac: MacAddr::BROADCAST, ..reply() }),
    ];
    let mut responder = asking();
    responder.grant(START, CLAIM);
    assert_eq!(ask(&mut responder, START, reply()), Verdict::NotForUs, "before it was asked");
    sent(&mut responder, START);
    for (what, packet) in foreign {
        assert_ne!(ask(&mut responder, START, packet), Verdict::Acknowledged, "{what}");
    }
    assert!(events(&mut responder).is_empty());
    assert_eq!(ask(&mut responder, START, reply()), Verdict::Acknowledged);
    assert_eq!(ask(&mut responder, START, reply()), Verdict::NotForUs, "a second time");

    responder.grant(START, Claim { epoch: 2, ..CLAIM });
    assert_eq!(ask(&mut responder, START, reply()), Verdict::NotForUs, "of the tenure before");
    sent(&mut responder, START);
    assert_eq!(ask(&mut responder, START, reply()), Verdict::Acknowledged);
    assert_eq!(responder.counters().acknowledged, 2);
}

#[test]
fn an_answer_after_the_leases_end_does_not_count() {
    let mut responder = asking();
    responder.renew(LEASE, NOT_AFTER);
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    assert_eq!(ask(&mut responder, NOT_AFTER, reply()), Verdict::NotForUs);
    let later = NOT_AFTER + Duration::from_secs(90);
    responder.handle_timeout(later);
    assert!(sent(&mut responder, later).is_empty());
    assert!(events(&mut responder).is_empty(), "nor is its absence told");
}

#[test]
fn a_known_gateway_is_asked_alone_and_then_all_are() {
    let mut responder = asking();
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    ask(&mut responder, START, reply());
    responder.grant(START, Claim { epoch: 2, ..CLAIM });
    let known = Some(GATEWAY_MAC);
    for (at, known) in [(0, known), (20, known), (60, None), (200, None)] {
        responder.handle_timeout(after(at));
        assert_eq!(sent(&mut responder, after(at)), [question(known)], "{at}");
    }
}

#[test]
fn an_address_that_has_not_spoken_to_its_gateway_for_a_minute_asks_it() {
    let mut responder = asking();
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    ask(&mut responder, START, reply());
    let mut now = START;
    for round in 0..20 {
        let due = responder.poll_timeout().unwrap();
        let quiet = due - now;
        let range = Duration::from_secs(54)..=Duration::from_secs(66);
        assert!(range.contains(&quiet), "{round}: {quiet:?}");
        now = due;
        responder.handle_timeout(now);
        assert_eq!(sent(&mut responder, now), [question(Some(GATEWAY_MAC))]);
        assert_eq!(ask(&mut responder, now, reply()), Verdict::Acknowledged);
    }
    assert_eq!(events(&mut responder).len(), 1, "only the first is news");
}

#[test]
fn an_address_that_has_answered_its_gateway_does_not_ask_it() {
    let mut responder = asking();
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    ask(&mut responder, START, reply());
    let spoken = START + Duration::from_secs(40);
    let theirs = ArpPacket { sender: GATEWAY, ..REQUEST };
    assert_eq!(ask(&mut responder, spoken, theirs), Verdict::Answered);
    assert_eq!(sent(&mut responder, spoken).len(), 1);
    let due = responder.poll_timeout().unwrap();
    responder.handle_timeout(due);
    assert!(sent(&mut responder, due).is_empty());
    let due = responder.poll_timeout().unwrap();
    assert!(due - spoken >= Duration::from_secs(54));
    responder.handle_timeout(due);
    assert_eq!(sent(&mut responder, due).len(), 1);
}

#[test]
fn those_who_lately_asked_are_asked_when_the_address_moves_here() {
    let config = ResponderConfig { announcements: 0, ask_requesters: 2, ..plain() };
    let mut responder = with(config);
    responder.renew(LEASE, Instant::FAR_FUTURE);
    // While another node holds it, its askers are heard here too.
    let host = |host: u8| {
        let mac = MacAddr([2, 0, 0, 0, 1, host]);
        let sender = Ipv4Addr::new(172, 18, 0, host);
        ArpPacket { source: mac, sender_mac: mac, sender, ..REQUEST }
    };
    for who in [20, 21, 22, 20] {
        assert_eq!(ask(&mut responder, START, host(who)), Verdict::NotForUs);
    }
    let probe = ArpPacket { sender: Ipv4Addr::UNSPECIFIED, ..host(23) };
    ask(&mut responder, START, probe);
    ask(&mut responder, START, ArpPacket { target: CLIENT, ..host(24) });
    responder.grant(START, CLAIM);
    let asked = |who: u8| ArpPacket::question(VIP, OURS, host(who).sender, Some(host(who).source));
    assert_eq!(sent(&mut responder, START), [asked(20), asked(22)], "the last two");

    assert_eq!(
        ask(&mut responder, after(1), ArpPacket::reply(&asked(22), host(22).source)),
        Verdict::Acknowledged
    );
    for at in [20, 60, 200, 1_100, 2_100] {
        responder.handle_timeout(after(at));
        sent(&mut responder, after(at));
    }
    let states: Vec<Acknowledged> =
        responder.acknowledgements(LINK, VIP.into()).map(|ack| ack.answer).collect();
    let acknowledged = Acknowledged::After(Duration::from_millis(1));
    assert_eq!(states, [Acknowledged::Silent, acknowledged]);
    assert_eq!(responder.counters().unanswered, 0, "a client may be gone");
    assert_eq!(responder.poll_timeout(), None, "and is not asked for ever");
}

#[test]
fn ipv6_is_asked_by_a_solicitation_and_acknowledges_by_a_solicited_advertisement() {
    let mut responder = asking();
    responder.grant(START, Claim { address: VIP6.into(), ..CLAIM });
    let mut buf = Vec::new();
    assert_eq!(responder.poll_transmit(START, &mut buf), Some(LINK));
    let question = NeighborSolicitation::question(VIP6, OURS, GATEWAY6, None);
    assert_eq!(NdpMessage::decode(&buf), Ok(NdpMessage::Solicitation(question)));
    assert_eq!(responder.poll_transmit(START, &mut buf), None, "not the IPv4 gateway");

    let mut hear = |told: NeighborAdvertisement| {
        told.encode(&mut buf);
        responder.handle_frame(START, Frame { link: LINK, vlan: None, bytes: &buf })
    };
    let reply = NeighborAdvertisement::reply(&question, GATEWAY_MAC, true);
    let unsolicited = NeighborAdvertisement { solicited: false, ..reply };
    assert_eq!(hear(unsolicited), Verdict::NotForUs);
    let elsewhere = NeighborAdvertisement { target: "fe80::2".parse().unwrap(), ..reply };
    assert_eq!(hear(elsewhere), Verdict::NotForUs);
    assert_eq!(hear(NeighborAdvertisement { target_mac: None, ..reply }), Verdict::Acknowledged);
    let acknowledged = Acknowledged::After(Duration::ZERO);
    assert_eq!(answer_of(&responder, VIP6.into()), [(GATEWAY6.into(), true, acknowledged)]);
}

#[test]
fn a_new_gateway_is_asked_and_an_old_one_forgotten() {
    let second = Ipv4Addr::new(172, 18, 0, 3);
    let mut responder = asking();
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    responder.set_gateways(START, LINK, &[second.into()]);
    let asked = ArpPacket::question(VIP, OURS, second, None);
    assert_eq!(sent(&mut responder, START), [asked]);
    assert_eq!(answer_of(&responder, VIP.into()), [(second.into(), true, Acknowledged::Waiting)]);
    assert_eq!(ask(&mut responder, START, reply()), Verdict::NotForUs);
    responder.set_gateways(START, LINK, &[second.into()]);
    assert!(sent(&mut responder, START).is_empty(), "nothing has changed");
}

#[test]
fn the_memory_of_requesters_is_bounded() {
    let mut responder = with(ResponderConfig { requesters: 8, ..plain() });
    for host in 0..100 {
        let sender = Ipv4Addr::new(172, 18, 1, host);
        ask(&mut responder, START, ArpPacket { sender, ..REQUEST });
    }
    assert_eq!(responder.remembered(), 8);
}
