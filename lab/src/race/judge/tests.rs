use super::*;

const NEWCOMER: Mac = Mac([2, 0, 0, 0, 9, 0]);

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// `node` answers each 10 ms between these milliseconds.
fn reign(start: Instant, node: usize, from: u64, to: u64) -> Vec<Sighting> {
    let at = (from..=to).step_by(10).map(|ms| start + millis(ms));
    at.map(|at| Sighting { at, node, arp: true, to: NEWCOMER }).collect()
}

fn merged(parts: &[Vec<Sighting>]) -> Vec<Sighting> {
    let mut all = parts.concat();
    all.sort_by_key(|sighting| sighting.at);
    all
}

#[test]
fn two_owners_are_counted_while_both_speak_and_no_longer() {
    let start = Instant::now();
    let all = merged(&[reign(start, 0, 0, 500), reign(start, 1, 400, 900)]);
    assert_eq!(shared(&all, start, start + millis(1_000)), millis(100));
    assert_eq!(shared(&all, start + millis(450), start + millis(1_000)), millis(50));
    assert_eq!(owners(&all, start, start + millis(399)), 1);
    assert_eq!(owners(&all, start, start + millis(400)), 2);
}

#[test]
fn an_owner_that_falls_silent_and_comes_back_does_not_own_in_between() {
    let start = Instant::now();
    let all =
        merged(&[reign(start, 0, 0, 100), reign(start, 1, 200, 300), reign(start, 0, 400, 500)]);
    assert_eq!(shared(&all, start, start + millis(1_000)), Duration::ZERO);
}

#[test]
fn three_owners_at_once_count_once() {
    let start = Instant::now();
    let all = merged(&[reign(start, 0, 0, 100), reign(start, 1, 0, 100), reign(start, 2, 50, 100)]);
    assert_eq!(shared(&all, start, start + millis(1_000)), millis(100));
}

#[test]
fn the_owner_is_who_answered_alone_and_without_a_break() {
    let start = Instant::now();
    let all = reign(start, 2, 0, 1_000);
    assert_eq!(sole_owner(&all, NEWCOMER, start), Some(2));
    assert_eq!(sole_owner(&all, Mac([2, 0, 0, 0, 8, 0]), start), None);
    let two = merged(&[all.clone(), reign(start, 1, 900, 910)]);
    assert_eq!(sole_owner(&two, NEWCOMER, start), None);
    let broken = merged(&[reign(start, 2, 0, 500), reign(start, 2, 800, 1_000)]);
    assert_eq!(sole_owner(&broken, NEWCOMER, start), None);
}

#[test]
fn a_gap_begins_with_the_last_answer_before_the_fault() {
    let start = Instant::now();
    let answers: Vec<_> =
        [0, 10, 20, 200, 210, 220].map(|ms| start + millis(ms)).into_iter().collect();
    let end = start + millis(230);
    assert_eq!(longest_gap(&answers, start + millis(25), end), (millis(180), true));
    assert_eq!(longest_gap(&answers[..3], start + millis(25), end), (millis(210), false));
    assert_eq!(longest_gap(&[], start, end), (millis(230), false));
}

#[test]
fn only_frames_that_name_the_address_and_arrived_count() {
    let address = Ipv4Addr::new(172, 18, 3, 0);
    let node = Mac([2, 0, 0, 0, 1, 0]);
    let at = Instant::now();
    let arp = |spa: Ipv4Addr, delivered| {
        let mut bytes = NEWCOMER.0.to_vec();
        bytes.extend(node.0);
        bytes.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 2]);
        bytes.extend(node.0);
        bytes.extend(spa.octets());
        bytes.extend(NEWCOMER.0);
        bytes.extend([172, 18, 2, 2]);
        Frame { at, host: "node-a".into(), direction: Direction::Sent, delivered, bytes }
    };
    let frames = [arp(address, true), arp(address, false), arp(Ipv4Addr::new(1, 2, 3, 4), true)];
    assert_eq!(sightings(&frames, address, &[node], None).len(), 1);
    assert_eq!(sightings(&frames, address, &[node], Some((0, at))).len(), 0);
    assert_eq!(sightings(&frames, address, &[NEWCOMER], None).len(), 0);
}
