use super::*;

fn end(last: u8, port: u16) -> End {
    End { mac: MacAddr([2, 0, 0, 0, 0, last]), address: [192, 0, 2, last].into(), port }
}

fn end_v6(last: u16, port: u16) -> End {
    let address = std::net::Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last).into();
    End { address, ..end(last as u8, port) }
}

/// The ones' complement sum of RFC 1071, over what is given.
fn sum(parts: &[&[u8]]) -> u16 {
    let bytes: Vec<u8> = parts.concat();
    let words = bytes.chunks(2).map(|w| u32::from(w[0]) << 8 | w.get(1).map_or(0, |b| (*b).into()));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    ((sum & 0xffff) + (sum >> 16)) as u16
}

#[test]
fn a_syn_is_as_rfc_9293_3_1_draws_it() {
    let mut frame = Vec::new();
    syn(end(1, 0xc123), end(9, 80), 0x89ab_cdef, &mut frame);
    assert_eq!(frame[..14], [2, 0, 0, 0, 0, 9, 2, 0, 0, 0, 0, 1, 8, 0]);
    let (ip, tcp) = frame[14..].split_at(20);
    assert_eq!((ip[0], ip[9]), (0x45, 6));
    assert_eq!(ip[2..4], 40_u16.to_be_bytes());
    assert_eq!(ip[12..20], [192, 0, 2, 1, 192, 0, 2, 9]);
    assert_eq!(sum(&[ip]), 0xffff, "RFC 791 §3.1");
    assert_eq!(tcp[..8], [0xc1, 0x23, 0, 80, 0x89, 0xab, 0xcd, 0xef]);
    assert_eq!(tcp[8..12], [0; 4], "nothing is acknowledged");
    assert_eq!((tcp[12] >> 4, tcp[13]), (5, 0b10), "five words, SYN alone");
    assert_eq!(tcp.len(), 20);
    let pseudo = [&ip[12..20], &[0, 6, 0, 20]].concat();
    assert_eq!(sum(&[&pseudo, tcp]), 0xffff, "RFC 9293 §3.1, checksum");
}

#[test]
fn a_rst_ends_it_under_the_next_number_rfc_9293_3_10_7_4() {
    let mut frame = Vec::new();
    rst(end_v6(1, 7), end_v6(9, 80), 5, &mut frame);
    assert_eq!(frame[12..14], [0x86, 0xdd]);
    let (ip, tcp) = frame[14..].split_at(40);
    assert_eq!((ip[6], tcp[13], &tcp[4..8]), (6, 0b100, &[0, 0, 0, 5][..]));
    let pseudo = [&ip[8..40], &[0, 0, 0, 20, 0, 0, 0, 6]].concat();
    assert_eq!(sum(&[&pseudo, tcp]), 0xffff, "RFC 8200 §8.1");
}

/// What a peer would answer: a SYN with the flags and the acknowledgement put in.
fn answered(from: End, to: End, flags: u8, ack: u32) -> Vec<u8> {
    let mut frame = Vec::new();
    syn(from, to, 77, &mut frame);
    let tcp = frame.len() - 20;
    frame[tcp + 13] = flags;
    frame[tcp + 8..tcp + 12].copy_from_slice(&ack.to_be_bytes());
    frame
}

#[test]
fn an_answer_tells_whose_it_is_and_to_what() {
    for (from, to) in [(end(9, 80), end(1, 7)), (end_v6(9, 80), end_v6(1, 7))] {
        let frame = answered(from, to, 0b1_0010, 0);
        assert_eq!(syn_ack(&frame), Some(SynAck { from, to, of: u32::MAX }));
    }
}

#[test]
fn only_a_whole_syn_with_an_ack_is_an_answer() {
    let frame = answered(end(9, 80), end(1, 7), 0b1_0010, 6);
    assert!(syn_ack(&frame).is_some());
    for flags in [0b10, 0b1_0000, 0b1_0100, 0b1_0110, 0b1_0011] {
        assert_eq!(syn_ack(&answered(end(9, 80), end(1, 7), flags, 6)), None, "{flags:#b}");
    }
    for len in 0..frame.len() {
        assert_eq!(syn_ack(&frame[..len]), None, "cut off after {len}");
    }
    let mut fragment = frame.clone();
    fragment[14 + 6] = 0x20;
    assert_eq!(syn_ack(&fragment), None);
    let mut udp = frame;
    udp[14 + 9] = 17;
    assert_eq!(syn_ack(&udp), None);
}
