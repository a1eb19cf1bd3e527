//! The other codecs.

use std::{
    collections::HashMap,
    hint::black_box,
    io::Cursor,
    net::{IpAddr, Ipv4Addr},
};

use bgpkit_parser::models::{AsnLength, AttributeValue, BgpMessage as BgpkitMessage};
use bytes::Bytes;
use ipnet::IpNet;
use netgauze_bgp_pkt::{
    BgpMessage as NetgauzeMessage,
    path_attribute::{MpReach, PathAttributeValue},
    wire::deserializer::BgpParsingContext,
};
use netgauze_parse_utils::{WritablePdu, reader::SliceReader, traits::ParseFromWithOneInput};
use routecore::bgp::{
    message::{UpdateMessage as RoutecoreUpdate, update::SessionConfig},
    nlri::afisafi::{Ipv4UnicastNlri, Ipv6UnicastNlri, IsPrefix},
};
use rustbgpd_wire::{
    Ipv4UnicastMode, Message as RustbgpdMessage, PathAttribute, Prefix, UpdateMessage,
};
use vipcast_benches::bgp::{Message, fold_ipv4, fold_ipv6};
use zettabgp::{
    BgpMessage as _, BgpSessionParams, BgpTransportMode,
    message::update::BgpUpdateMessage,
    prelude::{BgpAddrs, BgpCapability},
};

use super::{Entry, check};

const HEADER_LEN: usize = 19;

fn fold(sum: u64, address: IpAddr, len: u8) -> u64 {
    match address {
        IpAddr::V4(address) => fold_ipv4(sum, address.to_bits(), len),
        IpAddr::V6(address) => fold_ipv6(sum, address.to_bits(), len),
    }
}

pub(crate) fn decoders(message: &Message) -> Vec<Entry<'_>> {
    let bytes = &message.bytes[..];
    let owned = Bytes::copy_from_slice(bytes);
    let owned_too = owned.clone();
    let parameters = zettabgp_parameters();
    let config = SessionConfig::modern();
    let mut context = netgauze_context();
    vec![
        ("rustbgpd-wire 0.27.0", Box::new(move || rustbgpd_decode(black_box(&owned)))),
        (
            "zettabgp 0.6.0",
            Box::new(move || zettabgp_decode(black_box(&bytes[HEADER_LEN..]), &parameters)),
        ),
        ("routecore 0.7.2", Box::new(move || routecore_decode(black_box(bytes), &config))),
        ("bgpkit-parser 0.23.0", Box::new(move || bgpkit_decode(black_box(&owned_too)))),
        (
            "netgauze-bgp-pkt 0.13.0",
            Box::new(move || netgauze_decode(black_box(bytes), &mut context)),
        ),
    ]
}

fn rustbgpd_decode(bytes: &Bytes) -> u64 {
    let message = rustbgpd_wire::decode_message(&mut bytes.clone(), 4096).expect("sound");
    let RustbgpdMessage::Update(update) = message else { panic!("an UPDATE") };
    let parsed = update.parse_revised(true, false, false, &[]).expect("sound");
    assert!(parsed.malformed.is_empty());
    let body = parsed.update.announced.iter();
    let mut sum =
        body.fold(0, |sum, entry| fold_ipv4(sum, entry.prefix.addr.to_bits(), entry.prefix.len));
    for attribute in &parsed.update.attributes {
        if let PathAttribute::MpReachNlri(reach) = attribute {
            sum = reach.announced.iter().fold(sum, |sum, entry| match entry.prefix {
                Prefix::V4(prefix) => fold_ipv4(sum, prefix.addr.to_bits(), prefix.len),
                Prefix::V6(prefix) => fold_ipv6(sum, prefix.addr.to_bits(), prefix.len),
            });
        }
    }
    sum
}

fn zettabgp_parameters() -> BgpSessionParams {
    let capabilities =
        vec![BgpCapability::SafiIPv4u, BgpCapability::SafiIPv6u, BgpCapability::CapASN32(65001)];
    let id = Ipv4Addr::new(10, 0, 0, 1);
    let mut parameters =
        BgpSessionParams::new(65001, 180, BgpTransportMode::IPv4, id, capabilities);
    parameters.has_as32bit = true;
    parameters.fuzzy_pathid = false;
    parameters
}

fn zettabgp_decode(body: &[u8], parameters: &BgpSessionParams) -> u64 {
    let mut update = BgpUpdateMessage::new();
    update.decode_from(parameters, body).expect("sound");
    let sum = zettabgp_fold(0, &update.updates);
    match update.get_mpupdates() {
        Some(reach) => zettabgp_fold(sum, &reach.addrs),
        None => sum,
    }
}

fn zettabgp_fold(sum: u64, addresses: &BgpAddrs) -> u64 {
    match addresses {
        BgpAddrs::IPV4U(list) => {
            list.iter().fold(sum, |sum, net| fold_ipv4(sum, net.addr.to_bits(), net.prefixlen))
        }
        BgpAddrs::IPV6U(list) => {
            list.iter().fold(sum, |sum, net| fold_ipv6(sum, net.addr.to_bits(), net.prefixlen))
        }
        _ => sum,
    }
}

