//! Whatever is written is read back; whatever arrives is judged without a panic.

use std::time::Duration;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option, prelude::*};
use vipcast_bgp_proto::{
    Asn, RouterId,
    wire::{
        AddPathMode, Afi, Aggregator, AttributeFlags, AttributeType, Attributes, Capability,
        CapabilityCode, Community, DecodeContext, ErrorCode, ExtendedCommunity, Family,
        FamilyContext, Frame, Framer, GracefulRestart, GracefulRestartFamily, LargeCommunity,
        LongLivedFamily, Message, MultiprotocolErrors, NextHop, NlriField, Notification, Open,
        Origin, OtherAttribute, PathId, RefreshSubtype, Role, RouteRefresh, Safi, Update,
        UpdateWriter, Verdict,
    },
};

fn family() -> impl Strategy<Value = Family> {
    (any::<u16>(), any::<u8>()).prop_map(|(afi, safi)| Family::new(Afi(afi), Safi(safi)))
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Provider),
        Just(Role::RouteServer),
        Just(Role::RouteServerClient),
        Just(Role::Customer),
        Just(Role::Peer)
    ]
}

fn mode() -> impl Strategy<Value = AddPathMode> {
    prop_oneof![Just(AddPathMode::Receive), Just(AddPathMode::Send), Just(AddPathMode::Both)]
}

fn graceful_restart() -> impl Strategy<Value = GracefulRestart> {
    (any::<bool>(), any::<bool>(), 0..=4095_u64, vec((family(), any::<bool>()), 0..10)).prop_map(
        |(restarted, notification, seconds, families)| GracefulRestart {
            restarted,
            notification,
            restart_time: Duration::from_secs(seconds),
            families: families
                .into_iter()
                .map(|(family, forwarding)| GracefulRestartFamily { family, forwarding })
                .collect(),
        },
    )
}

fn capability() -> impl Strategy<Value = Capability> {
    prop_oneof![
        family().prop_map(Capability::Multiprotocol),
        Just(Capability::RouteRefresh),
        vec((family(), any::<u16>().prop_map(Afi)), 0..8).prop_map(Capability::ExtendedNextHop),
        Just(Capability::ExtendedMessage),
        role().prop_map(Capability::Role),
        graceful_restart().prop_map(Capability::GracefulRestart),
        vec((family(), mode()), 0..8).prop_map(Capability::AddPath),
        Just(Capability::EnhancedRouteRefresh),
        vec((family(), any::<bool>(), 0..=0xFF_FFFF_u64), 0..8).prop_map(|list| {
            let entry = |(family, forwarding, seconds)| LongLivedFamily {
                family,
                forwarding,
                stale_time: Duration::from_secs(seconds),
            };
            Capability::LongLivedGracefulRestart(list.into_iter().map(entry).collect())
        }),
        (200..=255_u8, vec(any::<u8>(), 0..=255))
            .prop_map(|(code, value)| Capability::Other { code: CapabilityCode(code), value }),
    ]
}

fn open() -> impl Strategy<Value = Open> {
    (1..=u32::MAX, prop_oneof![Just(0_u16), 3..=u16::MAX], 1..=u32::MAX, vec(capability(), 0..12))
        .prop_map(|(asn, hold_time, id, mut capabilities)| {
            capabilities.push(Capability::FourOctetAs(Asn(asn)));
            Open { asn: Asn(asn), hold_time, router_id: RouterId::new(id).unwrap(), capabilities }
        })
}

prop_compose! {
    fn attributes(internal: bool)(
        origin in prop_oneof![Just(Origin::Igp), Just(Origin::Egp), Just(Origin::Incomplete)],
        as_path in vec(1..=u32::MAX, 0..300),
        med in option::of(any::<u32>()),
        local_pref in any::<u32>(),
        atomic_aggregate in any::<bool>(),
        aggregator in option::of((1..=u32::MAX, any::<[u8; 4]>())),
        communities in vec(any::<u32>(), 0..70),
        originator_id in option::of(any::<[u8; 4]>()),
        cluster_list in vec(any::<u32>(), 0..4),
        extended in vec(any::<[u8; 8]>(), 0..40),
        large in vec(any::<(u32, u32, u32)>(), 0..25),
        only_to_customer in option::of(any::<u32>()),
        others in proptest::collection::btree_map(200..=255_u8, vec(any::<u8>(), 0..300), 0..3),
        next_hop in any::<[u8; 4]>(),
    ) -> Attributes {
        Attributes {
            origin,
            as_path: as_path.into_iter().map(Asn).collect(),
            next_hop: Some(next_hop.into()),
            med,
            local_pref: internal.then_some(local_pref),
            atomic_aggregate,
            aggregator: aggregator.map(|(asn, id)| Aggregator { asn: Asn(asn), router_id: id.into() }),
            communities: communities.into_iter().map(Community).collect(),
            originator_id: originator_id.filter(|_| internal).map(Into::into),
            cluster_list: if internal { cluster_list } else { vec![] },
            extended_communities: extended.into_iter().map(ExtendedCommunity).collect(),
            large_communities: large
                .into_iter()
                .map(|(global, local1, local2)| LargeCommunity { global, local1, local2 })
                .collect(),
            only_to_customer: only_to_customer.map(Asn),
            others: others
                .into_iter()
                .map(|(kind, value)| OtherAttribute {
                    flags: AttributeFlags(0xE0),
                    kind: AttributeType(kind),
                    value,
                })
                .collect(),
        }
    }
}

