//! The election on one segment.

mod decide;
mod moves;
mod notes;
mod prove;
mod receive;
mod surplus;
mod transmit;
mod unserved;

pub(super) use self::transmit::Said;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_sans_io::{Instant, TimerTable};

use self::{
    notes::{Memory, News, Outbox},
    unserved::Rest,
};
use super::{
    config::BeaconConfig,
    counters::BeaconCounters,
    peer::{Peer, Phase},
    proofs::Proofs,
    table::{Entry, Holding, Table},
    wire::{Failing, HardwareAddress, LifeId, MOST_HARDWARE, SegmentTag},
};
use crate::{Claim, Contenders, Epoch, NodeName, Segment, placement::Budget};

/// What this node knows and does on one segment.
#[derive(Debug)]
pub(super) struct Domain {
    config: Arc<BeaconConfig>,
    segment: SegmentTag,
    life: LifeId,
    /// From where this node answers ARP and ND.
    hardware: Vec<HardwareAddress>,
    /// The link is there.
    up: bool,
    /// Only listens: has started, or has woken.
    starting: bool,
    draining: bool,
    /// There are enough candidates without us.
    surplus: bool,
    /// There would be room, and from then on this node takes it.
    enters_at: Option<Instant>,
    /// Until when a cold start waits for nodes that only listen.
    cold_until: Instant,
    not_after: Instant,
    /// What it was before the last beacon was built.
    not_after_before: Instant,
    sequence: u64,
    timers: TimerTable<Timer>,
    peers: BTreeMap<NodeName, Peer>,
    table: Table,
    candidates: BTreeMap<IpAddr, Contenders>,
    memory: BTreeMap<IpAddr, Memory>,
    /// Held, and claimed by another too.
    contested: BTreeSet<IpAddr>,
    /// Held, and its contenders have changed.
    reconsider: BTreeSet<IpAddr>,
    /// Since when a successor is asked.
    handing: BTreeMap<IpAddr, Instant>,
    /// What nobody holds and another should take, and when it is this node's turn.
    orphans: BTreeMap<IpAddr, Instant>,
    /// Heard, but hearing nobody: what they hold is nobody's.
    deaf: BTreeSet<NodeName>,
    /// What others are asked for, to see whether they serve it.
    proofs: Proofs,
    /// Of whom this node says what it finds.
    judged: BTreeSet<NodeName>,
    /// What it has said last.
    said_failing: Vec<Failing>,
    /// Held, and not served, as others say.
    unserved: BTreeSet<IpAddr>,
    rests: BTreeMap<IpAddr, Rest>,
    budget: Budget,
    outbox: Outbox,
    /// Something has changed since the last decision.
    dirty: bool,
    /// The last decision was costly: the next one waits, and takes several changes together.
    rest_until: Instant,
    pub(super) claims: BTreeMap<IpAddr, Claim>,
    pub(super) news: News,
    pub(super) counters: BeaconCounters,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The token's life ends.
    Fence,
    Peer(NodeName),
    Hold,
    Beacon,
    Prove,
    Decide,
}

impl Domain {
    pub(super) fn new(config: Arc<BeaconConfig>, segment: &Segment) -> Self {
        Self {
            segment: SegmentTag::of(segment),
            life: LifeId::of(&config.me, config.incarnation),
            hardware: Vec::new(),
            up: false,
            starting: true,
            draining: false,
            surplus: false,
            enters_at: None,
            cold_until: Instant::ZERO,
            not_after: Instant::ZERO,
            not_after_before: Instant::ZERO,
            sequence: 0,
            timers: TimerTable::new(),
            peers: BTreeMap::new(),
            table: Table::default(),
            candidates: BTreeMap::new(),
            memory: BTreeMap::new(),
            contested: BTreeSet::new(),
            reconsider: BTreeSet::new(),
            handing: BTreeMap::new(),
            orphans: BTreeMap::new(),
            deaf: BTreeSet::new(),
            proofs: Proofs::default(),
            judged: BTreeSet::new(),
            said_failing: Vec::new(),
            unserved: BTreeSet::new(),
            rests: BTreeMap::new(),
            budget: Budget::new(config.settings.moves_per_minute),
            outbox: Outbox::default(),
            dirty: false,
            rest_until: Instant::ZERO,
            claims: BTreeMap::new(),
            news: News::default(),
            counters: BeaconCounters::default(),
            config,
        }
    }

