use alloc::{vec, vec::Vec};
use core::{net::Ipv4Addr, time::Duration};

use super::*;
use crate::{ArpOperation, ArpPacket, Rate, Refusal};

mod acknowledge;
mod announce;
mod conflict;
mod limit;
mod ndp;

const LINK: LinkId = LinkId(2);
const LEASE: LeaseId = LeaseId(0);
const OURS: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xbb]);
const ASKER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xaa]);
const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);
const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);
const START: Instant = Instant::from_millis(1_000);
const NOT_AFTER: Instant = Instant::from_millis(2_000);

const REQUEST: ArpPacket = ArpPacket {
    destination: MacAddr::BROADCAST,
    source: ASKER,
    operation: ArpOperation::Request,
    sender_mac: ASKER,
    sender: CLIENT,
    target_mac: MacAddr::ZERO,
    target: VIP,
};

const CLAIM: Claim = Claim { address: IpAddr::V4(VIP), link: LINK, epoch: 1, lease: LEASE };

/// A responder that holds [`VIP`] and has made its first announcement.
fn holder() -> Responder {
    let mut responder = silent();
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    responder
}

/// What RFC 5227 asks for and no more, as fast as it can.
fn plain() -> ResponderConfig {
    ResponderConfig {
        pace: Rate::UNLIMITED,
        replies: 0,
        refresh: None,
        ask_requesters: 0,
        ..ResponderConfig::default()
    }
}

fn silent() -> Responder {
    with(plain())
}

fn with(config: ResponderConfig) -> Responder {
    let mut responder = Responder::new(config);
    responder.set_link(START, LINK, OURS);
    responder.renew(LEASE, NOT_AFTER);
    responder
}

fn sent(responder: &mut Responder, now: Instant) -> Vec<ArpPacket> {
    let mut buf = Vec::new();
    let mut packets = Vec::new();
    while let Some(link) = responder.poll_transmit(now, &mut buf) {
        assert_eq!(link, LINK);
        packets.push(ArpPacket::decode(&buf).unwrap());
    }
    packets
}

fn ask(responder: &mut Responder, now: Instant, packet: ArpPacket) -> Verdict {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes);
    responder.handle_frame(now, Frame { link: LINK, vlan: None, bytes: &bytes })
}

#[test]
fn a_question_for_our_address_is_answered_to_the_asker() {
    let mut responder = holder();
    assert_eq!(ask(&mut responder, START, REQUEST), Verdict::Answered);
    assert_eq!(sent(&mut responder, START), [ArpPacket::reply(&REQUEST, OURS)]);
    assert_eq!(responder.counters().replies_sent, 1);
}

#[test]
fn a_question_for_another_address_is_not_ours() {
    let other = ArpPacket { target: Ipv4Addr::new(172, 18, 0, 11), ..REQUEST };
    let mut responder = holder();
    assert_eq!(ask(&mut responder, START, other), Verdict::NotForUs);
    assert!(sent(&mut responder, START).is_empty());
}

#[test]
fn what_linux_answers_is_answered() {
    let answered = [
        ("a probe", ArpPacket { sender: Ipv4Addr::UNSPECIFIED, ..REQUEST }),
        ("a unicast question", ArpPacket { destination: OURS, ..REQUEST }),
        ("a sender off the subnet", ArpPacket { sender: Ipv4Addr::new(8, 8, 8, 8), ..REQUEST }),
        (
            "a sender that is not the frame's source",
            ArpPacket { sender_mac: MacAddr([2, 0, 0, 0, 0, 0xcc]), ..REQUEST },
        ),
    ];
    for (what, question) in answered {
        let mut responder = holder();
        assert_eq!(ask(&mut responder, START, question), Verdict::Answered, "{what}");
        let replies = sent(&mut responder, START);
        assert_eq!(replies.len(), 1, "{what}");
        assert_eq!(replies[0].destination, question.source, "{what}: to the frame's source");
    }
}