fn ipv4() -> impl Strategy<Value = IpNet> {
    (any::<u32>(), prop_oneof![6 => Just(32), 6 => 17..=24_u8, 1 => 0..=32_u8])
        .prop_map(|(bits, len)| IpNet::V4(Ipv4Net::new(bits.into(), len).unwrap().trunc()))
}

fn ipv6() -> impl Strategy<Value = IpNet> {
    (any::<u128>(), prop_oneof![3 => Just(128), 1 => 0..=128_u8])
        .prop_map(|(bits, len)| IpNet::V6(Ipv6Net::new(bits.into(), len).unwrap().trunc()))
}

fn next_hop_v6() -> impl Strategy<Value = NextHop> {
    (any::<u128>(), option::of(any::<u128>())).prop_map(|(global, link_local)| NextHop::V6 {
        global: global.into(),
        link_local: link_local.map(Into::into),
    })
}

/// A family, its prefixes with identifiers, and a next hop for it.
fn routes() -> impl Strategy<Value = (Family, Vec<(PathId, IpNet)>, NextHop)> {
    prop_oneof![
        vec((any::<u32>(), ipv4()), 1..150).prop_map(|list| (
            Family::IPV4_UNICAST,
            list,
            NextHop::V4([192, 0, 2, 1].into())
        )),
        (vec((any::<u32>(), ipv6()), 1..100), next_hop_v6()).prop_map(|(list, hop)| (
            Family::IPV6_UNICAST,
            list,
            hop
        )),
    ]
}

fn context() -> impl Strategy<Value = DecodeContext> {
    let families = vec(
        (
            prop_oneof![Just(Family::IPV4_UNICAST), Just(Family::IPV6_UNICAST), family()],
            any::<bool>(),
            any::<bool>(),
        ),
        0..4,
    );
    (any::<[bool; 3]>(), families).prop_map(|([four_octet_as, internal, disable], families)| {
        DecodeContext {
            four_octet_as,
            internal,
            families: families
                .into_iter()
                .map(|(family, add_path, extended_next_hop)| FamilyContext {
                    family,
                    add_path,
                    extended_next_hop,
                })
                .collect(),
            multiprotocol_errors: if disable {
                MultiprotocolErrors::DisableFamily
            } else {
                MultiprotocolErrors::ResetSession
            },
        }
    })
}

/// Reads all that an UPDATE offers; returns how many prefixes there were.
fn read_all(update: &Update<'_>) -> usize {
    let fields = || update.reachable().chain(update.unreachable());
    let mut one_by_one = Vec::new();
    for mut prefixes in fields().map(|field| field.prefixes()) {
        for item in prefixes.by_ref() {
            one_by_one.push(item);
        }
    }
    // Folding has shortcuts of its own.
    let folded = fields().fold(Vec::new(), |all, field| {
        field.prefixes().fold(all, |mut all, item| {
            all.push(item);
            all
        })
    });
    assert_eq!(one_by_one, folded);
    let _ = Attributes::from_update(update);
    let _ = (update.end_of_rib(), update.notification());
    folded.len()
}

