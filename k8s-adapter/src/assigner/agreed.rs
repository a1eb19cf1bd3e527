//! Assigning where nodes agree: pure, but for what it remembers of its own turns.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use vipcast_announcer::agreement::Agreed;
use vipcast_election::register::Changes;
use vipcast_ipam::Owner;
use vipcast_plan::intent::Assignment;
use vipcast_sans_io::Instant;

use super::{
    Outcome,
    assign::assign_around,
    entries::{Entries, EntriesError, fits},
    news::News,
};
use crate::{Translation, state::Assignments};

/// So long after it begins to lead, a node takes nothing away: its manifests may only lag behind
/// those of others.
const GRACE: Duration = Duration::from_secs(30);

/// So long an address rests after all members have heard that it was released: they stop first, and
/// so do those that follow without a vote.
const REST: Duration = Duration::from_secs(5);

/// After so long of rest somebody should know why.
const LONG_REST: Duration = Duration::from_secs(60);

/// One node's part in assigning where nodes [agree](vipcast_announcer::agreement::Agreement): the one
/// that leads proposes, and all, it too, serve what is agreed.
#[derive(Debug, Default)]
pub struct AgreedAssigner {
    leads_since: Option<Instant>,
    resting: BTreeMap<IpAddr, Rest>,
    /// What was proposed, and what is to be told when it is agreed.
    proposed: Option<(Changes, Vec<Outcome>)>,
    news: News,
}

#[derive(Debug)]
struct Rest {
    since: Instant,
    /// When all members had heard of it.
    heard: Option<Instant>,
}

/// What one turn of an [`AgreedAssigner`] came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct AgreedTurn {
    /// What became of the services, where this node leads: everything in the first turn, then only
    /// what is not as it was.
    pub outcomes: Vec<Outcome>,
    /// What is to be proposed. Say so by [`AgreedAssigner::proposed`].
    pub proposal: Option<Proposal>,
    /// When to take another turn, whatever happens.
    pub again: Option<Instant>,
    /// Addresses that were released long ago, and cannot be handed out before the members that are
    /// silent have heard of it.
    pub waits_for_release: BTreeSet<IpAddr>,
    /// Services that are to have an address and have none.
    pub waiting: BTreeSet<Owner>,
    /// What all services have, as agreed.
    pub services: BTreeMap<Owner, Assignment>,
}

/// What a node that leads wants to be agreed on.
#[derive(Debug)]
pub struct Proposal {
    /// The version of the document that it was made from.
    pub version: u64,
    /// The changes.
    pub changes: Changes,
    outcomes: Vec<Outcome>,
}

impl AgreedAssigner {
    /// Fills in the addresses that are agreed, and finds out what should be.
    ///
    /// `before` is what was written before there was an agreement; it counts while there is none.
    /// `None` where that, or what is asked for, is not known: then nothing is proposed.
    /// Call it again when the objects or the agreement change, and when [`AgreedTurn::again`] is
    /// there.
    ///
    /// # Errors
    /// What is agreed cannot be read: nothing is served that is not certain, and nothing proposed.
    pub fn turn(
        &mut self,
        now: Instant,
        translation: &mut Translation,
        agreed: &Agreed,
        before: Option<&Assignments>,
    ) -> Result<AgreedTurn, EntriesError> {
        let entries = match Entries::read(&agreed.document) {
            Ok(entries) => entries,
            Err(error) => {
                Assignments::default().apply(&mut translation.intent);
                return Err(error);
            }
        };
        let mut turn = AgreedTurn::default();
        if agreed.standing.leads() {
            self.lead(now, translation, agreed, &entries, before, &mut turn);
        } else {
            let told = std::mem::take(self).news;
            // What it proposed last may be agreed; whoever leads next tells.
            self.news = told.begin_anew();
        }
        let services = entries.services;
        let known = Assignments { services, ..Assignments::default() };
        known.apply(&mut translation.intent);
        let bare = translation.intent.services.iter().filter(|(_, s)| s.assignment.is_none());
        turn.waiting = bare.map(|(owner, _)| owner.clone()).collect();
        turn.services = known.services;
        Ok(turn)
    }

    /// The proposal was taken: nothing else is proposed until it is agreed.
    pub fn proposed(&mut self, proposal: Proposal) {
        self.proposed = Some((proposal.changes, proposal.outcomes));
    }

