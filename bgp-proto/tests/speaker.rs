//! What routers are told, and how.

mod common;

use std::{collections::BTreeSet, net::IpAddr, time::Duration};

use common::node::*;
use ipnet::IpNet;
use vipcast_bgp_proto::{
    Announcement, Asn, Audience, Instant, Machine, PeerConfig, PeerInput, PeerTransmit, RouterId,
    Speaker, SpeakerEvent,
    fsm::State,
    wire::{
        Attributes, Community, ExtendedCommunity, Family, LargeCommunity, NextHop, RefreshSubtype,
        Role, RouteRefresh,
    },
};

const SECOND: Duration = Duration::from_secs(1);

fn net(prefix: &str) -> IpNet {
    prefix.parse().unwrap()
}

fn host(number: u32) -> IpNet {
    IpNet::from(IpAddr::from((0x0A00_0000 + number).to_be_bytes()))
}

fn with_community(low: u16) -> Announcement {
    Announcement::new(Attributes {
        communities: vec![Community::new(65001, low)],
        ..Attributes::default()
    })
}

/// Established, and all that was to be told is told.
fn settled(mut world: World) -> World {
    world.run(10 * SECOND);
    assert_eq!(world.router().peer.state(), State::Established);
    world
}

#[test]
fn a_thousand_prefixes_with_equal_attributes_leave_in_two_updates_and_an_end_of_rib() {
    let (mut ours, theirs) = external_pair();
    ours.extended_messages = false;
    ours.families = vec![Family::IPV4_UNICAST];
    let mut world = world(ours, theirs);
    for number in 0..1000 {
        world.speaker().announce(host(number), &with_community(1));
    }
    let mut world = settled(world);
    assert_eq!(world.router().rib.len(), 1000);
    assert_eq!(world.router().updates, 3);
    assert_eq!(world.router().ended, [Family::IPV4_UNICAST]);
    assert_eq!(world.speaker().pending_changes(), 0);
}

#[test]
fn rfc4724_2_an_end_of_rib_is_sent_for_each_family_even_without_routes() {
    let mut world = settled(external_world());
    assert_eq!(world.router().ended, [Family::IPV4_UNICAST, Family::IPV6_UNICAST]);
    assert_eq!(world.router().updates, 2);
    let events = world.events();
    assert!(matches!(
        events[..],
        [
            SpeakerEvent::Established(_),
            SpeakerEvent::Announced(Family::IPV4_UNICAST),
            SpeakerEvent::Announced(Family::IPV6_UNICAST)
        ]
    ));
}

#[test]
fn a_changed_community_on_one_prefix_is_one_update_and_touches_no_session() {
    let mut world = external_world();
    for number in 0..5000 {
        world.speaker().announce(host(number), &with_community(1));
    }
    let mut world = settled(world);
    world.router().forget_counts();
    world.speaker().announce(host(77), &with_community(2));
    world.run(SECOND);
    let router = world.router();
    assert_eq!((router.updates, router.announced, router.withdrawn), (1, 1, 0));
    assert_eq!(router.rib[&(host(77), 0)].0.communities, [Community::new(65001, 2)]);
    assert_eq!(router.peer.counters().established, 1);
}

#[test]
fn what_is_announced_already_is_not_sent_again() {
    let mut world = external_world();
    world.speaker().announce(host(1), &with_community(1));
    let mut world = settled(world);
    world.router().forget_counts();
    world.speaker().announce(host(1), &with_community(1));
    world.speaker().withdraw(host(2));
    world.run(SECOND);
    assert_eq!(world.router().updates, 0);
}

