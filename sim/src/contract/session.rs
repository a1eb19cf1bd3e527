use std::time::Duration;

use vipcast_sans_io::{Instant, Machine};

use super::{Queue, Subject, Violation};
use crate::{Rng, Transcript, What};

/// What is done to a machine: found by running one, then repeated on others.
pub(super) struct Script<X> {
    pub(super) seed: u64,
    pub(super) start: Instant,
    pub(super) steps: Vec<Step<X>>,
    /// What the first machine did.
    pub(super) transcript: Transcript,
}

/// One call, after which the machine is drained.
#[derive(Clone, Debug)]
pub(super) struct Step<X> {
    pub(super) at: Instant,
    /// `None` is a timeout.
    pub(super) stimulus: Option<X>,
}

/// One machine under a script.
pub(super) struct Session<'a, S: Subject> {
    pub(super) subject: &'a S,
    seed: u64,
    pub(super) machine: S::Machine,
    pub(super) log: Transcript,
    history: Vec<(Instant, S::Stimulus)>,
    /// When the machine was last called.
    since: Instant,
    buf: Vec<u8>,
    /// Whether the buffer holds rubbish when it is handed over.
    pub(super) dirty: bool,
    pub(super) transmits: u64,
    pub(super) events: u64,
    pub(super) timeouts: u64,
}

impl<'a, S: Subject> Session<'a, S> {
    pub(super) fn new(subject: &'a S, seed: u64, start: Instant) -> Self {
        Self {
            subject,
            seed,
            machine: subject.build(seed, start),
            log: Transcript::new(),
            history: Vec::new(),
            since: start,
            buf: Vec::new(),
            dirty: false,
            transmits: 0,
            events: 0,
            timeouts: 0,
        }
    }

    /// Does what the step says, without draining.
    pub(super) fn call(&mut self, step: &Step<S::Stimulus>) {
        self.since = step.at;
        match &step.stimulus {
            None => {
                let due = self.machine.poll_timeout().is_some_and(|at| at <= step.at);
                self.timeouts += u64::from(due);
                self.machine.handle_timeout(step.at);
            }
            Some(stimulus) => {
                self.log.push(step.at, MACHINE, What::Input(format!("{stimulus:?}")));
                self.history.push((step.at, stimulus.clone()));
                self.subject.apply(&mut self.machine, step.at, stimulus);
            }
        }
    }

    /// Does what the step says, and what a driver does after it.
    pub(super) fn step(&mut self, step: &Step<S::Stimulus>) -> Result<(), Violation> {
        self.call(step);
        self.settle(step.at)
    }

    /// Drains, and fires timers until none is due.
    pub(super) fn settle(&mut self, now: Instant) -> Result<(), Violation> {
        self.drain(now)?;
        let mut deadline = self.deadline(now)?;
        // Before due timers are fired: a handler that left them unfired shows here.
        self.log.push(now, MACHINE, What::Deadline(deadline));
        let mut rounds = 0;
        while let Some(at) = deadline.filter(|&at| at <= now) {
            rounds += 1;
            if rounds > MOST_ROUNDS {
                let seed = self.seed;
                return Err(Violation::NoProgress { seed, at: now, deadline: at });
            }
            self.timeouts += 1;
            self.since = now;
            self.machine.handle_timeout(now);
            self.drain(now)?;
            deadline = self.deadline(now)?;
            self.log.push(now, MACHINE, What::Deadline(deadline));
        }
        Ok(())
    }

    /// Takes all transmits and events, and how many there were of each.
    pub(super) fn drain(&mut self, now: Instant) -> Result<(usize, usize), Violation> {
        let limit = self.subject.queue_limit();
        let endless = |seed, queue| Violation::Endless { seed, at: now, queue, limit };
        let (mut transmits, mut events) = (0, 0);
        while self.transmit(now)? {
            transmits += 1;
            if transmits > limit {
                return Err(endless(self.seed, Queue::Transmits));
            }
        }
        while let Some(event) = self.machine.poll_event() {
            self.log.push(now, MACHINE, What::Event(format!("{event:?}")));
            events += 1;
            if events > limit {
                return Err(endless(self.seed, Queue::Events));
            }
        }
        self.transmits += transmits as u64;
        self.events += events as u64;
        Ok((transmits, events))
    }

    fn transmit(&mut self, now: Instant) -> Result<bool, Violation> {
        self.buf.clear();
        if self.dirty {
            self.buf.extend_from_slice(RUBBISH);
        }
        let Some(to) = self.machine.poll_transmit(now, &mut self.buf) else {
            return Ok(false);
        };
        let printed = format!("{to:?}");
        if self.subject.is_stale(&self.history, &to, &self.buf, now) {
            return Err(Violation::Stale {
                seed: self.seed,
                at: now,
                since: self.since,
                to: printed,
                bytes: self.buf.clone(),
            });
        }
        let bytes = self.buf.clone();
        self.log.push(now, MACHINE, What::Transmit { to: printed, bytes });
        Ok(true)
    }

    pub(super) fn deadline(&self, now: Instant) -> Result<Option<Instant>, Violation> {
        let first = self.machine.poll_timeout();
        let second = self.machine.poll_timeout();
        if first == second {
            return Ok(first);
        }
        let seed = self.seed;
        Err(Violation::RestlessDeadline { seed, at: now, first, second })
    }

    /// When to make the next call: now, soon, around the deadline, or after a pause.
    pub(super) fn next_moment(&self, now: Instant, rng: &mut Rng) -> Result<Instant, Violation> {
        let deadline = self.deadline(now)?.filter(|&at| at != Instant::FAR_FUTURE);
        let deadline = deadline.unwrap_or(now);
        let longest = self.subject.longest_step();
        let moment = match rng.below(8) {
            0 => now,
            1 | 2 => now + rng.between(Duration::ZERO, Duration::from_millis(1)),
            3 => deadline.saturating_sub(Duration::from_micros(1)),
            4 => deadline,
            5 => deadline + rng.between(Duration::ZERO, longest / 8),
            6 => now + rng.between(Duration::ZERO, longest / 8),
            _ => now + rng.between(Duration::ZERO, longest),
        };
        Ok(moment.max(now))
    }
}

const MACHINE: &str = "machine";
const RUBBISH: &[u8] = b"left over from the packet before";
/// Some machines arm a timer for now; none needs so many rounds.
const MOST_ROUNDS: u32 = 64;
