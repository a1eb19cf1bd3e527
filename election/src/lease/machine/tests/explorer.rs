//! Every interleaving of a small world drives the shipped machine: two contenders, one store, messages
//! that are late or lost, pauses of any length, clocks of different speed, contenders that die and are
//! started anew, a record that is deleted. Times are kept relative, so
//! that ways which lead to the same are searched once.

use alloc::{collections::BTreeSet, format, vec, vec::Vec};
use core::hash::{Hash as _, Hasher as _};
use std::{collections::HashSet, hash::DefaultHasher};

use super::*;

extern crate std;

/// With these a clock may run faster than another by half.
const DURATION: u64 = 6;
const HOLD: u64 = 4;
const RETRY: u64 = 2;
/// Messages of one contender that may be on their way at once; one more pushes out the oldest. What
/// is never delivered is as good as lost.
const IN_FLIGHT: usize = 2;

#[derive(Clone)]
struct World {
    nodes: [LeaseElection; 2],
    clocks: [Instant; 2],
    rates: [u64; 2],
    store: Option<(LeaseRecord, RecordVersion)>,
    versions: u64,
    messages: [Vec<Message>; 2],
    may: May,
}

/// What may happen besides, and how often.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
struct May {
    /// The record is deleted, by somebody who finds that every contender has seen it.
    delete: u8,
    /// A contender dies, and is started anew under the same name.
    restart: u8,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Message {
    Request(LeaseRequest),
    Answer(LeaseInput),
    /// A request of a contender that died: nobody gets its answer.
    Orphan(LeaseRequest),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Tick,
    Run(usize),
    /// The message reaches the store, or its answer the contender.
    Deliver(usize, usize),
    StepDown(usize),
    Delete,
    /// The record is made anew, as it was before anybody held it.
    Make,
    Restart(usize),
}

fn units(count: u64) -> Duration {
    Duration::from_micros(count)
}

fn contender(node: usize) -> LeaseElection {
    let config = LeaseConfig::new(NodeName::new(["a", "b"][node]), 0)
        .with_times(units(DURATION), units(HOLD), units(RETRY))
        .unwrap();
    // Without jitter: xorshift stays at zero.
    LeaseElection { random: 0, ..LeaseElection::new(config) }
}

impl World {
    fn new(rates: [u64; 2], may: May) -> Self {
        Self {
            may,
            nodes: [contender(0), contender(1)],
            // Different clocks: only differences may matter.
            clocks: [Instant::from_micros(1_000), Instant::from_micros(777_000)],
            rates,
            store: None,
            versions: 0,
            messages: [Vec::new(), Vec::new()],
        }
    }

    /// The first holds, and the second has seen that.
    fn settled(rates: [u64; 2], may: May) -> Self {
        let mut world = Self::new(rates, may);
        for node in [0, 1] {
            world.act(Action::Run(node));
            while !world.messages[node].is_empty() {
                world.act(Action::Deliver(node, 0));
            }
        }
        assert!(world.nodes[0].tenure(world.clocks[0]).is_some());
        assert!(world.nodes[1].record().is_some());
        world
    }

    fn holders(&self) -> usize {
        (0..2).filter(|&n| self.nodes[n].tenure(self.clocks[n]).is_some()).count()
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = vec![Action::Tick];
        for node in 0..2 {
            actions.push(Action::Run(node));
            for at in 0..self.messages[node].len() {
                actions.push(Action::Deliver(node, at));
            }
            if self.nodes[node].tenure(self.clocks[node]).is_some() {
                actions.push(Action::StepDown(node));
            }
            if self.may.restart > 0 {
                actions.push(Action::Restart(node));
            }
        }
        if self.may.delete > 0 && self.nodes.iter().all(|node| node.record().is_some()) {
            actions.push(Action::Delete);
        }
        if self.may != May::default() && self.store.is_none() {
            actions.push(Action::Make);
        }
        actions
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Tick => {
                for node in 0..2 {
                    self.clocks[node] += units(self.rates[node]);
                }
            }
            Action::Run(node) => {
                self.nodes[node].handle_timeout(self.clocks[node]);
                self.drain(node);
            }
            Action::Deliver(node, at) => match self.messages[node].remove(at) {
                Message::Request(request) => {
                    let answer = self.serve(request);
                    // An answer that nobody waits for changes nothing, which has its own test.
                    if self.nodes[node].asked.is_some_and(|asked| asked.number == answer.number()) {
                        self.messages[node].insert(at, Message::Answer(answer));
                    }
                }
                Message::Answer(answer) => {
                    self.nodes[node].handle_input(self.clocks[node], answer);
                    self.drain(node);
                }
                Message::Orphan(request) => drop(self.serve(request)),
            },
            Action::StepDown(node) => {
                self.nodes[node].step_down(self.clocks[node]);
                self.drain(node);
            }
            Action::Delete => {
                self.may.delete -= 1;
                self.store = None;
            }
            Action::Make => {
                self.versions += 1;
                let version = RecordVersion::new(format!("{}", self.versions));
                self.store = Some((just_made(), version));
            }
            Action::Restart(node) => {
                self.may.restart -= 1;
                self.nodes[node] = contender(node);
                let left = core::mem::take(&mut self.messages[node]).into_iter();
                let requests = left.filter_map(|message| match message {
                    Message::Request(request) | Message::Orphan(request) => {
                        Some(Message::Orphan(request))
                    }
                    Message::Answer(_) => None,
                });
                self.messages[node] = requests.collect();
            }
        }
    }

