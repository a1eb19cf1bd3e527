//! Any datagram, signed or not: what is read is written again as it was, and nothing breaks.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vipcast_election::{
    NodeName,
    beacon::{AuthMode, Key, KeyId, Keyring, wire::Beacon},
    register::{Register, RegisterConfig, RegisterSettings, VoterId},
};
use vipcast_sans_io::Instant;

fuzz_target!(|bytes: &[u8]| {
    let open = Keyring::insecure();
    let mut framed = b"VB\x01\x00\x00\x00".to_vec();
    framed.extend(bytes);
    for bytes in [bytes, &framed] {
        if let Ok(beacon) = Beacon::decode(bytes, &open) {
            let mut again = Vec::new();
            beacon.encode(&open, &mut again);
            assert!(again.len() <= beacon.encoded_len());
            assert_eq!(Beacon::decode(&again, &open), Ok(beacon));
        }
    }
    let key = Key::new(&[7; 32]).unwrap();
    let strict = Keyring::new(AuthMode::Enforce, KeyId(1), [(KeyId(1), key)]).unwrap();
    assert!(Beacon::decode(&framed, &strict).is_err(), "unsigned, and believed");

    let me = NodeName::new("a");
    let config = RegisterConfig::new(me.clone(), [me], RegisterSettings::default()).unwrap();
    let now = Instant::from_millis(1);
    let mut register = Register::new(now, VoterId(1), config.clone(), open.clone());
    framed[1] = b'R';
    _ = register.handle_datagram(now, &framed);
    if let Ok(mut restored) = Register::restore(now, VoterId(1), bytes, config, open) {
        _ = restored.handle_datagram(now, &framed);
        assert!(restored.footprint() <= bytes.len() * 2 + 8);
    }
});
