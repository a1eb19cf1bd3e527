use alloc::{collections::BTreeMap, vec::Vec};
use core::time::Duration;

use super::*;
use crate::{
    Contenders, Epoch, Segment,
    groups::{GroupCount, Records},
    lease::{LeaseRecord, RecordVersion},
};

const FOUR: u16 = 4;

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn unit(text: &str) -> Unit {
    Unit { address: text.parse().unwrap(), segment: Segment::new("lan") }
}

fn group(text: &str) -> Group {
    Group::of_address(text.parse().unwrap(), GroupCount::new(FOUR).unwrap())
}

/// Which nodes may announce which address.
fn candidates(of: &[(&str, &[&str])]) -> Candidates {
    let each = of.iter().map(|(address, nodes)| {
        let unit = unit(address);
        let nodes = nodes.iter().map(|node| NodeName::new(*node));
        (unit.clone(), Contenders::equal(nodes, unit.address))
    });
    each.collect()
}

fn machine(of: &[(&str, &[&str])]) -> GroupElection {
    let config = GroupConfig::new(NodeName::new("a"), GroupCount::new(FOUR).unwrap(), 7);
    let mut machine = GroupElection::new(config);
    machine.set_candidates(at(1), candidates(of));
    machine
}

fn held_by(node: &str, transitions: u32) -> LeaseRecord {
    let holder = Some(NodeName::new(node));
    LeaseRecord { holder, duration: Duration::from_secs(15), transitions }
}

fn given_up(transitions: u32) -> LeaseRecord {
    LeaseRecord { holder: None, duration: Duration::from_secs(1), transitions }
}

fn version(text: &str) -> RecordVersion {
    RecordVersion::new(text)
}

fn list(machine: &mut GroupElection, now: Instant, charter: Option<u16>, records: Records) {
    machine.handle_input(now, GroupInput::Listed { number: None, charter, records });
}

fn ask(machine: &mut GroupElection, now: Instant) -> Option<GroupRequest> {
    machine.handle_timeout(now);
    machine.poll_transmit(now, &mut Vec::new())
}

/// Lets the next write be accepted at once; what was written.
fn write(machine: &mut GroupElection, now: Instant, of: &str) -> (Group, LeaseRecord) {
    let Some(GroupRequest::Write { group, number, record, .. }) = ask(machine, now) else {
        panic!("no write")
    };
    let written = LeaseInput::Written { number, version: version(of) };
    machine.handle_input(now, GroupInput::Answer(group, written));
    (group, record)
}

fn holder() -> GroupElection {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    list(&mut a, at(1), Some(FOUR), Records::new());
    write(&mut a, at(1), "1");
    a
}

fn events(machine: &mut GroupElection) -> Vec<Event> {
    core::iter::from_fn(|| machine.poll_event()).collect()
}

/// Written down for other programs: it may never change.
#[test]
fn an_address_is_in_the_same_group_for_ever() {
    let number = |address: &str, count| {
        let count = GroupCount::new(count).unwrap();
        Group::of_address(address.parse().unwrap(), count).number
    };
    let addresses = ["192.0.2.1", "172.18.0.10", "fc00:f853:ccd:e799::1", "::ffff:192.0.2.1"];
    let of_16: Vec<u16> = addresses.iter().map(|address| number(address, 16)).collect();
    let of_256: Vec<u16> = addresses.iter().map(|address| number(address, 256)).collect();
    assert_eq!(of_16, VECTORS.map(|number| number % 16));
    assert_eq!(of_256, VECTORS);
    assert_eq!(number("192.0.2.1", 1), 0);
}

/// The eighth octet of the digest of each, by `sha256sum`.
const VECTORS: [u16; 4] = [0x5b, 0x88, 0x3e, 0x5b];

#[test]
fn counts_are_from_1_to_256() {
    let counts = [0, 1, 256, 257].map(|count| GroupCount::new(count).is_some());
    assert_eq!(counts, [false, true, true, false]);
}

#[test]
fn nothing_is_asked_before_what_there_is_was_told() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    assert_eq!(ask(&mut a, at(100)), None);
    assert_eq!(a.standing(at(100)), Standing::Unlisted);
}

