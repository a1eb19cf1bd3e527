use alloc::{vec, vec::Vec};
use core::{net::IpAddr, time::Duration};

use vipcast_sans_io::{Instant, Machine};

use super::{wire::*, *};
use crate::{Backend, Contenders, Epoch, NodeName, Segment, Unit, placement::Weight};

fn segment() -> Segment {
    Segment::new("lan")
}

fn unit() -> Unit {
    Unit { segment: segment(), address: IpAddr::from([192, 0, 2, 1]) }
}

fn key(octet: u8) -> Key {
    Key::new(&[octet; 32]).unwrap()
}

fn enforced(octet: u8) -> Keyring {
    Keyring::new(AuthMode::Enforce, KeyId(1), [(KeyId(1), key(octet))]).unwrap()
}

/// A node that may hold one address, as "b" may.
fn election(keyring: Keyring) -> BeaconElection {
    let config = BeaconConfig::new(NodeName::new("a"), 1_000, BeaconSettings::default()).unwrap();
    let mut election = BeaconElection::new(config, keyring);
    election.set_link(Instant::ZERO, &segment(), true);
    let nodes = ["a", "b"].map(NodeName::new);
    let contenders = Contenders::equal(nodes, unit().address);
    election.set_candidates(Instant::ZERO, [(unit(), contenders)].into());
    election
}

/// What "b" says; it hears "a".
fn said(sequence: u64, epoch: Option<u64>) -> Beacon {
    let held = epoch.map(|epoch| Tenure { epoch: Epoch(epoch), successor: None, moved: vec![] });
    Beacon {
        name: NodeName::new("b"),
        segment: SegmentTag::of(&segment()),
        incarnation: 5,
        sequence,
        interval: Duration::from_millis(100),
        token_life: Duration::from_millis(170),
        starting: false,
        draining: false,
        weight: Weight::MIN,
        hardware: vec![],
        hears: vec![LifeId::of(&NodeName::new("a"), 1_000)],
        digest: TableDigest::default(),
        probes: vec![],
        sync_wanted: vec![],
        failing: vec![],
        changes: vec![(unit().address, Some(Entry { stands: true, held }))],
        sync: None,
    }
}

fn bytes(beacon: &Beacon, keyring: &Keyring) -> Vec<u8> {
    let mut buf = Vec::new();
    beacon.encode(keyring, &mut buf);
    buf
}

/// Lets time pass, and returns what was sent.
fn run(election: &mut BeaconElection, until: u64) -> Vec<BeaconTransmit> {
    let (until, mut buf, mut sent) = (Instant::from_millis(until), Vec::new(), Vec::new());
    while let Some(due) = election.poll_timeout().filter(|&due| due <= until) {
        election.handle_timeout(due);
        while let Some(transmit) = election.poll_transmit(due, &mut buf) {
            sent.push(transmit);
        }
    }
    sent
}

fn holder(election: &BeaconElection) -> Option<&str> {
    election.claims().get(&unit()).map(|claim| claim.holder.as_str())
}

#[test]
fn what_is_spoofed_replayed_truncated_or_of_another_segment_changes_nothing_and_is_counted() {
    let keyring = enforced(1);
    let mut election = election(keyring.clone());
    let now = Instant::from_millis(10);
    let genuine = bytes(&said(7, None), &keyring);
    assert_eq!(election.handle_datagram(now, &segment(), &genuine), Ok(()));
    let claims = election.claims().clone();

    let spoofed = bytes(&said(8, Some(9)), &enforced(2));
    let unsigned = bytes(&said(8, Some(9)), &Keyring::insecure());
    let older = bytes(&said(6, Some(9)), &keyring);
    let elsewhere = Beacon { segment: SegmentTag(1), ..said(8, Some(9)) };
    let own = Beacon { name: NodeName::new("a"), incarnation: 1_000, ..said(8, Some(9)) };
    let cases = [
        (&genuine[..], Refusal::Replayed),
        (&older, Refusal::Replayed),
        (&spoofed, Refusal::BadSignature),
        (&unsigned, Refusal::Unsigned),
        (&genuine[..genuine.len() - 1], Refusal::BadSignature),
        (&genuine[..3], Refusal::NotABeacon),
        (&bytes(&elsewhere, &keyring), Refusal::OtherSegment),
        (&bytes(&own, &keyring), Refusal::Own),
    ];
    for (datagram, refusal) in cases {
        assert_eq!(election.handle_datagram(now, &segment(), datagram), Err(refusal));
        assert!(election.counters().refused[&refusal] > 0);
        assert_eq!(*election.claims(), claims);
    }
    let nowhere = election.handle_datagram(now, &Segment::new("none"), &genuine);
    assert_eq!(nowhere, Err(Refusal::UnknownSegment));
    let counters = election.counters();
    assert_eq!((counters.heard, counters.refused.values().sum::<u64>()), (1, 8));
}

#[test]
fn an_old_life_is_not_believed_after_a_newer_one() {
    let mut election = election(Keyring::insecure());
    let now = Instant::from_millis(10);
    let newer = Beacon { incarnation: 6, ..said(1, None) };
    let datagram = bytes(&newer, &Keyring::insecure());
    assert_eq!(election.handle_datagram(now, &segment(), &datagram), Ok(()));
    let datagram = bytes(&said(900, Some(4)), &Keyring::insecure());
    let refused = election.handle_datagram(now, &segment(), &datagram);
    assert_eq!(refused, Err(Refusal::Replayed));
}

