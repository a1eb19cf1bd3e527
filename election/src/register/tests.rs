mod peers;

use alloc::{collections::BTreeMap, format, vec, vec::Vec};

use proptest::prelude::*;
use vipcast_sans_io::{Instant, Machine};

use super::{
    codec,
    document::Document,
    message::{Lead, Message, Part, Status, Want},
    store::Store,
    *,
};
use crate::{
    NodeName,
    beacon::{AuthMode, Key as Secret, KeyId, Keyring, wire::Refusal},
    reader::Reader,
};

fn stamp(round: u64, sequence: u64) -> Stamp {
    Stamp { ballot: Ballot { round, voter: VoterId(3) }, sequence }
}

fn changes(entries: &[(&str, Option<&str>)]) -> Changes {
    let entries = entries.iter();
    entries
        .map(|(key, value)| (key.bytes().collect(), value.map(|v| v.bytes().collect())))
        .collect()
}

/// All that was given out to be kept.
fn kept(store: &mut Store, disk: &mut Vec<u8>) {
    while let Some(persist) = store.poll_persist() {
        if persist.replace {
            disk.clear();
        }
        disk.extend(persist.bytes);
        assert!(store.persisted(persist.ticket));
    }
}

fn a_life(disk: &mut Vec<u8>) -> Store {
    let mut store = Store::new(VoterId(3));
    kept(&mut store, disk);
    store.join(HistoryId(9));
    store.promise(Ballot { round: 1, voter: VoterId(3) });
    store.accept(stamp(1, 0), &changes(&[("a", Some("1"))]));
    store.commit();
    kept(&mut store, disk);
    store.accept(stamp(1, 1), &changes(&[("a", None), ("b", Some("2"))]));
    kept(&mut store, disk);
    store
}

fn same(a: &Store, b: &Store) -> bool {
    (a.me, a.history, a.promised, a.accepted, a.committed)
        == (b.me, b.history, b.promised, b.accepted, b.committed)
        && a.draft == b.draft
        && a.agreed == b.agreed
}

#[test]
fn what_was_kept_comes_back() {
    let mut disk = Vec::new();
    let store = a_life(&mut disk);
    let restored = Store::restore(VoterId(77), &disk).unwrap();
    assert!(same(&store, &restored), "{restored:?}");
    assert!(!restored.is_unsaved());
}

#[test]
fn a_record_that_is_cut_off_is_as_if_it_never_was_and_a_damaged_one_is_refused() {
    let mut disk = Vec::new();
    let store = a_life(&mut disk);
    let mut lengths = Vec::new();
    let mut reader = Reader(&disk);
    while let Some(len) = reader.u32() {
        lengths.push(disk.len() - reader.0.len() - 4);
        reader.take(len as usize).unwrap();
    }
    for len in lengths[1]..disk.len() {
        let mut restored = Store::restore(VoterId(77), &disk[..len]).unwrap();
        assert_eq!(restored.is_unsaved(), !lengths.contains(&len), "the rest is written anew");
        let mut again = Vec::new();
        kept(&mut restored, &mut again);
        if !again.is_empty() {
            assert!(same(&restored, &Store::restore(VoterId(1), &again).unwrap()));
        }
        assert!(restored.accepted <= store.accepted);
    }
    let last = *lengths.last().unwrap();
    for at in 0..last {
        let mut damaged = disk.clone();
        damaged[at] ^= 0x10;
        if let Ok(restored) = Store::restore(VoterId(77), &damaged) {
            // A length that points past the end looks as if the rest had not been written.
            let start = lengths.iter().rev().find(|start| **start <= at).unwrap();
            assert!(at - start < 4 && restored.accepted < store.accepted, "octet {at}");
        }
    }
}

#[test]
fn what_is_kept_does_not_grow_without_end() {
    let (mut store, mut disk) = (Store::new(VoterId(3)), Vec::new());
    store.join(HistoryId(9));
    for round in 0..5_000 {
        store.accept(stamp(1, round), &changes(&[("key", Some(&format!("{round:0100}")))]));
        store.commit();
        kept(&mut store, &mut disk);
        assert!(disk.len() < 80_000, "{}", disk.len());
    }
    assert!(same(&store, &Store::restore(VoterId(1), &disk).unwrap()));
}

