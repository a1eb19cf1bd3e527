use std::{fmt, sync::Arc};

use vipcast_sans_io::{Instant, Machine};

use crate::{Transcript, What};

/// A machine that writes down all that goes in and comes out.
///
/// Put one under the simulator and another under a real driver, and compare what they wrote: the
/// same inputs at the same times must give equal transcripts. Calls that do nothing by contract are
/// left out, since drivers differ in them: a timeout before the deadline, and a poll that returns
/// `None`. Commands go through [`machine_mut`](Self::machine_mut) and are not recorded, unless
/// written with [`note`](Self::note).
#[derive(Clone, Debug)]
pub struct Recorded<M> {
    machine: M,
    name: Arc<str>,
    /// `poll_event` is not told the time: an event is of the last call that was.
    now: Instant,
    transcript: Transcript,
}

impl<M> Recorded<M> {
    /// Records `machine` under `name`.
    pub fn new(name: impl Into<Arc<str>>, machine: M) -> Self {
        Self { machine, name: name.into(), now: Instant::ZERO, transcript: Transcript::new() }
    }

    /// The machine, for its commands.
    pub fn machine_mut(&mut self) -> &mut M {
        &mut self.machine
    }

    /// Writes a command down.
    pub fn note(&mut self, now: Instant, command: impl Into<String>) {
        self.push(now, What::Command(command.into()));
    }

    /// The machine.
    pub fn machine(&self) -> &M {
        &self.machine
    }

    /// What happened so far.
    #[must_use]
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The machine and what happened to it.
    #[must_use]
    pub fn into_parts(self) -> (M, Transcript) {
        (self.machine, self.transcript)
    }

    fn push(&mut self, now: Instant, what: What) {
        self.now = now;
        self.transcript.push(now, Arc::clone(&self.name), what);
    }
}

impl<M: Machine> Machine for Recorded<M>
where
    for<'a> M::Input<'a>: fmt::Debug,
    M::Transmit: fmt::Debug,
    M::Event: fmt::Debug,
{
    type Input<'a> = M::Input<'a>;
    type Transmit = M::Transmit;
    type Event = M::Event;

    fn handle_input(&mut self, now: Instant, input: Self::Input<'_>) {
        self.push(now, What::Input(format!("{input:?}")));
        self.machine.handle_input(now, input);
    }

    fn handle_timeout(&mut self, now: Instant) {
        if self.machine.poll_timeout().is_some_and(|at| at <= now) {
            self.push(now, What::Timeout);
        }
        self.machine.handle_timeout(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Self::Transmit> {
        let to = self.machine.poll_transmit(now, buf)?;
        self.push(now, What::Transmit { to: format!("{to:?}"), bytes: buf.clone() });
        Some(to)
    }

    fn poll_event(&mut self) -> Option<Self::Event> {
        let event = self.machine.poll_event()?;
        self.push(self.now, What::Event(format!("{event:?}")));
        Some(event)
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }
}
