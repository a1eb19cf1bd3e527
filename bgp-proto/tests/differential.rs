//! Beside another codec (zettabgp): it reads what we write, we read what it writes, and both see the
//! same routes.

mod routes;

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use proptest::prelude::*;
use vipcast_bgp_proto::{
    Asn,
    wire::{Attributes, Community, Frame, LargeCommunity, Update, Verdict},
};
use zettabgp::{
    BgpMessage, BgpSessionParams, BgpTransportMode,
    message::update::BgpUpdateMessage,
    prelude::{BgpAddr, BgpAddrs, BgpAttrItem, BgpCapability},
};

fn parameters() -> BgpSessionParams {
    let capabilities =
        vec![BgpCapability::SafiIPv4u, BgpCapability::SafiIPv6u, BgpCapability::CapASN32(65001)];
    let id = Ipv4Addr::new(10, 0, 0, 1);
    let mut parameters =
        BgpSessionParams::new(65001, 180, BgpTransportMode::IPv4, id, capabilities);
    parameters.has_as32bit = true;
    parameters.fuzzy_pathid = false;
    parameters
}

fn prefixes(addresses: &BgpAddrs) -> Vec<IpNet> {
    match addresses {
        BgpAddrs::IPV4U(list) => list
            .iter()
            .map(|net| Ipv4Net::new(net.addr, net.prefixlen).expect("sound").into())
            .collect(),
        BgpAddrs::IPV6U(list) => list
            .iter()
            .map(|net| Ipv6Net::new(net.addr, net.prefixlen).expect("sound").into())
            .collect(),
        BgpAddrs::None => vec![],
        other => panic!("{other:?}"),
    }
}

/// What they see of the attributes that both know.
fn attributes(message: &BgpUpdateMessage) -> Attributes {
    let mut seen = Attributes::default();
    for item in &message.attrs {
        match item {
            BgpAttrItem::ASPath(path) => {
                let numbers = path.value.iter().flat_map(|segment| match segment {
                    zettabgp::prelude::BgpASitem::Seq(sequence) => sequence.value.clone(),
                    zettabgp::prelude::BgpASitem::Set(_) => panic!("a set"),
                });
                seen.as_path = numbers.map(|asn| Asn(asn.value)).collect();
            }
            BgpAttrItem::NextHop(hop) => {
                let IpAddr::V4(address) = hop.value else { panic!("{hop:?}") };
                seen.next_hop = Some(address);
            }
            BgpAttrItem::MED(med) => seen.med = Some(med.value),
            BgpAttrItem::LocalPref(preference) => seen.local_pref = Some(preference.value),
            BgpAttrItem::CommunityList(list) => {
                seen.communities = list.value.iter().map(|c| Community(c.value)).collect();
            }
            BgpAttrItem::LargeCommunityList(list) => {
                let ours = list.value.iter().map(|c| LargeCommunity {
                    global: c.ga,
                    local1: c.ldp1,
                    local2: c.ldp2,
                });
                seen.large_communities = ours.collect();
            }
            _ => {}
        }
    }
    seen
}

/// What we see: verdict, prefixes, attributes.
fn ours(body: &[u8]) -> (Verdict, Vec<IpNet>, Attributes) {
    let context = routes::context();
    let update = Update::decode(body, &context);
    let prefixes = update.reachable().flat_map(|nlri| nlri.prefixes());
    let prefixes = prefixes.map(|(_, prefix)| prefix).collect();
    (update.verdict(), prefixes, Attributes::from_update(&update))
}

proptest! {
    #[test]
    fn the_other_codec_reads_what_we_write_and_we_read_what_it_writes(
        mut sent in routes::attributes(), prefixes_sent in routes::prefixes(0),
    ) {
        // Theirs are sorted sets.
        sent.communities.sort_unstable();
        sent.communities.dedup();
        sent.large_communities.sort_unstable();
        sent.large_communities.dedup();
        let (message, fitted) = routes::announce(&mut sent, prefixes_sent);
        let v4 = routes::is_ipv4(&fitted);

        let parameters = parameters();
        let body = Frame::new(&message, false).expect("sound").body();
        let mut theirs = BgpUpdateMessage::new();
        theirs.decode_from(&parameters, body).expect("they read it");
        prop_assert_eq!(&attributes(&theirs), &sent);
        if v4 {
            prop_assert_eq!(&prefixes(&theirs.updates), &fitted);
        } else {
            let reach = theirs.get_mpupdates().expect("there is one");
            prop_assert_eq!(&prefixes(&reach.addrs), &fitted);
            prop_assert_eq!(&reach.nexthop, &BgpAddr::V6(routes::NEXT_HOP));
        }

        // Version 0.6.0 writes a sequence as a set, which RFC 9774 has us refuse: without a path, then.
        let mut expected = sent;
        expected.as_path.clear();
        for item in &mut theirs.attrs {
            if let BgpAttrItem::ASPath(path) = item {
                path.value.clear();
            }
        }
        let mut again = vec![0; 8192];
        let len = theirs.encode_to(&parameters, &mut again).expect("they write it");
        let (verdict, read, seen) = ours(&again[..len]);
        prop_assert_eq!(verdict, Verdict::Accept, "{:02x?}", &again[..len]);
        prop_assert_eq!(read, fitted);
        prop_assert_eq!(seen, expected);
    }
}
