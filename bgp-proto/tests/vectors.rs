//! Octets as the RFCs lay them out and as routers send them, read and written.

mod common;

use std::time::Duration;

use common::*;
use vipcast_bgp_proto::{
    Asn, RouterId,
    wire::{
        AddPathMode, Afi, Aggregator, AttributeType, Attributes, Capability, CapabilityCode,
        CeaseSubcode, Community, DecodeContext, ErrorCode, ExtendedCommunity, Family, Frame,
        Framer, FsmSubcode, GracefulRestart, GracefulRestartFamily, HeaderError, LargeCommunity,
        LongLivedFamily, Message, MessageError, MessageType, NextHop, NlriField, Notification,
        Open, OpenError, RefreshSubtype, Role, RouteRefresh, Safi, Update, UpdateWriter,
        encode_end_of_rib, encode_keepalive,
    },
};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0xFF; 16];
    bytes.extend_from_slice(&u16::try_from(19 + body.len()).unwrap().to_be_bytes());
    bytes.push(kind);
    bytes.extend_from_slice(body);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Open, MessageError> {
    let frame = Frame::new(bytes, false)?;
    match Message::decode(&frame, &DecodeContext::default())? {
        Message::Open(open) => Ok(open),
        other => panic!("not an OPEN: {other:?}"),
    }
}

/// AS 65001, hold time 180, identifier 10.0.0.1, and these parameters behind their length.
fn open(parameters: &[u8]) -> Vec<u8> {
    let mut body = vec![4, 0xFD, 0xE9, 0, 180, 10, 0, 0, 1];
    body.extend_from_slice(parameters);
    message(1, &body)
}

fn open_error(bytes: &[u8]) -> OpenError {
    match decode(bytes) {
        Err(MessageError::Open(error)) => error,
        other => panic!("{other:?}"),
    }
}

fn told(error: &OpenError) -> (u8, u8, Vec<u8>) {
    let told = error.notification();
    (told.code.0, told.subcode, told.data)
}

#[test]
fn a_keepalive_is_a_bare_header() {
    let mut bytes = Vec::new();
    encode_keepalive(&mut bytes);
    assert_eq!(bytes, message(4, &[]));
}

#[test]
fn rfc4271_4_2_an_open_without_parameters() {
    let bytes = open(&[0]);
    let read = decode(&bytes).unwrap();
    let expected = Open {
        asn: Asn(65001),
        hold_time: 180,
        router_id: RouterId::from_addr([10, 0, 0, 1].into()).unwrap(),
        capabilities: vec![],
    };
    assert_eq!(read, expected);
    let mut written = Vec::new();
    expected.encode(&mut written).unwrap();
    assert_eq!(written, bytes);
}

#[test]
fn rfc5492_4_many_parameters_of_one_capability_read_as_one_of_many() {
    // As FRR lays it out: each capability in a parameter of its own.
    let many = open(&[0x14, 2, 6, 1, 4, 0, 1, 0, 1, 2, 2, 2, 0, 2, 6, 65, 4, 0, 0, 0xFD, 0xE9]);
    let one = open(&[0x10, 2, 14, 1, 4, 0, 1, 0, 1, 2, 0, 65, 4, 0, 0, 0xFD, 0xE9]);
    let expected = vec![
        Capability::Multiprotocol(Family::IPV4_UNICAST),
        Capability::RouteRefresh,
        Capability::FourOctetAs(Asn(65001)),
    ];
    assert_eq!(decode(&many).unwrap().capabilities, expected);
    let read = decode(&one).unwrap();
    assert_eq!(read.capabilities, expected);
    let mut written = Vec::new();
    read.encode(&mut written).unwrap();
    assert_eq!(written, one);
}

