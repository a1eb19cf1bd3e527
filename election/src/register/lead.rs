//! Trying to lead, and leading.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::Instant;

use super::{
    Ballot, Stamp, VoterId,
    message::Status,
    state::{Heard, Leading, Preparing, Register, Role, Timer},
};

impl Register {
    /// Until when this node leads; `None` if it does not.
    #[must_use]
    pub fn leads(&self, now: Instant) -> Option<Instant> {
        self.not_after().filter(|not_after| now < *not_after)
    }

    pub(super) fn not_after(&self) -> Option<Instant> {
        match &self.role {
            Role::Leading(leading) => leading.not_after,
            _ => None,
        }
    }

    pub(super) fn lose_token(&mut self) {
        if let Role::Leading(leading) = &mut self.role {
            leading.not_after = None;
        }
        self.news.token = true;
    }

    /// Follows, whatever it did.
    pub(super) fn step_down(&mut self, now: Instant) {
        self.news.token |= self.not_after().is_some();
        self.timers.stop(&Timer::Fence);
        self.role = Role::Following;
        self.copying = None;
        self.outbox.lead = false;
        self.wait_for_leader(now);
    }

    /// When this node tries itself, if nobody leads.
    pub(super) fn wait_for_leader(&mut self, now: Instant) {
        let members = self.store.draft.members();
        let rank = members.iter().position(|(_, voter)| *voter == self.store.me);
        match rank.and_then(|rank| u32::try_from(rank).ok()) {
            Some(rank) => {
                let wait = self.config.loyalty() + self.config.settings.skew.saturating_mul(rank);
                self.timers.set(Timer::Campaign, now + wait);
            }
            None => _ = self.timers.stop(&Timer::Campaign),
        }
    }

    /// Asks whether others would help.
    pub(super) fn campaign(&mut self, now: Instant) {
        if matches!(self.role, Role::Leading(_)) {
            return;
        }
        self.step_down(now);
        if !self.store.draft.voters().contains(&self.store.me) {
            return;
        }
        self.counters.campaigns += 1;
        self.leader = None;
        self.role = Role::Asking { willing: BTreeSet::new(), since: now };
        self.outbox.lead = true;
        self.progress(now);
    }

    /// A round of asking or preparing ends, and beats are sent.
    pub(super) fn on_beat(&mut self, now: Instant) {
        let interval = self.config.settings.interval;
        self.timers.set(Timer::Beat, now + interval);
        let vain = match &self.role {
            Role::Following => {
                self.outbox.hello = self.wants_to_be_known();
                self.found(now);
                return;
            }
            Role::Asking { since, .. } => now >= *since + interval * 2,
            Role::Preparing(preparing) => now >= preparing.since + interval * VAIN_AFTER,
            Role::Leading(leading) => {
                // Members that have promised to another, in vain, have to be asked anew.
                let voters = self.store.draft.voters();
                let ours = self.store.promised;
                let beaten = |(voter, heard): (&VoterId, &Heard)| {
                    heard.status.promised > ours && voters.contains(voter)
                };
                if leading.tick > PATIENCE && self.heard.iter().any(beaten) {
                    self.prepare(now);
                    return;
                }
                false
            }
        };
        self.outbox.lead = true;
        if vain {
            self.step_down(now);
        } else if matches!(self.role, Role::Leading(_)) {
            // A member alone hears no answer that would renew its token.
            self.progress(now);
        }
    }

    pub(super) fn lead(&mut self) {
        self.counters.elected += 1;
        self.leader = None;
        self.copying = None;
        self.timers.stop(&Timer::Campaign);
        self.role = Role::Leading(Leading::default());
        self.outbox.lead = true;
    }

    /// A beat is built now.
    pub(super) fn beat(&mut self, now: Instant) -> Option<u64> {
        let Role::Leading(leading) = &mut self.role else { return None };
        leading.tick += 1;
        leading.sent.insert(leading.tick, now);
        while leading.sent.len() > MOST_BEATS {
            leading.sent.pop_first();
        }
        Some(leading.tick)
    }

