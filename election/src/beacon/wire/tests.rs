use alloc::{format, vec};

use proptest::prelude::*;

use super::*;
use crate::beacon::keys::{AuthMode, Key, KeyId, Keyring, KeyringError};

fn beacon() -> Beacon {
    Beacon {
        name: NodeName::new("node-a"),
        segment: SegmentTag::of(&Segment::new("lan")),
        incarnation: 7,
        sequence: 9,
        interval: Duration::from_millis(100),
        token_life: Duration::from_millis(170),
        starting: false,
        draining: true,
        weight: Weight::MIN,
        hardware: vec![[2, 0, 0, 0, 0, 1]],
        hears: vec![LifeId(1), LifeId(2)],
        digest: TableDigest { count: 2, sum: 3 },
        probes: vec![LifeId(5)],
        sync_wanted: vec![],
        failing: vec![],
        changes: vec![("192.0.2.1".parse().unwrap(), None)],
        sync: None,
    }
}

fn encoded(beacon: &Beacon, keyring: &Keyring) -> Vec<u8> {
    let mut buf = vec![1, 2, 3];
    beacon.encode(keyring, &mut buf);
    assert!(buf.len() <= beacon.encoded_len(), "{} > {}", buf.len(), beacon.encoded_len());
    buf
}

fn key(octet: u8) -> Key {
    Key::new(&[octet; 32]).unwrap()
}

fn ring(mode: AuthMode, sign_with: u16, keys: &[(u16, u8)]) -> Keyring {
    let keys = keys.iter().map(|&(id, octet)| (KeyId(id), key(octet)));
    Keyring::new(mode, KeyId(sign_with), keys).unwrap()
}

fn insecure() -> Keyring {
    Keyring::insecure()
}

#[test]
fn the_bytes_are_these() {
    let mut small = beacon();
    small.probes.clear();
    small.hears.truncate(1);
    let expected: &[u8] = &[
        b'V', b'B', 1, 0, 0, 0, // header, unsigned
        1, 0, 16, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9, // sender
        2, 0, 6, b'n', b'o', b'd', b'e', b'-', b'a', // name
        3, 0, 8, 22, 231, 23, 27, 67, 195, 21, 246, // segment
        4, 0, 8, 0, 1, 0x86, 0xa0, 0, 2, 0x98, 0x10, // timing
        5, 0, 3, 2, 0, 1, // state
        6, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1, // hears
        7, 0, 10, 0, 2, 0, 0, 0, 0, 0, 0, 0, 3, // digest
        13, 0, 6, 2, 0, 0, 0, 0, 1, // hardware
        8, 0, 5, 0x10, 192, 0, 2, 1, // changes
    ];
    assert_eq!(encoded(&small, &insecure()), expected);
}

#[test]
fn an_unknown_item_is_skipped() {
    let mut bytes = encoded(&beacon(), &insecure());
    bytes.extend([200, 0, 2, 1, 2]);
    assert_eq!(Beacon::decode(&bytes, &insecure()), Ok(beacon()));
}

#[test]
fn a_newer_version_is_refused_by_name() {
    let mut bytes = encoded(&beacon(), &insecure());
    bytes[2] = 2;
    assert_eq!(Beacon::decode(&bytes, &insecure()), Err(Refusal::Version));
}

#[test]
fn what_is_not_served_is_told_in_these_bytes() {
    let mut small = beacon();
    let without = encoded(&small, &insecure());
    small.failing = vec![
        Failing { life: LifeId(5), address: "192.0.2.1".parse().unwrap(), failures: 3 },
        Failing { life: LifeId(6), address: "::".parse().unwrap(), failures: 255 },
    ];
    let bytes = encoded(&small, &insecure());
    let expected: &[u8] = &[
        12, 0, 40, 0, 0, 0, 0, 0, 0, 0, 5, 3, 4, 192, 0, 2, 1, // an address
        0, 0, 0, 0, 0, 0, 0, 6, 255, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        0, // a family
    ];
    let at = without.len() - 8;
    assert_eq!(&bytes[at..at + expected.len()], expected);
    let none_missing = at + 3 + 8;
    let mut bad = bytes.clone();
    bad[none_missing] = 0;
    let refused = Err(Refusal::Value(TlvType::FAILING));
    assert_eq!(Beacon::decode(&bad, &insecure()), refused, "no answer is missing");
    bad = bytes;
    bad[none_missing + 1] = 0;
    assert_eq!(Beacon::decode(&bad, &insecure()), refused, "no address");
}

