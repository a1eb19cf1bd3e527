//! Any bytes as a frame: no panic, and what is read is written and read again as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vipcast_arp_ndp::{ArpPacket, NdpMessage};

fuzz_target!(|bytes: &[u8]| {
    let mut buf = Vec::new();
    if let Ok(packet) = ArpPacket::decode(bytes) {
        packet.encode(&mut buf);
        assert_eq!(ArpPacket::decode(&buf), Ok(packet));
    }
    if let Ok(message) = NdpMessage::decode(bytes) {
        message.encode(&mut buf);
        assert_eq!(NdpMessage::decode(&buf), Ok(message));
    }
});