#[test]
fn capabilities_as_frr_8_4_and_bird_2_advertise_them() {
    let value: &[u8] = &[
        128, 0, // the legacy route refresh
        70, 0, // enhanced refresh
        6, 0, // extended messages
        69, 4, 0, 1, 1, 1, // add-path, receive
        73, 3, 1, b'r', 0, // FQDN
        64, 2, 0xC0, 0x78, // graceful restart: R, N, 120 s, no family
        71, 0, // long-lived, empty as BIRD's
        9, 1, 3, // role: customer
        5, 6, 0, 1, 0, 1, 0, 2, // extended next hop
    ];
    let len = u8::try_from(value.len()).unwrap();
    let bytes = open(&[&[len + 2, 2, len][..], value].concat());
    let read = decode(&bytes).unwrap();
    assert_eq!(
        read.capabilities,
        [
            Capability::Other { code: CapabilityCode(128), value: vec![] },
            Capability::EnhancedRouteRefresh,
            Capability::ExtendedMessage,
            Capability::AddPath(vec![(Family::IPV4_UNICAST, AddPathMode::Receive)]),
            Capability::Other { code: CapabilityCode::FQDN, value: vec![1, b'r', 0] },
            Capability::GracefulRestart(GracefulRestart {
                restarted: true,
                notification: true,
                restart_time: Duration::from_secs(120),
                families: vec![],
            }),
            Capability::LongLivedGracefulRestart(vec![]),
            Capability::Role(Role::Customer),
            Capability::ExtendedNextHop(vec![(Family::IPV4_UNICAST, Afi::IPV6)]),
        ]
    );
    let mut written = Vec::new();
    read.encode(&mut written).unwrap();
    assert_eq!(written, bytes);
}

#[test]
fn rfc4724_3_and_rfc9494_3_1_tuples() {
    let value: &[u8] = &[
        64, 10, 0x80, 0x3C, 0, 1, 1, 0x80, 0, 2, 1, 0, // R, 60 s, IPv4 with F, IPv6 without
        71, 7, 0, 1, 1, 0x80, 0x01, 0x51, 0x80, // IPv4 with F, a day
    ];
    let len = u8::try_from(value.len()).unwrap();
    let bytes = open(&[&[len + 2, 2, len][..], value].concat());
    let family = |family, forwarding| GracefulRestartFamily { family, forwarding };
    assert_eq!(
        decode(&bytes).unwrap().capabilities,
        [
            Capability::GracefulRestart(GracefulRestart {
                restarted: true,
                notification: false,
                restart_time: Duration::from_secs(60),
                families: vec![
                    family(Family::IPV4_UNICAST, true),
                    family(Family::IPV6_UNICAST, false)
                ],
            }),
            Capability::LongLivedGracefulRestart(vec![LongLivedFamily {
                family: Family::IPV4_UNICAST,
                forwarding: true,
                stale_time: Duration::from_secs(86_400),
            }]),
        ]
    );
}

#[test]
fn a_known_capability_of_wrong_form_has_no_effect_and_is_carried() {
    // ADD-PATH with mode 7 (RFC 7911 §4), a role that does not exist, a short MP.
    let value = [69, 4, 0, 1, 1, 7, 9, 1, 9, 1, 2, 0, 1];
    let bytes = open(&[&[15, 2, 13][..], &value].concat());
    let read = decode(&bytes).unwrap();
    let carried = |capability: &Capability| matches!(capability, Capability::Other { .. });
    assert_eq!(read.capabilities.len(), 3);
    assert!(read.capabilities.iter().all(carried));
}

#[test]
fn rfc9072_the_long_form_is_read_whatever_its_first_length_says() {
    for first in [255, 1] {
        let bytes = open(&[first, 255, 0, 7, 2, 0, 4, 2, 0, 70, 0]);
        let expected = [Capability::RouteRefresh, Capability::EnhancedRouteRefresh];
        assert_eq!(decode(&bytes).unwrap().capabilities, expected);
    }
}

#[test]
fn rfc9072_the_long_form_is_written_when_the_short_one_is_too_small() {
    let capabilities: Vec<_> = (0..3)
        .map(|n| Capability::Other { code: CapabilityCode(240 + n), value: vec![n; 100] })
        .collect();
    let sent = Open {
        asn: Asn(4_200_000_000),
        hold_time: 9,
        router_id: RouterId::new(1).unwrap(),
        capabilities: [vec![Capability::FourOctetAs(Asn(4_200_000_000))], capabilities].concat(),
    };
    let mut bytes = Vec::new();
    sent.encode(&mut bytes).unwrap();
    assert_eq!(bytes[20..22], 23456_u16.to_be_bytes());
    assert_eq!(bytes[28..30], [255, 255]);
    assert_eq!(decode(&bytes).unwrap(), sent);
}

#[test]
fn rfc9072_a_long_form_that_ends_early_is_malformed() {
    for cut in [
        &[255, 255][..],
        &[255, 255, 0],
        &[255, 255, 0, 9, 2, 0, 4, 2, 0, 70, 0],
        &[255, 255, 0, 3, 2, 0, 4],
        &[255, 255, 0, 2, 2, 0],
    ] {
        assert_eq!(open_error(&open(cut)), OpenError::Malformed, "{cut:?}");
    }
}

