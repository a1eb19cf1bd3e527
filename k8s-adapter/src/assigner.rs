//! Services get addresses: a pure function of what is asked for and what was written down, and the
//! holder of the lock around it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    path::PathBuf,
};

use vipcast_ipam::{self as ipam, AllocateError, Allocator, Lost, Owner};
use vipcast_plan::intent::Assignment;

use crate::{
    Translation,
    state::{Assignments, StateError, StateFolder, StateLock},
};

/// What became of a service's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It was given addresses, all of them new.
    Assigned {
        /// The service.
        service: Owner,
        /// What it holds now.
        assignment: Assignment,
    },
    /// It holds what it held.
    Kept {
        /// The service.
        service: Owner,
        /// What it holds.
        assignment: Assignment,
    },
    /// It holds something else than before, or the pool has another name.
    Changed {
        /// The service.
        service: Owner,
        /// What it held before.
        before: Assignment,
        /// What it holds now.
        after: Assignment,
        /// Why it lost addresses. Empty where it asked for others, or gained some.
        lost: Vec<Lost>,
    },
    /// It holds nothing any more.
    Cleared {
        /// The service.
        service: Owner,
        /// What it held before.
        before: Assignment,
        /// Why it lost its addresses; empty where the service is gone.
        lost: Vec<Lost>,
    },
    /// It asks for what the pools cannot give.
    Refused {
        /// The service.
        service: Owner,
        /// Why.
        why: AllocateError,
    },
}

impl Outcome {
    /// The service.
    #[must_use]
    pub const fn service(&self) -> &Owner {
        match self {
            Self::Assigned { service, .. }
            | Self::Kept { service, .. }
            | Self::Changed { service, .. }
            | Self::Cleared { service, .. }
            | Self::Refused { service, .. } => service,
        }
    }

    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Assigned { .. } => "assigned",
            Self::Kept { .. } => "kept",
            Self::Changed { .. } => "changed",
            Self::Cleared { .. } => "cleared",
            Self::Refused { .. } => "refused",
        }
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Assigned { service, assignment } => {
                write!(f, "{service} is given {}", List(assignment))
            }
            Self::Kept { service, assignment } => write!(f, "{service} keeps {}", List(assignment)),
            Self::Changed { service, before, after, lost } => {
                write!(f, "{service} has {} in place of {}", List(after), List(before))?;
                why_lost(f, lost)
            }
            Self::Cleared { service, before, lost } => {
                write!(f, "{service} gives back {}", List(before))?;
                why_lost(f, lost)
            }
            Self::Refused { service, why } => write!(f, "{service} gets no address: {why}"),
        }
    }
}

fn why_lost(f: &mut std::fmt::Formatter<'_>, lost: &[Lost]) -> std::fmt::Result {
    for (position, Lost { address, why }) in lost.iter().enumerate() {
        let separator = if position == 0 { ": " } else { "; " };
        write!(f, "{separator}{address}: {why}")?;
    }
    Ok(())
}

struct List<'a>(&'a Assignment);

impl std::fmt::Display for List<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (position, (address, pool)) in self.0.addresses.iter().enumerate() {
            let separator = if position == 0 { "" } else { " and " };
            write!(f, "{separator}{address} (pool {pool})")?;
        }
        Ok(())
    }
}

/// Gives every service of `translation` its addresses, and says what became of each.
///
/// What was written down is restored before anything is handed out; then what the objects' own
/// status says; then the services that ask for addresses by number are served, and then the others,
/// each group the older first. So no address moves that is still valid, and the answer depends on
/// the arguments alone, not on how they came about.
pub fn assign(
    translation: &mut Translation,
    recorded: &BTreeMap<Owner, Assignment>,
) -> (BTreeMap<Owner, Assignment>, Vec<Outcome>) {
    let mut allocator = Allocator::new(translation.intent.pools.clone());
    let services = &mut translation.intent.services;
    let mut lost: BTreeMap<&Owner, Vec<Lost>> = BTreeMap::new();
    let (written, unwritten): (Vec<&Owner>, Vec<&Owner>) =
        translation.order.iter().partition(|owner| recorded.contains_key(owner));
    for owner in written {
        if let (Some(service), Some(before)) = (services.get(owner), recorded.get(owner)) {
            let addresses: Vec<IpAddr> = before.addresses.iter().map(|(a, _)| *a).collect();
            lost.insert(owner, allocator.restore(&service.request, &addresses).lost);
        }
    }
    for owner in unwritten {
        if let (Some(service), Some(held)) = (services.get(owner), translation.held.get(owner)) {
            // A status is no promise of ours: what it says that cannot be kept is not lost.
            allocator.restore(&service.request, held);
        }
    }

    let mut assigned = BTreeMap::new();
    let mut outcomes = Vec::new();
    let (by_number, by_turn): (Vec<&Owner>, Vec<&Owner>) = translation
        .order
        .iter()
        .partition(|owner| services.get(*owner).is_some_and(|s| !s.request.addresses.is_empty()));
    for owner in by_number.into_iter().chain(by_turn) {
        let Some(service) = services.get_mut(owner) else { continue };
        let before = recorded.get(owner);
        let now = match allocator.allocate(&service.request) {
            Ok(assignment) => Some(paired(&assignment)),
            Err(why) => {
                outcomes.push(Outcome::Refused { service: owner.clone(), why });
                allocator.assignment(owner).as_ref().map(paired)
            }
        };
        service.assignment.clone_from(&now);
        assigned.extend(now.clone().map(|now| (owner.clone(), now)));
        let lost = lost.remove(owner).unwrap_or_default();
        outcomes.extend(compare(owner, before, now, lost));
    }
    for (owner, before) in recorded {
        if !services.contains_key(owner) {
            let (service, before) = (owner.clone(), before.clone());
            outcomes.push(Outcome::Cleared { service, before, lost: Vec::new() });
        }
    }
    (assigned, outcomes)
}

