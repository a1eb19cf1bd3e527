use std::net::{Ipv4Addr, Ipv6Addr};

use super::*;

/// What the kernel does with a broadcast; `vlan` is the tag that it has stripped. True: it passes.
fn passes(program: &[Instruction], frame: &[u8], vlan: Option<u16>) -> bool {
    passes_as(program, frame, vlan, libc::PACKET_BROADCAST)
}

fn passes_as(program: &[Instruction], frame: &[u8], vlan: Option<u16>, packet_type: u8) -> bool {
    let mut at = 0;
    let mut a = 0_u32;
    let load = |offset: u32, width: usize| {
        let bytes = frame.get(offset as usize..offset as usize + width)?;
        Some(bytes.iter().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)))
    };
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        at += 1;
        let loaded = match (code, k) {
            (LOAD_WORD, PACKET_TYPE) => Some(packet_type.into()),
            (LOAD_WORD, VLAN_TAG) => Some(vlan.unwrap_or(0).into()),
            (LOAD_WORD, VLAN_TAG_PRESENT) => Some(vlan.is_some().into()),
            (LOAD_WORD, offset) => load(offset, 4),
            (LOAD_HALF, offset) => load(offset, 2),
            (LOAD_BYTE, offset) => load(offset, 1),
            (AND, mask) => Some(a & mask),
            (JUMP_EQUAL, value) => {
                at += usize::from(if a == value { jt } else { jf });
                Some(a)
            }
            (RETURN, value) => return value != 0,
            _ => panic!("no such instruction"),
        };
        match loaded {
            Some(value) => a = value,
            None => return false,
        }
    }
}

fn arp(operation: u8, sender: [u8; 4], target: [u8; 4]) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 1, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend([2, 0, 0, 0, 0, 1]);
    frame.extend(sender);
    frame.extend([0; 6]);
    frame.extend(target);
    frame
}

fn nd(kind: u8, source: &str, destination: &str, target: &str) -> Vec<u8> {
    let octets = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
    let mut frame = vec![0x33, 0x33, 0xff, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0x86, 0xdd];
    frame.extend([0x60, 0, 0, 0, 0, 24, 58, 255]);
    frame.extend(octets(source));
    frame.extend(octets(destination));
    frame.extend([kind, 0, 0, 0, 0, 0, 0, 0]);
    frame.extend(octets(target));
    frame
}

fn prefixes(texts: &[&str]) -> Vec<IpNet> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

#[test]
fn arp_requests_and_replies_pass_and_nothing_else() {
    let program = instructions(FrameKind::Arp, None);
    let request = arp(1, [10, 0, 0, 1], [10, 0, 0, 2]);
    assert!(passes(&program, &request, None));
    assert!(passes(&program, &arp(2, [10, 0, 0, 1], [10, 0, 0, 2]), None));
    for operation in [0, 3, 8] {
        assert!(!passes(&program, &arp(operation, [10, 0, 0, 1], [10, 0, 0, 2]), None));
    }
    let mut padded = request.clone();
    padded.resize(60, 0);
    assert!(passes(&program, &padded, None));
    for (offset, value) in [(13, 0), (16, 0x86), (18, 8), (19, 16), (20, 1)] {
        let mut other = request.clone();
        other[offset] = value;
        assert!(!passes(&program, &other, None), "byte {offset}");
    }
}

#[test]
fn truncated_frames_are_dropped_at_every_length() {
    let program = instructions(FrameKind::Arp, None);
    let frame = arp(1, [10, 0, 0, 1], [10, 0, 0, 2]);
    for length in 0..frame.len() {
        assert!(!passes(&program, &frame[..length], None), "{length} bytes of ARP");
    }
    let program = instructions(FrameKind::Nd, None);
    let frame = nd(135, "fe80::1", "ff02::1:ff00:1", "2001:db8::1");
    assert!(passes(&program, &frame, None));
    for length in 0..frame.len() {
        assert!(!passes(&program, &frame[..length], None), "{length} bytes of ND");
    }
}

