mod contend;
mod tokens;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::{Instant, Machine};

use super::{
    Group, GroupConfig, GroupInput, GroupRequest, Standing,
    turn::{self, Stake},
    view::View,
};
use crate::{
    Backend, Candidates, Claims, Event, LeaseId, NodeName, Token, Unit,
    lease::{LeaseElection, LeaseInput, LeaseRequest, Tenure},
};

/// Holds groups of addresses by the records of a store. See the [module](super) for the rules.
#[derive(Debug)]
pub struct GroupElection {
    config: GroupConfig,
    view: View,
    /// Each group, by its number.
    places: Vec<Place>,
    candidates: Candidates,
    /// What is known of each group with addresses.
    stakes: BTreeMap<u16, Stake>,
    /// Who holds what changed, or who may: turns, claims and tokens are to be found anew.
    stale: bool,
    tokens: BTreeMap<Unit, Token>,
    claims: Claims,
    claims_version: u64,
    blocked: BTreeMap<Unit, Blocked>,
    changed: BTreeSet<Unit>,
    list: Asking,
    found: Asking,
    number: u64,
    /// Since when it contends; a node that was only just started does not take what falls to others.
    since: Option<Instant>,
    new: bool,
    draining: bool,
    /// When the next holder's time is over, if it does not renew, or this node is new no longer.
    ends: Option<Instant>,
}

/// Nobody announces an address, because the holder of its group may not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The group of the address.
    pub group: Group,
    /// Who holds the record of the group.
    pub holder: NodeName,
}

/// One group.
#[derive(Debug)]
struct Place {
    machine: LeaseElection,
    /// A request for the record that waits until all is listed anew.
    reading: Option<u64>,
    /// A write was refused: what is known of the record is old.
    refused: bool,
    /// Since when this node may announce addresses of it; `None` if it may announce none.
    wanted: Option<Instant>,
    /// When to take it, if it is free then.
    due: Option<Instant>,
    /// How many steps it waits for.
    turn: u32,
    /// What is held, as it was told.
    tenure: Option<Tenure>,
    /// Its end has changed since that was told.
    renewed: bool,
    /// Who holds it, by the record, and who held it before.
    holder: Option<Holding>,
    former: Option<NodeName>,
}

/// A holder as others see it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Holding {
    node: NodeName,
    transitions: u32,
}

/// A request that is to be made, or was made.
#[derive(Debug, Default)]
struct Asking {
    wanted: bool,
    /// The request under way, and until when its answer is waited for.
    sent: Option<(u64, Instant)>,
}

impl GroupElection {
    /// It holds nothing, and waits to be told what there is.
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        let place = |_| {
            let mut machine = LeaseElection::new(config.lease().clone());
            machine.set_contending(Instant::ZERO, false);
            Place::new(machine)
        };
        Self {
            view: View::new(config.count(), config.lease().duration()),
            places: (0..config.count().count()).map(place).collect(),
            config,
            candidates: Candidates::new(),
            stakes: BTreeMap::new(),
            stale: false,
            tokens: BTreeMap::new(),
            claims: Claims::new(),
            claims_version: 0,
            blocked: BTreeMap::new(),
            changed: BTreeSet::new(),
            list: Asking::default(),
            found: Asking::default(),
            number: 0,
            since: None,
            new: true,
            draining: false,
            ends: None,
        }
    }

    /// The tokens that this node has. Each is bounded by the end of its lease, which is that of its group.
    #[must_use]
    pub const fn tokens(&self) -> &BTreeMap<Unit, Token> {
        &self.tokens
    }

    /// The addresses that nobody announces because the holder of their group may not.
    #[must_use]
    pub const fn blocked(&self) -> &BTreeMap<Unit, Blocked> {
        &self.blocked
    }

    /// Rises with the changes of the claims, and of what is blocked.
    #[must_use]
    pub const fn claims_version(&self) -> u64 {
        self.claims_version
    }

    /// Whether it takes records at all.
    #[must_use]
    pub fn standing(&self, now: Instant) -> Standing {
        self.view.standing(now)
    }

    /// The right to act for a group at `now`, by its number.
    #[must_use]
    pub fn tenure(&self, number: u16, now: Instant) -> Option<Tenure> {
        self.places.get(usize::from(number))?.machine.tenure(now)
    }

    /// Holds nothing from now on, takes nothing any more, and gives up what it held, so that others need
    /// not wait. There is no way back.
    pub fn drain(&mut self, now: Instant) {
        self.draining = true;
        for place in &mut self.places {
            place.machine.step_down(now);
        }
        self.settle(now);
    }

    /// Whether nothing is left to be given up after a [`drain`](Self::drain).
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining && self.places.iter().all(|place| place.machine.has_ended())
    }

    /// How it contends.
    #[must_use]
    pub const fn config(&self) -> &GroupConfig {
        &self.config
    }

    fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }
}

