//! How a history begins.

use alloc::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};
use vipcast_sans_io::Instant;

use super::{
    Ballot, HistoryId, Stamp,
    document::{Document, short},
    state::Register,
};
use crate::NodeName;

/// What a node without a history waits for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Founding {
    /// Founders that were not heard lately without a history.
    pub missing: BTreeSet<NodeName>,
    /// Founders that are heard and have another list.
    pub differ: BTreeSet<NodeName>,
}

impl Register {
    /// What a history waits for to begin; `None` where this node has part in one.
    #[must_use]
    pub fn founding(&self, now: Instant) -> Option<Founding> {
        if self.store.history.is_some() {
            return None;
        }
        let (list, mut founding) = (self.founding_list(), Founding::default());
        let fresh = self.config.settings.interval * FRESH;
        for name in self.config.founders.iter().filter(|name| **name != self.config.me) {
            match self.blanks.get(name).filter(|blank| now < blank.at + fresh) {
                Some(blank) if blank.list == list => {}
                Some(_) => _ = founding.differ.insert(name.clone()),
                None => _ = founding.missing.insert(name.clone()),
            }
        }
        Some(founding)
    }

    /// Members whose name a node has that remembers nothing: their votes are gone.
    #[must_use]
    pub fn forgotten(&self, now: Instant) -> BTreeSet<NodeName> {
        let fresh = self.config.settings.interval * FRESH;
        let members = self.store.draft.members();
        let forgotten = self.blanks.iter().filter(|(name, blank)| {
            now < blank.at + fresh
                && members.get(*name).is_some_and(|member| *member != blank.voter)
        });
        forgotten.map(|(name, _)| name.clone()).collect()
    }

    /// Makes this node the only founder, where none is named and it has part in no history. It founds
    /// one if it hears of none for three lives more. Where another founds at the same time there
    /// are two histories, which do not speak with each other: see [`Refusal::OtherHistory`].
    ///
    /// [`Refusal::OtherHistory`]: crate::beacon::wire::Refusal::OtherHistory
    pub fn found_alone(&mut self, now: Instant) {
        if self.store.history.is_none() && self.config.founders.is_empty() {
            self.config.founders.insert(self.config.me.clone());
            self.began = now;
        }
    }

    /// Who has no vote says so: at each beat if it should have one, and else from time to time.
    pub(super) fn wants_to_be_known(&mut self) -> bool {
        self.beats += 1;
        let (me, document) = (&self.config.me, &self.store.draft);
        let named = self.config.founders.contains(me) || document.members().contains_key(me);
        let due = named || self.beats.is_multiple_of(SELDOM);
        self.store.history.is_none() || due && !self.is_member()
    }

    /// Begins a history, if all that are to found it are here and have none.
    pub(super) fn found(&mut self, now: Instant) {
        let (me, founders) = (&self.config.me, &self.config.founders);
        let first = founders.first() == Some(me) && self.store.history.is_none();
        if !first || now < self.began + self.config.loyalty() * 3 {
            return;
        }
        let list = self.founding_list();
        let fresh = self.config.settings.interval * FRESH;
        let mut members = BTreeMap::from([(me.clone(), self.store.me)]);
        for name in founders.iter().filter(|name| *name != me) {
            match self.blanks.get(name) {
                Some(blank) if blank.list == list && now < blank.at + fresh => {
                    members.insert(name.clone(), blank.voter);
                }
                _ => return,
            }
        }
        let mut document = Document::new();
        let mut hash = Sha256::new();
        for (name, voter) in &members {
            document.set_member(name, Some(*voter));
            hash.update(name.as_str());
            hash.update(voter.0.to_be_bytes());
        }
        self.store.join(HistoryId(short(hash).max(1)));
        self.round += 1;
        let ballot = Ballot { round: self.round, voter: self.store.me };
        self.store.promise(ballot);
        let stamp = Stamp { ballot, sequence: 0 };
        self.store.accept(stamp, &self.store.draft.changes_to(&document));
        self.blanks.clear();
        self.lead();
        self.progress(now);
    }

    /// The list of founders, in short.
    pub(super) fn founding_list(&self) -> u64 {
        let mut hash = Sha256::new();
        hash.update(self.config.list());
        short(hash)
    }
}

/// A node that nobody waits for says so many beats apart that it has no vote.
const SELDOM: u64 = 16;
/// Who was not heard for so many beats is not here.
const FRESH: u32 = 3;
