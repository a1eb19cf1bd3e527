use core::net::Ipv6Addr;

use super::*;
use crate::{NdpMessage, NeighborAdvertisement, NeighborSolicitation, solicited_node};

const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);

fn theirs() -> ArpPacket {
    ArpPacket { sender: VIP, ..REQUEST }
}

fn lasting() -> Responder {
    let mut responder = holder();
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.handle_timeout(START);
    responder.handle_timeout(START + Duration::from_secs(2));
    sent(&mut responder, START + Duration::from_secs(2));
    responder
}

#[test]
fn an_address_is_defended_once_in_ten_seconds_however_many_attack_rfc_5227_2_4_c() {
    let mut responder = lasting();
    let mut defences = Vec::new();
    for step in 0..400 {
        let now = START + Duration::from_secs(3) + Duration::from_millis(step * 100);
        assert_eq!(ask(&mut responder, now, theirs()), Verdict::Conflict);
        for packet in sent(&mut responder, now) {
            assert_eq!(packet, ArpPacket::announcement(VIP, OURS));
            defences.push((now - START).as_secs());
        }
    }
    assert_eq!(defences, [3, 13, 23, 33]);
    assert_eq!(responder.counters().defences_sent, 4);
    assert_eq!(responder.counters().conflicts, 400);
    assert!(responder.poll_event().is_some());
    assert_eq!(responder.poll_event(), None, "one event for all of them");
    assert_eq!(responder.claims().count(), 1, "the address is kept");
}

#[test]
fn a_defence_changes_nothing_of_the_announcements_that_are_due() {
    let mut responder = holder();
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.handle_timeout(START);
    let now = START + Duration::from_secs(1);
    ask(&mut responder, now, theirs());
    assert_eq!(sent(&mut responder, now).len(), 1);
    let second = START + Duration::from_secs(2);
    assert_eq!(responder.poll_timeout(), Some(second));
    responder.handle_timeout(second);
    assert_eq!(sent(&mut responder, second).len(), 1);
}

#[test]
fn an_expired_claim_is_not_defended() {
    let mut responder = holder();
    assert_eq!(ask(&mut responder, NOT_AFTER, theirs()), Verdict::Conflict);
    assert!(sent(&mut responder, NOT_AFTER).is_empty());
    assert_eq!(responder.poll_event(), None);
}

#[test]
fn three_unanswered_probes_find_an_address_free() {
    let mut responder = silent();
    assert!(responder.check(START, VIP.into(), LINK));
    for probe in 0..3 {
        let now = START + Duration::from_millis(probe * 200);
        responder.handle_timeout(now);
        assert_eq!(sent(&mut responder, now), [ArpPacket::probe(VIP, OURS)], "{probe}");
        assert_eq!(responder.poll_event(), None);
    }
    let end = START + Duration::from_millis(600);
    assert_eq!(ask(&mut responder, end, REQUEST), Verdict::NotForUs, "a question is no claim");
    assert!(sent(&mut responder, end).is_empty());
    assert_eq!(responder.poll_event(), Some(Event::Free { address: VIP.into(), link: LINK }));
    assert_eq!(responder.poll_event(), None);
    assert_eq!(responder.counters().probes_sent, 3);
}

#[test]
fn who_has_or_also_probes_a_checked_address_makes_it_in_use_rfc_5227_2_1_1() {
    let reply = ArpPacket {
        operation: ArpOperation::Reply,
        destination: OURS,
        sender: VIP,
        target_mac: OURS,
        target: Ipv4Addr::UNSPECIFIED,
        ..REQUEST
    };
    for packet in [reply, theirs(), ArpPacket::probe(VIP, ASKER)] {
        let mut responder = silent();
        responder.check(START, VIP.into(), LINK);
        sent(&mut responder, START);
        assert_eq!(ask(&mut responder, START, packet), Verdict::InUse, "{packet:?}");
        let event = Event::InUse { address: VIP.into(), link: LINK, by: ASKER };
        assert_eq!(responder.poll_event(), Some(event));
        let later = START + Duration::from_secs(1);
        responder.handle_timeout(later);
        assert!(sent(&mut responder, later).is_empty());
        assert_eq!(responder.poll_event(), None);
    }
}

#[test]
fn our_own_probe_that_comes_back_finds_nobody() {
    let mut responder = silent();
    responder.check(START, VIP.into(), LINK);
    let [probe] = sent(&mut responder, START)[..] else { panic!() };
    assert_eq!(ask(&mut responder, START, probe), Verdict::Refused(Refusal::FromUs));
    assert_eq!(responder.poll_event(), None);
}

#[test]
fn ipv6_is_checked_by_duplicate_address_detection() {
    let mut buf = Vec::new();
    let probe = NeighborSolicitation::probe(VIP6, OURS);
    let told = NeighborAdvertisement::announcement(VIP6, ASKER, false);
    let other = NeighborSolicitation::probe(VIP6, ASKER);
    for answer in [NdpMessage::Advertisement(told), NdpMessage::Solicitation(other)] {
        let mut responder = silent();
        responder.check(START, VIP6.into(), LINK);
        assert!(responder.wanted_groups().contains(&(LINK, solicited_node(VIP6))));
        assert_eq!(responder.poll_transmit(START, &mut buf), Some(LINK));
        assert_eq!(NdpMessage::decode(&buf), Ok(NdpMessage::Solicitation(probe)));
        answer.encode(&mut buf);
        let frame = Frame { link: LINK, vlan: None, bytes: &buf };
        assert_eq!(responder.handle_frame(START, frame), Verdict::InUse);
        let event = Event::InUse { address: VIP6.into(), link: LINK, by: ASKER };
        assert_eq!(responder.poll_event(), Some(event));
        assert!(responder.wanted_groups().is_empty());
    }
}

#[test]
fn a_check_waits_for_its_link_and_silence_while_it_is_down_says_nothing() {
    let mut responder = silent();
    responder.check(START, VIP.into(), LINK);
    assert_eq!(sent(&mut responder, START).len(), 1);
    responder.remove_link(LINK);
    let later = START + Duration::from_secs(60);
    responder.handle_timeout(later);
    assert_eq!(responder.poll_event(), None);
    responder.set_link(later, LINK, OURS);
    for probe in 0..3 {
        let now = later + Duration::from_millis(probe * 200);
        responder.handle_timeout(now);
        assert_eq!(sent(&mut responder, now).len(), 1);
    }
    responder.handle_timeout(later + Duration::from_millis(600));
    assert!(matches!(responder.poll_event(), Some(Event::Free { .. })));
}

#[test]
fn a_claim_ends_the_check_and_a_claimed_address_is_not_checked() {
    let mut responder = silent();
    responder.check(START, VIP.into(), LINK);
    responder.grant(START, CLAIM);
    assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, OURS)]);
    responder.handle_timeout(START + Duration::from_secs(1));
    assert_eq!(responder.poll_event(), None);
    assert!(!responder.check(START + Duration::from_secs(1), VIP.into(), LINK));

    responder.check(START, CLIENT.into(), LINK);
    assert!(responder.stop_check(LINK, CLIENT.into()));
    assert!(!responder.stop_check(LINK, CLIENT.into()));
    responder.handle_timeout(START + Duration::from_secs(9));
    assert_eq!(responder.poll_event(), None);
}
