use super::*;

#[test]
fn the_clock_never_goes_back() {
    let mut last = Clock::now();
    assert!(last > Instant::ZERO);
    for _ in 0..1_000 {
        let now = Clock::now();
        assert!(now >= last);
        last = now;
    }
}

#[test]
fn the_epoch_does_not_disarm_a_timer() {
    let time = Clock::timespec(Instant::ZERO);
    assert_eq!((time.tv_sec, time.tv_nsec), (0, 1));
}

#[test]
fn an_instant_keeps_its_microseconds() {
    let time = Clock::timespec(Instant::from_micros(12_000_345));
    assert_eq!((time.tv_sec, time.tv_nsec), (12, 345_000));
}

#[test]
fn wall_time_is_after_this_was_written() {
    assert!(Clock::unix_seconds() > 1_700_000_000);
}
