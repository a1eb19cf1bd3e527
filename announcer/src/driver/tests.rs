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
            self.left += 100;
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
}

impl Outlet<Ticker> for Wire {
    fn transmit(&mut self, to: u32, _: &[u8]) -> Flow {
        self.sent.push(to);
        if self.room == Some(self.sent.len()) { Flow::Full } else { Flow::Open }
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
    assert_eq!(wire.sent, (0..100).rev().collect::<Vec<_>>());
}

#[test]
fn a_full_transport_leaves_the_rest_in_the_machine() {
    let mut machine = ticker();
    let mut wire = Wire { room: Some(3), ..Wire::default() };
    pump(&mut machine, || Instant::from_millis(1_000), &mut Vec::new(), &mut wire);
    assert_eq!((wire.sent.len(), machine.left), (3, 97));
}

#[test]
fn the_clock_is_read_again_for_each_batch() {
    let mut reads = 0;
    let clock = || {
        reads += 1;
        Instant::from_millis(1_000)
    };
    pump(&mut ticker(), clock, &mut Vec::new(), &mut Wire::default());
    assert_eq!(reads, 100 / BATCH + 2);
}