#[test]
fn rfc4271_6_2_each_error_of_an_open_has_its_notification() {
    let mut version = open(&[0]);
    version[19] = 3;
    let error = open_error(&version);
    assert_eq!(error, OpenError::UnsupportedVersion(3));
    assert_eq!(told(&error), (2, 1, vec![0, 4]));

    let mut as_0 = open(&[0]);
    as_0[20..22].copy_from_slice(&[0, 0]);
    assert_eq!(told(&open_error(&as_0)), (2, 2, vec![]));

    let four_octet_as_0 = open(&[8, 2, 6, 65, 4, 0, 0, 0, 0]);
    assert_eq!(told(&open_error(&four_octet_as_0)), (2, 2, vec![]));

    let mut id_0 = open(&[0]);
    id_0[24..28].copy_from_slice(&[0; 4]);
    assert_eq!(told(&open_error(&id_0)), (2, 3, vec![]));

    let authentication = open(&[3, 1, 1, 0]);
    let error = open_error(&authentication);
    assert_eq!(error, OpenError::UnsupportedParameter(1));
    assert_eq!(told(&error), (2, 4, vec![]));

    for seconds in [1, 2] {
        let mut hold = open(&[0]);
        hold[23] = seconds;
        let error = open_error(&hold);
        assert_eq!(error, OpenError::UnacceptableHoldTime(seconds.into()));
        assert_eq!(told(&error), (2, 6, vec![]));
    }

    let cut = open(&[9, 2, 2, 2, 0]);
    assert_eq!(told(&open_error(&cut)), (2, 0, vec![]));
    assert_eq!(told(&OpenError::RoleMismatch), (2, 11, vec![]));
}

#[test]
fn rfc6286_any_identifier_but_zero_is_read() {
    let mut bytes = open(&[0]);
    bytes[24..28].copy_from_slice(&[224, 0, 0, 5]);
    assert_eq!(decode(&bytes).unwrap().router_id.to_string(), "224.0.0.5");
}

#[test]
fn rfc4271_6_1_header_errors() {
    let error = |bytes: &[u8], extended: bool| {
        let mut framer = Framer::new();
        framer.set_extended(extended);
        let mut input = bytes;
        let error = framer.next(&mut input).expect("an answer").unwrap_err();
        let told = error.notification();
        (told.code.0, told.subcode, told.data)
    };
    let mut marker = message(4, &[]);
    marker[15] = 0;
    assert_eq!(error(&marker, false), (1, 1, vec![]));
    assert_eq!(error(&[0xFF, 0xFF, 0], false), (1, 1, vec![]));

    for (kind, len) in [(1, 28), (2, 22), (3, 20), (4, 20), (4, 18), (2, 4097), (9, 18)] {
        let mut bytes = message(kind, &[]);
        bytes[16..18].copy_from_slice(&u16::to_be_bytes(len));
        assert_eq!(error(&bytes, false), (1, 2, len.to_be_bytes().to_vec()));
    }
    assert_eq!(error(&message(6, &[]), false), (1, 3, vec![6]));

    // RFC 8654 §4: OPEN and KEEPALIVE stay short.
    let mut long_open = message(1, &[]);
    long_open[16..18].copy_from_slice(&[0x20, 0]);
    assert_eq!(error(&long_open, true), (1, 2, vec![0x20, 0]));
}

#[test]
fn rfc8654_a_long_update_is_framed_once_extended_messages_are_on() {
    let long = message(2, &vec![0; 5000]);
    let mut framer = Framer::new();
    framer.set_extended(true);
    let mut input = &long[..];
    assert_eq!(framer.next(&mut input).unwrap().unwrap().bytes(), long);
}

#[test]
fn a_stream_is_framed_alike_however_it_is_cut() {
    let mut stream = open(&[0]);
    encode_keepalive(&mut stream);
    stream.extend(message(2, &update(&[], &mandatory(), &HOST)));
    encode_keepalive(&mut stream);
    for piece in 1..=stream.len() {
        let mut framer = Framer::new();
        let mut kinds = Vec::new();
        for mut input in stream.chunks(piece) {
            while let Some(frame) = framer.next(&mut input) {
                kinds.push(frame.unwrap().kind().0);
            }
            assert!(input.is_empty());
            assert!(framer.buffered() < 60);
        }
        assert_eq!(kinds, [1, 4, 2, 4], "in pieces of {piece}");
    }
}