#[test]
fn withdrawals_are_packed_in_both_families() {
    let mut world = external_world();
    for number in 0..100 {
        world.speaker().announce(host(number), &with_community(1));
        world.speaker().announce(net(&format!("2001:db8::{number:x}/128")), &with_community(1));
    }
    let mut world = settled(world);
    assert_eq!(world.router().rib.len(), 200);
    world.router().forget_counts();
    for number in 0..100 {
        world.speaker().withdraw(host(number));
        world.speaker().withdraw(net(&format!("2001:db8::{number:x}/128")));
    }
    world.run(SECOND);
    assert!(world.router().rib.is_empty());
    assert_eq!((world.router().updates, world.router().withdrawn), (2, 200));
}

#[test]
fn interleaved_changes_of_two_sets_meet_in_two_updates() {
    let mut world = settled(external_world());
    world.router().forget_counts();
    for number in 0..1000 {
        let set = u16::try_from(number % 2).unwrap();
        world.speaker().announce(host(number), &with_community(set));
    }
    world.run(SECOND);
    assert_eq!((world.router().updates, world.router().announced), (2, 1000));
}

#[test]
fn a_router_that_does_not_read_is_told_only_how_things_are_in_the_end() {
    let mut world = external_world();
    for number in 0..10 {
        world.speaker().announce(host(number), &with_community(0));
    }
    let mut world = settled(world);
    world.stuck[0] = true;
    // This one still leaves; then the transport is full.
    world.speaker().announce(host(0), &with_community(99));
    world.run(SECOND);
    let sent = world.sent.len();
    world.router().forget_counts();
    for round in 0..50 {
        for number in 1..10 {
            world.speaker().announce(host(number), &with_community(round));
        }
        world.speaker().withdraw(host(round.into()));
        assert!(world.speaker().pending_changes() <= 60);
        world.flush();
    }
    assert_eq!(world.sent.len(), sent, "nothing is encoded for a full transport");
    world.unstick(0);
    world.run(SECOND);
    let router = world.router();
    assert!(router.updates <= 2, "{}", router.updates);
    assert!(router.rib.values().all(|(attributes, _)| attributes.communities[0].0 & 0xFF == 49));
    assert_eq!(world.speaker().pending_changes(), 0);
}

#[test]
fn rfc2918_a_refresh_is_answered_with_the_whole_family_between_brackets() {
    let mut world = external_world();
    for number in 0..2000 {
        world.speaker().announce(host(number), &with_community(1));
    }
    world.speaker().announce(net("2001:db8::/64"), &with_community(1));
    let mut world = settled(world);
    world.router().forget_counts();
    world.router().rib.clear();
    world.sent.clear();
    refresh(&mut world, Family::IPV4_UNICAST);
    world.run(SECOND);
    assert_eq!(world.router().rib.len(), 2000);
    assert!(world.router().ended.is_empty());
    let bytes: Vec<u8> =
        world.sent.iter().filter(|sent| sent.0 == 0).flat_map(|s| s.2.clone()).collect();
    let bracket = |subtype| {
        let mut bytes = Vec::new();
        RouteRefresh { family: Family::IPV4_UNICAST, subtype }.encode(&mut bytes);
        bytes
    };
    assert!(bytes.starts_with(&bracket(RefreshSubtype::BEGIN)));
    assert!(bytes.ends_with(&bracket(RefreshSubtype::END)));
}

/// The router asks for a family again.
fn refresh(world: &mut World, family: Family) {
    let mut bytes = Vec::new();
    RouteRefresh { family, subtype: RefreshSubtype::REQUEST }.encode(&mut bytes);
    let (now, peer) = (world.now, world.peer_id());
    let speaker = world.speaker();
    let connection = speaker.peer(peer).unwrap().established().unwrap();
    speaker.handle_input(now, (peer, PeerInput::Received { connection, bytes: &bytes }));
}