#[test]
fn a_name_that_would_break_a_line_is_refused() {
    for name in ["two words", "line\nfeed", "\u{1b}[2J"] {
        let named = Beacon { name: NodeName::new(name), ..beacon() };
        let decoded = Beacon::decode(&encoded(&named, &insecure()), &insecure());
        assert_eq!(decoded, Err(Refusal::Value(TlvType::NAME)), "{name:?}");
    }
}

#[test]
fn each_missing_item_is_named() {
    let bytes = encoded(&beacon(), &insecure());
    let mut at = 6;
    while at < bytes.len() {
        let (kind, len) = (bytes[at], usize::from(bytes[at + 2]) + 3);
        let mut without = bytes.clone();
        without.drain(at..at + len);
        let decoded = Beacon::decode(&without, &insecure());
        match kind {
            1..=7 => assert_eq!(decoded, Err(Refusal::Missing(TlvType(kind)))),
            _ => assert!(decoded.is_ok()),
        }
        let mut twice = bytes.clone();
        twice.extend_from_slice(&bytes[at..at + len]);
        let repeated = Err(Refusal::Repeated(TlvType(kind)));
        assert_eq!(Beacon::decode(&twice, &insecure()), repeated);
        at += len;
    }
}

#[test]
fn every_truncation_is_refused() {
    let ring = ring(AuthMode::Enforce, 1, &[(1, 1)]);
    for keyring in [insecure(), ring] {
        let bytes = encoded(&beacon(), &keyring);
        for len in 0..bytes.len() {
            let cut = Beacon::decode(&bytes[..len], &keyring);
            // Without a signature, the items that may be absent can be cut off whole.
            let whole = cut.as_ref().is_ok_and(|b| b.changes.is_empty() || b.probes.is_empty());
            assert!(cut.is_err() || whole && keyring == insecure(), "{len}: {cut:?}");
        }
    }
}

#[test]
fn a_changed_octet_of_a_signed_beacon_is_refused() {
    let keyring = ring(AuthMode::Enforce, 1, &[(1, 1)]);
    let bytes = encoded(&beacon(), &keyring);
    assert_eq!(Beacon::decode(&bytes, &keyring), Ok(beacon()));
    for at in 0..bytes.len() {
        let mut forged = bytes.clone();
        forged[at] ^= 1;
        assert!(Beacon::decode(&forged, &keyring).is_err(), "octet {at}");
    }
}

#[test]
fn the_modes_believe_what_they_should() {
    let (one, other) = (&[(1, 1)][..], &[(1, 9)][..]);
    let signed = encoded(&beacon(), &ring(AuthMode::Permissive, 1, one));
    let forged = encoded(&beacon(), &ring(AuthMode::Enforce, 1, other));
    let strange = encoded(&beacon(), &ring(AuthMode::Enforce, 2, &[(2, 1)]));
    let plain = encoded(&beacon(), &ring(AuthMode::ReceiveOnly, 1, one));
    assert_eq!(plain, encoded(&beacon(), &insecure()));
    for mode in [AuthMode::ReceiveOnly, AuthMode::Permissive, AuthMode::Enforce] {
        let keyring = ring(mode, 1, one);
        let verdict = |bytes: &[u8]| Beacon::decode(bytes, &keyring).map(|_| ());
        assert_eq!(verdict(&signed), Ok(()));
        assert_eq!(verdict(&forged), Err(Refusal::BadSignature));
        assert_eq!(verdict(&strange), Err(Refusal::UnknownKey));
        let unsigned = if mode == AuthMode::Enforce { Err(Refusal::Unsigned) } else { Ok(()) };
        assert_eq!(verdict(&plain), unsigned);
    }
}

#[test]
fn a_key_changes_without_a_beacon_being_refused() {
    let steps = [
        ring(AuthMode::Enforce, 1, &[(1, 1)]),
        ring(AuthMode::Enforce, 1, &[(1, 1), (2, 2)]),
        ring(AuthMode::Enforce, 2, &[(1, 1), (2, 2)]),
        ring(AuthMode::Enforce, 2, &[(2, 2)]),
    ];
    for pair in steps.windows(2) {
        let [before, after] = pair else { unreachable!() };
        for (from, to) in [(before, after), (after, before)] {
            assert_eq!(Beacon::decode(&encoded(&beacon(), from), to), Ok(beacon()));
        }
    }
}

