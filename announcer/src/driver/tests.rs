use core::time::Duration;

use super::*;

/// Sends a number of frames each second, and reports each round.
struct Ticker {
    next: Instant,
    left: u32,
    fired: u32,
}

impl Machine for Ticker {
    type Input<'a> = ();
    type Transmit = u32;
    type Event = u32;

    fn handle_input(&mut self, now: Instant, (): ()) {
        self.handle_timeout(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        while self.next <= now {
            self.next += Duration::from_secs(1);
            self.left += 60;
            self.fired += 1;
        }
    }

    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<u32> {
        buf.clear();
        self.left = self.left.checked_sub(1)?;
        Some(self.left)
    }

    fn poll_event(&mut self) -> Option<u32> {
        (self.fired > 0).then(|| std::mem::take(&mut self.fired))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

#[derive(Default)]
struct Wire {
    sent: Vec<u32>,
    events: Vec<u32>,
    room: Option<usize>,
    /// How many were sent when it was told to send what it kept, and when those were built.
    flushed: Vec<(usize, Instant)>,
}

impl Outlet<Ticker> for Wire {
    fn transmit(&mut self, to: u32, _: &[u8]) -> Flow {
        self.sent.push(to);
        if self.room == Some(self.sent.len()) { Flow::Full } else { Flow::Open }
    }

    fn flush(&mut self, built: Instant) -> Flow {
        self.flushed.push((self.sent.len(), built));
        Flow::Open
    }

    fn event(&mut self, event: u32) {
        self.events.push(event);
    }
}

fn ticker() -> Ticker {
    Ticker { next: Instant::from_millis(1_000), left: 0, fired: 0 }
}

#[test]
fn nothing_happens_before_the_deadline() {
    let mut wire = Wire::default();
    let due = pump(&mut ticker(), || Instant::from_millis(999), &mut Vec::new(), &mut wire);
    assert_eq!(due, Some(Instant::from_millis(1_000)));
    assert!(wire.sent.is_empty() && wire.events.is_empty());
}

#[test]
fn everything_that_is_due_leaves_in_order() {
    let mut wire = Wire::default();
    let due = pump(&mut ticker(), || Instant::from_millis(1_000), &mut Vec::new(), &mut wire);
    assert_eq!(due, Some(Instant::from_millis(2_000)));
    assert_eq!(wire.events, [1]);
    assert_eq!(wire.sent, (0..60).rev().collect::<Vec<_>>());
}

#[test]
fn a_full_transport_leaves_the_rest_in_the_machine() {
    let mut machine = ticker();
    let mut wire = Wire { room: Some(3), ..Wire::default() };
    pump(&mut machine, || Instant::from_millis(1_000), &mut Vec::new(), &mut wire);
    assert_eq!((wire.sent.len(), machine.left), (3, 57));
}

#[test]
fn the_clock_is_read_again_for_each_batch() {
    let mut reads = 0;
    let clock = || {
        reads += 1;
        Instant::from_millis(1_000)
    };
    pump(&mut ticker(), clock, &mut Vec::new(), &mut Wire::default());
    assert_eq!(reads, 60 / BATCH + 2);
}

#[test]
fn what_is_kept_is_sent_before_the_clock_is_read_again() {
    let mut micros = 1_000_000;
    let clock = || {
        micros += 1;
        Instant::from_micros(micros)
    };
    let mut wire = Wire::default();
    pump(&mut ticker(), clock, &mut Vec::new(), &mut wire);
    let at = |count, micros: u64| (count, Instant::from_micros(1_000_000 + micros));
    assert_eq!(wire.flushed, [at(32, 1), at(60, 2)]);
}

#[test]
fn what_is_kept_is_sent_too_when_the_transport_is_full() {
    let mut wire = Wire { room: Some(3), ..Wire::default() };
    let now = Instant::from_millis(1_000);
    pump(&mut ticker(), || now, &mut Vec::new(), &mut wire);
    assert_eq!(wire.flushed, [(3, now)]);
}

#[test]
fn who_has_much_to_send_lets_others_have_their_turn_and_comes_back() {
    let now = Instant::from_millis(1_000);
    let mut machine = Ticker { left: 388, ..ticker() };
    let mut wire = Wire::default();
    for turn in 1..=7 {
        let due = pump(&mut machine, || now, &mut Vec::new(), &mut wire);
        assert_eq!(due, Some(now), "it has more to send");
        assert_eq!(wire.sent.len(), turn * BATCH * BATCHES);
    }
    let due = pump(&mut machine, || now, &mut Vec::new(), &mut wire);
    assert_eq!((due, wire.sent.len()), (Some(Instant::from_millis(2_000)), 448));
}
