use super::*;

/// An advertisement for fd00::1 that ends with these options.
fn advertisement(options: &[u8]) -> Frame {
    let node = "fd00::1".parse::<Ipv6Addr>().expect("an address").octets();
    let length = u8::try_from(24 + options.len()).expect("it is short");
    let mut bytes = vec![0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 1, 0, 0x86, 0xdd];
    bytes.extend([0x60, 0, 0, 0, 0, length, 58, 255]);
    bytes.extend(node);
    bytes.extend("ff02::1".parse::<Ipv6Addr>().expect("an address").octets());
    bytes.extend([136, 0, 0, 0, 0x20, 0, 0, 0]);
    bytes.extend(node);
    bytes.extend(options);
    Frame {
        at: Instant::now(),
        host: "a".into(),
        direction: Direction::Sent,
        delivered: true,
        bytes,
    }
}

#[test]
fn the_link_address_is_found_behind_other_options() {
    let options = [14, 1, 0, 0, 0, 0, 0, 0, 2, 1, 2, 0, 0, 0, 1, 0];
    let read = advertisement(&options).ndp().expect("it is whole");
    assert_eq!(read.link_address, Some(Mac([2, 0, 0, 0, 1, 0])));
    assert_eq!(
        read.advertisement.map(|flags| (flags.solicited, flags.overrides)),
        Some((false, true))
    );
    assert_eq!(read.target, read.src);
}

#[test]
fn options_that_make_no_sense_hold_no_link_address() {
    let bad: [&[u8]; 5] =
        [&[2, 0, 0, 0, 0, 0, 0, 0], &[1, 0], &[2], &[2, 2, 2, 0, 0, 0, 1, 0], &[14, 0, 2, 1]];
    for options in bad {
        let read = advertisement(options).ndp().expect("the message itself is whole");
        assert_eq!(read.link_address, None, "{options:?}");
    }
}
