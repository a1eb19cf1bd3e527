//! The loop that runs any machine in real time.

use vipcast_sans_io::{Instant, Machine};

/// What a machine's outputs go to.
pub trait Outlet<M: Machine> {
    /// Sends what the machine built, or keeps it until the next [`flush`](Self::flush), and says
    /// whether there is room for more.
    fn transmit(&mut self, to: M::Transmit, bytes: &[u8]) -> Flow;

    /// Sends what was kept, all of it built at `built`. Comes after each batch of transmits, before the
    /// clock is read again.
    fn flush(&mut self, built: Instant) -> Flow {
        let _ = built;
        Flow::Open
    }

    /// Takes an event.
    fn event(&mut self, event: M::Event);
}

/// Whether a transport takes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// There is room.
    Open,
    /// It is full: the rest stays unbuilt in the machine until the next pump.
    Full,
}

/// Runs a machine until nothing moves, or [`BATCHES`] batches have left: due timers, then events and
/// transmits. Returns when it wants to be called next; at once where it has more to send, after the
/// inputs and timers of others that came meanwhile. Call it after every input and command, and when
/// that time has come.
///
/// `clock` is read anew for each batch of [`BATCH`] transmits, so that a process that is paused in
/// the middle sends at most the rest of one batch on the strength of an old time.
pub fn pump<M: Machine>(
    machine: &mut M,
    mut clock: impl FnMut() -> Instant,
    buf: &mut Vec<u8>,
    outlet: &mut impl Outlet<M>,
) -> Option<Instant> {
    let mut batches = 0;
    loop {
        let now = clock();
        if machine.poll_timeout().is_some_and(|due| due <= now) {
            machine.handle_timeout(now);
        }
        let (mut moved, mut built) = (false, 0);
        while let Some(event) = machine.poll_event() {
            outlet.event(event);
            moved = true;
        }
        let mut flow = Flow::Open;
        for _ in 0..BATCH {
            let Some(to) = machine.poll_transmit(now, buf) else { break };
            built += 1;
            flow = outlet.transmit(to, buf);
            if flow == Flow::Full {
                break;
            }
        }
        if built > 0 && outlet.flush(now) == Flow::Full {
            flow = Flow::Full;
        }
        if flow == Flow::Full || !(moved || built > 0) {
            return machine.poll_timeout();
        }
        batches += usize::from(built == BATCH);
        if batches == BATCHES {
            return Some(now);
        }
    }
}

/// How many frames may leave between two looks at the clock.
pub const BATCH: usize = 32;

/// How many batches may leave before others have their turn. Whoever asks a question with every other
/// frame then takes in a batch of answers for each batch of questions.
pub const BATCHES: usize = 2;

#[cfg(test)]
mod tests;