#[test]
fn copies_are_made_equal_by_parts() {
    let (mut ours, mut theirs) = (Document::new(), Document::new());
    for number in 0..3_000_u32 {
        let entry = (number.to_be_bytes().to_vec(), Some(vec![1; 30]));
        if number % 7 > 0 {
            ours.set(entry.0.clone(), entry.1.clone());
        }
        if number % 11 > 0 {
            theirs.set(entry.0, entry.1);
        }
    }
    let mut parts = 0;
    for bucket in 0..64 {
        let mut after = Vec::new();
        loop {
            let (entries, last) = theirs.part(bucket, &after, 700);
            ours.take_part(bucket, &after, &entries, last);
            parts += 1;
            if last {
                break;
            }
            after.clone_from(&entries.last().unwrap().0);
        }
    }
    assert_eq!(ours, theirs);
    assert_eq!(ours.digest(), theirs.digest());
    assert!(parts > 64);
}

#[test]
fn a_member_alone_leads_for_as_long_as_it_lives() {
    let me = NodeName::new("a");
    let config = RegisterConfig::new(me.clone(), [me], RegisterSettings::default()).unwrap();
    let mut now = Instant::from_millis(1);
    let mut register = Register::new(now, VoterId(7), config, Keyring::insecure());
    let mut led = 0;
    while now < Instant::from_millis(60_000) {
        while let Some(persist) = register.poll_persist() {
            register.persisted(now, persist.ticket);
        }
        while register.poll_transmit(now, &mut Vec::new()).is_some() {}
        now = register.poll_timeout().unwrap();
        register.handle_timeout(now);
        let leads = register.leads(now).is_some();
        assert!(leads || led == 0, "until {now:?}");
        led += u32::from(leads);
    }
    assert!(led > 100, "{led}");
}

/// What a crash takes away was never agreed.
#[test]
fn a_vote_of_its_own_counts_when_it_is_kept() {
    let me = NodeName::new("a");
    let config = RegisterConfig::new(me.clone(), [me], RegisterSettings::default()).unwrap();
    let mut now = Instant::from_millis(1);
    let mut register = Register::new(now, VoterId(7), config, Keyring::insecure());
    while register.leads(now).is_none() {
        while let Some(persist) = register.poll_persist() {
            register.persisted(now, persist.ticket);
        }
        while register.poll_transmit(now, &mut Vec::new()).is_some() {}
        now = register.poll_timeout().unwrap();
        register.handle_timeout(now);
    }
    while let Some(persist) = register.poll_persist() {
        register.persisted(now, persist.ticket);
    }
    register.propose(now, changes(&[("web", Some("1"))])).unwrap();
    let persist = register.poll_persist().unwrap();
    for _ in 0..2 {
        assert_eq!(register.document().get(b"web"), None);
        now = register.poll_timeout().unwrap();
        register.handle_timeout(now);
    }
    register.persisted(now, persist.ticket);
    assert_eq!(register.document().get(b"web"), Some(&b"1"[..]));
}

/// A voter that has said what it then forgets could promise the opposite.
#[test]
fn nothing_is_said_while_anything_is_not_kept() {
    let names = ["a", "b"].map(NodeName::new);
    let start = Instant::from_millis(1);
    let mut nodes: Vec<Register> = (1..=2)
        .zip(&names)
        .map(|(voter, me)| {
            let settings = RegisterSettings::default();
            let config = RegisterConfig::new(me.clone(), names.clone(), settings).unwrap();
            Register::new(start, VoterId(voter), config, Keyring::insecure())
        })
        .collect();
    let (mut now, mut held_back, mut proposed) = (start, 0, false);
    while now < Instant::from_millis(30_000) {
        for at in 0..2 {
            let mut said = Vec::new();
            while nodes[at].poll_transmit(now, &mut said).is_some() {
                assert!(nodes[at].poll_persist().is_none(), "said before it was kept");
                nodes[1 - at].handle_input(now, said.as_slice());
                if let Some(persist) = nodes[1 - at].poll_persist() {
                    assert_eq!(nodes[1 - at].poll_transmit(now, &mut Vec::new()), None);
                    held_back += 1;
                    nodes[1 - at].persisted(now, persist.ticket);
                }
            }
            while let Some(persist) = nodes[at].poll_persist() {
                assert_eq!(nodes[at].poll_transmit(now, &mut Vec::new()), None);
                held_back += 1;
                nodes[at].persisted(now, persist.ticket);
            }
            if !proposed && nodes[at].leads(now).is_some() {
                proposed = nodes[at].propose(now, changes(&[("web", Some("1"))])).is_ok();
            }
        }
        now = nodes.iter().filter_map(Register::poll_timeout).min().unwrap().max(now);
        nodes.iter_mut().for_each(|node| node.handle_timeout(now));
    }
    assert!(nodes.iter().all(|node| node.document().get(b"web") == Some(b"1")));
    assert!(held_back >= 4, "{held_back}");
}