proptest! {
    #[test]
    fn an_open_reads_as_it_was_written(open in open()) {
        let mut bytes = Vec::new();
        if open.encode(&mut bytes).is_ok() {
            let context = DecodeContext::default();
            let frame = Frame::new(&bytes, false).unwrap();
            let Ok(Message::Open(read)) = Message::decode(&frame, &context) else {
                return Err(TestCaseError::fail("not read"));
            };
            prop_assert_eq!(read, open);
        } else {
            prop_assert!(bytes.is_empty());
        }
    }

    #[test]
    fn a_notification_reads_as_it_was_written(
        code in any::<u8>(), subcode in any::<u8>(), data in vec(any::<u8>(), 0..600),
    ) {
        let sent = Notification::new(ErrorCode(code), subcode, &data);
        let mut bytes = Vec::new();
        sent.encode(&mut bytes);
        let frame = Frame::new(&bytes, false).unwrap();
        let context = DecodeContext::default();
        let Ok(Message::Notification(read)) = Message::decode(&frame, &context) else {
            return Err(TestCaseError::fail("not read"));
        };
        prop_assert_eq!(&read, &sent);
        let _ = read.to_string();
    }

    #[test]
    fn a_route_refresh_reads_as_it_was_written(family in family(), subtype in any::<u8>()) {
        let sent = RouteRefresh { family, subtype: RefreshSubtype(subtype) };
        let mut bytes = Vec::new();
        sent.encode(&mut bytes);
        let context = DecodeContext::default();
        let read = Message::decode(&Frame::new(&bytes, false).unwrap(), &context);
        let matches = matches!(read, Ok(Message::RouteRefresh(refresh)) if refresh == sent);
        prop_assert!(matches);
    }

    #[test]
    fn an_update_reads_as_it_was_written(
        (internal, mut attributes) in
            any::<bool>().prop_flat_map(|internal| (Just(internal), attributes(internal))),
        (family, list, next_hop) in routes(),
        four_octet_as in any::<bool>(),
        add_path in any::<bool>(),
    ) {
        let body_field = family == Family::IPV4_UNICAST;
        let field = if body_field {
            NlriField::Nlri
        } else {
            attributes.next_hop = None;
            NlriField::MpReach { family, next_hop }
        };
        let mut block = Vec::new();
        attributes.encode(four_octet_as, &mut block).unwrap();
        let mut bytes = Vec::new();
        let mut writer = UpdateWriter::new(&mut bytes, field, &block, 65_535).unwrap();
        for (id, prefix) in &list {
            prop_assert!(writer.push(add_path.then_some(*id), *prefix));
        }
        writer.finish();

        let context = DecodeContext {
            four_octet_as,
            internal,
            families: vec![FamilyContext { add_path, ..FamilyContext::new(family) }],
            ..DecodeContext::default()
        };
        let frame = Frame::new(&bytes, true).unwrap();
        let update = Update::decode(frame.body(), &context);
        prop_assert_eq!((update.verdict(), update.error()), (Verdict::Accept, None));
        let read: Vec<_> = update.reachable().flat_map(|nlri| nlri.prefixes()).collect();
        let sent: Vec<_> = list.iter().map(|(id, net)| (if add_path { *id } else { 0 }, *net)).collect();
        prop_assert_eq!(&read, &sent);
        prop_assert_eq!(read_all(&update), sent.len());
        let mut expected = attributes;
        // Two octets lose an AS4_PATH only where AGGREGATOR says that it is stale (RFC 6793 §4.2.3).
        if !four_octet_as && expected.aggregator.is_some_and(|by| by.asn.is_mappable()) {
            expected.as_path = expected.as_path.iter().map(|asn| Asn(asn.to_two_octets().into())).collect();
        }
        prop_assert_eq!(Attributes::from_update(&update), expected);
    }

    #[test]
    fn a_withdrawal_reads_as_it_was_written((family, list, _) in routes(), add_path in any::<bool>()) {
        let field = if family == Family::IPV4_UNICAST {
            NlriField::Withdrawn
        } else {
            NlriField::MpUnreach(family)
        };
        let mut bytes = Vec::new();
        let mut writer = UpdateWriter::new(&mut bytes, field, &[], 65_535).unwrap();
        for (id, prefix) in &list {
            prop_assert!(writer.push(add_path.then_some(*id), *prefix));
        }
        writer.finish();
        let context = DecodeContext {
            families: vec![FamilyContext { add_path, ..FamilyContext::new(family) }],
            ..DecodeContext::default()
        };
        let frame = Frame::new(&bytes, true).unwrap();
        let update = Update::decode(frame.body(), &context);
        prop_assert_eq!(update.verdict(), Verdict::Accept);
        let read: Vec<_> = update.unreachable().flat_map(|nlri| nlri.prefixes()).collect();
        let sent: Vec<_> = list.iter().map(|(id, net)| (if add_path { *id } else { 0 }, *net)).collect();
        prop_assert_eq!(read, sent);
    }

    #[test]
    fn arbitrary_octets_are_framed_and_judged(
        octets in vec(any::<u8>(), 0..400), kind in 0..7_u8, context in context(),
    ) {
        let mut framer = Framer::new();
        let mut input = &octets[..];
        while let Some(Ok(_)) = framer.next(&mut input) {}

        let mut message = vec![0xFF; 16];
        message.extend_from_slice(&u16::try_from(19 + octets.len()).unwrap().to_be_bytes());
        message.push(kind);
        message.extend_from_slice(&octets);
        if let Ok(frame) = Frame::new(&message, true) {
            match Message::decode(&frame, &context) {
                Ok(Message::Update(update)) => {
                    read_all(&update);
                }
                Ok(message) => { let _ = format!("{message:?}"); }
                Err(error) => { let _ = error.notification(); }
            }
        }
    }

    /// A sound UPDATE with a few octets changed: deeper than noise reaches.
    #[test]
    fn a_damaged_update_is_judged(
        attributes in attributes(true),
        (family, list, next_hop) in routes(),
        damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        context in context(),
    ) {
        let mut block = Vec::new();
        attributes.encode(context.four_octet_as, &mut block).unwrap();
        let field = NlriField::MpReach { family, next_hop };
        let mut bytes = Vec::new();
        let mut writer = UpdateWriter::new(&mut bytes, field, &block, 65_535).unwrap();
        for (id, prefix) in list {
            writer.push(Some(id), prefix);
        }
        writer.finish();
        let mut body = bytes.split_off(19);
        for (at, octet) in damage {
            let at = at.index(body.len());
            body[at] = octet;
        }
        let update = Update::decode(&body, &context);
        read_all(&update);
        prop_assert_eq!(update.verdict() == Verdict::ResetSession, update.notification().is_some());
        prop_assert_eq!(update.verdict() == Verdict::Accept, update.error().is_none());
    }
}
