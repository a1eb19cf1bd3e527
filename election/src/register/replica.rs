use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::{Instant, Machine, TimerTable};

use super::{
    HistoryId, Stamp, VoterId,
    config::RegisterConfig,
    document::Document,
    message::Status,
    state::{
        News, Outbox, Register, RegisterCounters, RegisterEvent, RegisterTransmit, Role, Timer,
    },
    store::{Persist, RestoreError, Store},
};
use crate::{NodeName, beacon::Keyring};

impl Register {
    /// A node that remembers nothing. `voter` must be a number that was never used, of any node: the
    /// microseconds of the wall clock mixed with the name will do. Not 0.
    #[must_use]
    pub fn new(now: Instant, voter: VoterId, config: RegisterConfig, keyring: Keyring) -> Self {
        Self::with(now, Store::new(voter), config, keyring)
    }

    /// A node that remembers what was [persisted](Self::poll_persist), in order; `voter` counts if
    /// that is nothing.
    ///
    /// # Errors
    /// The bytes are not what was given out.
    pub fn restore(
        now: Instant,
        voter: VoterId,
        bytes: &[u8],
        config: RegisterConfig,
        keyring: Keyring,
    ) -> Result<Self, RestoreError> {
        Ok(Self::with(now, Store::restore(voter, bytes)?, config, keyring))
    }

    fn with(now: Instant, store: Store, config: RegisterConfig, keyring: Keyring) -> Self {
        let mut register = Self {
            round: store.promised.round,
            store,
            role: Role::Following,
            leader: None,
            // A life before this one may have been loyal to somebody.
            loyal_until: now + config.loyalty(),
            began: now,
            beats: 0,
            heard: BTreeMap::new(),
            blanks: BTreeMap::new(),
            copying: None,
            outbox: Outbox::default(),
            timers: TimerTable::new(),
            news: News::default(),
            counters: RegisterCounters::default(),
            config,
            keyring,
        };
        register.timers.set(Timer::Beat, now);
        register.wait_for_leader(now);
        register
    }

    /// What was agreed, as far as this node knows. Whoever [leads](Self::leads) knows all.
    #[must_use]
    pub const fn document(&self) -> &Document {
        &self.store.agreed
    }

    /// The stamp of what was agreed.
    #[must_use]
    pub const fn stamp(&self) -> Stamp {
        self.store.committed
    }

    /// Which memory this is.
    #[must_use]
    pub const fn voter(&self) -> VoterId {
        self.store.me
    }

    /// Which history this node has part in.
    #[must_use]
    pub const fn history(&self) -> Option<HistoryId> {
        self.store.history
    }

    /// Who leads, as far as this node knows; it may be gone.
    #[must_use]
    pub fn leader(&self) -> Option<&NodeName> {
        match &self.role {
            Role::Leading(_) => Some(&self.config.me),
            _ => self.leader.as_ref().map(|leader| &leader.name),
        }
    }

    /// Whom this node follows: it was heard so lately that this node helps no other.
    #[must_use]
    pub fn follows(&self, now: Instant) -> Option<&NodeName> {
        self.leader.as_ref().filter(|_| now < self.loyal_until).map(|leader| &leader.name)
    }

    /// Members that are not known to have all that was agreed. For a node that leads; elsewhere it
    /// says little.
    #[must_use]
    pub fn behind(&self) -> BTreeSet<NodeName> {
        let agreed = self.store.committed;
        let lags = |voter: &VoterId| {
            let heard = self.heard.get(voter).map(|heard| heard.status.committed);
            *voter != self.store.me && heard != Some(agreed)
        };
        let members = self.store.draft.members().into_iter();
        members.filter(|(_, voter)| lags(voter)).map(|(name, _)| name).collect()
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> &RegisterCounters {
        &self.counters
    }

    /// Sends and believes by these keys from now on.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// Bytes to keep before anything more is sent. Put them on the disk, for good, and say so.
    pub fn poll_persist(&mut self) -> Option<Persist> {
        self.store.poll_persist()
    }

    /// All up to this ticket is kept.
    pub fn persisted(&mut self, now: Instant, ticket: u64) {
        self.on_time(now);
        if self.store.persisted(ticket) {
            self.progress(now);
        }
    }

    /// How much is remembered of others.
    #[must_use]
    pub fn footprint(&self) -> usize {
        let copying = self.copying.as_ref().map_or(0, |copying| copying.document.len());
        self.heard.len() + self.blanks.len() + self.store.draft.len() + copying
    }

    pub(super) fn status(&self) -> Status {
        Status {
            promised: self.store.promised,
            accepted: self.store.accepted,
            committed: self.store.committed,
            digest: self.store.draft.digest(),
        }
    }

    pub(super) fn on_time(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Fence => self.lose_token(),
                Timer::Beat => self.on_beat(now),
                Timer::Copy => self.on_copy_timer(now),
                Timer::Campaign => self.campaign(now),
            }
        }
    }

    /// What was agreed is told.
    pub(super) fn commit(&mut self) {
        let changes = self.store.commit();
        self.news.changes.extend(super::document::user_changes(&changes));
        self.news.agreed = true;
    }
}

impl Machine for Register {
    /// A datagram.
    type Input<'a> = &'a [u8];
    type Transmit = RegisterTransmit;
    type Event = RegisterEvent;

    fn handle_input(&mut self, now: Instant, bytes: &[u8]) {
        // Refusals are counted.
        _ = self.handle_datagram(now, bytes);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<RegisterTransmit> {
        let to = self.say(now, buf)?;
        self.counters.sent += 1;
        self.counters.sent_octets += buf.len() as u64;
        Some(to)
    }

    fn poll_event(&mut self) -> Option<RegisterEvent> {
        if core::mem::take(&mut self.news.token) {
            return Some(match self.not_after() {
                Some(not_after) => RegisterEvent::Leading { not_after },
                None => RegisterEvent::Lost,
            });
        }
        if core::mem::take(&mut self.news.agreed) {
            let changes = core::mem::take(&mut self.news.changes);
            return Some(RegisterEvent::Agreed { version: self.store.agreed.version(), changes });
        }
        let (name, voter) = self.news.blanks.pop_first()?;
        Some(RegisterEvent::Blank { name, voter })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}
