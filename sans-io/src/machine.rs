use alloc::vec::Vec;

use crate::Instant;

/// A protocol without I/O: what the network said goes in, what to send comes out.
///
/// # The contract
///
/// Whoever drives a machine, and whoever writes one, may rely on these rules. The simulator's
/// contract kit checks them.
///
/// 1. `now` never goes back. Calls at equal instants may come in any order.
/// 2. [`handle_input`](Self::handle_input) fires the timers that are due before it looks at the
///    input: a holder that wakes from a pause fences itself before it believes a queued frame.
/// 3. After **any** `&mut` call the driver drains [`poll_transmit`](Self::poll_transmit) and
///    [`poll_event`](Self::poll_event), then reads [`poll_timeout`](Self::poll_timeout). Transmits
///    may stay undrained while the transport is full: that is back-pressure, not an error.
/// 4. `poll_transmit(now)` builds only what is still true at `now`. What has become stale since it
///    was wanted is not built. The order of transmits is the order on the wire.
/// 5. [`handle_timeout`](Self::handle_timeout) before the deadline does nothing; at or after it, all
///    due timers fire in the order of their deadlines, ties in the order of their keys.
/// 6. Queues are bounded. Events coalesce, and are never dropped; refused input is a verdict and a
///    counter, never an event that could push out a real one.
/// 7. The same seed and the same inputs give the same outputs: no global random source, no clock, no
///    map that iterates in random order.
///
/// Handlers return nothing, never panic and never block. Commands (`add_peer`, `grant`, `drain`, …)
/// are ordinary methods of the concrete type, `now` first if they send or arm a timer.
pub trait Machine {
    /// What the network, or the driver, says. Borrowed: the machine copies what it keeps.
    type Input<'a>;
    /// Where the bytes that `poll_transmit` wrote go: a link, a peer, a connection.
    type Transmit;
    /// A hint that something changed. The state itself is readable at any time.
    type Event;

    /// The network spoke. Timers that are due fire first.
    fn handle_input(&mut self, now: Instant, input: Self::Input<'_>);

    /// Time has passed. A no-op before [`poll_timeout`](Self::poll_timeout).
    fn handle_timeout(&mut self, now: Instant);

    /// Builds the next thing to send, as true at `now`, into `buf` (which is cleared first) and says
    /// where it goes; or `None` when there is nothing to send.
    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Self::Transmit>;

    /// The next event; `None` when all were taken.
    fn poll_event(&mut self) -> Option<Self::Event>;

    /// When `handle_timeout` wants to be called next; `None` for never.
    fn poll_timeout(&self) -> Option<Instant>;
}
