use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::{Instant, Machine};

use super::{GroupElection, Holding, Place};
use crate::{
    NodeName,
    groups::{
        Group, Standing,
        turn::{MOST_STEPS, Stake, turns},
    },
    lease::{LeaseEvent, LeaseInput, LeaseRecord, LeaseRequest, RecordVersion, Tenure},
};

/// How often it is decided anew at one moment, at most.
const MOST_ROUNDS: u32 = 4;

/// Who takes what, and when.
impl GroupElection {
    /// Who may announce addresses of which group, by the candidates.
    pub(super) fn stake(&mut self, now: Instant) {
        self.stakes.clear();
        for (unit, contenders) in &self.candidates {
            let group = Group::of_address(unit.address, self.config.count());
            let stake = self.stakes.entry(group.number).or_default();
            for node in contenders.nodes.keys() {
                *stake.nodes.entry(node.clone()).or_default() += 1;
            }
        }
        for (number, place) in (0..).zip(&mut self.places) {
            let stake: Option<&Stake> = self.stakes.get(&number);
            let wanted = stake.is_some_and(|stake| stake.nodes.contains_key(self.config.me()));
            place.wanted = if wanted { place.wanted.or(Some(now)) } else { None };
        }
        self.stale = true;
    }

    /// Whether it may take what it does not hold.
    pub(super) fn may_take(&self, now: Instant) -> bool {
        !self.draining && self.view.standing(now) == Standing::Contends
    }

    /// From when on it is new here no longer: until then others have the first say.
    fn known_from(&self) -> Option<Instant> {
        self.since.map(|since| since + self.config.lease().hold())
    }

    /// Brings everything to where it is to be at `now`: who holds what decides about turns, and turns about
    /// who contends.
    pub(super) fn settle(&mut self, now: Instant) {
        let mut rounds = 0..MOST_ROUNDS;
        while self.advance(now) && rounds.next().is_some() {}
        let ends = self.places.iter().filter_map(|place| place.ends(now));
        let known = self.known_from().filter(|_| self.new);
        self.ends = ends.chain(self.view.next_change(now)).chain(known).min();
    }

    /// Whether turns were found anew, after it was decided who contends.
    fn advance(&mut self, now: Instant) -> bool {
        for asking in [&mut self.list, &mut self.found] {
            asking.sent.take_if(|(_, end)| now >= *end);
        }
        let standing = self.view.standing(now);
        if standing == Standing::Contends {
            self.since.get_or_insert(now);
        }
        let known = self.known_from();
        let new = known.is_none_or(|known| now < known);
        self.stale |= core::mem::replace(&mut self.new, new) != new;
        self.found.wanted =
            standing == Standing::Founding && !self.draining && self.found.sent.is_none();
        let listed = standing != Standing::Unlisted;
        for (number, place) in (0..).zip(&mut self.places) {
            place.machine.handle_timeout(now);
            if listed {
                place.look(now, self.view.record(number));
            }
            self.stale |= place.follow(now);
        }
        if core::mem::take(&mut self.stale) {
            self.find_turns(now);
            self.find_tokens(now);
        }
        let may_take = self.may_take(now);
        let gives_up = self.view.is_other();
        let step = self.config.step();
        for (number, place) in (0..).zip(&mut self.places) {
            let lapsed = place.machine.tenure(now).is_none();
            if !lapsed && (place.wanted.is_none() || gives_up) {
                place.machine.step_down(now);
                self.stale |= place.follow(now);
            }
            let free = place.machine.free_at().filter(|_| lapsed && may_take);
            let due = free.zip(place.wanted).map(|(free, wanted)| {
                let record = place.machine.record();
                let ours =
                    record.is_some_and(|record| record.holder.as_ref() == Some(self.config.me()));
                let died = !ours && record.is_some_and(|record| record.holder.is_some());
                let from = free.max(wanted);
                match (place.turn, known) {
                    (0, _) => from,
                    _ if ours => from,
                    (turn, Some(known)) if !died => from.max(known) + step * turn,
                    (turn, _) => from + step * turn,
                }
            });
            place.due = due;
            place.machine.set_contending(now, due.is_some_and(|due| now >= due));
            // What it asks for is what was told last, unless that is known to be old.
            if listed {
                place.look(now, self.view.record(number));
            }
            self.stale |= place.follow(now);
        }
        self.list.wanted = self.list.sent.is_none()
            && self.places.iter().any(|p| p.reading.is_some() && p.refused);
        let stale = core::mem::take(&mut self.stale);
        if stale {
            self.find_turns(now);
            self.find_tokens(now);
        }
        stale
    }