#[test]
fn the_count_is_founded_before_anything_is_taken() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    list(&mut a, at(1), None, Records::new());
    let Some(GroupRequest::Found { count: FOUR, .. }) = ask(&mut a, at(1)) else { panic!() };
    assert_eq!(ask(&mut a, at(2)), None);
    a.handle_input(at(2), GroupInput::Charter(Some(FOUR)));
    assert_eq!(write(&mut a, at(2), "2"), (group("192.0.2.1"), held_by("a", 0)));
}

#[test]
fn where_another_count_is_founded_nothing_is_taken_and_what_is_held_is_given_up() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    list(&mut a, at(1), Some(8), Records::new());
    assert_eq!(ask(&mut a, at(100)), None);
    assert_eq!(a.standing(at(100)), Standing::OtherCount { found: 8, mine: FOUR });

    let mut a = holder();
    a.handle_input(at(2), GroupInput::Charter(Some(8)));
    assert!(a.tokens().is_empty());
    assert_eq!(write(&mut a, at(2), "2").1, given_up(0));
    assert_eq!(ask(&mut a, at(100)), None);
}

/// The charter was deleted while others run.
#[test]
fn while_somebody_holds_a_record_of_another_count_none_is_founded_and_nothing_taken() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    let other = Group { of: 8, number: 3 };
    for second in 1..40 {
        // It is renewed until the twentieth second.
        let text = alloc::format!("{}", second.min(20));
        let records = Records::from([(other, (held_by("b", 0), version(&text)))]);
        list(&mut a, at(second), None, records);
        match second {
            ..35 => assert_eq!(ask(&mut a, at(second)), None, "{second}"),
            _ => {
                let request = ask(&mut a, at(second));
                assert!(matches!(request, Some(GroupRequest::Found { .. })), "{second}");
                break;
            }
        }
    }
}

#[test]
fn a_token_names_the_tenure_and_ends_with_it() {
    let mut a = holder();
    let unit = unit("192.0.2.1");
    let lease = LeaseId(u32::from(group("192.0.2.1").number));
    let token = Token { unit: unit.clone(), epoch: Epoch(0), lease };
    let renewed = |seconds| Event::Renewed { lease, not_after: at(seconds) };
    assert_eq!(events(&mut a), [renewed(11), Event::Granted(token)]);
    write(&mut a, at(3), "2");
    assert_eq!(events(&mut a), [renewed(13)], "one renewal serves all");
    a.handle_timeout(at(13));
    assert_eq!(events(&mut a), [Event::Revoked(unit.clone())]);
    // The store is there again: a tenure of one's own, and a higher number.
    let Some(GroupRequest::Write { group, number, record, .. }) = ask(&mut a, at(20)) else {
        panic!()
    };
    assert_eq!(record, held_by("a", 1));
    let written = LeaseInput::Written { number, version: version("3") };
    a.handle_input(at(20), GroupInput::Answer(group, written));
    assert_eq!(a.tokens().get(&unit).map(|token| token.epoch), Some(Epoch(1)));
}

#[test]
fn after_a_gap_in_the_clock_nothing_is_held_whatever_was_answered_meanwhile() {
    let mut a = holder();
    let Some(GroupRequest::Write { group, number, .. }) = ask(&mut a, at(3)) else { panic!() };
    let written = LeaseInput::Written { number, version: version("2") };
    a.handle_input(at(60), GroupInput::Answer(group, written));
    assert!(a.tokens().is_empty());
    assert_eq!(a.tenure(group.number, at(60)), None);
}

#[test]
fn what_the_holder_may_not_announce_nobody_announces_and_it_is_said_who_holds_it() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    let mine = group("192.0.2.1");
    let records = Records::from([(mine, (held_by("b", 3), version("9")))]);
    list(&mut a, at(1), Some(FOUR), records);
    let blocked = Blocked { group: mine, holder: NodeName::new("b") };
    assert_eq!(a.blocked(), &BTreeMap::from([(unit("192.0.2.1"), blocked)]));
    assert!(a.claims().is_empty());
    // Where it may, it has it.
    a.set_candidates(at(2), candidates(&[("192.0.2.1", &["a", "b"])]));
    let claim = &a.claims()[&unit("192.0.2.1")];
    assert_eq!((claim.holder.as_str(), claim.epoch), ("b", Some(Epoch(3))));
    assert!(a.blocked().is_empty());
    // And once it does not renew it has nothing.
    a.handle_timeout(at(16));
    assert!(a.claims().is_empty());
}