fn routecore_decode(bytes: &[u8], config: &SessionConfig) -> u64 {
    let update = RoutecoreUpdate::from_octets(bytes, config).expect("sound");
    if update.has_conventional_nlri() {
        let all = update.typed_announcements::<_, Ipv4UnicastNlri>().expect("sound");
        all.into_iter().flatten().fold(0, |sum, nlri| {
            let (address, len) = nlri.expect("sound").prefix().addr_and_len();
            fold(sum, address, len)
        })
    } else {
        let all = update.typed_announcements::<_, Ipv6UnicastNlri>().expect("sound");
        all.into_iter().flatten().fold(0, |sum, nlri| {
            let (address, len) = nlri.expect("sound").prefix().addr_and_len();
            fold(sum, address, len)
        })
    }
}

fn bgpkit_parse(bytes: &Bytes) -> BgpkitMessage {
    let read = bgpkit_parser::parser::bgp::parse_bgp_message(
        &mut bytes.clone(),
        false,
        &AsnLength::Bits32,
    );
    read.expect("sound")
}

fn bgpkit_decode(bytes: &Bytes) -> u64 {
    let BgpkitMessage::Update(update) = bgpkit_parse(bytes) else { panic!("an UPDATE") };
    let folded = |sum, net: &IpNet| fold(sum, net.addr(), net.prefix_len());
    let body = update.announced_prefixes.iter();
    let sum = body.fold(0, |sum, entry| folded(sum, &entry.prefix));
    update.attributes.iter().fold(sum, |sum, attribute| match attribute {
        AttributeValue::MpReachNlri(reach) => {
            reach.prefixes.iter().fold(sum, |sum, entry| folded(sum, &entry.prefix))
        }
        _ => sum,
    })
}

fn netgauze_context() -> BgpParsingContext {
    BgpParsingContext::new(true, HashMap::new(), HashMap::new(), true, true, true, true)
}

fn netgauze_parse(bytes: &[u8], context: &mut BgpParsingContext) -> NetgauzeMessage {
    NetgauzeMessage::parse(&mut SliceReader::new(bytes), context).expect("sound")
}

fn netgauze_decode(bytes: &[u8], context: &mut BgpParsingContext) -> u64 {
    let NetgauzeMessage::Update(update) = netgauze_parse(bytes, context) else {
        panic!("an UPDATE")
    };
    let mut sum = update.nlri().iter().fold(0, |sum, entry| {
        let net = entry.network().address();
        fold_ipv4(sum, net.addr().to_bits(), net.prefix_len())
    });
    for attribute in update.path_attributes() {
        if let PathAttributeValue::MpReach(MpReach::Ipv6Unicast { nlri, .. }) = attribute.value() {
            sum = nlri.iter().fold(sum, |sum, entry| {
                let net = entry.network().address();
                fold_ipv6(sum, net.addr().to_bits(), net.prefix_len())
            });
        }
    }
    sum
}

/// What each writes is what it has read, as far as it can write that.
pub(crate) fn encoders(message: &Message) -> Vec<Entry<'_>> {
    let owned = Bytes::copy_from_slice(&message.bytes);
    let mut entries: Vec<Entry<'_>> = Vec::new();

    let RustbgpdMessage::Update(update) =
        rustbgpd_wire::decode_message(&mut owned.clone(), 4096).expect("sound")
    else {
        panic!("an UPDATE")
    };
    let parsed = update.parse_revised(true, false, false, &[]).expect("sound").update;
    let mut buf = Vec::new();
    entries.push((
        "rustbgpd-wire 0.27.0",
        Box::new(move || {
            let parsed = black_box(&parsed);
            let mode = Ipv4UnicastMode::Body;
            let update = UpdateMessage::try_build(
                &parsed.announced,
                &[],
                &parsed.attributes,
                true,
                false,
                mode,
            );
            buf.clear();
            update.expect("fits").encode(&mut buf).expect("fits");
            check(&buf, message)
        }),
    ));

    let parameters = zettabgp_parameters();
    let mut update = BgpUpdateMessage::new();
    update.decode_from(&parameters, &message.bytes[HEADER_LEN..]).expect("sound");
    let mut buf = vec![0; 8192];
    let body = message.bytes.len() - HEADER_LEN;
    entries.push((
        "zettabgp 0.6.0",
        Box::new(move || {
            let len = black_box(&update).encode_to(&parameters, &mut buf).expect("fits");
            black_box(&buf);
            // It may choose the short form of a length.
            u64::from(len.abs_diff(body) <= 2)
        }),
    ));

    let parsed = bgpkit_parse(&owned);
    entries.push((
        "bgpkit-parser 0.23.0",
        Box::new(move || {
            let written = black_box(&parsed).encode(AsnLength::Bits32).expect("fits");
            black_box(&written);
            u64::from(written.len().abs_diff(message.bytes.len()) <= 2)
        }),
    ));

    let parsed = netgauze_parse(&message.bytes, &mut netgauze_context());
    let mut buf = Vec::new();
    entries.push((
        "netgauze-bgp-pkt 0.13.0",
        Box::new(move || {
            buf.clear();
            black_box(&parsed).write(&mut Cursor::new(&mut buf)).expect("fits");
            black_box(&buf);
            u64::from(buf.len().abs_diff(message.bytes.len()) <= 2)
        }),
    ));
    entries
}
