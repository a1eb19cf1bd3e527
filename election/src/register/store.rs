//! What a node must not forget.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::{
    Ballot, HistoryId, Stamp, VoterId, codec,
    document::{Changes, Document, short},
};
use crate::reader::Reader;

/// Bytes to be kept before anything more is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Persist {
    /// Names this step. Told back as [`persisted`](super::Register::persisted).
    pub ticket: u64,
    /// The bytes replace all that was kept; else they are put behind it. Replacing must be one step:
    /// after a crash either the old bytes are there or the new ones.
    pub replace: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// Why kept bytes cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RestoreError {
    /// Something in the middle was changed. A record that is cut off at the end is no error: nothing
    /// was said that depends on it.
    #[error(
        "the agreed state is damaged at octet {at}: remove it, and admit this node anew from another"
    )]
    Damaged {
        /// Where.
        at: usize,
    },
}

/// What is kept, in memory, and what of it waits to be written.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) me: VoterId,
    /// `None` before this node has part in any.
    pub(super) history: Option<HistoryId>,
    pub(super) promised: Ballot,
    pub(super) accepted: Stamp,
    /// As of `accepted`.
    pub(super) draft: Document,
    pub(super) committed: Stamp,
    /// As of `committed`.
    pub(super) agreed: Document,
    unsaved: Vec<u8>,
    replace: bool,
    ticket: u64,
    saved: u64,
    /// How many octets are kept, and how many there were when they were replaced last.
    kept: usize,
    kept_first: usize,
}

impl Store {
    pub(super) fn new(me: VoterId) -> Self {
        let mut store = Self::empty(me);
        store.rewrite();
        store
    }

    fn empty(me: VoterId) -> Self {
        Self {
            me,
            history: None,
            promised: Ballot::NONE,
            accepted: Stamp::NONE,
            draft: Document::new(),
            committed: Stamp::NONE,
            agreed: Document::new(),
            unsaved: Vec::new(),
            replace: false,
            ticket: 0,
            saved: 0,
            kept: 0,
            kept_first: 0,
        }
    }

    /// From what was kept; `me` for a node that kept nothing.
    pub(super) fn restore(me: VoterId, bytes: &[u8]) -> Result<Self, RestoreError> {
        let mut store = Self::empty(me);
        let (mut reader, mut records, mut torn) = (Reader(bytes), 0, false);
        while !reader.is_empty() {
            let at = bytes.len() - reader.0.len();
            match record(&mut reader) {
                Record::Sound(kind, payload) => {
                    records += 1;
                    store.replay(kind, payload).ok_or(RestoreError::Damaged { at })?;
                }
                Record::Torn if records == 0 => return Err(RestoreError::Damaged { at }),
                Record::Torn => {
                    torn = true;
                    break;
                }
                Record::Damaged => return Err(RestoreError::Damaged { at }),
            }
        }
        (store.kept, store.kept_first) = (bytes.len(), bytes.len());
        if torn || records == 0 {
            store.rewrite();
        }
        Ok(store)
    }

    pub(super) fn promise(&mut self, ballot: Ballot) {
        self.promised = ballot;
        let mut payload = Vec::new();
        codec::put_ballot(&mut payload, ballot);
        self.append(Kind::PROMISE, &payload);
    }

    pub(super) fn accept(&mut self, stamp: Stamp, changes: &Changes) {
        self.draft.apply(changes);
        self.accepted = stamp;
        // To accept is to promise.
        self.promised = self.promised.max(stamp.ballot);
        let mut payload = Vec::new();
        codec::put_stamp(&mut payload, stamp);
        codec::put_changes(&mut payload, changes);
        self.append(Kind::ACCEPT, &payload);
    }

    /// What was accepted is agreed. What is other than before.
    pub(super) fn commit(&mut self) -> Changes {
        let changes = self.agreed.changes_to(&self.draft);
        self.agreed.clone_from(&self.draft);
        self.committed = self.accepted;
        let mut payload = Vec::new();
        codec::put_stamp(&mut payload, self.committed);
        self.append(Kind::COMMIT, &payload);
        if self.kept > self.kept_first.saturating_mul(4) + LEAST_REWRITTEN {
            self.rewrite();
        }
        changes
    }

    pub(super) fn join(&mut self, history: HistoryId) {
        self.history = Some(history);
        self.append(Kind::HISTORY, &history.0.to_be_bytes());
    }

    pub(super) fn is_unsaved(&self) -> bool {
        self.saved < self.ticket
    }

