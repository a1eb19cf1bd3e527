use super::*;

/// Kind (without its flag bits) and value of the attributes in `bytes`; ends at the first one that is
/// cut off.
fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [l0, l1, k0, k1] = *bytes.first_chunk()?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let value = bytes.get(4..length)?;
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([k0, k1]) & 0x3fff, value))
    })
}

#[test]
fn a_message_is_read_as_it_was_written() {
    let first = MessageBuilder::new(16, REQUEST | DUMP, 7).payload(&[1, 2, 3]).finish();
    let second = MessageBuilder::new(17, ACK, 8)
        .string(1, "lo")
        .nested(2, |inner| inner.be32(3, 5).attribute(4, &[9]))
        .finish();
    assert_eq!((first.len(), second.len() % 4), (20, 0));

    let datagram = [first, second].concat();
    let read: Vec<_> = messages(&datagram).collect();
    assert_eq!(read.len(), 2);
    assert_eq!((read[0].kind, read[0].flags, read[0].sequence), (16, 0x301, 7));
    assert_eq!(read[0].payload, [1, 2, 3, 0]);
    let outer: Vec<_> = attributes(read[1].payload).collect();
    assert_eq!(outer[0], (1, &b"lo\0"[..]));
    assert_eq!(outer[1].0, 2);
    let inner: Vec<_> = attributes(outer[1].1).collect();
    assert_eq!(inner, [(3, &[0, 0, 0, 5][..]), (4, &[9][..])]);
}

#[test]
fn what_is_cut_off_or_claims_too_much_ends_the_reading() {
    let whole = MessageBuilder::new(16, 0, 1).string(1, "eth0").finish();
    for length in 0..whole.len() {
        assert_eq!(messages(&whole[..length]).count(), 0, "{length} bytes");
    }
    assert_eq!(messages(&[0; 64]).count(), 0, "a length of zero does not loop");
    assert_eq!(attributes(&[0; 64]).count(), 0, "a length of zero does not loop");
    assert_eq!(attributes(&[8, 0, 1, 0, 1, 2, 3]).count(), 0);
}

#[test]
fn an_error_carries_its_number_and_an_acknowledgement_zero() {
    let refused = MessageBuilder::new(ERROR, 0, 1).payload(&(-17_i32).to_ne_bytes()).finish();
    let fine = MessageBuilder::new(ERROR, 0, 1).payload(&0_i32.to_ne_bytes()).finish();
    assert_eq!(messages(&refused).next().unwrap().errno(), 17);
    assert_eq!(messages(&fine).next().unwrap().errno(), 0);
}
