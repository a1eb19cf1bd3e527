use alloc::{collections::VecDeque, sync::Arc, vec::Vec};
use core::net::IpAddr;

use vipcast_sans_io::{Instant, Machine};

use super::{
    ConnectionId, Counters, PeerEvent, PeerInput, PeerTransmit,
    connection::{Closing, Connection, Slot},
    restart::Stale,
};
use crate::{
    RouterId,
    config::PeerConfig,
    fsm::{DownReason, Effects, Event, Fsm, FsmConfig, Session, State, Timer},
    rng::Rng,
    wire::{Family, encode_keepalive},
};

/// One neighbor.
///
/// ```
/// use vipcast_bgp_proto::{Asn, Instant, Machine, Peer, PeerConfig, PeerTransmit, RouterId};
///
/// let us = RouterId::new(0x0A00_0001).unwrap();
/// let config = PeerConfig::new(Asn(65001), Asn(65002));
/// let mut peer = Peer::new(config, us, 42);
/// peer.start(Instant::ZERO);
/// let mut buf = Vec::new();
/// let dial = peer.poll_transmit(Instant::ZERO, &mut buf);
/// assert!(matches!(dial, Some(PeerTransmit::Connect(_))));
/// ```
#[derive(Clone, Debug)]
pub struct Peer {
    pub(super) config: PeerConfig,
    pub(super) router_id: RouterId,
    pub(super) rng: Rng,
    /// Routes of a previous run may still be with the neighbor.
    restarted: bool,
    pub(super) primary: Slot,
    /// A second connection, while the first one is undecided.
    pub(super) secondary: Option<Slot>,
    connections: u64,
    pub(super) closing: VecDeque<Closing>,
    events: VecDeque<PeerEvent>,
    /// Families that the neighbor wants again.
    pub(super) refresh_requests: Vec<Family>,
    pub(super) stale: Option<Stale>,
    pub(super) counters: Counters,
}

/// Which of the two connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Primary,
    Secondary,
}

impl Which {
    pub(super) const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Secondary,
            Self::Secondary => Self::Primary,
        }
    }
}

impl Peer {
    /// A neighbor, idle until it is started. Equal seeds give equal jitter.
    #[must_use]
    pub fn new(config: PeerConfig, router_id: RouterId, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let fsm = Fsm::new(FsmConfig::from(&config), rng.next());
        Self {
            config,
            router_id,
            rng,
            restarted: false,
            primary: Slot { fsm, connection: None },
            secondary: None,
            connections: 0,
            closing: VecDeque::new(),
            events: VecDeque::new(),
            refresh_requests: Vec::new(),
            stale: None,
            counters: Counters::default(),
        }
    }

    /// Says in OPENs that we have restarted, so that nobody waits for us (the R bit, RFC 4724 §3).
    pub fn set_restarted(&mut self, restarted: bool) {
        self.restarted = restarted;
    }

    /// Names a connection that the neighbor has dialed, for [`PeerInput::Accepted`].
    pub fn next_connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    /// How it is configured.
    #[must_use]
    pub const fn config(&self) -> &PeerConfig {
        &self.config
    }

    /// Where the further of its connections stands.
    #[must_use]
    pub fn state(&self) -> State {
        let second = self.secondary.as_ref().map(|slot| slot.fsm.state());
        self.primary.fsm.state().max(second.unwrap_or_default())
    }

    /// Its connections, and the dialing for one, and where each stands.
    pub fn connections(&self) -> impl Iterator<Item = (ConnectionId, State)> {
        let slots = core::iter::once(&self.primary).chain(&self.secondary);
        slots.filter_map(|slot| Some((slot.connection.as_ref()?.id, slot.fsm.state())))
    }