#[test]
fn rfc8326_a_drain_marks_everything_and_ends_with_a_cease_after_the_wait() {
    let mut world = external_world();
    for number in 0..100 {
        world.speaker().announce(host(number), &with_community(1));
    }
    let mut world = settled(world);
    world.router().forget_counts();
    let now = world.now;
    world.speaker().drain(now, 3 * SECOND);
    world.run(2 * SECOND);
    let marked = [Community::new(65001, 1), Community::GRACEFUL_SHUTDOWN];
    assert_eq!(world.router().updates, 1);
    assert!(world.router().rib.values().all(|(attributes, _)| attributes.communities == marked));
    assert!(!world.speaker().is_idle());
    world.run(2 * SECOND);
    assert!(world.router().rib.is_empty());
    assert!(world.speaker().is_idle());
    let told = world.sent.iter().rev().find(|sent| sent.0 == 0).unwrap();
    assert_eq!(told.2[18..23], [3, 6, 9, 6, 2]);
    world.run(1000 * SECOND);
    assert!(world.speaker().is_idle());
}

#[test]
fn rfc8326_within_the_as_a_mark_lowers_the_preference() {
    let mut ours = PeerConfig::new(Asn(65001), Asn(65001));
    ours.families = vec![Family::IPV4_UNICAST];
    let mut world = world(ours, PeerConfig::new(Asn(65001), Asn(65001)));
    world.speaker().announce(host(1), &with_community(1));
    let mut world = settled(world);
    assert_eq!(world.router().rib[&(host(1), 0)].0.local_pref, Some(100));
    let peer = world.peer_id();
    world.speaker().set_graceful_shutdown(peer, true);
    world.run(SECOND);
    assert_eq!(world.router().rib[&(host(1), 0)].0.local_pref, Some(0));
    world.speaker().set_graceful_shutdown(peer, false);
    world.run(SECOND);
    assert_eq!(world.router().rib[&(host(1), 0)].0.local_pref, Some(100));
}

#[test]
fn rfc4724_a_handover_closes_without_a_word() {
    let mut world = settled(external_world());
    let sent = world.sent.len();
    let now = world.now;
    world.speaker().handover(now);
    world.run(100 * SECOND);
    assert!(world.speaker().is_idle());
    let ours = world.sent[sent..].iter().filter(|sent| sent.0 == 0);
    assert_eq!(ours.count(), 0);
}

#[test]
fn rfc4271_5_1_towards_another_as_ours_is_in_front_and_internal_attributes_stay_at_home() {
    let all = Announcement::new(Attributes {
        as_path: vec![Asn(64999)],
        med: Some(5),
        local_pref: Some(200),
        originator_id: Some([1, 2, 3, 4].into()),
        cluster_list: vec![9],
        communities: vec![Community::NO_EXPORT],
        extended_communities: vec![
            ExtendedCommunity::link_bandwidth(Asn(65001), 1e9, true),
            ExtendedCommunity::link_bandwidth(Asn(65001), 1e9, false),
        ],
        large_communities: vec![LargeCommunity { global: 65001, local1: 1, local2: 2 }],
        ..Attributes::default()
    });
    let mut prepended = all.clone();
    prepended.prepend = 2;
    let (mut ours, theirs) = external_pair();
    ours.behind_local_as = Some(Asn(4_200_000_000));
    let mut world = world(ours, theirs);
    world.speaker().announce(host(1), &all);
    world.speaker().announce(host(2), &prepended);
    let mut world = settled(world);
    let (seen, hop) = &world.router().rib[&(host(1), 0)];
    assert_eq!(*hop, NextHop::V4([192, 0, 2, 1].into()));
    let path: Vec<u32> = seen.as_path.iter().map(|asn| asn.0).collect();
    assert_eq!(path, [65001, 4_200_000_000, 64999]);
    assert_eq!((seen.med, seen.local_pref, seen.originator_id), (Some(5), None, None));
    assert!(seen.cluster_list.is_empty());
    assert_eq!(seen.extended_communities, all.attributes.extended_communities[..1]);
    assert_eq!(seen.large_communities, all.attributes.large_communities);
    let path: Vec<u32> = world.router().rib[&(host(2), 0)].0.as_path.iter().map(|a| a.0).collect();
    assert_eq!(path, [65001, 65001, 65001, 4_200_000_000, 64999]);
}

