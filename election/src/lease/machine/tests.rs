mod explorer;

use alloc::vec::Vec;

use super::*;
use crate::{NodeName, lease::LeaseConfigError};

const RETRY: Duration = Duration::from_secs(2);

fn machine(name: &str) -> LeaseElection {
    LeaseElection::new(LeaseConfig::new(NodeName::new(name), 7))
}

fn at(seconds: u64) -> Instant {
    Instant::from_millis(seconds * 1_000)
}

fn ask(machine: &mut LeaseElection, now: Instant) -> Option<LeaseRequest> {
    machine.handle_timeout(now);
    machine.poll_transmit(now, &mut Vec::new())
}

fn version(text: &str) -> RecordVersion {
    RecordVersion::new(text)
}

fn held_by(name: &str, transitions: u32) -> LeaseRecord {
    let holder = Some(NodeName::new(name));
    LeaseRecord { holder, duration: Duration::from_secs(15), transitions }
}

fn given_up(transitions: u32) -> LeaseRecord {
    LeaseRecord { holder: None, duration: Duration::from_secs(1), transitions }
}

/// As it is before anybody held it.
fn just_made() -> LeaseRecord {
    LeaseRecord { holder: None, duration: Duration::ZERO, transitions: 0 }
}

/// Lets it read a record at `now`.
fn read(machine: &mut LeaseElection, now: Instant, record: Option<(LeaseRecord, RecordVersion)>) {
    let Some(LeaseRequest::Read { number, .. }) = ask(machine, now) else { panic!("no read") };
    machine.handle_input(now, LeaseInput::Read { number, record });
}

/// Lets the next write be accepted: sent and answered at these times. What was written.
fn write(
    machine: &mut LeaseElection,
    sent: Instant,
    answered: Instant,
    as_version: &str,
) -> (LeaseRecord, Option<RecordVersion>) {
    let Some(LeaseRequest::Write { number, record, expected, .. }) = ask(machine, sent) else {
        panic!("no write")
    };
    machine.handle_input(answered, LeaseInput::Written { number, version: version(as_version) });
    (record, expected)
}

fn holder() -> LeaseElection {
    let mut a = machine("a");
    read(&mut a, at(1), None);
    write(&mut a, at(1), at(1), "1");
    a
}

#[test]
fn a_record_that_is_not_there_is_made_at_once() {
    let mut a = machine("a");
    read(&mut a, at(1), None);
    let (record, expected) = write(&mut a, at(1), at(2), "1");
    assert_eq!((record, expected), (held_by("a", 0), None));
    let tenure = a.tenure(at(2)).expect("held");
    assert_eq!(tenure.not_after, at(11), "counted from when the write was sent");
    assert_eq!(a.poll_event(), Some(LeaseEvent::Held(tenure)));
    assert_eq!(a.poll_event(), None);
}

#[test]
fn an_answer_that_comes_after_the_hold_time_gives_nothing() {
    let mut a = machine("a");
    read(&mut a, at(1), None);
    let Some(LeaseRequest::Write { number, deadline, .. }) = ask(&mut a, at(1)) else { panic!() };
    assert!(deadline < at(11), "there is time for a second attempt");
    a.handle_input(at(11), LeaseInput::Written { number, version: version("1") });
    assert_eq!(a.tenure(at(11)), None);
}

#[test]
fn another_waits_for_the_duration_since_it_saw_the_record_change() {
    let mut b = machine("b");
    read(&mut b, at(100), Some((held_by("a", 4), version("1"))));
    // Renewed meanwhile: the wait begins anew.
    let again = b.poll_timeout().unwrap();
    read(&mut b, again, Some((held_by("a", 4), version("2"))));
    let since = again;
    let now = loop {
        let now = b.poll_timeout().unwrap();
        let Some(LeaseRequest::Read { number, .. }) = ask(&mut b, now) else { panic!() };
        let record = Some((held_by("a", 4), version("2")));
        b.handle_input(now, LeaseInput::Read { number, record });
        if now >= since + Duration::from_secs(15) {
            break now;
        }
        assert!(b.tenure(now).is_none());
        assert_eq!(b.poll_transmit(now, &mut Vec::new()), None, "it is not taken at {now:?}");
    };
    let (record, expected) = write(&mut b, now, now, "3");
    assert_eq!(record, held_by("b", 5), "a change of the holder is counted");
    assert_eq!(expected, Some(version("2")));
    assert!(b.tenure(now).is_some_and(|tenure| tenure.seized), "its holder may only be paused");
}

#[test]
fn a_record_that_was_given_up_is_taken_at_once() {
    let mut b = machine("b");
    let free = given_up(4);
    read(&mut b, at(100), Some((free, version("9"))));
    assert_eq!(write(&mut b, at(100), at(100), "10").0, held_by("b", 5));
    assert!(b.tenure(at(100)).is_some_and(|tenure| !tenure.seized));
}

