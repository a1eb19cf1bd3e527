use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const ASKER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xaa]);
const OURS: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xbb]);
const VIP: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x10);
const CLIENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// A multicast solicitation as Linux sends it, by hand from RFC 4861 §4.3; its checksum too.
const SOLICITATION: [u8; 86] = [
    0x33, 0x33, 0xff, 0, 0, 0x10, 0x02, 0, 0, 0, 0, 0xaa, 0x86, 0xdd, // Ethernet
    0x60, 0, 0, 0, 0, 32, 58, 255, // IPv6: 32 octets of ICMPv6, hop limit 255
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // from
    0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x10, // to
    135, 0, 0x1b, 0x61, 0, 0, 0, 0, // type, code, checksum, reserved
    0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, // target
    1, 1, 0x02, 0, 0, 0, 0, 0xaa, // source link-layer address
];

fn encoded(message: NdpMessage) -> Vec<u8> {
    let mut buf = Vec::new();
    message.encode(&mut buf);
    buf
}

fn advertised(advertisement: NeighborAdvertisement) -> Vec<u8> {
    encoded(NdpMessage::Advertisement(advertisement))
}

fn solicitation() -> NeighborSolicitation {
    match NdpMessage::decode(&SOLICITATION) {
        Ok(NdpMessage::Solicitation(solicitation)) => solicitation,
        other => panic!("{other:?}"),
    }
}

/// Changes the solicitation, appends options to it, and sets lengths and checksum right again.
fn changed(change: impl FnOnce(&mut Vec<u8>)) -> Result<NdpMessage, Refusal> {
    let mut frame = SOLICITATION.to_vec();
    change(&mut frame);
    let length = frame.len() - 54;
    frame[18..20].copy_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
    frame[56..58].fill(0);
    // RFC 8200 §8.1: the pseudo-header, then the message.
    let words = |bytes: &[u8]| -> u32 {
        bytes
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
            .sum()
    };
    let mut sum = words(&frame[22..54]) + u32::try_from(length).unwrap() + 58 + words(&frame[54..]);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    let checksum = !u16::try_from(sum).unwrap();
    frame[56..58].copy_from_slice(&checksum.to_be_bytes());
    NdpMessage::decode(&frame)
}

fn refusal(change: impl FnOnce(&mut Vec<u8>)) -> Option<Refusal> {
    changed(change).err()
}

#[test]
fn a_solicitation_is_read_and_written() {
    let expected = NeighborSolicitation {
        destination: MacAddr([0x33, 0x33, 0xff, 0, 0, 0x10]),
        source: ASKER,
        from: CLIENT,
        to: solicited_node(VIP),
        target: VIP,
        source_mac: Some(ASKER),
    };
    assert_eq!(solicitation(), expected);
    assert_eq!(encoded(NdpMessage::Solicitation(expected)), SOLICITATION);
}

#[test]
fn an_answer_is_solicited_overriding_and_tells_the_address_rfc_4861_7_2_4() {
    let expected = [
        0x02, 0, 0, 0, 0, 0xaa, 0x02, 0, 0, 0, 0, 0xbb, 0x86, 0xdd, // Ethernet
        0x60, 0, 0, 0, 0, 32, 58, 255, // IPv6
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, // from: the target
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, // to: who asked
        136, 0, 0x89, 0x9b, 0x60, 0, 0, 0, // S and O
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, // target
        2, 1, 0x02, 0, 0, 0, 0, 0xbb, // target link-layer address
    ];
    let reply = |router| advertised(NeighborAdvertisement::reply(&solicitation(), OURS, router));
    assert_eq!(reply(false), expected);
    let router = reply(true);
    assert_eq!(router[56..59], [0x09, 0x9b, 0xe0], "R, S and O");
    assert_eq!(router[59..], expected[59..]);
}

#[test]
fn who_probes_for_duplicates_is_answered_to_all_nodes_unsolicited_rfc_4861_7_2_4() {
    let probe = NeighborSolicitation::probe(VIP, ASKER);
    let frame = encoded(NdpMessage::Solicitation(probe));
    assert_eq!(frame.len(), 78, "without an option");
    assert_eq!(frame[22..38], [0; 16]);
    assert_eq!(frame[54..58], [135, 0, 0x4c, 0xcf]);
    assert_eq!(NdpMessage::decode(&frame), Ok(NdpMessage::Solicitation(probe)));
    assert!(probe.is_probe());

    let reply = NeighborAdvertisement::reply(&probe, OURS, false);
    assert_eq!(reply, NeighborAdvertisement::announcement(VIP, OURS, false));
}