#[test]
fn frames_of_another_vlan_are_dropped_and_priority_tags_are_not() {
    let frames = [
        (FrameKind::Arp, arp(1, [10, 0, 0, 1], [10, 0, 0, 2])),
        (FrameKind::Nd, nd(135, "fe80::1", "ff02::1:ff00:1", "2001:db8::1")),
    ];
    for (kind, frame) in frames {
        let program = instructions(kind, None);
        assert!(passes(&program, &frame, None));
        assert!(passes(&program, &frame, Some(0)));
        assert!(passes(&program, &frame, Some(0xe000)), "priority 7, VID 0");
        assert!(!passes(&program, &frame, Some(1)));
        assert!(!passes(&program, &frame, Some(0xefff)));
        assert!(!passes_as(&program, &frame, None, libc::PACKET_OTHERHOST));
        for packet_type in [libc::PACKET_HOST, libc::PACKET_MULTICAST] {
            assert!(passes_as(&program, &frame, None, packet_type));
        }
    }
}

#[test]
fn solicitations_and_advertisements_pass_with_hop_limit_255_only() {
    let program = instructions(FrameKind::Nd, None);
    for (kind, expected) in [(133, false), (134, false), (135, true), (136, true), (137, false)] {
        let frame = nd(kind, "fe80::1", "fe80::2", "fe80::2");
        assert_eq!(passes(&program, &frame, None), expected, "type {kind}");
    }
    let mut frame = nd(135, "fe80::1", "fe80::2", "fe80::2");
    frame[21] = 254;
    assert!(!passes(&program, &frame, None));
    frame[21] = 255;
    frame[20] = 6;
    assert!(!passes(&program, &frame, None));
}

#[test]
fn with_targets_arp_passes_by_target_or_by_sender() {
    let targets = prefixes(&["192.0.2.128/25", "198.51.100.7/32", "2001:db8::/64"]);
    let program = instructions(FrameKind::Arp, Some(&targets));
    let gateway = [192, 0, 2, 1];
    assert!(passes(&program, &arp(1, gateway, [192, 0, 2, 128]), None));
    assert!(passes(&program, &arp(1, gateway, [198, 51, 100, 7]), None));
    assert!(passes(&program, &arp(2, [192, 0, 2, 255], gateway), None), "a conflict");
    assert!(!passes(&program, &arp(1, gateway, [192, 0, 2, 127]), None));
    assert!(!passes(&program, &arp(1, gateway, [198, 51, 100, 6]), None));
    assert!(!passes(&program, &arp(1, [0; 4], [198, 51, 100, 8]), None));
}

#[test]
fn with_targets_nd_passes_by_target_destination_or_source() {
    let targets = prefixes(&["10.0.0.0/8", "2001:db8:0:1::/64", "2001:db8::f/128", "fd00::/7"]);
    let program = instructions(FrameKind::Nd, Some(&targets));
    let group = "ff02::1:ff00:1";
    assert!(passes(&program, &nd(135, "fe80::1", group, "2001:db8:0:1::99"), None));
    assert!(passes(&program, &nd(135, "fe80::1", group, "2001:db8::f"), None));
    assert!(passes(&program, &nd(135, "fe80::1", group, "fc00::1"), None), "within fd00::/7");
    assert!(passes(&program, &nd(136, "fe80::1", "2001:db8::f", "fe80::1"), None), "an answer");
    assert!(passes(&program, &nd(135, "2001:db8::f", group, "fe80::1"), None), "a stranger");
    assert!(!passes(&program, &nd(135, "fe80::1", group, "2001:db8:0:2::99"), None));
    assert!(!passes(&program, &nd(135, "fe80::1", group, "2001:db8::e"), None));
}

#[test]
fn no_target_at_all_passes_nothing_and_all_addresses_pass_everything() {
    let frame = arp(1, [10, 0, 0, 1], [10, 0, 0, 2]);
    assert!(!passes(&instructions(FrameKind::Arp, Some(&[])), &frame, None));
    let all = prefixes(&["0.0.0.0/0"]);
    assert!(passes(&instructions(FrameKind::Arp, Some(&all)), &frame, None));
}

fn hosts(numbers: impl Iterator<Item = u32>) -> Vec<IpNet> {
    numbers.map(|host| IpNet::from(std::net::IpAddr::V4(Ipv4Addr::from_bits(host)))).collect()
}