#[test]
fn rfc4271_5_1_within_the_as_the_path_is_as_given_and_a_preference_is_there() {
    let ours = PeerConfig::new(Asn(65001), Asn(65001));
    let mut world = world(ours, PeerConfig::new(Asn(65001), Asn(65001)));
    let mut preferred = with_community(1);
    preferred.attributes.local_pref = Some(300);
    world.speaker().announce(host(1), &preferred);
    world.speaker().announce(host(2), &with_community(1));
    let mut world = settled(world);
    let preference = |world: &mut World, n| world.router().rib[&(host(n), 0)].0.local_pref;
    assert_eq!(preference(&mut world, 1), Some(300));
    assert_eq!(preference(&mut world, 2), Some(100));
    assert!(world.router().rib[&(host(1), 0)].0.as_path.is_empty());
}

#[test]
fn ipv6_over_ipv4_needs_a_next_hop_and_is_held_back_without_one() {
    let (mut ours, theirs) = external_pair();
    ours.next_hop_v6 = None;
    let mut without = world(ours, theirs);
    without.speaker().announce(net("2001:db8::1/128"), &with_community(1));
    let mut without = settled(without);
    assert!(without.router().rib.is_empty());
    assert_eq!(without.router().ended.len(), 2);

    let mut with = external_world();
    with.speaker().announce(net("2001:db8::1/128"), &with_community(1));
    let mut with = settled(with);
    let hop = NextHop::V6 { global: "2001:db8::1".parse().unwrap(), link_local: None };
    assert_eq!(with.router().rib[&(net("2001:db8::1/128"), 0)].1, hop);
}

#[test]
fn rfc8950_ipv4_prefixes_take_an_ipv6_next_hop_where_both_sides_can() {
    let hop = NextHop::V6 { global: "fe80::1".parse().unwrap(), link_local: None };
    for both in [true, false] {
        let (mut ours, mut theirs) = external_pair();
        ours.extended_next_hop = true;
        ours.next_hop_v4 = Some(hop);
        theirs.extended_next_hop = both;
        let mut world = world(ours, theirs);
        world.speaker().announce(host(1), &with_community(1));
        let mut world = settled(world);
        if both {
            assert_eq!(world.router().rib[&(host(1), 0)].1, hop);
            world.speaker().withdraw(host(1));
            world.run(SECOND);
        }
        assert!(world.router().rib.is_empty());
    }
}

#[test]
fn a_next_hop_of_its_own_goes_with_a_prefix() {
    let mut world = external_world();
    let mut elsewhere = with_community(1);
    elsewhere.next_hop = Some(NextHop::V4([203, 0, 113, 9].into()));
    world.speaker().announce(host(1), &elsewhere);
    let mut world = settled(world);
    assert_eq!(world.router().rib[&(host(1), 0)].1, elsewhere.next_hop.unwrap());
}

#[test]
fn only_the_audience_is_told_and_whoever_leaves_it_sees_a_withdrawal() {
    let mut world = external_world();
    let peer = world.peer_id();
    let mut narrow = with_community(1);
    narrow.audience = Audience::Only(BTreeSet::new());
    world.speaker().announce(host(1), &narrow);
    world.speaker().announce(host(2), &with_community(1));
    let mut world = settled(world);
    assert_eq!(world.known(), ["10.0.0.2/32"]);
    world.router().forget_counts();
    // Never told, so no withdrawal.
    world.speaker().withdraw(host(1));
    world.run(SECOND);
    assert_eq!(world.router().updates, 0);
    world.speaker().announce(host(2), &narrow);
    world.run(SECOND);
    assert!(world.known().is_empty());
    narrow.audience = Audience::Only(BTreeSet::from([peer]));
    world.speaker().announce(host(2), &narrow);
    world.run(SECOND);
    assert_eq!(world.known(), ["10.0.0.2/32"]);
}

