//! Machines with one planted fault each: the kit must name the rule that they break.

// The planted machine that reads a clock has to.
#![allow(clippy::disallowed_methods)]

use std::{
    cell::Cell,
    collections::{BTreeSet, HashSet, VecDeque},
    time::Duration,
};

use vipcast_sans_io::{Instant, Machine, TimerTable};
use vipcast_sim::{
    Rng,
    contract::{self, Queue, Report, Subject, Violation},
};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plant {
    None,
    ReadsTheClock,
    IteratesInRandomOrder,
    SendsWhatItBuiltBefore,
    FiresEarly,
    CountsEarlyTimeouts,
    BelievesInputFirst,
    IgnoresTimersOnInput,
    QueuesEachEvent,
    RemembersEachStranger,
    KeepsTheBuffer,
    DoesNotMoveOn,
    NeverEnds,
    ChangesItsMind,
}

#[derive(Clone, Debug)]
enum Said {
    /// Whoever hears this may answer for a second.
    Renew,
    /// Somebody asks for a key.
    Ask(u8),
    /// Junk.
    Stranger(u32),
}

/// Answers those who ask, and beacons, as long as its lease holds.
struct Holder {
    plant: Plant,
    timers: TimerTable<Timer>,
    until: Option<Instant>,
    asked: BTreeSet<u8>,
    beacon: bool,
    lost: bool,
    // Used by plants alone.
    shuffled: HashSet<u8>,
    built: VecDeque<u8>,
    queue: VecDeque<&'static str>,
    strangers: BTreeSet<u32>,
    made: std::time::Instant,
    reads: Cell<u64>,
    beats: u8,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Expiry,
    Beacon,
}

impl Holder {
    fn new(plant: Plant, now: Instant) -> Self {
        let mut timers = TimerTable::new();
        timers.set(Timer::Beacon, now + BEACON);
        Self {
            plant,
            timers,
            until: None,
            asked: BTreeSet::new(),
            beacon: false,
            lost: false,
            shuffled: HashSet::new(),
            built: VecDeque::new(),
            queue: VecDeque::new(),
            strangers: BTreeSet::new(),
            made: std::time::Instant::now(),
            reads: Cell::new(0),
            beats: 0,
        }
    }

    fn holds(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| now < until)
    }

    fn fire(&mut self, now: Instant) {
        let horizon = match self.plant {
            Plant::FiresEarly => now + Duration::from_millis(10),
            _ => now,
        };
        while let Some(timer) = self.timers.pop_expired(horizon) {
            match timer {
                Timer::Expiry => {
                    self.until = None;
                    self.asked.clear();
                    self.lost = true;
                }
                Timer::Beacon => {
                    self.beacon = true;
                    self.timers.set(Timer::Beacon, now + BEACON);
                }
            }
        }
        if self.plant == Plant::DoesNotMoveOn && self.lost {
            self.timers.set(Timer::Expiry, now);
            self.lost = false;
        }
    }

    fn believe(&mut self, now: Instant, said: &Said) {
        match *said {
            Said::Renew => {
                let real = match self.plant {
                    Plant::ReadsTheClock => self.made.elapsed(),
                    _ => Duration::ZERO,
                };
                self.until = Some(now + LEASE);
                self.timers.set(Timer::Expiry, now + LEASE + real);
            }
            Said::Ask(key) if self.holds(now) => match self.plant {
                Plant::IteratesInRandomOrder => {
                    self.shuffled.extend([key, key ^ 1, key ^ 2]);
                }
                Plant::SendsWhatItBuiltBefore => self.built.push_back(key),
                _ => {
                    self.asked.insert(key);
                }
            },
            Said::Ask(_) => {}
            Said::Stranger(who) => match self.plant {
                Plant::QueuesEachEvent => self.queue.push_back("stranger"),
                Plant::RemembersEachStranger => {
                    self.strangers.insert(who);
                }
                _ => {}
            },
        }
    }

    fn next_key(&mut self) -> Option<u8> {
        if self.plant == Plant::IteratesInRandomOrder {
            let key = self.shuffled.iter().next().copied()?;
            self.shuffled.remove(&key);
            return Some(key);
        }
        self.asked.pop_first()
    }
}

impl Machine for Holder {
    type Input<'a> = &'a Said;
    type Transmit = ();
    type Event = &'static str;

    fn handle_input(&mut self, now: Instant, said: &Said) {
        match self.plant {
            Plant::BelievesInputFirst => {
                self.believe(now, said);
                self.fire(now);
            }
            Plant::IgnoresTimersOnInput => self.believe(now, said),
            _ => {
                self.fire(now);
                self.believe(now, said);
            }
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        self.beats = self.beats.wrapping_add(1);
        self.fire(now);
    }
    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<()> {
        if self.plant != Plant::KeepsTheBuffer {
            buf.clear();
        }
        if let Some(key) = self.built.pop_front() {
            buf.push(key);
            return Some(());
        }
        if !self.holds(now) {
            return None;
        }
        if std::mem::take(&mut self.beacon) {
            let counted = self.plant == Plant::CountsEarlyTimeouts;
            buf.extend([255, if counted { self.beats } else { 0 }]);
            return Some(());
        }
        buf.push(self.next_key()?);
        Some(())
    }
    fn poll_event(&mut self) -> Option<&'static str> {
        if std::mem::take(&mut self.lost) {
            return Some("lost");
        }
        if self.plant == Plant::NeverEnds && self.until.is_some() {
            return Some("held");
        }
        self.queue.pop_front()
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.reads.set(self.reads.get() + 1);
        let next = self.timers.next_timeout();
        match self.plant {
            Plant::ChangesItsMind => next.map(|at| at + Duration::from_micros(self.reads.get())),
            _ => next,
        }
    }
}