    pub(super) fn poll_persist(&mut self) -> Option<Persist> {
        if self.unsaved.is_empty() {
            return None;
        }
        let (bytes, replace) =
            (core::mem::take(&mut self.unsaved), core::mem::take(&mut self.replace));
        Some(Persist { ticket: self.ticket, replace, bytes })
    }

    /// Whether that was all.
    pub(super) fn persisted(&mut self, ticket: u64) -> bool {
        self.saved = self.saved.max(ticket.min(self.ticket));
        !self.is_unsaved()
    }

    /// All of it anew, so that it does not grow without end.
    fn rewrite(&mut self) {
        self.unsaved.clear();
        self.replace = true;
        self.kept = 0;
        self.append(Kind::VOTER, &self.me.0.to_be_bytes());
        if let Some(history) = self.history {
            self.append(Kind::HISTORY, &history.0.to_be_bytes());
            let mut payload = Vec::new();
            codec::put_stamp(&mut payload, self.committed);
            codec::put_changes(&mut payload, &Document::new().changes_to(&self.agreed));
            self.append(Kind::ACCEPT, &payload);
            payload.clear();
            codec::put_stamp(&mut payload, self.committed);
            self.append(Kind::COMMIT, &payload);
            if self.accepted != self.committed {
                payload.clear();
                codec::put_stamp(&mut payload, self.accepted);
                codec::put_changes(&mut payload, &self.agreed.changes_to(&self.draft));
                self.append(Kind::ACCEPT, &payload);
            }
            payload.clear();
            codec::put_ballot(&mut payload, self.promised);
            self.append(Kind::PROMISE, &payload);
        }
        self.kept_first = self.kept;
    }

    /// Length of what follows, kind, payload, and a short SHA-256 of kind and payload.
    fn append(&mut self, kind: Kind, payload: &[u8]) {
        let len = u32::try_from(payload.len() + 9).unwrap_or(u32::MAX);
        let before = self.unsaved.len();
        self.unsaved.extend(len.to_be_bytes());
        self.unsaved.push(kind.0);
        self.unsaved.extend(payload);
        self.unsaved.extend(check(kind.0, payload).to_be_bytes());
        self.kept += self.unsaved.len() - before;
        self.ticket += 1;
    }

    fn replay(&mut self, kind: u8, payload: &[u8]) -> Option<()> {
        let mut payload = Reader(payload);
        match Kind(kind) {
            Kind::VOTER => self.me = VoterId(payload.u64()?),
            Kind::HISTORY => self.history = Some(HistoryId(payload.u64()?)),
            Kind::PROMISE => self.promised = codec::ballot(&mut payload)?,
            Kind::ACCEPT => {
                self.accepted = codec::stamp(&mut payload)?;
                self.draft.apply(&codec::changes(&mut payload)?);
                self.promised = self.promised.max(self.accepted.ballot);
            }
            Kind::COMMIT if codec::stamp(&mut payload)? == self.accepted => {
                self.agreed = self.draft.clone();
                self.committed = self.accepted;
            }
            _ => return None,
        }
        Some(())
    }
}

enum Record<'a> {
    Sound(u8, &'a [u8]),
    /// It ends before it should, or is the last and not whole.
    Torn,
    Damaged,
}

fn record<'a>(reader: &mut Reader<'a>) -> Record<'a> {
    let Some(len) = reader.u32() else { return Record::Torn };
    let Some(body) = usize::try_from(len).ok().and_then(|len| reader.take(len)) else {
        return Record::Torn;
    };
    let read = body.split_last_chunk::<8>().and_then(|(body, sum)| {
        let (kind, payload) = body.split_first()?;
        (u64::from_be_bytes(*sum) == check(*kind, payload)).then_some((*kind, payload))
    });
    match read {
        Some((kind, payload)) => Record::Sound(kind, payload),
        None if reader.is_empty() => Record::Torn,
        None => Record::Damaged,
    }
}

fn check(kind: u8, payload: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update([kind]);
    hash.update(payload);
    short(hash)
}

#[derive(PartialEq, Eq)]
struct Kind(u8);

impl Kind {
    const VOTER: Self = Self(1);
    const HISTORY: Self = Self(2);
    const PROMISE: Self = Self(3);
    const ACCEPT: Self = Self(4);
    const COMMIT: Self = Self(5);
}

/// A small state is not written anew for little.
const LEAST_REWRITTEN: usize = 65_536;