    fn drain(&mut self, node: usize) {
        let now = self.clocks[node];
        while let Some(request) = self.nodes[node].poll_transmit(now, &mut Vec::new()) {
            if self.messages[node].len() == IN_FLIGHT {
                self.messages[node].remove(0);
            }
            self.messages[node].push(Message::Request(request));
        }
        while self.nodes[node].poll_event().is_some() {}
    }

    /// The store takes a write whenever the record is as expected, however late it comes.
    fn serve(&mut self, request: LeaseRequest) -> LeaseInput {
        match request {
            LeaseRequest::Read { number, .. } => {
                LeaseInput::Read { number, record: self.store.clone() }
            }
            LeaseRequest::Write { number, record, expected, .. } => {
                if self.store.as_ref().map(|(_, version)| version) != expected.as_ref() {
                    return LeaseInput::Refused { number };
                }
                self.versions += 1;
                let version = RecordVersion::new(format!("{}", self.versions));
                self.store = Some((record, version.clone()));
                LeaseInput::Written { number, version }
            }
        }
    }

    /// Two worlds with one key go on alike: times count relative to the clocks, versions and numbers
    /// by which of them are equal, and what lies longer back than matters as just that long.
    fn key(&self) -> u64 {
        let mut versions: Vec<RecordVersion> = Vec::new();
        let mut world = self.clone();
        for node in 0..2 {
            let (machine, now) = (&mut world.nodes[node], world.clocks[node]);
            let ago = |at: Instant| Instant::from_micros(1_000 - (now - at).as_micros() as u64);
            let ahead = |at: Instant| Instant::from_micros(1_000 + (at - now).as_micros() as u64);
            // A deadline that is over is over, however long.
            let due = |at: Instant| if at > now { ahead(at) } else { Instant::from_micros(1_000) };
            if let Some(seen) = &mut machine.seen {
                seen.since = ago(seen.since.max(now.saturating_sub(units(DURATION))));
            }
            for tenure in [&mut machine.tenure, &mut machine.told].into_iter().flatten() {
                tenure.not_after = due(tenure.not_after);
                tenure.transitions = 0;
                tenure.number = 0;
                tenure.seized = false;
            }
            machine.told = None;
            machine.seized = false;
            machine.tenures = 0;
            if let Some(asked) = &mut machine.asked {
                asked.sent = ago(asked.sent.max(now.saturating_sub(units(HOLD))));
            }
            machine.wake = machine.wake.map(due);
            let current = machine.asked.map(|asked| asked.number);
            let renumber = |number: &mut u64| *number = u64::from(Some(*number) == current);
            for message in &mut world.messages[node] {
                match message {
                    Message::Request(
                        LeaseRequest::Read { number, deadline }
                        | LeaseRequest::Write { number, deadline, .. },
                    ) => {
                        renumber(number);
                        *deadline = Instant::ZERO;
                    }
                    Message::Orphan(
                        LeaseRequest::Read { number, deadline }
                        | LeaseRequest::Write { number, deadline, .. },
                    ) => (*number, *deadline) = (0, Instant::ZERO),
                    Message::Answer(
                        LeaseInput::Read { number, .. }
                        | LeaseInput::Written { number, .. }
                        | LeaseInput::Refused { number }
                        | LeaseInput::Failed { number },
                    ) => renumber(number),
                }
            }
            machine.number = 0;
            if let Some(asked) = &mut machine.asked {
                asked.number = 1;
            }
        }
        world.clocks = [Instant::ZERO; 2];
        world.versions = 0;
        // In the order in which they are met, which is the same in equal worlds.
        let mut mark = |version: &mut RecordVersion| {
            let rank = versions.iter().position(|known| known == version).unwrap_or_else(|| {
                versions.push(version.clone());
                versions.len() - 1
            });
            *version = RecordVersion::new(format!("{rank}"));
        };
        let mut clean = |record: &mut Option<(LeaseRecord, RecordVersion)>| {
            if let Some((record, version)) = record {
                record.transitions = 0;
                mark(version);
            }
        };
        // No version comes back: a write that expects another than the present one is refused for ever.
        let present = world.store.as_ref().map(|(_, version)| version.clone());
        for message in world.messages.iter_mut().flatten() {
            if let Message::Request(LeaseRequest::Write { expected, .. })
            | Message::Orphan(LeaseRequest::Write { expected, .. }) = message
                && *expected != present
                && expected.is_some()
            {
                *expected = Some(RecordVersion::new("stale"));
            }
        }
        clean(&mut world.store);
        for node in 0..2 {
            if let Some(seen) = &mut world.nodes[node].seen {
                clean(&mut seen.record);
            }
        }
        for message in world.messages.iter_mut().flatten() {
            match message {
                Message::Request(LeaseRequest::Write { record, expected, .. })
                | Message::Orphan(LeaseRequest::Write { record, expected, .. }) => {
                    record.transitions = 0;
                    let mut both = expected.take().map(|version| (record.clone(), version));
                    clean(&mut both);
                    *expected = both.map(|(_, version)| version);
                }
                Message::Answer(LeaseInput::Read { record, .. }) => clean(record),
                Message::Answer(LeaseInput::Written { version, .. }) => {
                    let mut both = Some((held_by("", 0), version.clone()));
                    clean(&mut both);
                    if let Some((_, marked)) = both {
                        *version = marked;
                    }
                }
                _ => {}
            }
        }
        let mut hasher = DefaultHasher::new();
        world.nodes.hash(&mut hasher);
        world.store.hash(&mut hasher);
        world.messages.hash(&mut hasher);
        world.may.hash(&mut hasher);
        hasher.finish()
    }
}