impl Place {
    const fn new(machine: LeaseElection) -> Self {
        Self {
            machine,
            reading: None,
            refused: false,
            wanted: None,
            due: None,
            turn: turn::MOST_STEPS,
            tenure: None,
            renewed: false,
            holder: None,
            former: None,
        }
    }
}

impl Backend for GroupElection {
    fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        if self.candidates != candidates {
            self.candidates = candidates;
            self.stake(now);
        }
        self.settle(now);
    }

    fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl Machine for GroupElection {
    type Input<'a> = GroupInput;
    type Transmit = GroupRequest;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: GroupInput) {
        self.settle(now);
        match input {
            GroupInput::Listed { number, charter, records } => {
                self.view.list(now, charter, records);
                let answers = self.list.sent.take_if(|(sent, _)| number == Some(*sent)).is_some();
                for place in self.places.iter_mut().filter(|_| answers) {
                    place.refused = false;
                }
            }
            GroupInput::Charter(charter) => self.view.set_charter(charter),
            GroupInput::Record(group, record) => self.view.set(now, group, record),
            GroupInput::Answer(group, answer) => self.on_answer(now, group, answer),
        }
        self.settle(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.settle(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<GroupRequest> {
        buf.clear();
        let patience = self.config.lease().hold() / 2;
        let deadline = now + patience;
        if core::mem::take(&mut self.found.wanted) {
            self.found.sent = Some((self.next_number(), deadline));
            return Some(GroupRequest::Found { count: self.config.count().count(), deadline });
        }
        if core::mem::take(&mut self.list.wanted) {
            let number = self.next_number();
            self.list.sent = Some((number, deadline));
            return Some(GroupRequest::List { number, deadline });
        }
        let (of, may_take) = (self.config.count().count(), self.may_take(now));
        let mut reads = false;
        for (number, place) in (0..).zip(&mut self.places) {
            if !place.machine.is_writing() {
                continue;
            }
            // Time may have passed since it was decided.
            if !may_take && place.machine.tenure(now).is_none() && !place.machine.is_stepping_down()
            {
                continue;
            }
            match place.machine.poll_transmit(now, buf) {
                Some(LeaseRequest::Write { number: request, record, expected, deadline }) => {
                    let group = Group { of, number };
                    let number = request;
                    return Some(GroupRequest::Write { group, number, record, expected, deadline });
                }
                Some(LeaseRequest::Read { number, .. }) => {
                    place.reading = Some(number);
                    reads = true;
                }
                None => {}
            }
        }
        if reads {
            // What was told answers that, and it may change what there is to ask for.
            self.settle(now);
            return self.poll_transmit(now, buf);
        }
        None
    }

    fn poll_event(&mut self) -> Option<Event> {
        for (number, place) in (0..).zip(&mut self.places) {
            if core::mem::take(&mut place.renewed)
                && let Some(Tenure { not_after, .. }) = place.tenure
            {
                return Some(Event::Renewed { lease: LeaseId(number), not_after });
            }
        }
        let unit = self.changed.pop_first()?;
        Some(match self.tokens.get(&unit) {
            Some(token) => Event::Granted(token.clone()),
            None => Event::Revoked(unit),
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let places = self.places.iter().filter_map(Place::next_timeout);
        let asked = [self.list.sent, self.found.sent].into_iter().flatten().map(|(_, end)| end);
        places.chain(asked).chain(self.ends).min()
    }
}

impl GroupElection {
    fn on_answer(&mut self, now: Instant, group: Group, answer: LeaseInput) {
        let count = self.config.count().count();
        let place = self.places.get_mut(usize::from(group.number));
        let Some(place) = place.filter(|_| group.of == count) else { return };
        let refused = matches!(answer, LeaseInput::Refused { .. });
        let written = matches!(answer, LeaseInput::Written { .. });
        let waited = place.machine.is_asking();
        place.machine.handle_input(now, answer);
        if waited && !place.machine.is_asking() {
            place.refused |= refused;
            if let (true, Some(Some(record))) = (written, place.machine.seen()) {
                self.view.set(now, group, Some(record.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