#[test]
fn members_and_version_are_part_of_a_document() {
    let mut document = Document::new();
    let empty = document.digest();
    document.set_member(&NodeName::new("a"), Some(VoterId(1)));
    document.set_version(3);
    assert_ne!(document.digest(), empty);
    assert_eq!(document.members(), BTreeMap::from([(NodeName::new("a"), VoterId(1))]));
    assert_eq!((document.version(), document.entries().count()), (3, 0));
}

fn message() -> Message {
    Message {
        name: NodeName::new("node-a"),
        voter: VoterId(4),
        history: Some(HistoryId(5)),
        to: Some(VoterId(6)),
        status: Status {
            promised: stamp(7, 0).ballot,
            accepted: stamp(7, 8),
            committed: stamp(6, 9),
            digest: 10,
        },
        lead: Some(Lead::Accept { tick: 11 }),
        delta: Some((stamp(7, 7), changes(&[("ea", None), ("eb", Some("2"))]))),
        echo: Some(12),
        willing: true,
        want: Some(Want { stamp: stamp(7, 8), part: Some((3, b"ea".to_vec())) }),
        sums: Some((stamp(7, 8), (0..64).collect())),
        part: Some(Part {
            stamp: stamp(7, 8),
            bucket: 3,
            after: b"ea".to_vec(),
            last: true,
            entries: vec![(b"eb".to_vec(), b"2".to_vec())],
        }),
        founding: Some(13),
    }
}

#[test]
fn messages_are_read_as_they_were_written_and_only_with_the_key() {
    let key = |octet| (KeyId(1), Secret::new(&[octet; 32]).unwrap());
    let keyring = Keyring::new(AuthMode::Enforce, KeyId(1), [key(1)]).unwrap();
    let mut bytes = Vec::new();
    for lead in [None, Some(Lead::Ask), Some(Lead::Prepare), message().lead] {
        let message = Message { lead, ..message() };
        message.encode(&keyring, &mut bytes);
        assert!(is_ours(&bytes));
        assert_eq!(Message::decode(&bytes, &keyring), Ok(message));
    }
    let other = Keyring::new(AuthMode::Enforce, KeyId(1), [key(2)]).unwrap();
    assert_eq!(Message::decode(&bytes, &other), Err(Refusal::BadSignature));
    message().encode(&Keyring::insecure(), &mut bytes);
    bytes.extend([200, 0, 1, 0]);
    assert_eq!(Message::decode(&bytes, &Keyring::insecure()), Ok(message()), "unknown items");
    let beacon = crate::beacon::wire::Beacon::decode(&bytes, &Keyring::insecure());
    assert_eq!(beacon, Err(Refusal::NotABeacon));
}

proptest! {
    #[test]
    fn changed_messages_never_panic(
        octets in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = Vec::new();
        message().encode(&Keyring::insecure(), &mut bytes);
        for (index, octet) in octets {
            let at = index.index(bytes.len());
            bytes[at] = octet;
        }
        if let Ok(decoded) = Message::decode(&bytes, &Keyring::insecure()) {
            let mut again = Vec::new();
            decoded.encode(&Keyring::insecure(), &mut again);
            prop_assert_eq!(Message::decode(&again, &Keyring::insecure()), Ok(decoded));
        }
        bytes.truncate(cut.index(bytes.len()));
        let _ = Message::decode(&bytes, &Keyring::insecure());
        let _ = Store::restore(VoterId(1), &bytes);
    }

    #[test]
    fn changes_turn_one_document_into_another(
        a in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..3), any::<[u8; 2]>(), 0..40),
        b in prop::collection::btree_map(prop::collection::vec(any::<u8>(), 0..3), any::<[u8; 2]>(), 0..40),
    ) {
        let document = |entries: &BTreeMap<Vec<u8>, [u8; 2]>| {
            let mut document = Document::new();
            for (key, value) in entries {
                document.set(key.clone(), Some(value.to_vec()));
            }
            document
        };
        let (mut from, to) = (document(&a), document(&b));
        let changes = from.changes_to(&to);
        let mut bytes = Vec::new();
        codec::put_changes(&mut bytes, &changes);
        let read = codec::changes(&mut Reader(&bytes));
        prop_assert_eq!(read.as_ref(), Some(&changes));
        from.apply(&changes);
        prop_assert_eq!(from.digest(), to.digest());
        prop_assert_eq!(from, to);
    }
}