#[test]
fn rfc7911_several_paths_where_both_can_and_else_the_lowest_permitted() {
    for both in [true, false] {
        let (mut ours, mut theirs) = external_pair();
        ours.add_path_send = true;
        theirs.add_path_receive = both;
        let mut world = world(ours, theirs);
        let mut hidden = with_community(0);
        hidden.audience = Audience::Only(BTreeSet::new());
        world.speaker().announce_path(host(1), 0, &hidden);
        for path in 1..=3_u16 {
            world.speaker().announce_path(host(1), path.into(), &with_community(path));
        }
        let mut world = settled(world);
        let known = |world: &mut World| -> Vec<(u32, u32)> {
            let rib = &world.router().rib;
            rib.iter().map(|((_, id), (a, _))| (*id, a.communities[0].0 & 0xFF)).collect()
        };
        if both {
            assert_eq!(known(&mut world), [(1, 1), (2, 2), (3, 3)]);
        } else {
            assert_eq!(known(&mut world), [(0, 1)]);
        }
        world.router().forget_counts();
        world.speaker().withdraw_path(host(1), 3);
        world.run(SECOND);
        assert_eq!(world.router().updates, usize::from(both));
        world.speaker().withdraw_path(host(1), 1);
        world.run(SECOND);
        if both {
            assert_eq!(known(&mut world), [(2, 2)]);
        } else {
            assert_eq!(known(&mut world), [(0, 2)]);
        }
        world.speaker().withdraw_path(host(1), 2);
        world.run(SECOND);
        assert!(world.router().rib.is_empty());
    }
}

#[test]
fn a_send_limit_is_never_passed_and_room_is_filled() {
    let (mut ours, theirs) = external_pair();
    ours.send_limit = Some(10);
    let mut world = world(ours, theirs);
    for number in 0..25 {
        world.speaker().announce(host(number), &with_community(1));
    }
    let mut world = settled(world);
    assert_eq!(world.router().rib.len(), 10);
    assert!(world.events().contains(&SpeakerEvent::LimitReached));
    world.router().forget_counts();
    let gone: Vec<IpNet> = world.router().rib.keys().map(|(net, _)| *net).take(4).collect();
    for prefix in gone {
        world.speaker().withdraw(prefix);
    }
    world.run(SECOND);
    assert_eq!(world.router().rib.len(), 10);
    assert_eq!((world.router().withdrawn, world.router().announced), (4, 4));
    // A change of what is told already is no addition.
    let told = *world.router().rib.keys().map(|(net, _)| net).next().unwrap();
    world.speaker().announce(told, &with_community(2));
    world.run(SECOND);
    assert_eq!(world.router().rib[&(told, 0)].0.communities, [Community::new(65001, 2)]);
    assert_eq!(world.router().rib.len(), 10);
}

#[test]
fn rfc9234_5_only_to_customer_is_set_downwards_and_stops_upwards() {
    let mut leaf = with_community(1);
    leaf.attributes.only_to_customer = Some(Asn(64999));
    let told = |ours_role, theirs_role| {
        let (mut ours, mut theirs) = external_pair();
        ours.role = Some(ours_role);
        theirs.role = Some(theirs_role);
        let mut world = world(ours, theirs);
        world.speaker().announce(host(1), &with_community(1));
        world.speaker().announce(host(2), &leaf);
        let mut world = settled(world);
        let rib = &world.router().rib;
        let otc = |n| rib.get(&(host(n), 0)).map(|(a, _)| a.only_to_customer.map(|asn| asn.0));
        (otc(1), otc(2))
    };
    assert_eq!(told(Role::Customer, Role::Provider), (Some(None), None));
    assert_eq!(told(Role::Provider, Role::Customer), (Some(Some(65001)), Some(Some(64999))));
    assert_eq!(told(Role::Peer, Role::Peer), (Some(Some(65001)), None));
}

