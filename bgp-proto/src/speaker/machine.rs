use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::{Instant, Machine, TimerTable};

use super::{PeerId, SpeakerEvent, entry::Entry};
use crate::{
    RouterId,
    fsm::Session,
    peer::{Peer, PeerInput, PeerTransmit},
    rib_out::Table,
    rng::Rng,
    wire::Update,
};

/// A BGP speaker: all neighbors, and what they are told.
///
/// ```
/// use vipcast_bgp_proto::{
///     Announcement, Asn, Instant, Machine, PeerConfig, PeerTransmit, RouterId, Speaker,
/// };
///
/// let now = Instant::ZERO;
/// let mut speaker = Speaker::new(RouterId::new(0x0A00_0001).unwrap(), 42);
/// speaker.announce("192.0.2.1/32".parse().unwrap(), &Announcement::default());
/// let router = speaker.add_peer(now, PeerConfig::new(Asn(65001), Asn(65002)));
///
/// let mut buf = Vec::new();
/// let Some((peer, PeerTransmit::Connect(_))) = speaker.poll_transmit(now, &mut buf) else {
///     panic!("it dials");
/// };
/// assert_eq!(peer, router);
/// ```
#[derive(Clone, Debug)]
pub struct Speaker {
    pub(super) router_id: RouterId,
    pub(super) rng: Rng,
    pub(super) restarted: bool,
    pub(super) next_peer: u32,
    pub(super) peers: BTreeMap<PeerId, Entry>,
    pub(super) table: Table,
    timers: TimerTable<PeerId>,
    /// Neighbors that may have something to send, and the one that was served last.
    ready: BTreeSet<PeerId>,
    served: Option<PeerId>,
    /// Neighbors that may have an event.
    eventful: BTreeSet<PeerId>,
    /// The table has changed since all were looked at.
    pub(super) table_changed: bool,
}

impl Speaker {
    /// A speaker without neighbors and routes. Equal seeds give equal jitter.
    #[must_use]
    pub const fn new(router_id: RouterId, seed: u64) -> Self {
        Self {
            router_id,
            rng: Rng::new(seed),
            restarted: false,
            next_peer: 0,
            peers: BTreeMap::new(),
            table: Table::new(),
            timers: TimerTable::new(),
            ready: BTreeSet::new(),
            served: None,
            eventful: BTreeSet::new(),
            table_changed: false,
        }
    }

    /// A neighbor, for its state and counters.
    #[must_use]
    pub fn peer(&self, id: PeerId) -> Option<&Peer> {
        self.peers.get(&id).filter(|entry| !entry.removed).map(|entry| &entry.peer)
    }

    /// All neighbors, in the order of their coming.
    pub fn peers(&self) -> impl Iterator<Item = (PeerId, &Peer)> {
        let present = self.peers.iter().filter(|(_, entry)| !entry.removed);
        present.map(|(id, entry)| (*id, &entry.peer))
    }

    /// How many routes are announced.
    #[must_use]
    pub fn routes(&self) -> usize {
        self.table.len()
    }

    /// How many changes some neighbor has not yet been told of; never more than there were routes.
    #[must_use]
    pub fn pending_changes(&self) -> usize {
        self.table.pending()
    }

    /// As [`Machine::handle_input`]; `routes` sees every UPDATE that does not close the session, with
    /// its verdict. Nothing that is received is kept.
    pub fn handle_input_with(
        &mut self,
        now: Instant,
        (id, input): (PeerId, PeerInput<'_>),
        routes: &mut dyn FnMut(PeerId, &Session, &Update<'_>),
    ) {
        self.handle_timeout(now);
        self.with_peer(id, |entry| {
            entry.peer.handle_input_with(now, input, &mut |session, update| {
                routes(id, session, update);
            });
        });
    }

    /// Does something to a neighbor, and follows the consequences.
    pub(super) fn with_peer<T>(
        &mut self,
        id: PeerId,
        f: impl FnOnce(&mut Entry) -> T,
    ) -> Option<T> {
        let entry = self.peers.get_mut(&id)?;
        let result = f(entry);
        entry.sync(&mut self.table);
        self.ready.insert(id);
        self.eventful.insert(id);
        self.set_timer(id);
        Some(result)
    }

    fn set_timer(&mut self, id: PeerId) {
        match self.peers.get(&id).and_then(Entry::next_timeout) {
            Some(at) if self.timers.deadline(&id) == Some(at) => {}
            Some(at) => self.timers.set(id, at),
            None => {
                self.timers.stop(&id);
            }
        }
    }

    /// The next neighbor in turn that may have something to send.
    fn next_ready(&self) -> Option<PeerId> {
        let first = self.ready.first().copied();
        match self.served {
            Some(PeerId(served)) => {
                let after = self.ready.range(PeerId(served.saturating_add(1))..).next();
                after.copied().or(first)
            }
            None => first,
        }
    }

    fn serve(&mut self, now: Instant, id: PeerId, buf: &mut Vec<u8>) -> Option<PeerTransmit> {
        let entry = self.peers.get_mut(&id)?;
        if let Some(transmit) = entry.peer.poll_transmit(now, buf) {
            return Some(transmit);
        }
        entry.write(now, id, &mut self.table, buf)?;
        entry.peer.established().map(PeerTransmit::Send)
    }

    /// A neighbor that was removed is forgotten once its last words are out.
    fn forget_if_removed(&mut self, id: PeerId) {
        let done = |entry: &Entry| entry.removed && entry.peer.closing() == 0;
        if self.peers.get(&id).is_some_and(done) {
            self.peers.remove(&id);
            self.timers.stop(&id);
            self.eventful.remove(&id);
        }
    }
}

impl Machine for Speaker {
    type Input<'a> = (PeerId, PeerInput<'a>);
    type Transmit = (PeerId, PeerTransmit);
    type Event = (PeerId, SpeakerEvent);

    fn handle_input(&mut self, now: Instant, input: (PeerId, PeerInput<'_>)) {
        self.handle_input_with(now, input, &mut |_, _, _| {});
    }

    fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.timers.pop_expired(now) {
            self.with_peer(id, |entry| {
                if entry.drained_at.take_if(|at| *at <= now).is_some() {
                    entry.peer.stop(now);
                }
                entry.peer.handle_timeout(now);
            });
        }
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<(PeerId, PeerTransmit)> {
        if core::mem::take(&mut self.table_changed) {
            let told = self.peers.iter().filter(|(_, entry)| entry.is_told());
            self.ready.extend(told.map(|(id, _)| *id));
        }
        while let Some(id) = self.next_ready() {
            self.served = Some(id);
            buf.clear();
            if let Some(transmit) = self.serve(now, id, buf) {
                self.set_timer(id);
                self.eventful.insert(id);
                return Some((id, transmit));
            }
            self.ready.remove(&id);
            self.forget_if_removed(id);
        }
        buf.clear();
        None
    }

    fn poll_event(&mut self) -> Option<(PeerId, SpeakerEvent)> {
        while let Some(id) = self.eventful.first().copied() {
            let event = self.peers.get_mut(&id).and_then(Entry::poll_event);
            if let Some(event) = event {
                return Some((id, event));
            }
            self.eventful.remove(&id);
        }
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}