fn compare(
    service: &Owner,
    before: Option<&Assignment>,
    now: Option<Assignment>,
    lost: Vec<Lost>,
) -> Option<Outcome> {
    let service = service.clone();
    Some(match (before.cloned(), now) {
        (None, None) => return None,
        (None, Some(assignment)) => Outcome::Assigned { service, assignment },
        (Some(before), None) => Outcome::Cleared { service, before, lost },
        (Some(before), Some(after)) if before == after => {
            Outcome::Kept { service, assignment: after }
        }
        (Some(before), Some(after)) => Outcome::Changed { service, before, after, lost },
    })
}

fn paired(assignment: &ipam::Assignment) -> Assignment {
    let pools = assignment.pools.iter().map(|pool| pool.to_string());
    Assignment { addresses: assignment.addresses.iter().copied().zip(pools).collect() }
}

/// What one turn of an [`Assigner`] did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Turn {
    /// This node assigned in this turn. Otherwise it followed what another one wrote.
    pub assigning: bool,
    /// What became of the services, where this node assigned: everything in the first turn, then
    /// only what is not as it was.
    pub outcomes: Vec<Outcome>,
    /// The state was corrupt, and was set aside here. Nothing is known of what was assigned before.
    pub set_aside: Option<PathBuf>,
}

/// What happens when the written state is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostState {
    /// Nothing is assigned; what the nodes still hold stays. Somebody has to look.
    #[default]
    Wait,
    /// The corrupt file is set aside, and addresses are assigned anew.
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
    refusals: BTreeSet<(Owner, String)>,
    turned: bool,
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
            refusals: BTreeSet::new(),
            turned: false,
        }
    }

    /// What is known to be written.
    #[must_use]
    pub const fn assignments(&self) -> &Assignments {
        &self.known
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
        self.known = match (self.folder.load(), &self.lock) {
            (Ok(written), _) => written,
            (Err(StateError::Corrupt { .. }), Some(lock))
                if self.lost_state == LostState::Accept =>
            {
                turn.set_aside = Some(self.folder.set_aside(lock)?);
                // What this node itself still knows is no loss.
                Assignments { revision: 0, services: std::mem::take(&mut self.known.services) }
            }
            (Err(error), _) => return Err(error),
        };
        let Some(lock) = &self.lock else {
            // The next turn that assigns tells everything again.
            self.turned = false;
            return Ok(turn);
        };
        let (services, outcomes) = assign(translation, &self.known.services);
        if services != self.known.services || turn.set_aside.is_some() {
            let mut next = Assignments { revision: self.known.revision, services };
            self.folder.store(lock, &mut next)?;
            self.known = next;
        }
        turn.assigning = true;
        turn.outcomes = self.news(outcomes);
        Ok(turn)
    }

    /// Leaves out what was said in an earlier turn.
    fn news(&mut self, outcomes: Vec<Outcome>) -> Vec<Outcome> {
        let first = !std::mem::replace(&mut self.turned, true);
        let refusals: BTreeSet<_> = outcomes
            .iter()
            .filter_map(|outcome| match outcome {
                Outcome::Refused { service, why } => Some((service.clone(), why.to_string())),
                _ => None,
            })
            .collect();
        let before = std::mem::replace(&mut self.refusals, refusals);
        let is_new = |outcome: &Outcome| match outcome {
            Outcome::Kept { .. } => first,
            Outcome::Refused { service, why } => {
                first || !before.contains(&(service.clone(), why.to_string()))
            }
            _ => true,
        };
        outcomes.into_iter().filter(is_new).collect()
    }
}

#[cfg(test)]
mod tests;