#[test]
fn rfc6793_an_old_speaker_gets_two_octet_numbers() {
    let old = RouterId::new(77).unwrap();
    let now = Instant::from_millis(1);
    let mut ours = PeerConfig::new(Asn(4_200_000_000), Asn(65002));
    ours.families = vec![Family::IPV4_UNICAST];
    let mut speaker = Speaker::new(RouterId::new(1).unwrap(), 1);
    speaker.announce(host(1), &Announcement::default());
    let peer = speaker.add_peer(now, ours);
    let mut buf = Vec::new();
    let Some((_, PeerTransmit::Connect(connection))) = speaker.poll_transmit(now, &mut buf) else {
        panic!("it dials")
    };
    let local = IpAddr::from([192, 0, 2, 1]);
    speaker.handle_input(now, (peer, PeerInput::Connected { connection, local }));
    assert!(speaker.poll_transmit(now, &mut buf).is_some());
    assert_eq!(buf[20..22], 23456_u16.to_be_bytes());
    let open = vipcast_bgp_proto::wire::Open {
        asn: Asn(65002),
        hold_time: 90,
        router_id: old,
        capabilities: vec![],
    };
    let mut bytes = Vec::new();
    open.encode(&mut bytes).unwrap();
    vipcast_bgp_proto::wire::encode_keepalive(&mut bytes);
    speaker.handle_input(now, (peer, PeerInput::Writable { connection }));
    speaker.handle_input(now, (peer, PeerInput::Received { connection, bytes: &bytes }));
    let mut sent = Vec::new();
    while speaker.poll_transmit(now, &mut buf).is_some() {
        sent.extend_from_slice(&buf);
        speaker.handle_input(now, (peer, PeerInput::Writable { connection }));
    }
    let as_path = [0x40, 2, 4, 2, 1, 0x5B, 0xA0];
    let as4_path = [0xC0, 17, 6, 2, 1, 0xFA, 0x56, 0xEA, 0];
    assert!(sent.windows(as_path.len()).any(|part| part == as_path));
    assert!(sent.windows(as4_path.len()).any(|part| part == as4_path));
}

#[test]
fn a_router_that_does_not_read_delays_another_by_nothing() {
    let now = Instant::from_millis(1);
    let mut speaker = Speaker::new(RouterId::new(1).unwrap(), 1);
    for number in 0..10_000 {
        speaker.announce(host(number), &Announcement::default());
    }
    let local = IpAddr::from([192, 0, 2, 1]);
    let mut buf = Vec::new();
    let mut connections = vec![];
    for asn in [65002, 65003] {
        let peer = speaker.add_peer(now, PeerConfig::new(Asn(65001), Asn(asn)));
        let Some((_, PeerTransmit::Connect(connection))) = speaker.poll_transmit(now, &mut buf)
        else {
            panic!("it dials")
        };
        speaker.handle_input(now, (peer, PeerInput::Connected { connection, local }));
        connections.push((peer, connection));
        while speaker.poll_transmit(now, &mut buf).is_some() {}
        speaker.handle_input(now, (peer, PeerInput::Writable { connection }));
        let mut bytes = Vec::new();
        PeerConfig::new(Asn(asn), Asn(65001))
            .open(RouterId::new(asn).unwrap(), false)
            .encode(&mut bytes)
            .unwrap();
        vipcast_bgp_proto::wire::encode_keepalive(&mut bytes);
        speaker.handle_input(now, (peer, PeerInput::Received { connection, bytes: &bytes }));
    }
    // The first one takes one batch and stops; the second takes all.
    let (healthy, connection) = connections[1];
    let mut octets = [0; 2];
    while let Some((peer, PeerTransmit::Send(_))) = speaker.poll_transmit(now, &mut buf) {
        octets[usize::from(peer == healthy)] += buf.len();
        if peer == healthy {
            speaker.handle_input(now, (peer, PeerInput::Writable { connection }));
        }
    }
    assert!(octets[0] < 140_000, "{octets:?}");
    assert!(octets[1] > 50_000, "{octets:?}");
    let announced = std::iter::from_fn(|| speaker.poll_event())
        .filter(|(peer, event)| *peer == healthy && matches!(event, SpeakerEvent::Announced(_)));
    assert_eq!(announced.count(), 2);
}