#[test]
fn an_unsolicited_advertisement_goes_to_all_nodes_and_overrides_rfc_4861_7_2_6() {
    let frame = advertised(NeighborAdvertisement::announcement(VIP, OURS, false));
    assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 1]);
    assert_eq!(frame[22..38], VIP.octets(), "from the address itself");
    assert_eq!(frame[38..54], "ff02::1".parse::<Ipv6Addr>().unwrap().octets());
    assert_eq!(frame[54..62], [136, 0, 0xf8, 0x52, 0x20, 0, 0, 0], "O alone");
    assert_eq!(frame[78..], [2, 1, 0x02, 0, 0, 0, 0, 0xbb]);
}

#[test]
fn a_question_from_the_address_carries_our_hardware_address_rfc_4861_7_2_3() {
    let frame = |known| {
        encoded(NdpMessage::Solicitation(NeighborSolicitation::question(VIP, OURS, ROUTER, known)))
    };
    let multicast = frame(None);
    assert_eq!(multicast[..6], [0x33, 0x33, 0xff, 0, 0, 1]);
    assert_eq!(multicast[22..38], VIP.octets());
    assert_eq!(multicast[38..54], "ff02::1:ff00:1".parse::<Ipv6Addr>().unwrap().octets());
    assert_eq!(multicast[54..58], [135, 0, 0x4a, 0x98]);
    assert_eq!(multicast[62..78], ROUTER.octets());
    assert_eq!(multicast[78..], [1, 1, 0x02, 0, 0, 0, 0, 0xbb]);
    let unicast = frame(Some(ASKER));
    assert_eq!(unicast[..6], ASKER.0);
    assert_eq!(unicast[38..54], ROUTER.octets());
}

#[test]
fn what_linux_reads_is_read() {
    for (what, message) in [
        ("no option", changed(|frame| frame.truncate(78))),
        ("an unknown option", changed(|frame| frame.extend([14, 1, 1, 2, 3, 4, 5, 6]))),
        (
            "a known option that does not belong here",
            changed(|frame| frame.extend([3, 1, 0, 0, 0, 0, 0, 0])),
        ),
        ("reserved bits", changed(|frame| frame[58..62].fill(0xff))),
        ("two source options", changed(|frame| frame.extend([1, 1, 2, 0, 0, 0, 0, 0xcc]))),
        (
            "to all nodes",
            changed(|frame| {
                frame[38..54].copy_from_slice(&ALL_NODES.octets());
            }),
        ),
        ("unicast", changed(|frame| frame[38..54].copy_from_slice(&VIP.octets()))),
    ] {
        let Ok(NdpMessage::Solicitation(read)) = message else { panic!("{what}: {message:?}") };
        let option = (what != "no option").then_some(ASKER);
        assert_eq!((read.target, read.source_mac), (VIP, option), "{what}");
    }
}

#[test]
fn what_linux_refuses_is_refused_by_name() {
    let from_nobody = |frame: &mut Vec<u8>| frame[22..38].fill(0);
    assert_eq!(refusal(|frame| frame[21] = 254), Some(Refusal::HopLimit));
    assert_eq!(refusal(|frame| frame[55] = 1), Some(Refusal::Code));
    assert_eq!(refusal(|frame| frame[79] = 0), Some(Refusal::OptionLength), "length 0");
    assert_eq!(refusal(|frame| frame[79] = 2), Some(Refusal::OptionLength), "past the end");
    assert_eq!(refusal(|frame| frame.truncate(79)), Some(Refusal::OptionLength), "no length");
    assert_eq!(
        refusal(|frame| {
            frame[79] = 2;
            frame.extend([0; 8]);
        }),
        Some(Refusal::LinkLayerOption),
        "14 octets"
    );
    assert_eq!(refusal(|frame| frame[62] = 0xff), Some(Refusal::Target), "multicast");
    assert_eq!(refusal(from_nobody), Some(Refusal::UnspecifiedSource), "with an option");
    assert_eq!(
        refusal(|frame| {
            from_nobody(frame);
            frame.truncate(78);
            frame[38..54].copy_from_slice(&VIP.octets());
        }),
        Some(Refusal::UnspecifiedSource),
        "to one"
    );
    assert!(
        changed(|frame| {
            from_nobody(frame);
            frame.truncate(78);
        })
        .is_ok(),
        "a probe as it should be"
    );
}