/// How a search ended.
struct Search {
    states: usize,
    /// The shortest way to two holders.
    violation: Option<Vec<Action>>,
    /// Who held in some state.
    held: BTreeSet<usize>,
    complete: bool,
}

fn search(start: World, most: usize) -> Search {
    let mut found = Search { states: 0, violation: None, held: BTreeSet::new(), complete: false };
    let mut known = HashSet::new();
    // Where each state came from, to tell the way.
    let mut ways: Vec<(usize, Action)> = vec![(0, Action::Tick)];
    known.insert(start.key());
    let mut frontier = alloc::collections::VecDeque::from([(0, start)]);
    while let Some((at, world)) = frontier.pop_front() {
        for action in world.actions() {
            let mut next = world.clone();
            next.act(action);
            if !known.insert(next.key()) {
                continue;
            }
            let number = ways.len();
            ways.push((at, action));
            for node in 0..2 {
                if next.nodes[node].tenure(next.clocks[node]).is_some() {
                    found.held.insert(node);
                }
            }
            if next.holders() > 1 {
                let mut way = Vec::new();
                let mut step = number;
                while step != 0 {
                    way.push(ways[step].1);
                    step = ways[step].0;
                }
                way.reverse();
                found.states = known.len();
                found.violation = Some(way);
                return found;
            }
            frontier.push_back((number, next));
        }
        if known.len() > most {
            found.states = known.len();
            return found;
        }
    }
    found.states = known.len();
    found.complete = true;
    found
}

/// How many states are looked at, the nearest first.
const MOST: usize = 100_000;

#[track_caller]
fn never_two(start: World) {
    let found = search(start, MOST);
    assert!(found.violation.is_none(), "{:?}", found.violation);
    assert!(found.complete || found.states > MOST);
    assert_eq!(found.held, [0, 1].into(), "each comes to hold");
}

#[test]
fn no_interleaving_near_the_start_has_two_holders() {
    never_two(World::new([2, 2], May::default()));
}

#[test]
fn nor_has_any_where_clocks_differ_by_as_much_as_the_times_allow() {
    never_two(World::new([2, 3], May::default()));
}

#[test]
fn nor_has_any_where_contenders_die_and_start_anew_with_requests_of_theirs_on_the_way() {
    never_two(World::settled([2, 3], May { restart: 2, delete: 0 }));
}

#[test]
fn nor_has_any_where_the_record_is_deleted_that_all_have_seen() {
    never_two(World::settled([2, 3], May { restart: 0, delete: 1 }));
}

#[test]
fn a_contender_that_starts_after_a_deletion_may_be_a_second_one() {
    // It cannot know that there was a record: the docs say how long that can last.
    let found = search(World::settled([2, 2], May { restart: 1, delete: 1 }), MOST);
    let way = found.violation.expect("there is one");
    assert!(way.iter().any(|action| matches!(action, Action::Restart(_))), "{way:?}");
    assert!(way.iter().any(|action| matches!(action, Action::Delete)), "{way:?}");
}

#[test]
fn clocks_that_differ_by_more_have_two_holders_so_the_search_can_find_them() {
    let found = search(World::new([2, 6], May::default()), MOST);
    assert!(found.violation.is_some());
}