impl Subject for Plant {
    type Machine = Holder;
    type Stimulus = Said;

    fn build(&self, _: u64, now: Instant) -> Holder {
        Holder::new(*self, now)
    }
    fn stimulus(&self, rng: &mut Rng, _: Instant) -> Said {
        match rng.below(4) {
            0 => Said::Renew,
            1 => Said::Stranger(u32::try_from(rng.below(1 << 32)).unwrap()),
            _ => Said::Ask(u8::try_from(rng.below(16)).unwrap()),
        }
    }
    fn apply(&self, machine: &mut Holder, now: Instant, said: &Said) {
        machine.handle_input(now, said);
    }
    fn is_stale(&self, history: &[(Instant, Said)], _: &(), _: &[u8], now: Instant) -> bool {
        let renewed = history.iter().rev().find(|(_, said)| matches!(said, Said::Renew));
        renewed.is_none_or(|&(at, _)| now >= at + LEASE)
    }
    fn footprint(&self, machine: &Holder) -> usize {
        machine.strangers.len()
    }
}

fn violation(plant: Plant) -> Violation {
    contract::check(&plant).expect_err("the plant was not found")
}

const LEASE: Duration = Duration::from_secs(1);
const BEACON: Duration = Duration::from_millis(300);

#[test]
fn a_sound_machine_passes_and_every_check_met_something() {
    let report: Report = contract::check(&Plant::None).unwrap();
    println!("{report}");
    if report.seeds < 32 {
        return; // The environment asks for a few seeds only.
    }
    assert!(report.transmits > 100, "{report}");
    assert!(report.events > 100, "{report}");
    assert!(report.timeouts > 100, "{report}");
    assert!(report.early_timeouts > 100, "{report}");
    assert!(report.due_inputs > 100, "{report}");
    assert!(report.late_pending > report.late_sent, "{report}");
    assert!(report.late_sent > 0, "{report}");
    assert!(report.flooded > 10_000 && report.most_queued > 0, "{report}");
}

#[test]
fn a_machine_that_reads_a_clock_is_not_reproducible() {
    let violation = violation(Plant::ReadsTheClock);
    assert!(matches!(violation, Violation::NotReproducible { .. }), "{violation}");
}

#[test]
fn a_machine_that_iterates_a_map_in_random_order_is_not_reproducible() {
    let violation = violation(Plant::IteratesInRandomOrder);
    assert!(matches!(violation, Violation::NotReproducible { .. }), "{violation}");
    assert!(violation.to_string().contains("map without order"));
}

#[test]
fn a_machine_that_sends_what_it_built_before_a_pause_is_stale() {
    let violation = violation(Plant::SendsWhatItBuiltBefore);
    let Violation::Stale { at, since, .. } = violation else {
        panic!("{violation}");
    };
    assert!(at > since, "after a pause");
}

#[test]
fn a_machine_that_fires_timers_early_is_found() {
    let violation = violation(Plant::FiresEarly);
    let Violation::EarlyTimeout { at, deadline, .. } = violation else {
        panic!("{violation}");
    };
    assert!(deadline.is_none_or(|deadline| at < deadline));
}

#[test]
fn an_early_timeout_whose_trace_shows_only_later_is_found() {
    let violation = violation(Plant::CountsEarlyTimeouts);
    assert!(matches!(violation, Violation::EarlyTimeout { .. }), "{violation}");
}

#[test]
fn a_machine_that_believes_input_before_its_due_timers_is_found() {
    for plant in [Plant::BelievesInputFirst, Plant::IgnoresTimersOnInput] {
        let violation = violation(plant);
        assert!(matches!(violation, Violation::InputBeforeTimers { .. }), "{violation}");
    }
}

#[test]
fn a_queue_or_table_that_grows_under_a_flood_is_named() {
    for (plant, grown) in
        [(Plant::QueuesEachEvent, Queue::Events), (Plant::RemembersEachStranger, Queue::Footprint)]
    {
        let violation = violation(plant);
        let Violation::Unbounded { queue, limit, .. } = violation else {
            panic!("{violation}");
        };
        assert_eq!((queue, limit), (grown, 1_024));
    }
}

#[test]
fn a_machine_that_trusts_its_buffer_is_found() {
    let violation = violation(Plant::KeepsTheBuffer);
    assert!(matches!(violation, Violation::BufferNotCleared { .. }), "{violation}");
}

#[test]
fn a_machine_that_would_make_its_driver_spin_is_found() {
    let violation = violation(Plant::DoesNotMoveOn);
    assert!(matches!(violation, Violation::NoProgress { .. }), "{violation}");
}

#[test]
fn a_queue_without_an_end_is_found() {
    let violation = violation(Plant::NeverEnds);
    let Violation::Endless { queue, .. } = violation else {
        panic!("{violation}");
    };
    assert_eq!(queue, Queue::Events);
}

#[test]
fn a_deadline_that_changes_by_being_read_is_found() {
    let violation = violation(Plant::ChangesItsMind);
    assert!(matches!(violation, Violation::RestlessDeadline { .. }), "{violation}");
}
