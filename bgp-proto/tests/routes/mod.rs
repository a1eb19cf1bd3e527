//! Routes of an announcer and the UPDATEs that tell of them, for the tests beside other codecs.

#![allow(dead_code, reason = "each test file uses a part")]

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::{collection::vec, option, prelude::*};
use vipcast_bgp_proto::{
    Asn,
    wire::{
        Attributes, Community, DecodeContext, Family, LargeCommunity, NextHop, NlriField,
        UpdateWriter,
    },
};

/// Where IPv6 prefixes lead.
pub(crate) const NEXT_HOP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// Prefixes of one family, of at least `shortest` bits.
pub(crate) fn prefixes(shortest: u8) -> impl Strategy<Value = Vec<IpNet>> {
    let ipv4 = (any::<u32>(), shortest..=32_u8).prop_map(|(bits, len)| {
        IpNet::V4(Ipv4Net::new(bits.into(), len).expect("short enough").trunc())
    });
    let ipv6 = (any::<u128>(), shortest..=128_u8).prop_map(|(bits, len)| {
        IpNet::V6(Ipv6Net::new(bits.into(), len).expect("short enough").trunc())
    });
    prop_oneof![vec(ipv4, 1..200), vec(ipv6, 1..100)]
}

pub(crate) fn is_ipv4(prefixes: &[IpNet]) -> bool {
    matches!(prefixes.first(), Some(IpNet::V4(_)))
}

prop_compose! {
    /// What the codecs know of attributes, without a next hop.
    pub(crate) fn attributes()(
        as_path in vec(1..=u32::MAX, 0..200),
        med in option::of(any::<u32>()),
        preference in any::<u32>(),
        communities in vec(any::<u32>(), 0..60),
        large in vec(any::<(u32, u32, u32)>(), 0..20),
    ) -> Attributes {
        let large = large.into_iter();
        Attributes {
            as_path: as_path.into_iter().map(Asn).collect(),
            med,
            local_pref: Some(preference),
            communities: communities.into_iter().map(Community).collect(),
            large_communities: large
                .map(|(global, local1, local2)| LargeCommunity { global, local1, local2 })
                .collect(),
            ..Attributes::default()
        }
    }
}

/// Gives the attributes the next hop of the prefixes' family, and writes both: the message, and the prefixes that fitted.
pub(crate) fn announce(attributes: &mut Attributes, prefixes: Vec<IpNet>) -> (Vec<u8>, Vec<IpNet>) {
    let v4 = is_ipv4(&prefixes);
    attributes.next_hop = v4.then_some(Ipv4Addr::new(192, 0, 2, 1));
    let field = if v4 {
        NlriField::Nlri
    } else {
        let next_hop = NextHop::V6 { global: NEXT_HOP, link_local: None };
        NlriField::MpReach { family: Family::IPV6_UNICAST, next_hop }
    };
    let mut block = Vec::new();
    attributes.encode(true, &mut block).expect("fits");
    write(field, &block, prefixes)
}

/// As [`announce`], of prefixes that are no longer reachable.
pub(crate) fn withdraw(prefixes: Vec<IpNet>) -> (Vec<u8>, Vec<IpNet>) {
    let v4 = is_ipv4(&prefixes);
    let v6 = NlriField::MpUnreach(Family::IPV6_UNICAST);
    write(if v4 { NlriField::Withdrawn } else { v6 }, &[], prefixes)
}

fn write(field: NlriField, block: &[u8], prefixes: Vec<IpNet>) -> (Vec<u8>, Vec<IpNet>) {
    let mut message = Vec::new();
    let mut writer = UpdateWriter::new(&mut message, field, block, 4096).expect("fits");
    let fitted = prefixes.into_iter().take_while(|prefix| writer.push(None, *prefix)).collect();
    writer.finish();
    (message, fitted)
}

/// A session within the AS, with both families.
pub(crate) fn context() -> DecodeContext {
    DecodeContext::new(true, &[Family::IPV4_UNICAST, Family::IPV6_UNICAST])
}