#[test]
fn another_node_of_the_same_name_is_a_notice_told_once() {
    let mut election = election(Keyring::insecure());
    let twin = Beacon { name: NodeName::new("a"), ..said(1, None) };
    let datagram = bytes(&twin, &Keyring::insecure());
    for _ in 0..3 {
        let refused = election.handle_datagram(Instant::from_millis(1), &segment(), &datagram);
        assert_eq!(refused, Err(Refusal::SameName));
    }
    assert_eq!(election.poll_notice(), Some(Notice::SameName(segment())));
    assert_eq!(election.poll_notice(), None);
}

#[test]
fn a_silent_owner_is_asked_and_only_its_own_answer_spares_it() {
    for by in [None, Some(NodeName::new("b"))] {
        let mut election = election(Keyring::insecure());
        for beat in 1..=7 {
            let heard = bytes(&said(beat, Some(3)), &Keyring::insecure());
            let now = Instant::from_millis(beat * 100);
            election.handle_datagram(now, &segment(), &heard).unwrap();
            run(&mut election, beat * 100 + 99);
        }
        assert_eq!(holder(&election), Some("b"));
        let sent = run(&mut election, 825);
        let ask = BeaconTransmit::Ask { unit: unit(), owner: NodeName::new("b") };
        assert_eq!(sent.iter().filter(|&transmit| *transmit == ask).count(), 1);
        let now = Instant::from_millis(826);
        election.handle_input(now, BeaconInput::Answer { unit: &unit(), by: by.as_ref() });
        run(&mut election, 885);
        let (spared, foreign) = (by.is_some(), by.is_none());
        assert_eq!(holder(&election), Some(if spared { "b" } else { "a" }));
        assert_eq!(election.counters().foreign_answers, u64::from(foreign));
        let notice = foreign.then(|| Notice::ForeignAnswer(unit()));
        assert_eq!(election.poll_notice(), notice);
    }
}

#[test]
fn epochs_rise_above_all_that_were_heard() {
    let mut election = election(Keyring::insecure());
    let heard = bytes(&said(1, Some(77_000)), &Keyring::insecure());
    election.handle_datagram(Instant::from_millis(1), &segment(), &heard).unwrap();
    run(&mut election, 1_000);
    assert_eq!(election.tokens()[&unit()].epoch, Epoch(77_001));
}

#[test]
fn a_queue_of_beacons_after_a_gap_may_only_make_it_yield() {
    let mut election = election(Keyring::insecure());
    run(&mut election, 500);
    assert_eq!(election.tokens().len(), 1);
    let woken = Instant::from_millis(5_000);
    // "b" gives up what it held: bait for a node that believes its queue before it fences.
    for (sequence, epoch) in [(1, Some(9)), (2, None)] {
        let queued = bytes(&said(sequence, epoch), &Keyring::insecure());
        election.handle_datagram(woken, &segment(), &queued).unwrap();
        assert!(election.tokens().is_empty());
    }
    run(&mut election, 5_390);
    assert!(election.tokens().is_empty(), "it listens");
    assert_eq!(election.counters().fences, 1);
}

#[test]
fn a_link_that_goes_takes_all_with_it() {
    let mut election = election(Keyring::insecure());
    run(&mut election, 500);
    let input = BeaconInput::Link { segment: &segment(), up: false };
    election.handle_input(Instant::from_millis(501), input);
    assert!(election.tokens().is_empty() && election.claims().is_empty());
    assert_eq!(election.poll_timeout(), None);
    assert!(run(&mut election, 2_000).is_empty());
}

#[test]
fn an_address_that_is_no_longer_wanted_is_given_up_at_once() {
    let mut election = election(Keyring::insecure());
    run(&mut election, 500);
    election.set_candidates(Instant::from_millis(501), [].into());
    assert!(election.tokens().is_empty() && election.claims().is_empty());
}

#[test]
fn a_hardware_address_is_the_nodes_that_told_it() {
    let (mut a, now) = (election(Keyring::insecure()), Instant::from_millis(1));
    let mac = [2, 0, 0, 0, 0, 9];
    assert_eq!(a.node_at(&segment(), mac), None);
    let beacon = Beacon { hardware: vec![mac], ..said(1, None) };
    a.handle_datagram(now, &segment(), &bytes(&beacon, &Keyring::insecure())).unwrap();
    assert_eq!(a.node_at(&segment(), mac), Some(&NodeName::new("b")));
    assert_eq!(a.hardware_of(&segment(), &NodeName::new("b")), [mac]);
    assert_eq!(a.node_at(&Segment::new("other"), mac), None);

    let peer = a.peers().next().unwrap();
    assert!(peer.there && peer.mutual && !peer.draining);
    assert_eq!((peer.name, peer.segment, peer.heard_at), (&NodeName::new("b"), &segment(), now));
    run(&mut a, 1_000);
    assert!(!a.peers().next().unwrap().there);
}
