use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{convert::Infallible, time::Duration};

use vipcast_sans_io::{Instant, Machine, TimerTable};

use crate::{
    Backend, Candidates, Claim, Claims, Epoch, Event, LeaseId, NodeName, Segment, Token, Unit,
    rendezvous,
};

/// Election among a given list of living nodes.
///
/// Nobody checks that the listed nodes live, and nodes with different lists may both hold a unit:
/// it is for one node alone, for a list that something else keeps right, and for tests. Its tokens
/// expire and are renewed like any other's, so that a node that sleeps holds nothing when it wakes.
#[derive(Debug)]
pub struct StaticElection {
    config: StaticConfig,
    members: BTreeSet<NodeName>,
    candidates: Candidates,
    claims: Claims,
    tokens: BTreeMap<Unit, Token>,
    /// One lease a segment.
    leases: BTreeMap<Segment, LeaseId>,
    not_after: Instant,
    epoch: Epoch,
    timers: TimerTable<Timer>,
    renewed: BTreeSet<LeaseId>,
    changed: BTreeSet<Unit>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// When to renew the leases, well before they end.
    Renew,
    /// When to claim again after a gap in the clock.
    Resume,
}

impl StaticElection {
    /// A node alone: it is its own only member until others are [given](Self::set_members).
    #[must_use]
    pub fn new(config: StaticConfig) -> Self {
        Self {
            members: [config.me.clone()].into(),
            config,
            candidates: Candidates::new(),
            claims: Claims::new(),
            tokens: BTreeMap::new(),
            leases: BTreeMap::new(),
            not_after: Instant::ZERO,
            epoch: Epoch(0),
            timers: TimerTable::new(),
            renewed: BTreeSet::new(),
            changed: BTreeSet::new(),
        }
    }

    /// The nodes that live, from now on. This one holds nothing unless it is among them.
    pub fn set_members(&mut self, now: Instant, members: BTreeSet<NodeName>) {
        self.on_time(now);
        self.members = members;
        self.elect(now);
    }

    /// The tokens that this node has. Each is bounded by [`not_after`](Self::not_after).
    #[must_use]
    pub const fn tokens(&self) -> &BTreeMap<Unit, Token> {
        &self.tokens
    }

    /// The deadline of all leases.
    #[must_use]
    pub const fn not_after(&self) -> Instant {
        self.not_after
    }

    /// Timers first, whatever the call: who slept past its leases holds nothing.
    fn on_time(&mut self, now: Instant) {
        if !self.tokens.is_empty() && now > self.not_after {
            self.fence(now);
        }
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Renew => self.renew(now),
                Timer::Resume => self.elect(now),
            }
        }
    }

    /// A gap in the clock: nothing is held, and nothing claimed until what queued up meanwhile is
    /// gone.
    fn fence(&mut self, now: Instant) {
        let held = core::mem::take(&mut self.tokens);
        for unit in held.into_keys() {
            self.claims.remove(&unit);
            self.changed.insert(unit);
        }
        self.timers.clear();
        self.timers.set(Timer::Resume, now + self.config.renew_every());
    }

    fn renew(&mut self, now: Instant) {
        if self.tokens.is_empty() {
            return;
        }
        self.not_after = now + self.config.token_life;
        self.renewed.extend(self.leases.values().copied());
        self.timers.set(Timer::Renew, now + self.config.renew_every());
    }

    /// Picks the holder of each unit, and grants or revokes what changed for this node.
    fn elect(&mut self, now: Instant) {
        if self.timers.deadline(&Timer::Resume).is_some() {
            return;
        }
        let mut holders: BTreeMap<Unit, NodeName> = BTreeMap::new();
        for (unit, contenders) in &self.candidates {
            let living = contenders.nodes.iter().filter(|(node, _)| self.members.contains(*node));
            let scored = living.map(|(node, &score)| (node, score));
            if let Some(holder) = rendezvous::first(scored, contenders.group) {
                holders.insert(unit.clone(), holder.clone());
            }
        }

        let me = self.config.me.clone();
        let lost: Vec<Unit> =
            self.tokens.keys().filter(|unit| holders.get(*unit) != Some(&me)).cloned().collect();
        for unit in lost {
            self.tokens.remove(&unit);
            self.changed.insert(unit);
        }
        let won: Vec<Unit> = holders
            .iter()
            .filter(|(unit, holder)| **holder == me && !self.tokens.contains_key(*unit))
            .map(|(unit, _)| unit.clone())
            .collect();
        let any_won = !won.is_empty();
        won.into_iter().for_each(|unit| self.grant(unit));
        self.claim(now, holders);
        if any_won {
            self.renew(now);
        }
    }

    fn grant(&mut self, unit: Unit) {
        self.epoch.0 += 1;
        let next = LeaseId(u32::try_from(self.leases.len()).unwrap_or(u32::MAX));
        let lease = *self.leases.entry(unit.segment.clone()).or_insert(next);
        self.changed.insert(unit.clone());
        self.tokens.insert(unit.clone(), Token { unit, epoch: self.epoch, lease });
    }

    fn claim(&mut self, now: Instant, holders: BTreeMap<Unit, NodeName>) {
        let before = core::mem::take(&mut self.claims);
        for (unit, holder) in holders {
            let epoch = self.tokens.get(&unit).map(|token| token.epoch);
            let claim = match before.get(&unit) {
                Some(old) if old.holder == holder && old.epoch == epoch => old.clone(),
                _ => Claim { holder, epoch, since: now },
            };
            self.claims.insert(unit, claim);
        }
    }
}