    fn find_turns(&mut self, now: Instant) {
        // Who has renewed nothing for so long holds nothing by its own clock, and all that it had is
        // placed together.
        let mut renewed: BTreeMap<&NodeName, Instant> = BTreeMap::new();
        for place in &self.places {
            let record = place.machine.record();
            if let Some(node) = record.and_then(|record| record.holder.as_ref())
                && let Some(since) = place.machine.unchanged_since()
            {
                let last = renewed.entry(node).or_insert(since);
                *last = since.max(*last);
            }
        }
        renewed.remove(self.config.me());
        let hold = self.config.lease().hold();
        renewed.retain(|_, last| now >= *last + hold);
        let silent: BTreeSet<NodeName> = renewed.into_keys().cloned().collect();
        let holder =
            |holding: &Holding| (!silent.contains(&holding.node)).then(|| holding.node.clone());
        for (number, stake) in &mut self.stakes {
            let place = self.places.get(usize::from(*number));
            stake.holder = place.and_then(|place| place.holder.as_ref()).and_then(holder);
            stake.former = place.and_then(|place| place.former.clone());
        }
        let turns = turns(self.config.me(), &self.stakes, &silent, self.new);
        for (number, place) in (0..).zip(&mut self.places) {
            place.turn = turns.get(&number).copied().unwrap_or(MOST_STEPS);
        }
    }
}

impl Place {
    /// Shows the machine the record as it was told.
    fn look(&mut self, now: Instant, told: Option<&(LeaseRecord, RecordVersion)>) {
        let news = self.machine.seen() != Some(told);
        self.refused &= !news;
        let reads = self.read(now);
        if self.refused {
            // Only a list that was asked for afterwards says how it is.
            return;
        }
        if let Some(number) = self.reading.take_if(|_| reads) {
            self.machine.handle_input(now, LeaseInput::Read { number, record: told.cloned() });
        } else if news && !self.machine.is_asking() {
            self.machine.observe(now, told.cloned());
        }
    }

    /// Takes the machine's wish to read; whether it waits for an answer.
    fn read(&mut self, now: Instant) -> bool {
        if self.machine.is_reading()
            && let Some(LeaseRequest::Read { number, .. }) =
                self.machine.poll_transmit(now, &mut Vec::new())
        {
            self.reading = Some(number);
        }
        if !self.machine.is_asking() {
            self.reading = None;
        }
        self.reading.is_some()
    }

    /// Notes what is held, and by whom; whether that changed.
    fn follow(&mut self, now: Instant) -> bool {
        while let Some(LeaseEvent::Held(_) | LeaseEvent::Lost) = self.machine.poll_event() {}
        let tenure = self.machine.tenure(now);
        let living = self.machine.free_at().is_none_or(|at| now < at);
        let record = self.machine.record().filter(|_| tenure.is_some() || living);
        let holder = record.and_then(|record| {
            let node = record.holder.clone()?;
            // Its own record without a tenure gives it nothing.
            let holds = tenure.is_some() || node != *self.machine.config().me();
            holds.then_some(Holding { node, transitions: record.transitions })
        });
        let number = |tenure: Option<Tenure>| tenure.map(|tenure| tenure.number);
        let mut changed = number(tenure) != number(self.tenure);
        if tenure != self.tenure {
            self.tenure = tenure;
            self.renewed |= tenure.is_some();
        }
        if holder != self.holder {
            if let Some(Holding { node, .. }) = core::mem::replace(&mut self.holder, holder) {
                self.former = Some(node);
            }
            changed = true;
        }
        changed
    }

    /// When a holder's time is over, if it does not renew.
    fn ends(&self, now: Instant) -> Option<Instant> {
        let other = self.holder.is_some() && self.tenure.is_none();
        self.machine.free_at().filter(|at| other && now < *at)
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        // Who is giving it up can take it again only once that is answered.
        let gives_up = self.machine.is_stepping_down() && !self.machine.has_ended();
        let due = self.due.filter(|_| !self.machine.is_contending() && !gives_up);
        self.machine.poll_timeout().into_iter().chain(due).min()
    }
}
