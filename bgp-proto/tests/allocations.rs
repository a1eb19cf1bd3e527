//! Reading an UPDATE allocates nothing: neither the verdict, nor the walk through all that it holds.

mod common;

use std::{alloc::System, net::IpAddr};

use common::*;
use ipnet::IpNet;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use vipcast_bgp_proto::{
    Asn,
    wire::{
        Attributes, Community, DecodeContext, Family, Framer, NlriField, PathAttribute, Update,
        UpdateWriter,
    },
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A full UPDATE of host routes in one family.
fn full(family: Family) -> Vec<u8> {
    let attributes = Attributes {
        as_path: vec![Asn(65001), Asn(65002)],
        next_hop: Some([192, 0, 2, 1].into()),
        communities: vec![Community::new(65001, 1); 20],
        ..Attributes::default()
    };
    let mut block = Vec::new();
    attributes.encode(true, &mut block).unwrap();
    let v4 = family == Family::IPV4_UNICAST;
    let field = if v4 {
        NlriField::Nlri
    } else {
        let next_hop = "2001:db8::1".parse::<IpAddr>().unwrap().into();
        NlriField::MpReach { family, next_hop }
    };
    let mut message = Vec::new();
    let mut writer = UpdateWriter::new(&mut message, field, &block, 4096).unwrap();
    for number in 0_u32.. {
        let address: IpAddr =
            if v4 { number.to_be_bytes().into() } else { u128::from(number).to_be_bytes().into() };
        if !writer.push(None, IpNet::from(address)) {
            break;
        }
    }
    writer.finish();
    message
}

/// Reads everything, so that nothing is lazily left out.
fn read(stream: &[u8], framer: &mut Framer, context: &DecodeContext) -> usize {
    let mut input = stream;
    let mut seen = 0;
    while let Some(frame) = framer.next(&mut input) {
        let update = Update::decode(frame.unwrap().body(), context);
        let fields = update.reachable().chain(update.unreachable());
        seen += fields.flat_map(|nlri| nlri.prefixes()).count();
        for attribute in update.attributes() {
            seen += match attribute {
                PathAttribute::AsPath(path) => path.asns().count(),
                PathAttribute::Communities(list) => list.count(),
                _ => 1,
            };
        }
        seen += usize::from(update.error().is_some());
    }
    seen
}

#[test]
fn reading_updates_allocates_nothing() {
    let malformed = update(&[], &[mandatory(), attribute(0x80, 4, &[1])].concat(), &HOST);
    let length = u16::try_from(19 + malformed.len()).unwrap().to_be_bytes();
    let malformed = [&[0xFF; 16][..], &length, &[2], &malformed].concat();
    let context = external();
    for (message, least) in
        [(full(Family::IPV4_UNICAST), 780), (full(Family::IPV6_UNICAST), 220), (malformed, 1)]
    {
        let mut framer = Framer::new();
        let region = Region::new(ALLOCATOR);
        let seen = read(&message, &mut framer, &context);
        let change = region.change();
        assert!(seen >= least, "{seen}");
        assert_eq!((change.allocations, change.reallocations), (0, 0));
    }
    // Not a check that cannot fail: a message in pieces is copied once.
    let mut framer = Framer::new();
    let region = Region::new(ALLOCATOR);
    let message = full(Family::IPV4_UNICAST);
    read(&message[..100], &mut framer, &context);
    assert!(region.change().allocations > 0);
}