#[test]
fn a_removed_neighbor_is_told_and_forgotten_and_its_late_inputs_are_ignored() {
    let mut world = settled(external_world());
    let (now, peer) = (world.now, world.peer_id());
    let connection = world.speaker().peer(peer).unwrap().established().unwrap();
    world.speaker().announce(host(1), &with_community(1));
    world.speaker().remove_peer(now, peer);
    assert!(world.speaker().peer(peer).is_none());
    world.flush();
    let told = world.sent.iter().rev().find(|sent| sent.0 == 0).unwrap();
    assert_eq!(told.2[18..23], [3, 6, 9, 6, 3]);
    let speaker = world.speaker();
    speaker.handle_input(now, (peer, PeerInput::Received { connection, bytes: &[0; 40] }));
    speaker.handle_input(now, (peer, PeerInput::Closed { connection }));
    assert_eq!(speaker.poll_timeout(), None);
    assert_eq!(speaker.pending_changes(), 0);
    assert!(speaker.is_idle());
}

#[test]
fn after_a_blackhole_the_routes_are_back_within_two_seconds() {
    let (mut ours, mut theirs) = external_pair();
    ours.hold_time = vipcast_bgp_proto::HoldTime::from_secs(9).unwrap();
    theirs.passive = true;
    let mut world = world(ours, theirs);
    for number in 0..100 {
        world.speaker().announce(host(number), &with_community(1));
    }
    let mut world = settled(world);
    world.blackhole = true;
    world.run(15 * SECOND);
    let events = world.events();
    let lost = events.iter().find_map(|event| match event {
        SpeakerEvent::Down { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    assert_eq!(lost.as_deref(), Some("sent Hold Timer Expired (4/0)"));
    world.blackhole = false;
    world.run(2 * SECOND);
    assert_eq!(world.router().rib.len(), 100);
}

#[test]
fn a_reset_by_the_router_is_survived() {
    let mut world = external_world();
    world.speaker().announce(host(1), &with_community(1));
    let mut world = settled(world);
    let now = world.now;
    world.router().peer.reset(
        now,
        vipcast_bgp_proto::wire::Notification::cease(
            vipcast_bgp_proto::wire::CeaseSubcode::ADMINISTRATIVE_RESET,
        ),
    );
    world.run(5 * SECOND);
    assert_eq!(world.router().peer.counters().established, 2);
    assert_eq!(world.known(), ["10.0.0.1/32"]);
    let reason = world.events().into_iter().find_map(|event| match event {
        SpeakerEvent::Down { reason, .. } => Some(reason.to_string()),
        _ => None,
    });
    assert_eq!(reason.as_deref(), Some("received Cease/Administrative Reset (6/4)"));
}

#[test]
fn what_waited_to_be_packed_and_has_changed_since_is_not_sent() {
    let (mut ours, theirs) = external_pair();
    ours.extended_messages = false;
    let mut world = settled(world(ours, theirs));
    world.stuck[0] = true;
    let prefix = |number: u32| net(&format!("2001:db8::{number:x}/128"));
    // More than one batch.
    for number in 0..8000 {
        world.speaker().announce(prefix(number), &with_community(1));
    }
    world.run(SECOND);
    let told = world.router().rib.len();
    assert!((3000..4096).contains(&told), "{told}");
    for number in 0..8000 {
        world.speaker().withdraw(prefix(number));
    }
    world.router().forget_counts();
    world.unstick(0);
    world.run(SECOND);
    assert!(world.router().rib.is_empty());
    assert_eq!(world.router().announced, 0);
}
