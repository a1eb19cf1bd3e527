//! Beside a second other codec (bgpkit-parser): it reads what we write, we read what it writes, and both see the same
//! routes, announced and withdrawn.

mod routes;

use bgpkit_parser::{
    models::{
        AsPathSegment, AsnLength, AttributeValue, BgpMessage, BgpUpdateMessage, NetworkPrefix,
    },
    parser::bgp::parse_bgp_message,
};
use bytes::Bytes;
use ipnet::IpNet;
use proptest::prelude::*;
use vipcast_bgp_proto::{
    Asn,
    wire::{Attributes, Community, Frame, LargeCommunity, Update, Verdict},
};

fn theirs(message: &[u8]) -> BgpUpdateMessage {
    let mut bytes = Bytes::copy_from_slice(message);
    match parse_bgp_message(&mut bytes, false, &AsnLength::Bits32).expect("they read it") {
        BgpMessage::Update(update) => update,
        other => panic!("{other:?}"),
    }
}

fn nets(prefixes: &[NetworkPrefix]) -> impl Iterator<Item = IpNet> {
    prefixes.iter().map(|prefix| prefix.prefix)
}

/// The prefixes that they see announced, and those that they see withdrawn.
fn prefixes(update: &BgpUpdateMessage) -> (Vec<IpNet>, Vec<IpNet>) {
    let mut announced: Vec<_> = nets(&update.announced_prefixes).collect();
    let mut withdrawn: Vec<_> = nets(&update.withdrawn_prefixes).collect();
    for attribute in update.attributes.iter() {
        match attribute {
            AttributeValue::MpReachNlri(mp) => announced.extend(nets(&mp.prefixes)),
            AttributeValue::MpUnreachNlri(mp) => withdrawn.extend(nets(&mp.prefixes)),
            _ => {}
        }
    }
    (announced, withdrawn)
}

/// What they see of the attributes that both know.
fn attributes(update: &BgpUpdateMessage) -> Attributes {
    use bgpkit_parser::models::Community as Theirs;

    let mut seen = Attributes::default();
    for attribute in update.attributes.iter() {
        match attribute {
            AttributeValue::AsPath(path) => {
                let numbers = path.segments.iter().flat_map(|segment| match segment {
                    AsPathSegment::AsSequence(numbers) => numbers.to_vec(),
                    other => panic!("{other:?}"),
                });
                seen.as_path = numbers.map(|asn| Asn(asn.into())).collect();
            }
            AttributeValue::NextHop(hop) => {
                let std::net::IpAddr::V4(address) = hop else { panic!("{hop}") };
                seen.next_hop = Some(*address);
            }
            AttributeValue::MultiExitDiscriminator(med) => seen.med = Some(*med),
            AttributeValue::LocalPreference(preference) => seen.local_pref = Some(*preference),
            AttributeValue::Communities(list) => {
                let ours = list.iter().map(|community| match community {
                    Theirs::NoExport => Community::NO_EXPORT,
                    Theirs::NoAdvertise => Community::NO_ADVERTISE,
                    Theirs::NoExportSubConfed => Community::NO_EXPORT_SUBCONFED,
                    Theirs::Custom(asn, value) => {
                        Community(u32::from(*asn) << 16 | u32::from(*value))
                    }
                });
                seen.communities = ours.collect();
            }
            AttributeValue::LargeCommunities(list) => {
                let ours = list.iter().map(|c| LargeCommunity {
                    global: c.global_admin,
                    local1: c.local_data[0],
                    local2: c.local_data[1],
                });
                seen.large_communities = ours.collect();
            }
            _ => {}
        }
    }
    seen
}

/// What we see: verdict, announced and withdrawn prefixes, attributes.
fn ours(message: &[u8]) -> (Verdict, (Vec<IpNet>, Vec<IpNet>), Attributes) {
    let context = routes::context();
    let frame = Frame::new(message, false).expect("sound");
    let update = Update::decode(frame.body(), &context);
    let announced = update.reachable().flat_map(|nlri| nlri.prefixes());
    let withdrawn = update.unreachable().flat_map(|nlri| nlri.prefixes());
    let prefixes =
        (announced.map(|(_, net)| net).collect(), withdrawn.map(|(_, net)| net).collect());
    (update.verdict(), prefixes, Attributes::from_update(&update))
}

// Not the default routes: theirs takes a zero at the front for a path identifier.
const SHORTEST: u8 = 1;

proptest! {
    #[test]
    fn the_second_codec_reads_what_we_write_and_we_read_what_it_writes(
        mut sent in routes::attributes(), prefixes_sent in routes::prefixes(SHORTEST),
    ) {
        let (message, fitted) = routes::announce(&mut sent, prefixes_sent);
        // What we mean is what we read ourselves: duplicates are written once.
        let (verdict, _, meant) = ours(&message);
        prop_assert_eq!(verdict, Verdict::Accept);
        sent.large_communities.clone_from(&meant.large_communities);
        sent.communities.clone_from(&meant.communities);
        prop_assert_eq!(&meant, &sent);

        let read = theirs(&message);
        prop_assert_eq!(&attributes(&read), &sent);
        prop_assert_eq!(prefixes(&read), (fitted.clone(), vec![]));

        let again = BgpMessage::Update(read).encode(AsnLength::Bits32).expect("they write it");
        let (verdict, seen, attributes) = ours(&again);
        prop_assert_eq!(verdict, Verdict::Accept, "{:02x?}", &again[..]);
        prop_assert_eq!(seen, (fitted, vec![]));
        prop_assert_eq!(attributes, sent);
    }

    #[test]
    fn the_second_codec_sees_what_we_withdraw(prefixes_sent in routes::prefixes(SHORTEST)) {
        let (message, fitted) = routes::withdraw(prefixes_sent);
        let read = theirs(&message);
        prop_assert_eq!(prefixes(&read), (vec![], fitted.clone()));
        let again = BgpMessage::Update(read).encode(AsnLength::Bits32).expect("they write it");
        let (verdict, seen, _) = ours(&again);
        prop_assert_eq!(verdict, Verdict::Accept, "{:02x?}", &again[..]);
        prop_assert_eq!(seen, (vec![], fitted));
    }
}