#[test]
fn a_record_that_nobody_held_yet_is_taken_at_once() {
    let mut a = machine("a");
    read(&mut a, at(1), Some((just_made(), version("1"))));
    let (record, expected) = write(&mut a, at(1), at(1), "2");
    assert_eq!((record.holder, expected), (Some(NodeName::new("a")), Some(version("1"))));
    assert!(a.tenure(at(1)).is_some_and(|tenure| !tenure.seized));
}

#[test]
fn a_record_that_was_deleted_is_taken_once_its_holder_must_have_ended() {
    let made_anew = Some((just_made(), version("50")));
    let cleared = Some((LeaseRecord { holder: None, ..held_by("a", 4) }, version("51")));
    for found in [None, made_anew, cleared] {
        let mut b = machine("b");
        read(&mut b, at(100), Some((held_by("a", 4), version("9"))));
        read(&mut b, at(103), found.clone());
        while b.poll_timeout().unwrap() < at(118) {
            let now = b.poll_timeout().unwrap();
            read(&mut b, now, found.clone());
            assert_eq!(b.poll_transmit(now, &mut Vec::new()), None, "{found:?} at {now:?}");
        }
        let now = b.poll_timeout().unwrap();
        read(&mut b, now, found.clone());
        write(&mut b, now, now, "52");
        assert!(b.tenure(now).is_some_and(|tenure| tenure.seized), "its holder may be paused");
    }
}

#[test]
fn the_holder_of_a_record_that_was_deleted_goes_on_with_the_one_that_is_made_anew() {
    let mut a = holder();
    let number = a.tenure(at(1)).unwrap().number;
    let Some(LeaseRequest::Write { number: asked, .. }) = ask(&mut a, at(3)) else { panic!() };
    a.handle_input(at(3), LeaseInput::Refused { number: asked });
    read(&mut a, at(3), Some((just_made(), version("50"))));
    assert!(a.tenure(at(3)).is_some(), "nobody else may have it");
    let (record, expected) = write(&mut a, at(3), at(3), "51");
    assert_eq!((record.holder, expected), (Some(NodeName::new("a")), Some(version("50"))));
    let tenure = a.tenure(at(12)).expect("it was renewed");
    assert_eq!((tenure.number, tenure.seized), (number, false), "it is still the same");
}

#[test]
fn whose_tenure_lapsed_does_not_take_the_record_in_place_of_the_deleted_one_at_once() {
    let mut a = holder();
    read(&mut a, at(20), None);
    assert_eq!(a.poll_transmit(at(20), &mut Vec::new()), None);
    read(&mut a, at(35), None);
    write(&mut a, at(35), at(35), "60");
    assert!(a.tenure(at(35)).is_some_and(|tenure| tenure.seized));
}

#[test]
fn a_restart_under_the_same_name_takes_up_where_it_was() {
    let mut a = machine("a");
    read(&mut a, at(5), Some((held_by("a", 4), version("9"))));
    assert_eq!(write(&mut a, at(5), at(5), "10").0, held_by("a", 4));
    assert!(a.tenure(at(5)).is_some_and(|tenure| tenure.seized), "it may have sent writes before");
    write(&mut a, at(7), at(7), "11");
    assert!(a.tenure(at(7)).is_some_and(|tenure| tenure.seized), "a renewal changes nothing of it");
}

#[test]
fn who_made_the_record_did_not_seize_it_however_often_it_renews() {
    let mut a = holder();
    assert!(a.tenure(at(1)).is_some_and(|tenure| !tenure.seized));
    write(&mut a, at(3), at(3), "2");
    assert!(a.tenure(at(3)).is_some_and(|tenure| !tenure.seized));
}

#[test]
fn a_seizure_whose_answer_was_lost_is_still_one() {
    let mut b = machine("b");
    read(&mut b, at(100), Some((held_by("a", 4), version("1"))));
    read(&mut b, at(115), Some((held_by("a", 4), version("1"))));
    let Some(LeaseRequest::Write { number, .. }) = ask(&mut b, at(115)) else { panic!() };
    b.handle_input(at(116), LeaseInput::Failed { number });
    let now = b.poll_timeout().unwrap();
    read(&mut b, now, Some((held_by("b", 5), version("2"))));
    write(&mut b, now, now, "3");
    assert!(b.tenure(now).is_some_and(|tenure| tenure.seized));
}

