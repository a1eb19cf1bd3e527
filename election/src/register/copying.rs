//! Making a copy equal to another, part by part.

use alloc::vec::Vec;

use vipcast_sans_io::Instant;

use super::{
    Stamp, VoterId,
    config::MOST_ENTRIES,
    document::Key,
    message::{Part, Want},
    state::{Answer, Copying, Register, Role, Timer},
};
use crate::NodeName;

impl Register {
    /// Copies the document of this stamp from another node, beginning with what is here.
    pub(super) fn copy_from(&mut self, now: Instant, from: VoterId, stamp: Stamp) {
        let same = |copying: &Copying| copying.from == from && copying.stamp == stamp;
        if self.copying.as_ref().is_some_and(same) {
            return;
        }
        let Some(name) = self.heard.get(&from).map(|heard| heard.name.clone()) else { return };
        // What was copied so far of another stamp is a good beginning.
        let before = self.copying.take().map(|copying| copying.document);
        let document = before.unwrap_or_else(|| self.store.draft.clone());
        let at = (0, Key::new());
        let copying = Copying { name, from, stamp, document, sums: Vec::new(), at, vain: 0 };
        self.copying = Some(copying);
        self.ask(now);
    }

    fn ask(&mut self, now: Instant) {
        self.outbox.ask = true;
        self.timers.set(Timer::Copy, now + self.config.settings.interval / 4);
    }

    /// No answer came.
    pub(super) fn on_copy_timer(&mut self, now: Instant) {
        let Some(copying) = &mut self.copying else { return };
        copying.vain += 1;
        if copying.vain < MOST_VAIN {
            self.ask(now);
            return;
        }
        let from = copying.from;
        self.copying = None;
        if let Role::Preparing(preparing) = &mut self.role {
            // It is gone: another has the same, or it never was agreed.
            preparing.promises.remove(&from);
        }
    }

    /// What is asked for now.
    pub(super) fn wanted(&self) -> Option<(VoterId, NodeName, Want)> {
        let copying = self.copying.as_ref()?;
        let part = (!copying.sums.is_empty()).then(|| copying.at.clone());
        let want = Want { stamp: copying.stamp, part };
        Some((copying.from, copying.name.clone(), want))
    }

    /// What all buckets of another's document amount to.
    pub(super) fn on_sums(&mut self, now: Instant, from: VoterId, stamp: Stamp, sums: Vec<u64>) {
        let preparing = matches!(self.role, Role::Preparing(_));
        let Some(copying) = self.copying.as_mut().filter(|copying| copying.from == from) else {
            return;
        };
        if stamp != copying.stamp {
            // A leader has gone on; one that has promised cannot.
            if preparing || stamp < copying.stamp {
                return;
            }
            copying.stamp = stamp;
        }
        copying.sums = sums;
        copying.at = (0, Key::new());
        self.copy_on(now);
    }

    /// A part of one bucket.
    pub(super) fn on_part(&mut self, now: Instant, from: VoterId, part: &Part) {
        let Some(copying) = self.copying.as_mut().filter(|copying| copying.from == from) else {
            return;
        };
        let (bucket, after) = &copying.at;
        let here = part.stamp == copying.stamp && part.bucket == *bucket && part.after == *after;
        if !here || copying.sums.is_empty() || copying.document.len() > MOST_ENTRIES * 2 {
            return;
        }
        copying.document.take_part(part.bucket, &part.after, &part.entries, part.last);
        match part.entries.last() {
            Some((key, _)) if !part.last => copying.at.1.clone_from(key),
            _ => copying.at.1.clear(),
        }
        self.copy_on(now);
    }

    /// The next part, or the end.
    fn copy_on(&mut self, now: Instant) {
        let Some(copying) = &mut self.copying else { return };
        copying.vain = 0;
        if copying.at.1.is_empty() {
            let pairs = copying.document.sums().into_iter().zip(&copying.sums);
            let differs = pairs.enumerate().find(|(_, (mine, theirs))| mine != *theirs);
            match differs.and_then(|(number, _)| u8::try_from(number).ok()) {
                Some(number) => copying.at.0 = number,
                None => {
                    self.copied(now);
                    return;
                }
            }
        }
        self.ask(now);
    }

    fn copied(&mut self, now: Instant) {
        let Some(copying) = self.copying.take() else { return };
        self.timers.stop(&Timer::Copy);
        self.counters.copies += 1;
        if let Role::Preparing(preparing) = &mut self.role {
            preparing.chosen = Some((copying.stamp, copying.document));
            self.progress(now);
            return;
        }
        let led = self.leader.as_ref().is_some_and(|leader| leader.ballot == copying.stamp.ballot);
        if led && copying.stamp.ballot == self.store.promised && copying.stamp > self.store.accepted
        {
            let changes = self.store.draft.changes_to(&copying.document);
            self.store.accept(copying.stamp, &changes);
            if self.is_member() {
                let answer = Answer { name: copying.name, echo: None, willing: false };
                self.outbox.answers.insert(copying.from, answer);
            }
        }
    }
}

/// A node that does not answer so many questions in a row is gone.
const MOST_VAIN: u32 = 12;