#[test]
fn addresses_side_by_side_cost_as_much_as_one() {
    let row = hosts((0..8_192).map(|host| 0x0a00_0000 + host));
    let program = instructions(FrameKind::Arp, Some(&row));
    assert!(program.len() < 50, "{}", program.len());
    assert!(passes(&program, &arp(1, [10, 9, 9, 9], [10, 0, 31, 255]), None));
    assert!(!passes(&program, &arp(1, [10, 9, 9, 9], [10, 0, 32, 0]), None));
}

#[test]
fn more_targets_than_a_program_holds_are_widened_and_all_pass() {
    // 10.x.y.77 for 2,000 networks.
    let many = hosts((0..2_000).map(|net| 0x0a00_004d + net * 256));
    let program = instructions(FrameKind::Arp, Some(&many));
    assert!(program.len() <= MAX_INSTRUCTIONS);
    for net in [0_u16, 1, 1_000, 1_999] {
        let [high, low] = net.to_be_bytes();
        assert!(passes(&program, &arp(1, [192, 0, 2, 1], [10, high, low, 77]), None), "{net}");
    }
    assert!(!passes(&program, &arp(1, [192, 0, 2, 1], [10, 9, 0, 77]), None), "a foreign network");
    let scattered: Vec<IpNet> = (0..400_u128)
        .map(|host| std::net::IpAddr::from(Ipv6Addr::from_bits(host << 100 | host << 3)))
        .map(IpNet::from)
        .collect();
    let program = instructions(FrameKind::Nd, Some(&scattered));
    assert!(program.len() <= MAX_INSTRUCTIONS);
    for net in &scattered {
        let target = net.addr().to_string();
        assert!(passes(&program, &nd(135, "fe80::1", "ff02::1:ff00:1", &target), None), "{target}");
    }
}

/// An answer to a handshake, without a payload: from port 80 to this one.
fn tcp(ipv4: bool, port: u16, flags: u8) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9];
    if ipv4 {
        frame.extend([0x08, 0, 0x45, 0, 0, 40, 0, 1, 0x40, 0, 64, 6, 0, 0]);
        frame.extend([192, 0, 2, 9, 192, 0, 2, 1]);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 20, 6, 64]);
        frame.extend([0xfd; 32]);
    }
    frame.extend([0, 80]);
    frame.extend(port.to_be_bytes());
    frame.extend([0; 8]);
    frame.extend([0x50, flags, 0, 0, 0, 0, 0, 0]);
    frame
}

#[test]
fn of_handshakes_only_agreeing_answers_to_the_port_pass() {
    const SYN_ACK: u8 = 0b1_0010;
    for ipv4 in [true, false] {
        let mut own = Program::default();
        own.handshake(ipv4, 40_000);
        let host = |frame: &[u8]| passes_as(&own.0, frame, None, libc::PACKET_HOST);
        let answer = tcp(ipv4, 40_000, SYN_ACK);
        assert!(host(&answer));
        // What a sender may set besides: ECN (RFC 3168), and data to be pushed on.
        assert!(host(&tcp(ipv4, 40_000, SYN_ACK | 0b0100_1000)));
        assert!(!host(&tcp(ipv4, 40_001, SYN_ACK)));
        for flags in [0b10, 0b1_0000, 0b1_0100, 0b1_0110, 0b1_0011] {
            assert!(!host(&tcp(ipv4, 40_000, flags)), "{flags:#b}");
        }
        assert!(!host(&tcp(!ipv4, 40_000, SYN_ACK)));
        assert!((0..answer.len() - 6).all(|len| !host(&answer[..len])));
        assert!(!passes_as(&own.0, &answer, None, libc::PACKET_OTHERHOST));
        assert!(!passes_as(&own.0, &answer, Some(7), libc::PACKET_HOST), "another VLAN");
    }
    let mut own = Program::default();
    own.handshake(true, 40_000);
    let mut fragment = tcp(true, 40_000, SYN_ACK);
    fragment[20] = 0x20;
    assert!(!passes_as(&own.0, &fragment, None, libc::PACKET_HOST), "a fragment");
}