#[test]
fn a_tenure_that_lapsed_and_was_taken_again_is_another_and_seized() {
    let mut a = holder();
    let first = a.tenure(at(1)).unwrap();
    read(&mut a, at(20), Some((held_by("a", 0), version("1"))));
    write(&mut a, at(20), at(20), "2");
    let second = a.tenure(at(20)).unwrap();
    assert!(second.seized, "what was sent in the first may still be on the way");
    assert_eq!(second.transitions, first.transitions);
    assert_ne!(second.number, first.number);
    write(&mut a, at(22), at(22), "3");
    assert_eq!(a.tenure(at(22)).unwrap().number, second.number);
}

#[test]
fn a_holder_renews_and_falls_silent_when_it_cannot() {
    let mut a = holder();
    let renewal = a.poll_timeout().unwrap();
    assert_eq!(renewal, at(1) + RETRY);
    write(&mut a, renewal, renewal, "2");
    assert!(matches!(a.poll_event(), Some(LeaseEvent::Held(_))));
    let mut now = renewal;
    // From now on the store is gone.
    let end = a.tenure(now).unwrap().not_after;
    while now < end {
        assert!(a.tenure(now).is_some());
        if let Some(LeaseRequest::Write { number, .. }) = ask(&mut a, now) {
            a.handle_input(now, LeaseInput::Failed { number });
        }
        now = a.poll_timeout().unwrap();
    }
    assert_eq!(now, end);
    a.handle_timeout(now);
    assert_eq!(a.poll_event(), Some(LeaseEvent::Lost));
}

#[test]
fn a_refused_renewal_is_looked_into() {
    let mut a = holder();
    let now = at(1) + RETRY;
    let Some(LeaseRequest::Write { number, .. }) = ask(&mut a, now) else { panic!() };
    a.handle_input(now, LeaseInput::Refused { number });
    assert!(a.tenure(now).is_some(), "an earlier write of its own may have been the reason");
    read(&mut a, now, Some((held_by("b", 1), version("7"))));
    assert!(a.tenure(now).is_none(), "it was another");
}

#[test]
fn who_sleeps_past_the_end_holds_nothing_when_it_wakes() {
    let mut a = holder();
    assert!(a.tenure(at(500)).is_none(), "before anything else is called");
    a.handle_timeout(at(500));
    assert!(matches!(a.poll_transmit(at(500), &mut Vec::new()), Some(LeaseRequest::Read { .. })));
}

#[test]
fn stepping_down_gives_the_record_up_after_letting_go() {
    let mut a = holder();
    a.step_down(at(2));
    assert!(a.tenure(at(2)).is_none());
    let (record, expected) = write(&mut a, at(2), at(2), "2");
    assert_eq!((record.holder, expected), (None, Some(version("1"))));
    assert!(a.has_ended());
    assert_eq!(a.poll_timeout(), None);
}

#[test]
fn a_write_on_its_way_at_the_step_down_is_given_up_afterwards() {
    let mut a = machine("a");
    read(&mut a, at(1), None);
    let Some(LeaseRequest::Write { number, .. }) = ask(&mut a, at(1)) else { panic!() };
    a.step_down(at(2));
    assert!(!a.has_ended());
    a.handle_input(at(2), LeaseInput::Written { number, version: version("1") });
    assert!(a.tenure(at(2)).is_none());
    assert_eq!(write(&mut a, at(2), at(2), "2").0.holder, None);
    assert!(a.has_ended());
}

#[test]
fn an_answer_that_nobody_waits_for_is_not_believed() {
    let mut a = machine("a");
    let Some(LeaseRequest::Read { number, deadline }) = ask(&mut a, at(1)) else { panic!() };
    a.handle_timeout(deadline);
    let next = a.poll_timeout().unwrap();
    let Some(LeaseRequest::Read { number: second, .. }) = ask(&mut a, next) else { panic!() };
    assert_ne!(number, second);
    a.handle_input(next, LeaseInput::Read { number, record: None });
    assert_eq!(a.poll_transmit(next, &mut Vec::new()), None, "no record was seen");
}

#[test]
fn times_that_cannot_keep_two_apart_are_refused() {
    let config = LeaseConfig::new(NodeName::new("a"), 0);
    let s = Duration::from_secs;
    assert!(matches!(
        config.clone().with_times(s(10), s(10), s(2)),
        Err(LeaseConfigError::HoldNotShorter { .. })
    ));
    assert!(matches!(
        config.with_times(s(15), s(10), s(6)),
        Err(LeaseConfigError::RetryTooLong { .. })
    ));
}

/// A Kubernetes API server does so: the object stays at its version, and no watch tells of it.
#[test]
fn a_write_that_changed_nothing_at_the_store_renews_nothing() {
    let mut a = holder();
    write(&mut a, at(3), at(3), "1");
    assert_eq!(a.tenure(at(3)).map(|tenure| tenure.not_after), Some(at(11)), "as it was");
    write(&mut a, at(5), at(5), "2");
    assert_eq!(a.tenure(at(5)).map(|tenure| tenure.not_after), Some(at(15)));
}