#[test]
fn what_would_make_an_amplifier_or_a_lie_is_refused_by_name() {
    let group = MacAddr([1, 0, 0x5e, 0, 0, 1]);
    let refused = [
        (Refusal::SenderAddress, ArpPacket { sender: Ipv4Addr::new(224, 0, 0, 1), ..REQUEST }),
        (Refusal::SenderAddress, ArpPacket { sender: Ipv4Addr::BROADCAST, ..REQUEST }),
        (Refusal::SenderAddress, ArpPacket { sender: Ipv4Addr::LOCALHOST, ..REQUEST }),
        (Refusal::SenderMac, ArpPacket { sender_mac: MacAddr::BROADCAST, ..REQUEST }),
        (Refusal::SenderMac, ArpPacket { sender_mac: MacAddr::ZERO, ..REQUEST }),
        (Refusal::SenderMac, ArpPacket { sender_mac: group, ..REQUEST }),
        (Refusal::SenderMac, ArpPacket { source: MacAddr::BROADCAST, ..REQUEST }),
        (Refusal::FromUs, ArpPacket { sender_mac: OURS, ..REQUEST }),
        (Refusal::FromUs, ArpPacket { source: OURS, ..REQUEST }),
        (Refusal::NotAddressedToUs, ArpPacket { destination: group, ..REQUEST }),
        (Refusal::NotAddressedToUs, ArpPacket { destination: ASKER, ..REQUEST }),
    ];
    for (refusal, question) in refused {
        let mut responder = holder();
        assert_eq!(ask(&mut responder, START, question), Verdict::Refused(refusal));
        assert_eq!(responder.counters().refused(refusal), 1);
        assert!(sent(&mut responder, START).is_empty(), "{refusal}");
        assert_eq!(responder.poll_event(), None, "a refusal is no event");
    }
}

#[test]
fn a_reply_is_not_a_question() {
    let reply = ArpPacket { operation: ArpOperation::Reply, destination: OURS, ..REQUEST };
    assert_eq!(ask(&mut holder(), START, reply), Verdict::NotForUs);
}

#[test]
fn a_tagged_frame_belongs_to_another_link_and_a_priority_tag_does_not() {
    let mut bytes = Vec::new();
    REQUEST.encode(&mut bytes);
    let mut responder = holder();
    let tagged = Frame { link: LINK, vlan: Some(7), bytes: &bytes };
    assert_eq!(responder.handle_frame(START, tagged), Verdict::Refused(Refusal::VlanTagged),);
    let priority = Frame { vlan: Some(0), ..tagged };
    assert_eq!(responder.handle_frame(START, priority), Verdict::Answered);
}

#[test]
fn a_frame_from_an_unknown_link_is_refused() {
    let mut bytes = Vec::new();
    REQUEST.encode(&mut bytes);
    let frame = Frame { link: LinkId(9), vlan: None, bytes: &bytes };
    assert_eq!(holder().handle_frame(START, frame), Verdict::Refused(Refusal::UnknownLink));
}

#[test]
fn another_hosts_claim_to_our_address_is_a_conflict_and_is_told_once() {
    for operation in [ArpOperation::Request, ArpOperation::Reply] {
        let theirs = ArpPacket { sender: VIP, operation, ..REQUEST };
        let mut responder = holder();
        assert_eq!(ask(&mut responder, START, theirs), Verdict::Conflict);
        assert_eq!(ask(&mut responder, START, theirs), Verdict::Conflict);
        assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, OURS)], "defended");
        let address = IpAddr::V4(VIP);
        assert_eq!(
            responder.poll_event(),
            Some(Event::Conflict { address, link: LINK, other: ASKER })
        );
        assert_eq!(responder.poll_event(), None);
        assert_eq!(responder.counters().conflicts, 2);
    }
}

#[test]
fn a_granted_address_is_announced_twice_two_seconds_apart_rfc_5227() {
    let mut responder = silent();
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.grant(START, CLAIM);
    let announcement = ArpPacket::announcement(VIP, OURS);
    assert_eq!(sent(&mut responder, START), [announcement]);
    let due = START + Duration::from_secs(2);
    assert_eq!(responder.poll_timeout(), Some(due));
    responder.handle_timeout(due);
    assert_eq!(sent(&mut responder, due), [announcement]);
    assert_eq!(responder.poll_timeout(), None);
}

#[test]
fn nothing_leaves_at_or_after_the_leases_end() {
    let mut responder = silent();
    responder.grant(NOT_AFTER, CLAIM);
    assert!(sent(&mut responder, NOT_AFTER).is_empty());

    let mut responder = holder();
    let last = NOT_AFTER.saturating_sub(Duration::from_micros(1));
    assert_eq!(ask(&mut responder, last, REQUEST), Verdict::Answered);
    assert_eq!(ask(&mut responder, NOT_AFTER, REQUEST), Verdict::Refused(Refusal::LeaseExpired));
    assert!(sent(&mut responder, NOT_AFTER).is_empty(), "the first answer has become stale");
    assert_eq!(responder.counters().stale_answers, 1);
}

#[test]
fn an_answer_that_was_queued_is_not_built_for_a_later_tenure() {
    let mut responder = holder();
    assert_eq!(ask(&mut responder, START, REQUEST), Verdict::Answered);
    let later = NOT_AFTER + Duration::from_secs(60);
    responder.revoke(LINK, IpAddr::V4(VIP));
    responder.renew(LEASE, later + Duration::from_secs(1));
    responder.grant(later, Claim { epoch: 2, ..CLAIM });
    assert_eq!(sent(&mut responder, later), [ArpPacket::announcement(VIP, OURS)]);
}