impl Backend for StaticElection {
    fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        self.on_time(now);
        self.candidates = candidates;
        self.elect(now);
    }

    fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl Machine for StaticElection {
    /// The nodes that live.
    type Input<'a> = &'a [NodeName];
    type Transmit = Infallible;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, members: &[NodeName]) {
        self.set_members(now, members.iter().cloned().collect());
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
    }

    fn poll_transmit(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Infallible> {
        None
    }

    fn poll_event(&mut self) -> Option<Event> {
        if let Some(lease) = self.renewed.pop_first() {
            return Some(Event::Renewed { lease, not_after: self.not_after });
        }
        let unit = self.changed.pop_first()?;
        Some(match self.tokens.get(&unit) {
            Some(token) => Event::Granted(token.clone()),
            None => Event::Revoked(unit),
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

/// How a [`StaticElection`] behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaticConfig {
    me: NodeName,
    token_life: Duration,
}

impl StaticConfig {
    /// The shortest life of a token.
    pub const SHORTEST_LIFE: Duration = Duration::from_millis(30);

    /// The default: tokens live for a second, and are renewed three times in that time.
    #[must_use]
    pub const fn new(me: NodeName) -> Self {
        Self { me, token_life: Duration::from_secs(1) }
    }

    /// How long a token outlives its last renewal: the longest that a node which hangs goes on
    /// answering. It is renewed every third of it, so it must be at least
    /// [`SHORTEST_LIFE`](Self::SHORTEST_LIFE), or a busy machine loses its tokens for nothing.
    ///
    /// # Errors
    /// When it is shorter.
    pub fn token_life(self, life: Duration) -> Result<Self, StaticConfigError> {
        if life < Self::SHORTEST_LIFE {
            return Err(StaticConfigError::LifeTooShort { life });
        }
        Ok(Self { token_life: life, ..self })
    }

    /// How long a token outlives its last renewal.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.token_life
    }

    fn renew_every(&self) -> Duration {
        self.token_life / 3
    }
}

/// Why a [`StaticConfig`] is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StaticConfigError {
    /// A busy machine would lose its tokens between two renewals.
    #[error(
        "a token's life of {life:?} is too short: use at least {:?}",
        StaticConfig::SHORTEST_LIFE
    )]
    LifeTooShort {
        /// What was asked for.
        life: Duration,
    },
}

#[cfg(test)]
mod tests;
