use std::{thread, time::Duration};

use super::*;

#[test]
fn a_waker_wakes_from_another_thread_until_it_is_drained() {
    let mut poller = Poller::new().unwrap();
    let waker = Waker::new().unwrap();
    poller.add(&waker, 7).unwrap();
    let other = waker.clone();
    thread::spawn(move || {
        other.wake().unwrap();
        other.wake().unwrap();
    })
    .join()
    .unwrap();

    let mut ready = vec![99];
    poller.wait(&mut ready).unwrap();
    assert_eq!(ready, [7]);
    assert!(waker.drain().unwrap());
    assert!(!waker.drain().unwrap(), "two wake-ups became one");
}

#[test]
fn a_timer_fires_at_its_deadline_and_not_before() {
    let mut poller = Poller::new().unwrap();
    let mut timer = Timer::new().unwrap();
    poller.add(&timer, 1).unwrap();
    let deadline = Clock::now() + Duration::from_millis(5);
    timer.set(Some(deadline)).unwrap();

    let mut ready = Vec::new();
    poller.wait(&mut ready).unwrap();
    assert_eq!(ready, [1]);
    assert!(Clock::now() >= deadline);
    assert!(timer.expired().unwrap());
    assert!(!timer.expired().unwrap());
}

#[test]
fn a_deadline_in_the_past_fires_at_once_and_can_be_set_again_after() {
    let mut timer = Timer::new().unwrap();
    for _ in 0..2 {
        timer.set(Some(Instant::ZERO)).unwrap();
        assert!(timer.expired().unwrap());
    }
}

#[test]
fn a_disarmed_or_postponed_timer_does_not_fire() {
    let mut timer = Timer::new().unwrap();
    timer.set(Some(Instant::ZERO)).unwrap();
    timer.set(None).unwrap();
    assert!(!timer.expired().unwrap());

    timer.set(Some(Instant::ZERO)).unwrap();
    timer.set(Some(Instant::FAR_FUTURE)).unwrap();
    assert!(!timer.expired().unwrap());

    timer.set(Some(Instant::ZERO)).unwrap();
    timer.set(Some(Clock::now() + Duration::from_secs(3_600))).unwrap();
    assert!(!timer.expired().unwrap());
}

#[test]
fn a_deleted_source_is_reported_no_longer() {
    let mut poller = Poller::new().unwrap();
    let (first, second) = (Waker::new().unwrap(), Waker::new().unwrap());
    poller.add(&first, 1).unwrap();
    poller.add(&second, 2).unwrap();
    first.wake().unwrap();
    second.wake().unwrap();
    poller.delete(&first).unwrap();
    let mut ready = Vec::new();
    poller.wait(&mut ready).unwrap();
    assert_eq!(ready, [2]);
    assert!(poller.delete(&first).is_err());
}

#[test]
fn what_is_watched_by_its_edges_is_told_once_for_each() {
    let mut poller = Poller::new().unwrap();
    let (edge, level) = (Waker::new().unwrap(), Waker::new().unwrap());
    poller.add_edge(&edge, 1).unwrap();
    poller.add(&level, 2).unwrap();
    let mut ready = Vec::new();
    let mut told = |poller: &mut Poller| {
        poller.poll(&mut ready).unwrap();
        ready.sort_unstable();
        ready.clone()
    };
    assert!(told(&mut poller).is_empty(), "it does not wait");
    edge.wake().unwrap();
    level.wake().unwrap();
    assert_eq!(told(&mut poller), [1, 2]);
    assert_eq!(told(&mut poller), [2], "neither was read");
    edge.wake().unwrap();
    assert_eq!(told(&mut poller), [1, 2], "more has come");
}

#[test]
fn what_waits_when_it_is_added_is_told_once_too() {
    let mut poller = Poller::new().unwrap();
    let waker = Waker::new().unwrap();
    waker.wake().unwrap();
    poller.add_edge(&waker, 3).unwrap();
    let mut ready = Vec::new();
    poller.poll(&mut ready).unwrap();
    assert_eq!(ready, [3]);
}