    /// When a timer of the connection that counts fires, if it runs.
    #[must_use]
    pub const fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.primary.fsm.deadline(timer)
    }

    /// What was agreed; `None` unless Established.
    #[must_use]
    pub fn session(&self) -> Option<&Arc<Session>> {
        if self.primary.fsm.state() != State::Established {
            return None;
        }
        self.primary.connection.as_ref()?.session.as_ref()
    }

    /// The established connection.
    #[must_use]
    pub fn established(&self) -> Option<ConnectionId> {
        self.session()?;
        self.primary.connection.as_ref().map(|connection| connection.id)
    }

    /// How many connections the driver is still to be told to close, by polling. One that accepts
    /// without polling would make it grow.
    #[must_use]
    pub fn closing(&self) -> usize {
        self.closing.len()
    }

    /// Our address on the established connection.
    #[must_use]
    pub fn local_address(&self) -> Option<IpAddr> {
        self.session()?;
        self.primary.connection.as_ref()?.local
    }

    /// What was counted.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A family that the neighbor wants again (RFC 2918), once.
    pub fn take_refresh_request(&mut self) -> Option<Family> {
        self.refresh_requests.pop()
    }

    /// The connection on which UPDATEs may be sent now: Established, and nothing waits.
    #[must_use]
    pub fn sendable(&self) -> Option<ConnectionId> {
        self.session()?;
        let connection = self.primary.connection.as_ref()?;
        let free = !connection.blocked && !connection.open_due;
        free.then_some(connection.id)
    }

    /// Octets with so many UPDATEs were handed out on the [`sendable`](Self::sendable) connection.
    pub fn on_updates_sent(&mut self, now: Instant, updates: u64) {
        self.counters.updates_sent += updates;
        self.primary.fsm.on_sent(now);
        if let Some(connection) = &mut self.primary.connection {
            connection.blocked = true;
        }
    }

    pub(super) fn find(&self, id: ConnectionId) -> Option<Which> {
        if self.primary.is(id) {
            Some(Which::Primary)
        } else if self.secondary.as_ref().is_some_and(|slot| slot.is(id)) {
            Some(Which::Secondary)
        } else {
            None
        }
    }

    pub(super) fn slot(&mut self, which: Which) -> Option<&mut Slot> {
        match which {
            Which::Primary => Some(&mut self.primary),
            Which::Secondary => self.secondary.as_mut(),
        }
    }

    /// Gives an event to a state machine, and does what it says. Without effect for a second
    /// connection that is not there.
    pub(super) fn fire(&mut self, which: Which, now: Instant, event: Event) {
        let Some(slot) = self.slot(which) else { return };
        let before = slot.fsm.state();
        let effects = slot.fsm.handle(now, event);
        let after = slot.fsm.state();
        let session = slot.connection.as_ref().and_then(|c| c.session.clone());
        self.apply(which, &effects);
        if after == State::Established && before != after {
            self.counters.established += 1;
            // What TCP has not taken since before counts, too (RFC 9687).
            if let Some(slot) = self.slot(which)
                && slot.connection.as_ref().is_some_and(|connection| connection.blocked)
            {
                slot.fsm.on_sent(now);
            }
            self.settle();
            if let Some(session) = session {
                self.on_established(session);
            }
            return;
        }
        if let Some(reason) = effects.down {
            match session.filter(|_| before == State::Established) {
                Some(session) => self.on_down(now, &session, reason),
                // The fate of a second connection is no news.
                None => {
                    let wanted = matches!(reason, DownReason::Stopped | DownReason::HandedOver);
                    if which == Which::Primary && self.secondary.is_none() && !wanted {
                        self.push_event(PeerEvent::Failed(reason));
                    }
                }
            }
        }
        self.settle();
    }

    fn apply(&mut self, which: Which, effects: &Effects) {
        let dialed = effects.connect.then(|| {
            let id = self.next_connection();
            Connection::dialing(id, self.config.extended_messages)
        });
        let Some(slot) = self.slot(which) else { return };
        let dropped = match effects.drop_connection {
            // A dial that the driver has not heard of need not be ended.
            true => slot.connection.take().filter(|old| !old.gone && !old.dial_due),
            false => None,
        };
        if dialed.is_some() {
            slot.connection = dialed;
        }
        if let Some(connection) = &mut slot.connection {
            connection.open_due |= effects.open;
            connection.keepalive_due |= effects.keepalive;
        }
        if let Some(old) = dropped {
            let told = effects.notification.as_ref().filter(|_| old.is_up());
            let open = told.filter(|_| old.open_due).map(|_| self.greeting());
            self.closing.push_back(Closing::new(old.id, open, told));
        }
    }

    /// Our OPEN, encoded.
    fn greeting(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut open = self.config.open(self.router_id, self.restarted);
        if open.encode(&mut bytes).is_err() {
            // The embedder's own capabilities are too much for a message: go without them.
            let ours = open.capabilities.len() - self.config.capabilities.len();
            open.capabilities.truncate(ours);
            let _ = open.encode(&mut bytes);
        }
        bytes
    }

    /// Appends an event. Of a session that nobody has seen come and go only the end remains, and of
    /// several failures the last: there is never more than one event of a kind.
    pub(super) fn push_event(&mut self, mut event: PeerEvent) {
        match &mut event {
            PeerEvent::Down { .. } => self
                .events
                .retain(|old| !matches!(old, PeerEvent::Down { .. } | PeerEvent::Established(_))),
            PeerEvent::Flush(families) => self.events.retain(|old| match old {
                PeerEvent::Flush(earlier) => {
                    families.extend(earlier.iter().copied());
                    families.sort_unstable();
                    families.dedup();
                    false
                }
                _ => true,
            }),
            kind => self
                .events
                .retain(|old| core::mem::discriminant(old) != core::mem::discriminant(kind)),
        }
        self.events.push_back(event);
    }

    fn poll_connection(
        &mut self,
        which: Which,
        now: Instant,
        buf: &mut Vec<u8>,
    ) -> Option<PeerTransmit> {
        let greeting = match self.slot(which)?.connection.as_ref()?.open_due {
            true => self.greeting(),
            false => Vec::new(),
        };
        let slot = self.slot(which)?;
        let connection = slot.connection.as_mut()?;
        let id = connection.id;
        if core::mem::take(&mut connection.dial_due) {
            return Some(PeerTransmit::Connect(id));
        }
        if connection.blocked || !(connection.open_due || connection.keepalive_due) {
            return None;
        }
        let mut messages = 0;
        if core::mem::take(&mut connection.open_due) {
            buf.extend_from_slice(&greeting);
            messages += 1;
        }
        if core::mem::take(&mut connection.keepalive_due) {
            encode_keepalive(buf);
            messages += 1;
        }
        connection.blocked = true;
        slot.fsm.on_sent(now);
        self.counters.messages_sent += messages;
        Some(PeerTransmit::Send(id))
    }

    /// The slot whose timer is due first.
    fn next_due(&self, now: Instant) -> Option<Which> {
        let first = self.primary.fsm.next_timeout().filter(|at| *at <= now);
        let second = self.secondary.as_ref().and_then(|slot| slot.fsm.next_timeout());
        match (first, second.filter(|at| *at <= now)) {
            (None, None) => None,
            (Some(first), Some(second)) if second < first => Some(Which::Secondary),
            (Some(_), _) => Some(Which::Primary),
            (None, Some(_)) => Some(Which::Secondary),
        }
    }
}

