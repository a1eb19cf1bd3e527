//! Changing the document.

use alloc::{collections::BTreeSet, vec::Vec};

use vipcast_sans_io::Instant;

use super::{
    Stamp, VoterId,
    config::{MOST_ENTRIES, MOST_MEMBERS},
    document::{Changes, entry_len, user_key},
    state::{Register, Role},
};
use crate::NodeName;

/// Why nothing is proposed. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Another node does, or none.
    #[error("this node does not lead now: propose at the one that does")]
    NotLeading,
    /// One change at a time; several entries may change together.
    #[error("the last change is not agreed yet: propose again when it is")]
    Busy,
    /// It would not fit a datagram.
    #[error("an entry has at most {LONGEST_KEY} octets of key and {LONGEST_VALUE} of value")]
    EntryTooLong,
    /// It would be too much to keep.
    #[error("a document has at most {MOST_ENTRIES} entries")]
    TooManyEntries,
    /// It would leave too few members, or too many.
    #[error("a document has 1 to {MOST_MEMBERS} members, each once")]
    Members,
}

impl Register {
    /// Changes entries of the document, all together. [`RegisterEvent::Agreed`] tells when it is
    /// done; until then nothing more can be proposed. When this node ceases to lead before that,
    /// the change may be agreed on later, or never.
    ///
    /// # Errors
    /// Why not.
    ///
    /// [`RegisterEvent::Agreed`]: super::RegisterEvent::Agreed
    pub fn propose(&mut self, now: Instant, changes: Changes) -> Result<(), ProposeError> {
        self.check_free(now)?;
        let fits = |(key, value): (&Vec<u8>, &Option<Vec<u8>>)| {
            key.len() <= LONGEST_KEY && value.as_ref().is_none_or(|v| v.len() <= LONGEST_VALUE)
        };
        if !changes.iter().all(fits) {
            return Err(ProposeError::EntryTooLong);
        }
        let document = &self.store.draft;
        let other = changes
            .into_iter()
            .filter(|(key, value)| document.get(key) != value.as_deref())
            .map(|(key, value)| (user_key(&key), value));
        let changes: Changes = other.collect();
        let new = changes.values().filter(|value| value.is_some()).count();
        if document.len() + new > MOST_ENTRIES {
            return Err(ProposeError::TooManyEntries);
        }
        if !changes.is_empty() {
            self.change(now, changes, BTreeSet::new());
        }
        Ok(())
    }

    /// Makes a node a member. It should be there, since more votes are needed from now on.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(
        &mut self,
        now: Instant,
        name: &NodeName,
        voter: VoterId,
    ) -> Result<(), ProposeError> {
        self.check_free(now)?;
        let members = self.store.draft.members();
        let known = members.contains_key(name) || members.values().any(|known| *known == voter);
        if known || members.len() >= MOST_MEMBERS || !(1..=253).contains(&name.as_str().len()) {
            return Err(ProposeError::Members);
        }
        self.change_members(now, name, Some(voter));
        Ok(())
    }

    /// Makes a member no member.
    ///
    /// # Errors
    /// Why not.
    pub fn dismiss(&mut self, now: Instant, name: &NodeName) -> Result<(), ProposeError> {
        self.check_free(now)?;
        let members = self.store.draft.members();
        if !members.contains_key(name) || members.len() < 2 {
            return Err(ProposeError::Members);
        }
        self.change_members(now, name, None);
        Ok(())
    }

    fn check_free(&mut self, now: Instant) -> Result<(), ProposeError> {
        self.on_time(now);
        if self.leads(now).is_none() {
            return Err(ProposeError::NotLeading);
        }
        if self.store.accepted != self.store.committed {
            return Err(ProposeError::Busy);
        }
        Ok(())
    }

    fn change_members(&mut self, now: Instant, name: &NodeName, voter: Option<VoterId>) {
        let mut document = self.store.draft.clone();
        let guard = document.voters();
        document.set_member(name, voter);
        let changes = self.store.draft.changes_to(&document);
        self.change(now, changes, guard);
    }

    fn change(&mut self, now: Instant, mut changes: Changes, guard: BTreeSet<VoterId>) {
        let mut document = self.store.draft.clone();
        document.set_version(document.version() + 1);
        changes.extend(self.store.draft.changes_to(&document));
        let Role::Leading(leading) = &mut self.role else { return };
        let before = self.store.accepted;
        let stamp = Stamp { sequence: before.sequence + 1, ..before };
        self.store.accept(stamp, &changes);
        leading.guard = guard;
        let len: usize = changes.iter().map(|(key, value)| entry_len(key, value.as_ref())).sum();
        leading.delta = (len <= LONGEST_DELTA).then_some((before, changes));
        self.outbox.lead = true;
        self.progress(now);
    }
}

/// The longest name of an entry.
pub(super) const LONGEST_KEY: usize = 200;
const LONGEST_VALUE: usize = 480;
/// A change that is longer is not sent with beats, but copied.
const LONGEST_DELTA: usize = 800;
