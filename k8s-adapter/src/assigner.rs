//! Services get addresses: a pure function of what is asked for and what was written down, and the
//! holder of the lock around it.

mod agreed;
mod assign;
mod entries;
mod news;
mod outcome;

use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

use crate::{
    Translation,
    state::{Assignments, StateError, StateFolder, StateLock},
};

use news::News;

pub use agreed::{AgreedAssigner, AgreedTurn, Proposal};
pub use assign::assign;
pub use entries::EntriesError;
pub use outcome::Outcome;

/// What one turn of an [`Assigner`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Turn {
    /// This node assigned in this turn. Otherwise it followed what another one wrote.
    pub assigning: bool,
    /// What became of the services, where this node assigned: everything in the first turn, then
    /// only what is not as it was.
    pub outcomes: Vec<Outcome>,
    /// The state was corrupt, and a copy of it was kept here. What could still be read of it, and
    /// what this node remembers, was restored.
    pub set_aside: Option<PathBuf>,
    /// Addresses that somebody may still hold, because what was assigned before is lost. Ask the
    /// network for each of them, [report](Assigner::probed) the answers, and take another turn.
    pub probe: Vec<IpAddr>,
}

/// What happens when the written state is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostState {
    /// Addresses that nobody is known to have are handed out only after nobody answered for them.
    #[default]
    Wait,
    /// Somebody vouches that nobody has them.
    Accept,
}

/// One node's part in assigning: it assigns while it is the one that should and holds the lock, and
/// otherwise follows what is written.
#[derive(Debug)]
pub struct Assigner {
    folder: StateFolder,
    lost_state: LostState,
    lock: Option<StateLock>,
    /// What is known to be written.
    known: Assignments,
    news: News,
    /// While the state is lost: the addresses that were probed, and whether somebody answered.
    probed: BTreeMap<IpAddr, bool>,
}

impl Assigner {
    /// Nothing is assigned, locked or read yet.
    #[must_use]
    pub fn new(folder: StateFolder, lost_state: LostState) -> Self {
        Self {
            folder,
            lost_state,
            lock: None,
            known: Assignments::default(),
            news: News::default(),
            probed: BTreeMap::new(),
        }
    }

    /// What is known to be written.
    #[must_use]
    pub const fn assignments(&self) -> &Assignments {
        &self.known
    }

    /// Takes note of whether somebody `answered` for an address that was to be
    /// [probed](Turn::probe).
    pub fn probed(&mut self, address: IpAddr, answered: bool) {
        self.probed.insert(address, answered);
    }

    /// Fills in the addresses of the services.
    ///
    /// `may_assign` says whether this node is the one to assign: the first living one, or the only
    /// one. It does so only while it holds the lock; without, and where `may_assign` is false, it
    /// gives the lock back and follows what is written. What it assigns is on disk before it returns.
    ///
    /// Call it again when the objects, the living nodes or the written assignments change; where
    /// `may_assign` is true and [`Turn::assigning`] is false, also after a while, because nobody
    /// tells when a lock comes free.
    ///
    /// # Errors
    ///
    /// When the state cannot be read or written. The services then have what is known to be
    /// written, and nothing new.
    pub fn turn(
        &mut self,
        translation: &mut Translation,
        may_assign: bool,
    ) -> Result<Turn, StateError> {
        let result = self.try_turn(translation, may_assign);
        if !matches!(&result, Ok(turn) if turn.assigning) {
            self.known.apply(&mut translation.intent);
        }
        result
    }

    fn try_turn(
        &mut self,
        translation: &mut Translation,
        may_assign: bool,
    ) -> Result<Turn, StateError> {
        if !may_assign {
            self.lock = None;
        } else if self.lock.is_none() {
            self.lock = self.folder.try_lock()?;
        }
        let mut turn = Turn::default();
        let remembered = std::mem::take(&mut self.known.services);
        let written = match (self.folder.load(), &self.lock) {
            (Err(StateError::Corrupt { .. }), Some(lock)) => {
                let known = Assignments { services: remembered.clone(), ..self.known.clone() };
                let probing = self.lost_state == LostState::Wait;
                self.folder.recover(lock, &known, probing).map(|(copy, begun)| {
                    turn.set_aside = Some(copy);
                    begun
                })
            }
            (read, _) => read,
        };
        match written {
            Ok(written) => self.known = written,
            Err(error) => {
                self.known.services = remembered;
                return Err(error);
            }
        }
        if self.known.probing {
            // While the written state has gaps, what this node remembers fills them.
            self.known.merge(&remembered);
        }
        let Some(lock) = &self.lock else {
            // The next turn that assigns tells everything again.
            self.news = std::mem::take(&mut self.news).begin_anew();
            return Ok(turn);
        };
        let (mut next, outcomes) = self.next(translation, &mut turn.probe);
        if next != self.known {
            self.folder.store(lock, &mut next)?;
            self.known = next;
        }
        turn.assigning = true;
        turn.outcomes = self.news.of(outcomes);
        Ok(turn)
    }

    /// What is to be written next. While the state is lost, what was not probed is held back.
    fn next(
        &self,
        translation: &mut Translation,
        probe: &mut Vec<IpAddr>,
    ) -> (Assignments, Vec<Outcome>) {
        let mut next = self.known.clone();
        if !self.known.probing || self.lost_state == LostState::Accept {
            let (services, outcomes) = assign(translation, &self.known.services);
            (next.services, next.probing) = (services, false);
            return (next, outcomes);
        }
        let taken = self.probed.iter().filter(|(_, answered)| **answered).map(|(a, _)| *a);
        let (services, mut outcomes) =
            assign::assign_around(translation, &self.known.services, &taken.collect());
        next.services = services;
        for outcome in &mut outcomes {
            let (Outcome::Assigned { service, assignment: candidate }
            | Outcome::Changed { service, after: candidate, .. }) = outcome
            else {
                continue;
            };
            let before = self.known.services.get(service).cloned();
            let unknown: Vec<_> = candidate
                .addresses
                .iter()
                .filter(|entry| !before.as_ref().is_some_and(|b| b.addresses.contains(entry)))
                .map(|(address, _)| *address)
                .filter(|address| !self.probed.contains_key(address))
                .collect();
            if unknown.is_empty() {
                continue;
            }
            probe.extend(unknown);
            // What it had and is to keep, it has meanwhile.
            let meanwhile = before
                .filter(|before| before.addresses.iter().all(|e| candidate.addresses.contains(e)));
            next.services.remove(service);
            next.services.extend(meanwhile.clone().map(|had| (service.clone(), had)));
            if let Some(waiting) = translation.intent.services.get_mut(service) {
                waiting.assignment = meanwhile;
            }
            *outcome = Outcome::Probing { service: service.clone(), candidate: candidate.clone() };
        }
        next.probing = !probe.is_empty();
        (next, outcomes)
    }
}

#[cfg(test)]
mod tests;