#[test]
fn a_wrong_checksum_is_refused() {
    for at in 54..86 {
        let mut frame = SOLICITATION;
        frame[at] ^= 0x04;
        assert!(NdpMessage::decode(&frame).is_err(), "{at}");
    }
    let mut frame = SOLICITATION;
    frame[57] ^= 1;
    assert_eq!(NdpMessage::decode(&frame), Err(Refusal::Checksum));
    frame = SOLICITATION;
    frame[37] ^= 1;
    assert_eq!(NdpMessage::decode(&frame), Err(Refusal::Checksum), "the addresses count too");
}

#[test]
fn an_advertisement_to_a_group_is_not_solicited_rfc_4861_7_1_2() {
    let advertisement = NeighborAdvertisement {
        solicited: true,
        ..NeighborAdvertisement::announcement(VIP, OURS, true)
    };
    let frame = advertised(advertisement);
    assert_eq!(NdpMessage::decode(&frame), Err(Refusal::SolicitedToGroup));
}

#[test]
fn another_protocol_or_message_is_not_ours() {
    let with = |at: usize, value: u8| {
        let mut frame = SOLICITATION;
        frame[at] = value;
        NdpMessage::decode(&frame)
    };
    for (at, value) in [(12, 0x08), (14, 0x40), (20, 17), (20, 0), (54, 128), (54, 134)] {
        assert_eq!(with(at, value), Err(Refusal::NotArpNorNdp), "{at}: {value}");
    }
}

#[test]
fn every_truncation_is_refused_and_padding_is_ignored() {
    for length in 0..SOLICITATION.len() {
        assert_eq!(
            NdpMessage::decode(&SOLICITATION[..length]),
            Err(Refusal::Truncated),
            "{length}"
        );
    }
    assert_eq!(refusal(|frame| frame.truncate(77)), Some(Refusal::Truncated), "under 24 octets");
    let mut padded = SOLICITATION.to_vec();
    padded.resize(128, 0xa5);
    assert_eq!(NdpMessage::decode(&padded), NdpMessage::decode(&SOLICITATION));
}

#[test]
fn a_priority_tag_is_skipped_and_a_vlan_refused() {
    let tagged = |tags: &[u8]| {
        let mut frame = SOLICITATION.to_vec();
        frame.splice(12..12, tags.iter().copied());
        NdpMessage::decode(&frame)
    };
    assert_eq!(tagged(&[0x81, 0, 0xe0, 0]), NdpMessage::decode(&SOLICITATION));
    assert_eq!(tagged(&[0x88, 0xa8, 0, 0, 0x81, 0, 0, 0]), NdpMessage::decode(&SOLICITATION));
    assert_eq!(tagged(&[0x81, 0, 0, 7]), Err(Refusal::VlanTagged));
    assert_eq!(tagged(&[0x81, 0, 1, 0]), Err(Refusal::VlanTagged));
    assert_eq!(tagged(&[0x88, 0xa8, 0, 0, 0x81, 0, 0, 7]), Err(Refusal::VlanTagged));
    assert_eq!(
        NdpMessage::decode(&[&SOLICITATION[..12], &[0x81, 0, 0]].concat()),
        Err(Refusal::Truncated)
    );
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..160)) {
        let _verdict = NdpMessage::decode(&bytes);
    }

    #[test]
    fn what_is_read_is_written_back_and_read_again(
        changes in proptest::collection::vec((12..86_usize, any::<u8>()), 0..4),
        options in proptest::collection::vec(any::<u8>(), 0..24),
    ) {
        let message = changed(|frame| {
            for (at, value) in changes {
                frame[at] = value;
            }
            frame.extend(options);
        });
        if let Ok(message) = message {
            prop_assert_eq!(NdpMessage::decode(&encoded(message)), Ok(message));
        }
    }
}
