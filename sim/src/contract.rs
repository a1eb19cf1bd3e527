//! The test kit that every machine passes: [`check`] puts a machine through the contract of
//! [`Machine`].
//!
//! What each rule is checked by:
//!
//! | rule | check | violation |
//! |---|---|---|
//! | due timers before input | firing them first by hand must change nothing | [`Violation::InputBeforeTimers`] |
//! | no stale transmit | drained at once, and only after a pause | [`Violation::Stale`] |
//! | the buffer is cleared | a dirty one must change nothing | [`Violation::BufferNotCleared`] |
//! | an early timeout is a no-op | added ones must change nothing | [`Violation::EarlyTimeout`] |
//! | due timers fire | `poll_timeout` must move on | [`Violation::NoProgress`], [`Violation::RestlessDeadline`] |
//! | queues are bounded | a flood that nobody drains | [`Violation::Unbounded`], [`Violation::Endless`] |
//! | same seed, same outputs | two instances, same script, at other real times | [`Violation::NotReproducible`] |
//!
//! What it cannot see: that timers due together fire in the order of their deadlines, and all that
//! the [`Subject`]'s stimuli do not provoke. The [`Report`] counts what was provoked; assert on it
//! where all seeds were run ([`Report::seeds`]).
//!
//! # Example
//!
//! A repeater sends each byte back until it is a second old. With `Instant::FAR_FUTURE` as the
//! deadline the check would fail with [`Violation::Stale`].
//!
//! ```
//! use std::{collections::VecDeque, convert::Infallible, time::Duration};
//! use vipcast_sans_io::{Instant, Machine};
//! use vipcast_sim::{Rng, contract};
//!
//! #[derive(Default)]
//! struct Repeater(VecDeque<(Instant, u8)>);
//!
//! impl Machine for Repeater {
//!     type Input<'a> = &'a [u8];
//!     type Transmit = ();
//!     type Event = Infallible;
//!
//!     fn handle_input(&mut self, now: Instant, input: &[u8]) {
//!         self.0.extend(input.iter().map(|&byte| (now + Duration::from_secs(1), byte)));
//!         self.0.truncate(16);
//!     }
//!     fn handle_timeout(&mut self, _: Instant) {}
//!     fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<()> {
//!         self.0.retain(|&(until, _)| now < until);
//!         buf.clear();
//!         buf.push(self.0.pop_front()?.1);
//!         Some(())
//!     }
//!     fn poll_event(&mut self) -> Option<Infallible> {
//!         None
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         None
//!     }
//! }
//!
//! struct AnyByte;
//!
//! impl contract::Subject for AnyByte {
//!     type Machine = Repeater;
//!     type Stimulus = u8;
//!
//!     fn build(&self, _seed: u64, _now: Instant) -> Repeater {
//!         Repeater::default()
//!     }
//!     fn stimulus(&self, rng: &mut Rng, _now: Instant) -> u8 {
//!         rng.next_u64() as u8
//!     }
//!     fn apply(&self, machine: &mut Repeater, now: Instant, stimulus: &u8) {
//!         machine.handle_input(now, &[*stimulus]);
//!     }
//!     fn is_stale(&self, history: &[(Instant, u8)], _: &(), bytes: &[u8], now: Instant) -> bool {
//!         let last = history.iter().rev().find(|(_, byte)| [*byte] == bytes);
//!         last.is_none_or(|&(at, _)| now >= at + Duration::from_secs(1))
//!     }
//! }
//!
//! let report = contract::check(&AnyByte).unwrap();
//! assert!(report.late_pending > 0, "some pause met a byte that waited");
//! ```

mod checks;
mod report;
mod session;
mod violation;

use std::{fmt::Debug, ops::Range, time::Duration};

use vipcast_sans_io::{Instant, Machine};

use crate::{Rng, explore::seeds_asked_for};

pub use report::Report;
pub use violation::{Queue, Violation};

/// A kind of machine, and what can be done to it.
pub trait Subject {
    /// The machine.
    type Machine: Machine<Transmit: Debug, Event: Debug>;
    /// An input, or a command of the owner, as owned data.
    type Stimulus: Clone + Debug;

    /// A new machine. It must depend on the arguments alone.
    fn build(&self, seed: u64, now: Instant) -> Self::Machine;

    /// A random stimulus: valid, invalid, of friend and foe. Commands that grow the machine (peers,
    /// claims) should name one of a few things only, so that they repeat.
    fn stimulus(&self, rng: &mut Rng, now: Instant) -> Self::Stimulus;

    /// Calls `handle_input`, or a command.
    fn apply(&self, machine: &mut Self::Machine, now: Instant, stimulus: &Self::Stimulus);

    /// Whether this was false by `now`, given all that was done to the machine so far, oldest first.
    /// Judge by the history, not by the machine.
    fn is_stale(
        &self,
        history: &[(Instant, Self::Stimulus)],
        to: &<Self::Machine as Machine>::Transmit,
        bytes: &[u8],
        now: Instant,
    ) -> bool;

    /// Whether the stimulus goes through `handle_input`, so that due timers must fire before it.
    fn is_input(&self, _stimulus: &Self::Stimulus) -> bool {
        true
    }

    /// How many entries of any table that is keyed by input the machine holds: checked against the
    /// limit under a flood, for what grows without ever being drained.
    fn footprint(&self, _machine: &Self::Machine) -> usize {
        0
    }

    /// No queue may ever hold more than this. Floods are 16 times as long.
    fn queue_limit(&self) -> usize {
        1_024
    }

    /// One script is made for each seed. `VIPCAST_SIM_SEED` and `VIPCAST_SIM_SEEDS` ask for others.
    fn seeds(&self) -> Range<u64> {
        0..32
    }

    /// How many calls a script has.
    fn steps(&self) -> usize {
        100
    }

    /// How much time passes between two calls, and in a pause, at most. Should exceed the machine's
    /// longest ordinary timer, so that it also fires late.
    fn longest_step(&self) -> Duration {
        Duration::from_secs(5)
    }
}

/// Puts a machine through the contract.
///
/// # Errors
///
/// The first violation, with its seed.
pub fn check<S: Subject>(subject: &S) -> Result<Report, Violation> {
    let mut report = Report::default();
    for seed in seeds_asked_for(subject.seeds()) {
        let script = checks::reproducible(subject, seed, &mut report)?;
        checks::early_timeouts(subject, &script, &mut report)?;
        checks::timers_before_input(subject, &script, &mut report)?;
        checks::dirty_buffer(subject, &script)?;
        checks::late_drains(subject, &script, &mut report)?;
        // The costliest by far, and its size does more than its number.
        if report.seeds < 4 {
            checks::flood(subject, &script, &mut report)?;
        }
        report.seeds += 1;
    }
    Ok(report)
}