    fn lead(
        &mut self,
        now: Instant,
        translation: &Translation,
        agreed: &Agreed,
        entries: &Entries,
        before: Option<&Assignments>,
        turn: &mut AgreedTurn,
    ) {
        let document = &agreed.document;
        let since = *self.leads_since.get_or_insert(now);
        if let Some((changes, outcomes)) = self.proposed.take() {
            let done = changes.iter().all(|(key, v)| document.get(key) == v.as_deref());
            if !done {
                self.proposed = Some((changes, outcomes));
                return;
            }
            turn.outcomes = self.news.of(outcomes);
        }
        let Some(before) = before else { return };
        let rested = self.rest(now, agreed, entries, turn);
        let mut base = entries.clone();
        base.resting.retain(|address, _| !rested.contains(address));
        if document.entries().next().is_none() {
            let mut first = Assignments::default();
            first.merge(&before.services);
            base.services = first.services;
        }
        let grace = since + GRACE;
        let (next, outcomes) = next(translation, &base, now < grace);
        if next.held_back {
            turn.again = turn.again.into_iter().chain([grace]).min();
        }
        let changes = next.entries.changes_from(document);
        if changes.is_empty() {
            turn.outcomes.extend(self.news.of(outcomes));
        } else {
            let version = document.version();
            turn.proposal = Some(Proposal { version, changes, outcomes });
        }
    }

    /// The addresses that have rested.
    fn rest(
        &mut self,
        now: Instant,
        agreed: &Agreed,
        entries: &Entries,
        turn: &mut AgreedTurn,
    ) -> BTreeSet<IpAddr> {
        self.resting.retain(|address, _| entries.resting.contains_key(address));
        let mut rested = BTreeSet::new();
        for address in entries.resting.keys() {
            let rest = self.resting.entry(*address).or_insert(Rest { since: now, heard: None });
            // The document that says so is the one that nobody is behind.
            if rest.heard.is_none() && agreed.behind.is_empty() {
                rest.heard = Some(now);
            }
            let due = match rest.heard {
                Some(heard) => heard + REST,
                None => rest.since + LONG_REST,
            };
            match rest.heard {
                _ if now < due => turn.again = turn.again.into_iter().chain([due]).min(),
                Some(_) => _ = rested.insert(*address),
                None => _ = turn.waits_for_release.insert(*address),
            }
        }
        rested
    }
}

struct Next {
    entries: Entries,
    /// Something would have been taken away.
    held_back: bool,
}

/// What should be agreed on after `base`. With `keep`, nobody loses anything.
fn next(translation: &Translation, base: &Entries, keep: bool) -> (Next, Vec<Outcome>) {
    let mut kept: BTreeSet<Owner> = BTreeSet::new();
    loop {
        let mut world = translation.clone();
        let mut recorded = base.services.clone();
        // What comes free in this turn rests too.
        let mut taken: BTreeSet<IpAddr> = base.addresses().map(|(_, address)| address).collect();
        for owner in &kept {
            world.intent.services.remove(owner);
            recorded.remove(owner);
        }
        world.order.retain(|owner| !kept.contains(owner) && fits(owner));
        world.intent.services.retain(|owner, _| fits(owner));
        rest_for_others(&mut world, base, &recorded, &mut taken);
        let (mut services, mut outcomes) = assign_around(&mut world, &recorded, &taken);
        if keep {
            let lost = base.services.iter().filter(|(owner, had)| {
                let has = services.get(*owner);
                let still =
                    |entry| has.is_some_and(|has| has.addresses.iter().any(|(a, _)| a == entry));
                !kept.contains(*owner) && !had.addresses.iter().all(|(a, _)| still(a))
            });
            let lost: Vec<Owner> = lost.map(|(owner, _)| owner.clone()).collect();
            if !lost.is_empty() {
                kept.extend(lost);
                continue;
            }
        }
        services.extend(
            kept.iter()
                .filter_map(|owner| base.services.get_key_value(owner))
                .map(|(o, had)| (o.clone(), had.clone())),
        );
        let too_long = translation.order.iter().filter(|owner| !fits(owner));
        outcomes.extend(too_long.map(|o| Outcome::NameTooLong { service: o.clone() }));
        let mut entries = Entries { services, resting: base.resting.clone() };
        let in_use: BTreeSet<IpAddr> = entries.addresses().map(|(_, address)| address).collect();
        let released = base.addresses().filter(|(_, address)| !in_use.contains(address));
        entries.resting.extend(released.map(|(owner, address)| (address, owner.clone())));
        entries.resting.retain(|address, _| !in_use.contains(address));
        return (Next { entries, held_back: !kept.is_empty() }, outcomes);
    }
}

/// Whoever had an address that rests may have it back; nobody else may have it.
fn rest_for_others(
    world: &mut Translation,
    base: &Entries,
    recorded: &BTreeMap<Owner, Assignment>,
    taken: &mut BTreeSet<IpAddr>,
) {
    for held in world.held.values_mut() {
        held.retain(|address| !base.resting.contains_key(address));
    }
    for (address, owner) in &base.resting {
        if world.intent.services.contains_key(owner) && !recorded.contains_key(owner) {
            world.held.entry(owner.clone()).or_default().push(*address);
        } else {
            taken.insert(*address);
        }
    }
}

#[cfg(test)]
mod tests;
