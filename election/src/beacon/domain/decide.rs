//! Who holds what, given what was heard.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use vipcast_sans_io::Instant;

use super::Domain;
use crate::{
    Claim, Epoch, NodeName,
    beacon::{
        peer::{Peer, Phase},
        table::{Entry, Holding},
    },
    placement::{self, Demand, Nodes, Rule},
    rendezvous,
};

impl Domain {
    pub(super) fn decide(&mut self, now: Instant) {
        self.dirty = false;
        if !self.up {
            return;
        }
        self.surplus = self.is_surplus(now);
        self.settle_conflicts(now);
        self.find_deaf(now);
        if !self.starting {
            self.end_rests(now);
            self.yield_unserved(now);
            self.accept(now);
            self.adopt(now);
            self.plan_moves(now);
        }
        self.dirty = false;
        self.refresh_claims(now);
        self.aim(now);
        // About a microsecond a hash, and for every few entries that were looked at.
        let hashed = self.orphans.len() * (self.peers.len() + 1);
        let cost = hashed + self.candidates.len() * self.peers.len() / 16;
        self.rest_until = now + Duration::from_micros(cost as u64);
    }

    /// The part of a decision that must not wait.
    pub(super) fn yield_only(&mut self, now: Instant) {
        self.settle_conflicts(now);
        self.dirty = false;
    }

    /// Where another claims what this node holds, one stops.
    fn settle_conflicts(&mut self, now: Instant) {
        let mut contested = BTreeSet::new();
        let (mut lost, mut above) = (Vec::new(), Vec::new());
        let mut wake = None;
        for (at, mine) in self.table.held() {
            for (name, peer) in self.peers.iter().filter(|(_, peer)| peer.is_there()) {
                let Some(theirs) = peer.table.holding(at) else { continue };
                if theirs.successor == Some(self.life) && theirs.epoch < mine.epoch {
                    // It handed it over, and has not heard yet that it was taken.
                    continue;
                }
                let keeps = match peer.deaf_since {
                    None => self.outranks(at, mine.epoch, name, theirs.epoch),
                    // It does not hear us yet, or never will.
                    Some(since) => {
                        let judged = since + self.config.settings.interval * DEAF_AFTER;
                        if now < judged {
                            wake = wake.into_iter().chain([judged]).min();
                            true
                        } else {
                            // Only the other can go on; unless it is deaf to most, not to us alone.
                            let keeps = self.mutual() > self.mutual_of(peer);
                            if keeps && theirs.epoch >= mine.epoch {
                                above.push(at);
                            }
                            keeps
                        }
                    }
                };
                if keeps {
                    contested.insert(at);
                } else {
                    lost.push(at);
                }
            }
        }
        for at in lost {
            contested.remove(&at);
            if self.holding(at).is_some() {
                self.counters.yields += 1;
                self.give_up(at);
            }
        }
        // Who has won says so to all: caches may point to the other. Over one that is deaf it never ends,
        // so the last word is had each time that it claims.
        let settled: Vec<IpAddr> = self.contested.difference(&contested).copied().collect();
        for at in settled.into_iter().chain(above) {
            if let Some(holding) = self.table.holding(at).cloned() {
                let epoch = self.next_epoch(at);
                self.hold(at, Holding { epoch, ..holding });
            }
        }
        self.contested = contested;
        if let Some(at) = wake {
            self.wake(at);
        }
    }

    /// The higher epoch wins; equal ones, as rendezvous has it.
    fn outranks(&self, at: IpAddr, mine: Epoch, name: &NodeName, theirs: Epoch) -> bool {
        mine.cmp(&theirs).then_with(|| {
            let me = &self.config.me;
            let group = self.candidates.get(&at).map_or(at, |contenders| contenders.group);
            let first = rendezvous::first([(me, 0), (name, 0)], group);
            if first == Some(me) { core::cmp::Ordering::Greater } else { core::cmp::Ordering::Less }
        }) == core::cmp::Ordering::Greater
    }

    /// How many nodes this one hears and is heard by.
    fn mutual(&self) -> usize {
        self.peers.values().filter(|peer| peer.is_mutual()).count()
    }

    /// As far as it is known, how many nodes that peer hears and is heard by.
    fn mutual_of(&self, peer: &Peer) -> usize {
        let others = self.peers.values().filter(|other| other.is_there());
        let both =
            |other: &&Peer| peer.hears.contains(&other.life) && other.hears.contains(&peer.life);
        others.filter(both).count()
    }

    /// Takes over what others hand to this node.
    fn accept(&mut self, now: Instant) {
        if self.draining || self.surplus {
            return;
        }
        let offers = self.peers.values().filter(|peer| peer.is_mutual()).flat_map(|peer| {
            peer.table.held().filter(|(_, holding)| holding.successor == Some(self.life))
        });
        let offered: Vec<IpAddr> = offers.map(|(at, _)| at).collect();
        for at in offered {
            if self.table.stands(at) && self.holding(at).is_none() {
                let memory = self.memory.entry(at).or_default();
                memory.moves.add(now);
                self.counters.damped += u64::from(!memory.moves.allows(now));
                self.counters.handed_over += 1;
                self.claim(now, at);
            }
        }
    }

