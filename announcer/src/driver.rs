//! The loop that runs any machine in real time.

use vipcast_sans_io::{Instant, Machine};

/// What a machine's outputs go to.
pub trait Outlet<M: Machine> {
    /// Sends what the machine built, and says whether there is room for more.
    fn transmit(&mut self, to: M::Transmit, bytes: &[u8]) -> Flow;

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

/// Runs a machine until nothing moves: due timers, then events and transmits. Returns when it wants
/// to be called next. Call it after every input and command, and when that time has come.
///
/// `clock` is read anew for each batch of [`BATCH`] transmits, so that a process that is paused in
/// the middle sends at most the rest of one batch on the strength of an old time.
pub fn pump<M: Machine>(
    machine: &mut M,
    mut clock: impl FnMut() -> Instant,
    buf: &mut Vec<u8>,
    outlet: &mut impl Outlet<M>,
) -> Option<Instant> {
    loop {
        let now = clock();
        if machine.poll_timeout().is_some_and(|due| due <= now) {
            machine.handle_timeout(now);
        }
        let mut moved = false;
        while let Some(event) = machine.poll_event() {
            outlet.event(event);
            moved = true;
        }
        for _ in 0..BATCH {
            let Some(to) = machine.poll_transmit(now, buf) else { break };
            moved = true;
            if outlet.transmit(to, buf) == Flow::Full {
                return machine.poll_timeout();
            }
        }
        if !moved {
            return machine.poll_timeout();
        }
    }
}

/// How many frames may leave between two looks at the clock.
pub const BATCH: usize = 32;

#[cfg(test)]
mod tests;