    /// The link comes or goes. Without it nothing is held.
    pub(super) fn set_link(&mut self, now: Instant, up: bool) {
        if self.up == up {
            return;
        }
        self.up = up;
        if up {
            self.listen(now);
            return;
        }
        self.give_up_all();
        self.timers.clear();
        self.proofs.clear();
        self.outbox = Outbox::default();
        self.peers.values_mut().for_each(|peer| peer.phase = Phase::Down);
        self.claims.clear();
        self.news.claims = true;
    }

    /// From where this node answers, from now on.
    pub(super) fn set_hardware(&mut self, mut hardware: Vec<HardwareAddress>) {
        hardware.truncate(MOST_HARDWARE);
        if self.hardware != hardware {
            self.hardware = hardware;
            self.hasten();
        }
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = (&NodeName, &Peer)> {
        self.peers.iter()
    }

    /// Who may hold what from now on.
    pub(super) fn set_candidates(
        &mut self,
        now: Instant,
        candidates: BTreeMap<IpAddr, Contenders>,
    ) {
        let before = core::mem::replace(&mut self.candidates, candidates);
        for at in self.table.addresses() {
            if !self.candidates.contains_key(&at) {
                self.change(at, None);
            }
        }
        let me = self.config.me.clone();
        self.rests.retain(|at, _| self.candidates.contains_key(at));
        let stands = |at: IpAddr, contenders: &Contenders| {
            contenders.nodes.contains_key(&me) && !self.is_resting(at)
        };
        let stands: Vec<(IpAddr, bool)> =
            self.candidates.iter().map(|(at, c)| (*at, stands(*at, c))).collect();
        for (at, stands) in stands {
            let held = self.table.holding(at).cloned();
            if held.is_some() && before.get(&at) != self.candidates.get(&at) {
                self.reconsider.insert(at);
            }
            if let Some(memory) = self.memory.get_mut(&at).filter(|_| stands) {
                memory.unfit_since = None;
            }
            let entry = (stands || held.is_some()).then_some(Entry { stands, held });
            self.change(at, entry);
        }
        self.memory.retain(|at, _| self.candidates.contains_key(at));
        let heard: Vec<(IpAddr, Holding)> = self
            .peers
            .values()
            .flat_map(|peer| peer.table.held())
            .map(|(at, holding)| (at, holding.clone()))
            .collect();
        heard.iter().for_each(|(at, holding)| self.remember(*at, holding));
        self.decide(now);
    }

    /// Hands over all that it can, and takes nothing more.
    pub(super) fn drain(&mut self, now: Instant) {
        self.draining = true;
        self.hasten();
        self.decide(now);
    }

    /// Due timers. Who slept past its tokens holds nothing.
    pub(super) fn on_time(&mut self, now: Instant) {
        if !self.up {
            return;
        }
        self.fence_if_late(now);
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Fence => {}
                Timer::Peer(name) => self.on_silence(now, &name),
                Timer::Hold => {
                    self.starting = false;
                    self.hasten();
                    self.dirty = true;
                }
                Timer::Beacon => self.on_beacon_timer(now),
                Timer::Prove => self.on_prove(now),
                Timer::Decide => self.dirty = true,
            }
        }
        self.settle(now);
    }

    /// Decides again if there is a reason.
    pub(super) fn settle(&mut self, now: Instant) {
        if !core::mem::take(&mut self.dirty) || !self.up {
            return;
        }
        if now < self.rest_until {
            self.yield_only(now);
            self.wake(self.rest_until);
        } else {
            self.decide(now);
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up
    }

    pub(super) fn is_active(&self) -> bool {
        self.up && !self.starting && !self.draining && !self.surplus
    }

    pub(super) fn holding(&self, at: IpAddr) -> Option<Epoch> {
        self.table.holding(at).map(|holding| holding.epoch)
    }

    pub(super) fn holds_any(&self) -> bool {
        self.table.holds_any()
    }

    pub(super) fn not_after(&self) -> Instant {
        self.not_after
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }

    /// How much is remembered of others.
    pub(super) fn footprint(&self) -> usize {
        self.peers.len() + self.peers.values().map(|peer| peer.table.len()).sum::<usize>()
    }

    /// A gap in the clock, or a transport that took no beacon for a token's life.
    fn fence_if_late(&mut self, now: Instant) {
        if self.up && now >= self.not_after {
            self.counters.fences += 1;
            self.give_up_all();
            self.listen(now);
        }
    }

    /// Hear everybody, then claim. Who was there before is given time to be heard again.
    fn listen(&mut self, now: Instant) {
        let settings = &self.config.settings;
        self.starting = true;
        self.cold_until = now + settings.hold * 2;
        self.not_after = now + settings.token_life;
        self.not_after_before = self.not_after;
        self.timers.clear();
        self.timers.set(Timer::Fence, self.not_after);
        self.timers.set(Timer::Hold, now + settings.hold);
        self.timers.set(Timer::Beacon, now);
        for (name, peer) in self.peers.iter_mut().filter(|(_, peer)| peer.is_there()) {
            peer.phase = Phase::Up;
            peer.deaf_since = peer.deaf_since.map(|_| now);
            let silence = self.config.suspect_after(peer.interval);
            self.timers.set(Timer::Peer(name.clone()), now + silence);
        }
        self.outbox.asks.clear();
        self.outbox.probes.clear();
        self.outbox.proofs.clear();
        self.proofs.clear();
        self.hasten();
        self.dirty = true;
    }

    fn give_up_all(&mut self) {
        let held: Vec<IpAddr> = self.table.held().map(|(at, _)| at).collect();
        held.into_iter().for_each(|at| self.give_up(at));
        self.contested.clear();
        self.reconsider.clear();
        self.orphans.clear();
    }

    fn give_up(&mut self, at: IpAddr) {
        let stands = self.table.stands(at);
        self.change(at, stands.then_some(Entry { stands, held: None }));
    }

    /// The only place where this node's own table changes.
    fn change(&mut self, at: IpAddr, entry: Option<Entry>) {
        let before = self.holding(at);
        if !self.table.set(at, entry) {
            return;
        }
        self.outbox.changes.insert(at, TOLD);
        self.hasten();
        if self.holding(at) != before {
            self.news.changed.insert(at);
            self.news.renewed = true;
            self.contested.remove(&at);
            self.handing.remove(&at);
            self.dirty = true;
        }
        if self.holding(at).is_none() {
            self.reconsider.remove(&at);
        }
    }

    fn remember(&mut self, at: IpAddr, holding: &Holding) {
        if !self.candidates.contains_key(&at) {
            return;
        }
        let memory = self.memory.entry(at).or_default();
        if holding.epoch >= memory.epoch {
            memory.epoch = holding.epoch;
            memory.moves = holding.moves.clone();
        }
    }

    /// Decides again at `at`, if not sooner.
    fn wake(&mut self, at: Instant) {
        if self.timers.deadline(&Timer::Decide).is_none_or(|set| at < set) {
            self.timers.set(Timer::Decide, at);
        }
    }

    /// A beacon out of turn, but not without end.
    fn hasten(&mut self) {
        if self.outbox.hasty < MOST_HASTY {
            self.outbox.beacon = true;
        }
    }
}

/// A changed entry is told in so many beacons.
const TOLD: u8 = 3;
/// So many beacons are sent out of turn between two that are in turn.
const MOST_HASTY: u32 = 32;