#[test]
fn from_no_keys_to_enforcing_without_a_beacon_being_refused() {
    let with = |mode| ring(mode, 1, &[(1, 1)]);
    let steps = [
        insecure(),
        with(AuthMode::ReceiveOnly),
        with(AuthMode::Permissive),
        with(AuthMode::Enforce),
    ];
    for pair in steps.windows(2) {
        let [before, after] = pair else { unreachable!() };
        for (from, to) in [(before, after), (after, before)] {
            assert_eq!(Beacon::decode(&encoded(&beacon(), from), to), Ok(beacon()));
        }
    }
}

#[test]
fn weak_keys_and_keyrings_are_refused_and_secrets_are_not_printed() {
    assert_eq!(Key::new(&[1; 15]), Err(KeyringError::KeyTooShort { octets: 15 }));
    let missing = Keyring::new(AuthMode::Enforce, KeyId(2), [(KeyId(1), key(1))]);
    assert_eq!(missing, Err(KeyringError::SigningKeyMissing { key: KeyId(2) }));
    assert_eq!(format!("{:?}", key(7)), "Key(..)");
}

fn an_entry() -> impl Strategy<Value = Entry> {
    let successor = prop::option::of(any::<u64>().prop_map(LifeId));
    let ages = prop::collection::vec((0..65_536_u32).prop_map(|age| TENTH * age), 0..=4);
    let tenure = (0..=HIGHEST_EPOCH, successor, ages)
        .prop_map(|(epoch, successor, moved)| Tenure { epoch: Epoch(epoch), successor, moved });
    (any::<bool>(), prop::option::of(tenure)).prop_map(|(stands, held)| Entry { stands, held })
}

fn a_failure() -> impl Strategy<Value = Failing> {
    let failing = |(life, address, failures)| Failing { life: LifeId(life), address, failures };
    (any::<u64>(), any::<IpAddr>(), 1_u8..).prop_map(failing)
}

fn some_lives() -> impl Strategy<Value = Vec<LifeId>> {
    prop::collection::vec(any::<u64>().prop_map(LifeId), 0..9)
}

prop_compose! {
    fn any_beacon()(
        name in "[a-z0-9.-]{1,40}",
        numbers in any::<[u64; 4]>(),
        flags in any::<[bool; 2]>(),
        weight in 1..=u16::MAX,
        interval in 1_000..60_000_000_u64,
        lists in [some_lives(), some_lives(), some_lives()],
        changes in prop::collection::btree_map(any::<IpAddr>(), prop::option::of(an_entry()), 0..9),
        sync in prop::option::of(prop::collection::btree_map(any::<IpAddr>(), an_entry(), 0..9)),
        failing in prop::collection::vec(a_failure(), 0..9),
    ) -> Beacon {
        let [incarnation, sequence, segment, sum] = numbers;
        let [hears, probes, sync_wanted] = lists;
        let first = IpAddr::from([0; 4]);
        Beacon {
            name: NodeName::new(name),
            segment: SegmentTag(segment),
            incarnation,
            sequence,
            interval: Duration::from_micros(interval),
            token_life: Duration::from_micros(interval * 2),
            starting: flags[0],
            draining: flags[1],
            weight: Weight::new(weight).unwrap(),
            hardware: sum.to_be_bytes().first_chunk().copied().into_iter().collect(),
            hears,
            digest: TableDigest { count: weight, sum },
            probes,
            sync_wanted,
            failing,
            changes: changes.into_iter().collect(),
            sync: sync.map(|entries| SyncRange {
                first,
                end: None,
                entries: entries.into_iter().collect(),
            }),
        }
    }
}

proptest! {
    #[test]
    fn what_was_encoded_is_decoded(beacon in any_beacon(), signed in any::<bool>()) {
        let keyring = if signed { ring(AuthMode::Enforce, 1, &[(1, 1)]) } else { insecure() };
        let bytes = encoded(&beacon, &keyring);
        prop_assert_eq!(Beacon::decode(&bytes, &keyring), Ok(beacon));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Beacon::decode(&bytes, &insecure());
        let mut framed = vec![b'V', b'B', 1, 0, 0, 0];
        framed.extend(&bytes);
        let _ = Beacon::decode(&framed, &insecure());
    }

    /// A valid beacon with some octets changed: deep into the items.
    #[test]
    fn mutated_beacons_never_panic(
        beacon in any_beacon(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut bytes = encoded(&beacon, &insecure());
        for (index, octet) in changes {
            let at = index.index(bytes.len());
            bytes[at] = octet;
        }
        if let Ok(decoded) = Beacon::decode(&bytes, &insecure()) {
            let again = encoded(&decoded, &insecure());
            prop_assert_eq!(Beacon::decode(&again, &insecure()), Ok(decoded));
        }
    }
}