    /// Takes what nobody holds, if it falls to this node.
    fn adopt(&mut self, now: Instant) {
        let holders = self.holders();
        let wanted: Vec<IpAddr> =
            self.candidates.keys().filter(|at| !holders.contains_key(*at)).copied().collect();
        self.orphans.retain(|at, _| wanted.contains(at));
        if wanted.is_empty() || self.waits_for_others(now, &holders) {
            return;
        }
        let nodes = self.nodes();
        let demands = self.demands(&nodes, &holders);
        let placed = self.place(&nodes, &demands);
        let settings = &self.config.settings;
        let (mut claimed, mut wake, mut waiting) = (Vec::new(), None, Vec::new());
        for demand in demands.iter().filter(|demand| demand.holder.is_none()) {
            let at = demand.address;
            if placed.get(&at) == Some(&self.config.me) {
                claimed.push(at);
                continue;
            }
            let due = match self.orphans.get(&at) {
                Some(due) => *due,
                None => {
                    let Some(turn) = self.turn(demand) else { continue };
                    let due = now + settings.interval * 2 + settings.skew.saturating_mul(turn);
                    waiting.push((at, due));
                    due
                }
            };
            if now >= due {
                claimed.push(at);
            } else {
                wake = wake.into_iter().chain([due]).min();
            }
        }
        self.orphans.extend(waiting);
        if let Some(at) = wake {
            self.wake(at);
        }
        for at in claimed {
            self.orphans.remove(&at);
            self.counters.claims += 1;
            let from_the_living = self.memory.get(&at).and_then(|memory| memory.holder.as_ref());
            let from_the_living = from_the_living.and_then(|name| self.peers.get(name));
            if from_the_living.is_some_and(|peer| peer.is_there() && !peer.starting) {
                self.memory.entry(at).or_default().moves.add(now);
            }
            self.claim(now, at);
        }
    }