    /// Goes on as far as what was heard, and written down, allows.
    pub(super) fn progress(&mut self, now: Instant) {
        if self.store.is_unsaved() {
            return;
        }
        match &self.role {
            Role::Following => {}
            Role::Asking { willing, .. } => {
                let voters = self.store.draft.voters();
                if self.is_majority(&voters, |voter| willing.contains(&voter)) {
                    self.prepare(now);
                }
            }
            Role::Preparing(_) => self.prepared(now),
            Role::Leading(_) => self.count(now),
        }
    }

    /// Asks for promises under a new ballot.
    fn prepare(&mut self, now: Instant) {
        self.step_down(now);
        self.round = self.round.max(self.store.promised.round) + 1;
        self.store.promise(Ballot { round: self.round, voter: self.store.me });
        let promises = BTreeMap::new();
        self.role = Role::Preparing(Preparing { since: now, promises, chosen: None });
        self.outbox.lead = true;
    }

    /// With a majority of promises the latest accepted document is this node's proposal.
    fn prepared(&mut self, now: Instant) {
        let Role::Preparing(preparing) = &self.role else { return };
        let (stamp, document) = match &preparing.chosen {
            Some((stamp, document)) => (*stamp, document),
            None => (self.store.accepted, &self.store.draft),
        };
        let promised = |voter| preparing.promises.contains_key(&voter);
        if !self.is_majority(&document.voters(), promised) {
            return;
        }
        let latest = preparing.promises.iter().max_by_key(|(_, accepted)| **accepted);
        if let Some((&voter, &accepted)) = latest.filter(|(_, accepted)| **accepted > stamp) {
            self.copy_from(now, voter, accepted);
            return;
        }
        if !document.voters().contains(&self.store.me) {
            self.step_down(now);
            return;
        }
        let changes = self.store.draft.changes_to(document);
        let stamp = Stamp { ballot: self.store.promised, sequence: 0 };
        self.store.accept(stamp, &changes);
        self.lead();
        self.progress(now);
    }

    /// Is it agreed, and does a majority still follow?
    fn count(&mut self, now: Instant) {
        let Role::Leading(leading) = &self.role else { return };
        let (voters, accepted) = (self.store.draft.voters(), self.store.accepted);
        let status = |voter| self.heard.get(&voter).map(|heard| &heard.status);
        let has = |voter| status(voter).is_some_and(|status: &Status| status.accepted == accepted);
        let guarded = leading.guard.is_empty() || self.is_majority(&leading.guard, has);
        let agreed = guarded && self.is_majority(&voters, has);
        let beats: Vec<Option<Instant>> = voters
            .iter()
            .map(|voter| match self.heard.get(voter) {
                _ if *voter == self.store.me => Some(now),
                Some(heard) if heard.status.promised == self.store.promised => {
                    leading.sent.get(&heard.echo).copied()
                }
                _ => None,
            })
            .collect();
        let followed = majority_since(beats);
        if agreed && self.store.committed != accepted {
            self.commit();
            // The others should know.
            self.outbox.lead = true;
        }
        let member = self.store.agreed.voters().contains(&self.store.me);
        let Role::Leading(leading) = &mut self.role else { return };
        if agreed {
            leading.ready = true;
            leading.guard.clear();
            if !member {
                self.step_down(now);
                return;
            }
        }
        let not_after = followed.map(|since| since + self.config.settings.life);
        if leading.ready && not_after.is_some_and(|at| now < at) && not_after > leading.not_after {
            leading.not_after = not_after;
            self.news.token = true;
            self.timers.set(Timer::Fence, not_after.unwrap_or(now));
        }
    }

    /// Whether more than half of these are this node or like that.
    fn is_majority(&self, voters: &BTreeSet<VoterId>, like: impl Fn(VoterId) -> bool) -> bool {
        let count = voters.iter().filter(|voter| **voter == self.store.me || like(**voter)).count();
        count * 2 > voters.len()
    }
}

/// Since when more than half have followed without a break.
fn majority_since(mut beats: Vec<Option<Instant>>) -> Option<Instant> {
    beats.sort_by(|a, b| b.cmp(a));
    beats.get(beats.len() / 2).copied().flatten()
}

/// So many beats are remembered.
const MOST_BEATS: usize = 32;
/// A leader that others have promised against waits for so many beats before it asks anew.
const PATIENCE: u64 = 4;
/// After so many intervals without a majority another may try.
const VAIN_AFTER: u32 = 4;