#[test]
fn rfc2918_rfc7313_route_refresh() {
    let context = DecodeContext::default();
    for (subtype, code) in [
        (RefreshSubtype::REQUEST, 0),
        (RefreshSubtype::BEGIN, 1),
        (RefreshSubtype::END, 2),
        (RefreshSubtype(77), 77),
    ] {
        let bytes = message(5, &[0, 2, code, 1]);
        let frame = Frame::new(&bytes, false).unwrap();
        let Ok(Message::RouteRefresh(refresh)) = Message::decode(&frame, &context) else {
            panic!("not read")
        };
        let family = Family::IPV6_UNICAST;
        assert_eq!(refresh, RouteRefresh { family, subtype });
        let mut written = Vec::new();
        refresh.encode(&mut written);
        assert_eq!(written, bytes);
    }
    // A request may carry filters (RFC 5291); a bracket may not.
    let filters = message(5, &[0, 1, 0, 1, 1, 2, 3]);
    assert!(Message::decode(&Frame::new(&filters, false).unwrap(), &context).is_ok());
    for bad in [message(5, &[0, 1, 1, 1, 0]), message(5, &[0, 1, 0]), message(5, &[])] {
        let error = Message::decode(&Frame::new(&bad, false).unwrap(), &context).unwrap_err();
        let told = error.notification();
        assert_eq!((told.code.0, told.subcode), (7, 1));
        assert_eq!(told.data, bad);
    }
}

#[test]
fn rfc9003_a_shutdown_text_is_cut_between_characters_and_read_up_to_255_octets() {
    let text = "é".repeat(100);
    let sent = Notification::shutdown(CeaseSubcode::ADMINISTRATIVE_SHUTDOWN, &text);
    assert_eq!(sent.data.len(), 129);
    assert_eq!(sent.shutdown_text(), Some(&text[..128]));

    let long = [&[255][..], &[b'x'; 255]].concat();
    let received = Notification::new(ErrorCode::CEASE, 4, &long);
    assert_eq!(received.shutdown_text().map(str::len), Some(255));
    let not_utf8 = Notification::new(ErrorCode::CEASE, 2, &[1, 0xFF]);
    assert_eq!(not_utf8.shutdown_text(), None);
    let overrun = Notification::new(ErrorCode::CEASE, 2, &[9, b'x']);
    assert_eq!(overrun.shutdown_text(), None);
    let other = Notification::new(ErrorCode::CEASE, 3, &[1, b'x']);
    assert_eq!(other.shutdown_text(), None);
}

#[test]
fn rfc8538_3_1_a_hard_reset_carries_what_it_is_for() {
    let inner = Notification::shutdown(CeaseSubcode::ADMINISTRATIVE_SHUTDOWN, "bye");
    let hard = inner.clone().into_hard_reset();
    assert_eq!((hard.code, hard.subcode), (ErrorCode::CEASE, 9));
    assert_eq!(hard.data, [6, 2, 3, b'b', b'y', b'e']);
    assert_eq!(hard.hard_reset_reason(), Some(inner));
}

#[test]
fn notifications_print_in_the_words_of_the_rfcs() {
    let shutdown = Notification::shutdown(CeaseSubcode::ADMINISTRATIVE_SHUTDOWN, "bye");
    assert_eq!(shutdown.to_string(), "Cease/Administrative Shutdown (6/2): \"bye\"");
    assert_eq!(
        shutdown.into_hard_reset().to_string(),
        "Cease/Hard Reset (6/9): Cease/Administrative Shutdown (6/2): \"bye\""
    );
    let unexpected = Notification::unexpected(FsmSubcode::OPEN_SENT, MessageType::UPDATE);
    assert_eq!(
        unexpected.to_string(),
        "Finite State Machine Error/Receive Unexpected Message in OpenSent State (5/1)"
    );
    assert_eq!(unexpected.data, [2]);
    let unknown = Notification::new(ErrorCode(99), 7, &[]);
    assert_eq!(unknown.to_string(), "99/subcode 7 (99/7)");
    let hold = Notification::new(ErrorCode::HOLD_TIMER, 0, &[]);
    assert_eq!(hold.to_string(), "Hold Timer Expired (4/0)");
    let send_hold = Notification::new(ErrorCode::SEND_HOLD_TIMER, 0, &[]);
    assert_eq!(send_hold.to_string(), "Send Hold Timer Expired (8/0)");
}

