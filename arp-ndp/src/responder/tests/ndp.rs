use core::net::Ipv6Addr;

use super::*;
use crate::{NdpMessage, NeighborAdvertisement, NeighborSolicitation, solicited_node};

const VIP6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const CLIENT6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const CLAIM6: Claim = Claim { address: IpAddr::V6(VIP6), ..CLAIM };

fn solicitation() -> NeighborSolicitation {
    NeighborSolicitation::question(CLIENT6, ASKER, VIP6, None)
}

fn holder6() -> Responder {
    let mut responder = silent();
    responder.grant(START, CLAIM6);
    sent6(&mut responder, START);
    responder
}

fn sent6(responder: &mut Responder, now: Instant) -> Vec<NdpMessage> {
    let mut buf = Vec::new();
    let mut messages = Vec::new();
    while let Some(link) = responder.poll_transmit(now, &mut buf) {
        assert_eq!(link, LINK);
        messages.push(NdpMessage::decode(&buf).unwrap());
    }
    messages
}

fn told(advertisement: NeighborAdvertisement) -> NdpMessage {
    NdpMessage::Advertisement(advertisement)
}

fn to_routers(router: bool) -> NeighborAdvertisement {
    NeighborAdvertisement::to_routers(VIP6, OURS, router)
}

fn hear(responder: &mut Responder, now: Instant, message: NdpMessage) -> Verdict {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    responder.handle_frame(now, Frame { link: LINK, vlan: None, bytes: &bytes })
}

fn solicit(responder: &mut Responder, now: Instant, question: NeighborSolicitation) -> Verdict {
    hear(responder, now, NdpMessage::Solicitation(question))
}

#[test]
fn whatever_linux_answers_is_answered() {
    let unicast = NeighborSolicitation::question(CLIENT6, ASKER, VIP6, Some(OURS));
    let group = solicitation();
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    for (what, question) in [
        ("to the group", group),
        ("to the group, without an option", NeighborSolicitation { source_mac: None, ..group }),
        ("reachability, with an option", unicast),
        ("reachability, without an option", NeighborSolicitation { source_mac: None, ..unicast }),
        ("to the group in a unicast frame", NeighborSolicitation { destination: OURS, ..group }),
        (
            "to all nodes",
            NeighborSolicitation {
                to: all_nodes,
                destination: MacAddr::of_group(all_nodes),
                ..group
            },
        ),
        (
            "from a link-local address",
            NeighborSolicitation { from: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), ..group },
        ),
    ] {
        let mut responder = holder6();
        assert_eq!(solicit(&mut responder, START, question), Verdict::Answered, "{what}");
        let reply = NeighborAdvertisement::reply(&question, OURS, false);
        assert!(reply.solicited && reply.overriding && reply.target_mac == Some(OURS));
        assert_eq!((reply.destination, reply.to), (ASKER, question.from), "{what}");
        assert_eq!(sent6(&mut responder, START), [told(reply)], "{what}");
    }
}

#[test]
fn a_host_that_looks_for_duplicates_is_told_and_is_no_conflict() {
    let mut responder = holder6();
    let probe = NeighborSolicitation::probe(VIP6, ASKER);
    assert_eq!(solicit(&mut responder, START, probe), Verdict::Answered);
    let answer = NeighborAdvertisement::announcement(VIP6, OURS, false);
    assert_eq!(sent6(&mut responder, START), [told(answer)]);
    assert_eq!(responder.poll_event(), None);
}

#[test]
fn whatever_would_make_an_amplifier_or_a_lie_is_refused_by_name() {
    let question = solicitation();
    for (refusal, question) in [
        (Refusal::SenderMac, NeighborSolicitation { source: MacAddr::BROADCAST, ..question }),
        (Refusal::SenderMac, NeighborSolicitation { source_mac: Some(MacAddr::ZERO), ..question }),
        (
            Refusal::SenderMac,
            NeighborSolicitation { source_mac: Some(MacAddr([0x33; 6])), ..question },
        ),
        (Refusal::FromUs, NeighborSolicitation { source: OURS, ..question }),
        (Refusal::FromUs, NeighborSolicitation { source_mac: Some(OURS), ..question }),
        (Refusal::SenderAddress, NeighborSolicitation { from: Ipv6Addr::LOCALHOST, ..question }),
        (
            Refusal::SenderAddress,
            NeighborSolicitation { from: Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), ..question },
        ),
        (Refusal::NotAddressedToUs, NeighborSolicitation { destination: ASKER, ..question }),
        (
            Refusal::NotAddressedToUs,
            NeighborSolicitation { destination: MacAddr::BROADCAST, ..question },
        ),
        (
            Refusal::NotAddressedToUs,
            NeighborSolicitation { to: CLIENT6, destination: OURS, ..question },
        ),
    ] {
        let mut responder = holder6();
        assert_eq!(
            solicit(&mut responder, START, question),
            Verdict::Refused(refusal),
            "{question:?}"
        );
        assert!(sent6(&mut responder, START).is_empty());
        assert_eq!(responder.poll_event(), None, "a refusal is no event");
    }
}