impl Machine for Peer {
    type Input<'a> = PeerInput<'a>;
    type Transmit = PeerTransmit;
    type Event = PeerEvent;

    fn handle_input(&mut self, now: Instant, input: PeerInput<'_>) {
        self.handle_input_with(now, input, &mut |_, _| {});
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(which) = self.next_due(now) {
            let event = self.slot(which).and_then(|slot| slot.fsm.pop_expired(now));
            let Some(event) = event else { break };
            self.fire(which, now, event);
        }
        self.forget_stale(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<PeerTransmit> {
        buf.clear();
        if let Some(closing) = self.closing.front_mut() {
            if closing.last_words.is_empty() {
                return self.closing.pop_front().map(|done| PeerTransmit::Close(done.id));
            }
            buf.append(&mut closing.last_words);
            self.counters.messages_sent += 1;
            return Some(PeerTransmit::Send(closing.id));
        }
        self.poll_connection(Which::Primary, now, buf)
            .or_else(|| self.poll_connection(Which::Secondary, now, buf))
    }

    fn poll_event(&mut self) -> Option<PeerEvent> {
        self.events.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let first = self.primary.fsm.next_timeout();
        let second = self.secondary.as_ref().and_then(|slot| slot.fsm.next_timeout());
        let stale = self.stale.as_ref().and_then(|stale| stale.until);
        [first, second, stale].into_iter().flatten().min()
    }
}