#[test]
fn a_holder_that_may_announce_nothing_more_gives_up_and_one_that_may_announce_something_does_not() {
    let (one, other) = two_of_a_group();
    let mut a = machine(&[(&one, &["a"]), (&other, &["a"])]);
    list(&mut a, at(1), Some(FOUR), Records::new());
    write(&mut a, at(1), "1");
    assert_eq!(a.tokens().len(), 2);
    a.set_candidates(at(2), candidates(&[(&one, &["b"]), (&other, &["a"])]));
    assert_eq!(a.tokens().len(), 1);
    assert_eq!(ask(&mut a, at(2)), None);
    a.set_candidates(at(2), candidates(&[(&one, &["b"]), (&other, &["b"])]));
    assert!(a.tokens().is_empty());
    assert_eq!(write(&mut a, at(2), "2").1, given_up(0));
    assert_eq!(ask(&mut a, at(100)), None, "it stands for nothing");
    // It may again.
    a.set_candidates(at(101), candidates(&[(&one, &["a"])]));
    assert_eq!(write(&mut a, at(103), "3").1, held_by("a", 1));
}

fn two_of_a_group() -> (alloc::string::String, alloc::string::String) {
    let name = |number| alloc::format!("192.0.2.{number}");
    let other = (2..).map(name).find(|other| group(other) == group("192.0.2.1")).unwrap();
    (name(1), other)
}

#[test]
fn who_drains_gives_everything_up_and_takes_nothing_more() {
    let mut a = holder();
    a.drain(at(2));
    assert!(a.tokens().is_empty() && !a.is_drained());
    assert_eq!(write(&mut a, at(2), "2"), (group("192.0.2.1"), given_up(0)));
    assert!(a.is_drained());
    assert_eq!(ask(&mut a, at(100)), None);
}

#[test]
fn after_a_refusal_all_is_listed_before_anything_is_written_again() {
    let mut a = machine(&[("192.0.2.1", &["a"])]);
    list(&mut a, at(1), Some(FOUR), Records::new());
    let Some(GroupRequest::Write { group, number, .. }) = ask(&mut a, at(1)) else { panic!() };
    a.handle_input(at(1), GroupInput::Answer(group, LeaseInput::Refused { number }));
    let Some(GroupRequest::List { number, .. }) = ask(&mut a, at(1)) else { panic!("no list") };
    // A list from before the refusal says nothing new.
    list(&mut a, at(1), Some(FOUR), Records::new());
    assert_eq!(ask(&mut a, at(1)), None);
    let records = Records::from([(group, (held_by("b", 1), version("5")))]);
    let (number, charter) = (Some(number), Some(FOUR));
    a.handle_input(at(2), GroupInput::Listed { number, charter, records });
    assert_eq!(ask(&mut a, at(3)), None, "another was faster");
    assert_eq!(a.blocked().len(), 1);
}

/// The second in the order waits for a step, and in the beginning for longer.
#[test]
fn a_free_record_is_left_to_those_whose_turn_it_is() {
    let addresses: Vec<_> = (1..=40).map(|number| alloc::format!("192.0.2.{number}")).collect();
    let of: Vec<(&str, &[&str])> =
        addresses.iter().map(|address| (address.as_str(), ["a", "b"].as_slice())).collect();
    let mut a = machine(&of);
    list(&mut a, at(1), Some(FOUR), Records::new());
    let taken = |a: &mut GroupElection, now: Instant| {
        let mut taken = 0;
        while let Some(GroupRequest::Write { .. }) = ask(a, now) {
            taken += 1;
        }
        taken
    };
    assert_eq!(taken(&mut a, at(1)), 2, "half of them");
    assert_eq!(taken(&mut a, at(10)), 0, "the others may start a little later");
    let late = at(11) + a.config().step();
    assert_eq!(taken(&mut a, late), 2, "nobody took the others");
}