#[test]
fn a_sender_option_that_is_not_the_frames_source_is_counted_and_the_source_is_answered() {
    let other = Some(MacAddr([2, 0, 0, 0, 0, 0xcc]));
    let mut responder = holder6();
    let question = NeighborSolicitation { source_mac: other, ..solicitation() };
    assert_eq!(solicit(&mut responder, START, question), Verdict::Answered);
    assert_eq!(responder.counters().mismatched, 1);
    let reply = NeighborAdvertisement::reply(&question, OURS, false);
    assert_eq!(reply.destination, ASKER);
    assert_eq!(sent6(&mut responder, START), [told(reply)]);
}

#[test]
fn another_host_with_our_address_is_a_conflict_whichever_way_it_shows() {
    let conflict = Event::Conflict { address: IpAddr::V6(VIP6), link: LINK, other: ASKER };
    let theirs = NeighborAdvertisement::announcement(VIP6, ASKER, false);
    let asks = NeighborSolicitation::question(VIP6, ASKER, CLIENT6, None);
    for message in [
        told(theirs),
        told(NeighborAdvertisement { target_mac: None, overriding: false, ..theirs }),
        NdpMessage::Solicitation(asks),
    ] {
        let mut responder = holder6();
        assert_eq!(hear(&mut responder, START, message), Verdict::Conflict, "{message:?}");
        assert_eq!(responder.poll_event(), Some(conflict));
        assert_eq!(responder.poll_event(), None);
    }
}

#[test]
fn an_echo_from_another_link_of_ours_is_no_conflict() {
    let mut responder = holder6();
    let second = MacAddr([2, 0, 0, 0, 0, 0xcc]);
    responder.set_link(START, LinkId(3), second);
    let echo = NeighborAdvertisement::announcement(VIP6, second, false);
    let verdict = hear(&mut responder, START, told(echo));
    assert_eq!(verdict, Verdict::Refused(Refusal::FromUs));
}

#[test]
fn a_granted_address_is_advertised_three_times_a_second_apart_rfc_4861_7_2_6() {
    let mut responder = silent();
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.grant(START, CLAIM6);
    let announcement = told(NeighborAdvertisement::announcement(VIP6, OURS, false));
    for second in 0..3 {
        let now = START + Duration::from_secs(second);
        assert!(second == 0 || responder.poll_timeout() == Some(now));
        responder.handle_timeout(now);
        let mut expected = vec![announcement];
        // Routers that do not know the address yet are told once (RFC 9131 §4.1.1).
        expected.extend((second == 0).then(|| told(to_routers(false))));
        assert_eq!(sent6(&mut responder, now), expected, "{second}");
    }
    assert_eq!(responder.poll_timeout(), None);
}

#[test]
fn routers_that_do_not_know_an_address_are_told_and_nothing_of_theirs_is_replaced() {
    let mut buf = Vec::new();
    to_routers(true).encode(&mut buf);
    assert_eq!(buf[..6], [0x33, 0x33, 0, 0, 0, 2]);
    let told = to_routers(true);
    assert_eq!(told.to, "ff02::2".parse::<Ipv6Addr>().unwrap());
    assert!(told.router && !told.overriding && !told.solicited);
    assert_eq!(NdpMessage::decode(&buf), Ok(NdpMessage::Advertisement(told)));
}

#[test]
fn a_router_says_that_it_is_one_rfc_4861_7_2_4() {
    let mut responder = silent();
    responder.set_forwarding(LINK, true);
    responder.grant(START, CLAIM6);
    let announcement = NeighborAdvertisement::announcement(VIP6, OURS, true);
    assert_eq!(sent6(&mut responder, START), [told(announcement), told(to_routers(true))]);
    solicit(&mut responder, START, solicitation());
    let reply = NeighborAdvertisement::reply(&solicitation(), OURS, true);
    assert_eq!(sent6(&mut responder, START), [told(reply)]);
    responder.set_forwarding(LINK, false);
    solicit(&mut responder, START, solicitation());
    let reply = NeighborAdvertisement { router: false, ..reply };
    assert_eq!(sent6(&mut responder, START), [told(reply)]);
}

#[test]
fn addresses_that_share_a_group_want_it_until_the_last_is_revoked() {
    let twin = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0x10);
    let mut responder = holder6();
    responder.grant(START, CLAIM);
    responder.grant(START, Claim { address: twin.into(), ..CLAIM });
    let group = (LINK, solicited_node(VIP6));
    let wanted = |responder: &Responder| responder.wanted_groups().into_iter().collect::<Vec<_>>();
    assert_eq!(wanted(&responder), [group]);
    responder.revoke(LINK, VIP6.into());
    assert_eq!(wanted(&responder), [group]);
    responder.revoke(LINK, twin.into());
    assert!(wanted(&responder).is_empty());
}

#[test]
fn nothing_of_ipv6_leaves_at_or_after_the_leases_end() {
    let mut responder = holder6();
    let last = NOT_AFTER.saturating_sub(Duration::from_micros(1));
    assert_eq!(solicit(&mut responder, last, solicitation()), Verdict::Answered);
    let late = solicit(&mut responder, NOT_AFTER, solicitation());
    assert_eq!(late, Verdict::Refused(Refusal::LeaseExpired));
    assert!(sent6(&mut responder, NOT_AFTER).is_empty());
}