    /// A holder for each address without one.
    pub(super) fn place(
        &self,
        nodes: &Nodes,
        demands: &[Demand<'_>],
    ) -> BTreeMap<IpAddr, NodeName> {
        match self.config.settings.placement {
            Rule::Spread => placement::place(nodes, demands),
            Rule::Hash => placement::place_by_hash(demands),
        }
    }

    /// This node's place among those that may take an orphan, in rendezvous order and from 1 on. Who
    /// was chosen may see things otherwise, so the others follow after a while.
    fn turn(&self, demand: &Demand<'_>) -> Option<u32> {
        let me = &self.config.me;
        if !demand.eligible.iter().any(|(name, _)| *name == me) {
            return None;
        }
        let order = rendezvous::order(demand.eligible.iter().copied(), demand.group);
        let rank = order.iter().position(|name| *name == me)?;
        u32::try_from(rank + 1).ok()
    }

    /// At a cold start all wait for those that still listen, so that all share.
    fn waits_for_others(&mut self, now: Instant, holders: &BTreeMap<IpAddr, NodeName>) -> bool {
        let listening = self.peers.values().any(|peer| peer.is_there() && peer.starting);
        if !holders.is_empty() || !listening || now >= self.cold_until {
            return false;
        }
        self.wake(self.cold_until);
        true
    }

    fn claim(&mut self, now: Instant, at: IpAddr) {
        let epoch = self.next_epoch(at);
        let moves = self.memory.get(&at).map(|memory| memory.moves.clone()).unwrap_or_default();
        self.hold(at, Holding { epoch, successor: None, moves });
        self.memory.entry(at).or_default().since = now;
    }

    pub(super) fn hold(&mut self, at: IpAddr, holding: Holding) {
        let stands = self.table.stands(at);
        self.remember(at, &holding);
        self.change(at, Some(Entry { stands, held: Some(holding) }));
    }

    /// Above all that were heard of, and above all of former lives.
    fn next_epoch(&self, at: IpAddr) -> Epoch {
        let last = self.memory.get(&at).map_or(0, |memory| memory.epoch.0);
        Epoch(last.saturating_add(1).max(self.config.incarnation).min(HIGHEST_EPOCH))
    }

    /// The nodes that may be given something.
    pub(super) fn nodes(&self) -> Nodes {
        let fit = |peer: &Peer| peer.is_mutual() && !peer.starting && !peer.draining;
        let peers = self.peers.iter().filter(|(_, peer)| fit(peer));
        let mut nodes: Nodes = peers.map(|(name, peer)| (name.clone(), peer.weight)).collect();
        let alone = !self.peers.values().any(|peer| peer.is_there() && !peer.starting);
        let heard = alone || self.mutual() > 0;
        if heard && !self.starting && !self.draining && !self.surplus {
            nodes.insert(self.config.me.clone(), self.config.settings.weight);
        }
        nodes
    }

    /// Finds who is heard, but hears nobody, where others hear each other. It answers no client
    /// either, and cannot be told, so what it holds is taken. Of two nodes, neither can know which of
    /// them is at fault.
    fn find_deaf(&mut self, now: Instant) {
        self.deaf.clear();
        if self.mutual() == 0 {
            return;
        }
        let mut wake = None;
        for (name, peer) in &self.peers {
            if peer.phase != Phase::Up || !peer.hears.is_empty() || !peer.table.holds_any() {
                continue;
            }
            // Who has just come may not have heard anybody yet.
            let Some(since) = peer.deaf_since else { continue };
            let judged = since + peer.interval.max(self.config.settings.interval) * DEAF_AFTER;
            if peer.turned_deaf || now >= judged {
                self.deaf.insert(name.clone());
            } else {
                wake = wake.into_iter().chain([judged]).min();
            }
        }
        if let Some(at) = wake {
            self.wake(at);
        }
    }

    /// Who holds what and lives, or is heard by somebody who does. Of several the highest epoch.
    pub(super) fn holders(&self) -> BTreeMap<IpAddr, NodeName> {
        self.tenures().into_iter().map(|(at, (_, name))| (at, name.clone())).collect()
    }

    fn tenures(&self) -> BTreeMap<IpAddr, (Epoch, &NodeName)> {
        let mut tenures: BTreeMap<IpAddr, (Epoch, &NodeName)> = BTreeMap::new();
        let me = self.table.held().map(|(at, holding)| (at, holding.epoch, &self.config.me));
        let peers = self.peers.iter().filter(|(_, peer)| peer.is_there() || self.is_vouched(peer));
        let peers = peers.filter(|(name, _)| !self.deaf.contains(*name));
        let theirs = peers.flat_map(|(name, peer)| {
            peer.table.held().map(move |(at, holding)| (at, holding.epoch, name))
        });
        for (at, epoch, name) in me.chain(theirs) {
            let best = tenures.entry(at).or_insert((epoch, name));
            if *best < (epoch, name) {
                *best = (epoch, name);
            }
        }
        tenures
    }

    /// Not heard here, but by a node that is: the way from it is cut, and it lives.
    fn is_vouched(&self, silent: &Peer) -> bool {
        let mut heard = self.peers.values().filter(|peer| peer.phase == Phase::Up);
        heard.any(|peer| peer.hears.contains(&silent.life))
    }

    pub(super) fn demands<'a>(
        &'a self,
        nodes: &Nodes,
        holders: &'a BTreeMap<IpAddr, NodeName>,
    ) -> Vec<Demand<'a>> {
        let stands = |name: &NodeName, at: IpAddr| match self.peers.get(name) {
            Some(peer) => peer.table.stands(at),
            None => *name == self.config.me && !self.is_resting(at),
        };
        let demand = self.candidates.iter().map(|(&at, contenders)| {
            let named = contenders.nodes.iter().map(|(name, score)| (name, *score));
            let there = named.filter(|(name, _)| nodes.contains_key(*name) && stands(name, at));
            Demand {
                address: at,
                group: contenders.group,
                eligible: there.collect(),
                holder: holders.get(&at),
            }
        });
        demand.collect()
    }

    fn refresh_claims(&mut self, now: Instant) {
        let mut claims = BTreeMap::new();
        for (at, (epoch, holder)) in self.tenures() {
            let epoch = Some(epoch);
            let same = |old: &&Claim| old.holder == *holder && old.epoch == epoch;
            let claim = match self.claims.get(&at).filter(same) {
                Some(old) => old.clone(),
                None => Claim { holder: holder.clone(), epoch, since: now },
            };
            claims.insert(at, claim);
        }
        if self.claims == claims {
            return;
        }
        for (at, claim) in &claims {
            self.note_holder(now, *at, &claim.holder);
        }
        self.claims = claims;
        self.news.claims = true;
    }

    /// A failover is always made, but one that is one too many is told.
    fn note_holder(&mut self, now: Instant, at: IpAddr, holder: &NodeName) {
        let Some(memory) = self.memory.get_mut(&at) else { return };
        match memory.holder.replace(holder.clone()) {
            Some(before) if before != *holder => {}
            _ => return,
        }
        if *holder == self.config.me && !memory.changes.allows(now) {
            self.news.restless.insert(at);
        }
        memory.changes.add(now);
    }
}

const HIGHEST_EPOCH: u64 = (1 << 63) - 1;
/// Who has not heard us for so many intervals, while we hear it, is taken for deaf.
const DEAF_AFTER: u32 = 2;