#[test]
fn a_notification_never_exceeds_4096_octets() {
    let mut bytes = Vec::new();
    Notification { code: ErrorCode::UPDATE, subcode: 1, data: vec![0; 9000] }.encode(&mut bytes);
    assert_eq!(bytes.len(), 4096);
    assert!(Frame::new(&bytes, false).is_ok());
}

#[test]
fn rfc4724_2_end_of_rib_markers() {
    let mut bytes = Vec::new();
    encode_end_of_rib(Family::IPV4_UNICAST, &mut bytes);
    assert_eq!(bytes, message(2, &[0; 4]));
    assert_eq!(bytes.len(), 23);
    bytes.clear();
    encode_end_of_rib(Family::IPV6_UNICAST, &mut bytes);
    assert_eq!(bytes, message(2, &[0, 0, 0, 6, 0x80, 15, 3, 0, 2, 1]));
}

#[test]
fn rfc7606_5_1_mp_reach_is_the_first_attribute_and_the_only_field_of_prefixes() {
    let mut attributes = Vec::new();
    let values = Attributes { as_path: vec![Asn(65001)], ..Attributes::default() };
    values.encode(true, &mut attributes).unwrap();
    let next_hop = NextHop::V6 {
        global: "2001:db8::1".parse().unwrap(),
        link_local: Some("fe80::1".parse().unwrap()),
    };
    let family = Family::IPV6_UNICAST;
    let mut bytes = Vec::new();
    let field = NlriField::MpReach { family, next_hop };
    let mut writer = UpdateWriter::new(&mut bytes, field, &attributes, 4096).unwrap();
    assert!(writer.push(None, "2001:db8::/32".parse().unwrap()));
    writer.finish();

    let context = external();
    let frame = Frame::new(&bytes, false).unwrap();
    let update = Update::decode(frame.body(), &context);
    assert_eq!(update.error(), None);
    let first = update.raw_attributes().next().unwrap();
    assert_eq!(first.kind, AttributeType::MP_REACH_NLRI);
    assert!(update.withdrawn().is_empty() && update.nlri().is_empty());
    assert!(update.mp_unreach().is_none());
    assert_eq!(update.mp_reach().unwrap().next_hop(), Some(next_hop));
    assert_eq!(Attributes::from_update(&update), values);
}

#[test]
fn rfc2545_of_two_next_hops_the_usable_one_is_resolved() {
    let hop = |global: &str, link_local: Option<&str>| {
        NextHop::V6 {
            global: global.parse().unwrap(),
            link_local: link_local.map(|address| address.parse().unwrap()),
        }
        .address()
        .to_string()
    };
    assert_eq!(hop("2001:db8::1", Some("fe80::1")), "2001:db8::1");
    assert_eq!(hop("::", Some("fe80::1")), "fe80::1");
    assert_eq!(hop("fe80::2", Some("fe80::1")), "fe80::1");
    assert_eq!(hop("fe80::2", None), "fe80::2");
}

#[test]
fn a_dropped_writer_takes_back_what_it_wrote_and_a_full_one_says_so() {
    let mut bytes = b"before".to_vec();
    let mut writer = UpdateWriter::new(&mut bytes, NlriField::Withdrawn, &[], 60).unwrap();
    let host = "10.0.0.1/32".parse().unwrap();
    let mut pushed = 0;
    while writer.push(None, host) {
        pushed += 1;
    }
    assert_eq!(pushed, (60 - 23) / 5);
    assert!(!writer.push_encoded(&[0; 5]));
    drop(writer);
    assert_eq!(bytes, b"before");
    let block = vec![0; 4060];
    assert!(UpdateWriter::new(&mut bytes, NlriField::Nlri, &block, 4096).is_err());
    assert_eq!(bytes, b"before");
}

