use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

const ASKER: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xaa]);
const OURS: MacAddr = MacAddr([0x02, 0, 0, 0, 0, 0xbb]);
const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);
const CLIENT: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 2);

/// A request as Linux sends it, written by hand from RFC 826.
const REQUEST: [u8; 42] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0xaa, 0x08, 0x06, // Ethernet
    0, 1, 0x08, 0, 6, 4, 0, 1, // Ethernet, IPv4, 6, 4, request
    0x02, 0, 0, 0, 0, 0xaa, 172, 18, 0, 2, // sender
    0, 0, 0, 0, 0, 0, 172, 18, 0, 10, // target
];

fn encoded(packet: ArpPacket) -> Vec<u8> {
    let mut buf = Vec::new();
    packet.encode(&mut buf);
    buf
}

#[test]
fn a_request_is_read() {
    let packet = ArpPacket::decode(&REQUEST).unwrap();
    let expected = ArpPacket {
        destination: MacAddr::BROADCAST,
        source: ASKER,
        operation: ArpOperation::Request,
        sender_mac: ASKER,
        sender: CLIENT,
        target_mac: MacAddr::ZERO,
        target: VIP,
    };
    assert_eq!(packet, expected);
    assert_eq!(encoded(packet), REQUEST);
}

#[test]
fn a_reply_swaps_the_pairs_rfc_826() {
    let question = ArpPacket::decode(&REQUEST).unwrap();
    let expected = [
        0x02, 0, 0, 0, 0, 0xaa, 0x02, 0, 0, 0, 0, 0xbb, 0x08, 0x06, // Ethernet
        0, 1, 0x08, 0, 6, 4, 0, 2, // reply
        0x02, 0, 0, 0, 0, 0xbb, 172, 18, 0, 10, // we have it
        0x02, 0, 0, 0, 0, 0xaa, 172, 18, 0, 2, // who asked
    ];
    assert_eq!(encoded(ArpPacket::reply(&question, OURS)), expected);
}

#[test]
fn an_announcement_is_a_broadcast_request_with_equal_addresses_rfc_5227_2_3() {
    let expected = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0xbb, 0x08, 0x06, // Ethernet
        0, 1, 0x08, 0, 6, 4, 0, 1, // request
        0x02, 0, 0, 0, 0, 0xbb, 172, 18, 0, 10, // sender
        0, 0, 0, 0, 0, 0, 172, 18, 0, 10, // target
    ];
    assert_eq!(encoded(ArpPacket::announcement(VIP, OURS)), expected);
}

#[test]
fn a_gratuitous_reply_names_the_sender_twice() {
    let expected = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0xbb, 0x08, 0x06, // Ethernet
        0, 1, 0x08, 0, 6, 4, 0, 2, // reply
        0x02, 0, 0, 0, 0, 0xbb, 172, 18, 0, 10, // sender
        0x02, 0, 0, 0, 0, 0xbb, 172, 18, 0, 10, // target
    ];
    assert_eq!(encoded(ArpPacket::gratuitous_reply(VIP, OURS)), expected);
}

#[test]
fn a_question_from_the_address_makes_its_target_learn_it_rfc_826() {
    let expected = [
        0x02, 0, 0, 0, 0, 0xaa, 0x02, 0, 0, 0, 0, 0xbb, 0x08, 0x06, // Ethernet
        0, 1, 0x08, 0, 6, 4, 0, 1, // request
        0x02, 0, 0, 0, 0, 0xbb, 172, 18, 0, 10, // sender: the address
        0, 0, 0, 0, 0, 0, 172, 18, 0, 2, // target: the neighbour
    ];
    assert_eq!(encoded(ArpPacket::question(VIP, OURS, CLIENT, Some(ASKER))), expected);
    let broadcast = encoded(ArpPacket::question(VIP, OURS, CLIENT, None));
    assert_eq!(broadcast[..6], [0xff; 6]);
    assert_eq!(broadcast[6..], expected[6..]);
}

#[test]
fn a_probe_names_no_sender_rfc_5227_2_1_1() {
    let probe = ArpPacket::probe(VIP, OURS);
    assert!(probe.is_probe());
    assert_eq!(&encoded(probe)[28..32], [0; 4]);
    assert!(!ArpPacket::announcement(VIP, OURS).is_probe());
}

#[test]
fn padding_is_ignored() {
    let mut padded = REQUEST.to_vec();
    padded.resize(60, 0);
    assert_eq!(ArpPacket::decode(&padded), ArpPacket::decode(&REQUEST));
}

#[test]
fn every_truncation_is_refused() {
    for length in 0..REQUEST.len() {
        assert_eq!(ArpPacket::decode(&REQUEST[..length]), Err(Refusal::Truncated), "{length}");
    }
}

#[test]
fn what_is_not_ipv4_over_ethernet_is_refused() {
    let changed = |at: usize, value: u8| {
        let mut frame = REQUEST;
        frame[at] = value;
        ArpPacket::decode(&frame)
    };
    assert_eq!(changed(13, 0x00), Err(Refusal::NotArpNorNdp));
    assert_eq!(changed(15, 7), Err(Refusal::NotIpv4OverEthernet), "hrd");
    assert!(changed(15, 6).is_ok(), "IEEE 802 counts as Ethernet");
    assert_eq!(changed(16, 0x86), Err(Refusal::NotIpv4OverEthernet), "pro");
    assert_eq!(changed(18, 8), Err(Refusal::NotIpv4OverEthernet), "hln");
    assert_eq!(changed(19, 16), Err(Refusal::NotIpv4OverEthernet), "pln");
    assert_eq!(changed(21, 3), Err(Refusal::UnknownOperation), "op");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_is_written_back(
        bytes in proptest::collection::vec(any::<u8>(), 0..80)
    ) {
        if let Ok(packet) = ArpPacket::decode(&bytes) {
            prop_assert_eq!(ArpPacket::decode(&encoded(packet)), Ok(packet));
        }
    }

    #[test]
    fn changed_requests_never_panic(at in 0..42_usize, value: u8, length in 0..=42_usize) {
        let mut frame = REQUEST;
        frame[at] = value;
        let _verdict = ArpPacket::decode(&frame[..length]);
    }
}