#[test]
fn an_answer_is_not_carried_into_another_tenure_of_the_same_number() {
    for revoked in [false, true] {
        let mut responder = holder();
        assert_eq!(ask(&mut responder, START, REQUEST), Verdict::Answered);
        if revoked {
            responder.revoke(LINK, IpAddr::V4(VIP));
        } else {
            responder.grant(START, Claim { epoch: 0, ..CLAIM });
        }
        responder.grant(START, CLAIM);
        let replies = sent(&mut responder, START).into_iter().filter(|p| p.target == CLIENT);
        assert_eq!(replies.count(), 0, "revoked: {revoked}");
    }
}

#[test]
fn an_answer_is_not_carried_into_a_tenure_that_follows_at_once() {
    let mut responder = holder();
    assert_eq!(ask(&mut responder, START, REQUEST), Verdict::Answered);
    responder.grant(START, Claim { epoch: 2, ..CLAIM });
    assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, OURS)]);
    assert_eq!(responder.counters().stale_answers, 1);
}

#[test]
fn a_revoked_address_is_silent_at_once() {
    let mut responder = holder();
    ask(&mut responder, START, REQUEST);
    assert!(responder.revoke(LINK, IpAddr::V4(VIP)));
    assert!(sent(&mut responder, START).is_empty());
    assert_eq!(ask(&mut responder, START, REQUEST), Verdict::NotForUs);
    assert_eq!(responder.poll_timeout(), None);
    assert!(!responder.revoke(LINK, IpAddr::V4(VIP)));
}

#[test]
fn whoever_holds_it_again_announces_it_again_but_a_repeated_grant_does_not() {
    let mut responder = holder();
    responder.grant(START, CLAIM);
    assert!(sent(&mut responder, START).is_empty());
    responder.grant(START, Claim { epoch: 2, ..CLAIM });
    assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, OURS)]);
}

#[test]
fn a_link_that_comes_back_or_changes_its_address_is_announced_on_again() {
    let mut responder = holder();
    responder.set_link(START, LINK, OURS);
    assert!(sent(&mut responder, START).is_empty(), "nothing has changed");
    responder.remove_link(LINK);
    responder.set_link(START, LINK, OURS);
    assert_eq!(sent(&mut responder, START).len(), 1);
    let changed = MacAddr([0x02, 0, 0, 0, 0, 0xdd]);
    responder.set_link(START, LINK, changed);
    assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, changed)]);
}

#[test]
fn the_queue_of_answers_is_bounded() {
    let config = ResponderConfig { answer_queue: 3, ..ResponderConfig::default() };
    let mut responder = Responder { config, ..holder() };
    let verdicts: Vec<_> = (0..5).map(|_| ask(&mut responder, START, REQUEST)).collect();
    let full = Verdict::Refused(Refusal::QueueFull);
    let answered = Verdict::Answered;
    assert_eq!(verdicts, vec![answered, answered, answered, full, full]);
    assert_eq!(sent(&mut responder, START).len(), 3);
}

#[test]
#[cfg_attr(miri, ignore = "takes long there")]
fn a_thousand_addresses_live_by_one_renewal() {
    let mut responder = silent();
    for host in 0..1_000_u32 {
        let address = IpAddr::V4(Ipv4Addr::from_bits(0xac12_0000 + host));
        responder.grant(START, Claim { address, ..CLAIM });
    }
    assert_eq!(sent(&mut responder, START).len(), 1_000);
    responder.renew(LEASE, NOT_AFTER + Duration::from_secs(9));
    let target = Ipv4Addr::from_bits(0xac12_03e7);
    let sender = Ipv4Addr::new(172, 18, 9, 9);
    let question = ArpPacket { sender, target, ..REQUEST };
    assert_eq!(ask(&mut responder, NOT_AFTER, question), Verdict::Answered);
}

#[test]
fn leases_that_have_ended_are_forgotten_and_begin_anew() {
    const LEASES: u32 = if cfg!(miri) { 20 } else { 10_000 };
    let mut responder = holder();
    let second = Duration::from_secs(1);
    for number in 10..LEASES {
        let now = START + second * number;
        responder.renew(LeaseId(number), now + second);
        responder.handle_timeout(now);
        assert!(responder.leases.len() <= 2, "{}", responder.leases.len());
    }
    assert_eq!(responder.claims().count(), 1, "a claim outlives its lease");
    let now = START + second * LEASES;
    assert_eq!(ask(&mut responder, now, REQUEST), Verdict::Refused(Refusal::LeaseExpired));
    responder.renew(LEASE, now + second);
    assert_eq!(sent(&mut responder, now).len(), 1, "announced again");
    assert_eq!(ask(&mut responder, now, REQUEST), Verdict::Answered);
}