#[test]
fn rfc6793_4_2_2_towards_an_old_speaker_as4_attributes_hold_what_two_octets_cannot() {
    let attributes = Attributes {
        as_path: vec![Asn(65001), Asn(4_200_000_000)],
        next_hop: Some([192, 0, 2, 1].into()),
        aggregator: Some(Aggregator { asn: Asn(4_200_000_000), router_id: [10, 0, 0, 1].into() }),
        ..Attributes::default()
    };
    let mut block = Vec::new();
    attributes.encode(false, &mut block).unwrap();
    let as_path = attribute(0x40, 2, &[2, 2, 0xFD, 0xE9, 0x5B, 0xA0]);
    assert!(block.windows(as_path.len()).any(|part| part == as_path));
    let body = update(&[], &block, &HOST);
    let old = DecodeContext::default();
    let update = Update::decode(&body, &old);
    assert_eq!(update.error(), None);
    assert_eq!(Attributes::from_update(&update), attributes);

    // Towards a new speaker there is none of it (RFC 6793 §4.1).
    let mut block = Vec::new();
    attributes.encode(true, &mut block).unwrap();
    let kinds: Vec<u8> = Update::decode(&common::update(&[], &block, &HOST), &external())
        .raw_attributes()
        .map(|raw| raw.kind.0)
        .collect();
    assert_eq!(kinds, [1, 2, 3, 7]);
}

#[test]
fn rfc6793_4_2_3_merging_of_as4_path() {
    let merged = |as_path: &[u8], rest: &[u8]| {
        let attributes = [origin(), attribute(0x40, 2, as_path), next_hop(), rest.to_vec()];
        let body = update(&[], &attributes.concat(), &HOST);
        let old = DecodeContext::default();
        Update::decode(&body, &old).as_path().iter().map(|asn| asn.0).collect::<Vec<_>>()
    };
    let as_path = [2, 3, 0, 1, 0x5B, 0xA0, 0, 3];
    let two = attribute(0xC0, 17, &[2, 2, 0xFA, 0x56, 0xEA, 0, 0, 0, 0, 3]);
    assert_eq!(merged(&as_path, &two), [1, 4_200_000_000, 3]);
    // Longer than the AS_PATH: ignored.
    assert_eq!(merged(&[2, 1, 0, 1], &two), [1]);
    // An AGGREGATOR that is not AS_TRANS: a new speaker was last, AS4_PATH is stale.
    let stale = [attribute(0xC0, 7, &[0, 5, 1, 1, 1, 1]), two.clone()].concat();
    assert_eq!(merged(&as_path, &stale), [1, 23456, 3]);
    // In front of AS_PATH it is the same.
    let attributes = [two, origin(), attribute(0x40, 2, &as_path), next_hop()];
    let body = update(&[], &attributes.concat(), &HOST);
    let old = DecodeContext::default();
    let update = Update::decode(&body, &old);
    assert_eq!(update.as_path(), [Asn(1), Asn(4_200_000_000), Asn(3)]);
}

#[test]
fn host_bits_of_received_prefixes_are_cleared() {
    let body = update(&[], &mandatory(), &[20, 10, 1, 0xFF, 0, 32, 10, 0, 0, 1]);
    let context = external();
    let update = Update::decode(&body, &context);
    let prefixes: Vec<_> = update.nlri().prefixes().map(|(_, net)| net.to_string()).collect();
    assert_eq!(prefixes, ["10.1.240.0/20", "0.0.0.0/0", "10.0.0.1/32"]);
}

#[test]
fn communities_have_their_registered_values() {
    assert_eq!(Community::new(65535, 65281), Community::NO_EXPORT);
    assert_eq!(Community::GRACEFUL_SHUTDOWN.to_string(), "65535:0");
    assert_eq!(Community::BLACKHOLE.to_string(), "65535:666");
    let large = LargeCommunity { global: 4_200_000_000, local1: 1, local2: 2 };
    assert_eq!(large.to_string(), "4200000000:1:2");
    let bandwidth = ExtendedCommunity::link_bandwidth(Asn(65001), 125_000_000.0, true);
    assert_eq!(bandwidth.0, [0, 4, 0xFD, 0xE9, 0x4C, 0xEE, 0x6B, 0x28]);
    assert!(bandwidth.is_transitive());
    assert_eq!(bandwidth.as_link_bandwidth(), Some((Asn(65001), 125_000_000.0)));
    assert!(!ExtendedCommunity::link_bandwidth(Asn(1), 0.0, false).is_transitive());
}

#[test]
fn code_points_print_by_name_where_they_have_one() {
    assert_eq!(Family::IPV6_UNICAST.to_string(), "IPv6 unicast");
    assert_eq!(Family::new(Afi(25), Safi(70)).to_string(), "25 70");
    assert_eq!(MessageType::KEEPALIVE.to_string(), "KEEPALIVE");
    assert_eq!(AttributeType::AS_PATH.to_string(), "AS_PATH");
    assert_eq!(HeaderError::BadType(9).to_string(), "message type 9 does not exist");
}
