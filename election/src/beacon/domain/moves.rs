//! Handing over what is held: when leaving, when no longer fit, and for a better spread.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::Domain;
use crate::{
    NodeName,
    beacon::{table::Holding, wire::LifeId},
    placement::{self, Demand, Preference, Rule},
};

impl Domain {
    pub(super) fn plan_moves(&mut self, now: Instant) {
        self.end_vain_hand_overs(now);
        self.leave(now);
        match self.config.settings.placement {
            _ if self.draining => {}
            Rule::Hash => self.follow_hashes(now),
            Rule::Spread => {
                self.reconsider(now);
                self.rebalance(now);
            }
        }
        if let Some(since) = self.handing.values().min().copied() {
            self.wake(since + self.config.settings.interval * VAIN_AFTER);
        }
    }

    /// A successor that is gone, or does not claim, is asked no more.
    fn end_vain_hand_overs(&mut self, now: Instant) {
        if self.handing.is_empty() {
            return;
        }
        let nodes = self.nodes();
        let fit: BTreeSet<LifeId> = nodes.keys().filter_map(|name| self.life_of(name)).collect();
        let limit = self.config.settings.interval * VAIN_AFTER;
        let handing: Vec<(IpAddr, Instant)> =
            self.handing.iter().map(|(at, since)| (*at, *since)).collect();
        for (at, since) in handing {
            let successor = self.table.holding(at).and_then(|holding| holding.successor);
            if now >= since + limit || successor.is_none_or(|life| !fit.contains(&life)) {
                self.name_successor(now, at, None);
            }
        }
    }

    /// Names a successor for all that this node should hold no more.
    fn leave(&mut self, now: Instant) {
        let leaving: BTreeSet<IpAddr> = self
            .table
            .held()
            .filter(|(at, holding)| {
                let unfit = !self.table.stands(*at);
                holding.successor.is_none() && (self.draining || unfit)
            })
            .map(|(at, _)| at)
            .collect();
        if leaving.is_empty() {
            return;
        }
        let mut nodes = self.nodes();
        nodes.remove(&self.config.me);
        let mut holders = self.holders();
        // What is on its way already is another's load.
        let promised: Vec<(IpAddr, NodeName)> = self
            .table
            .held()
            .filter_map(|(at, holding)| Some((at, self.name_of(holding.successor?)?.clone())))
            .collect();
        holders.extend(promised);
        holders.retain(|at, _| !leaving.contains(at));
        let placed = self.place(&nodes, &self.demands(&nodes, &holders));
        for at in leaving {
            let successor = placed.get(&at).and_then(|name| self.life_of(name));
            if let Some(memory) = self.memory.get_mut(&at).filter(|_| successor.is_some()) {
                memory.unfit_since = None;
            }
            match successor {
                Some(life) if self.draining || self.may_move(now, at) => {
                    self.name_successor(now, at, Some(life));
                }
                Some(_) => self.wake(now + RETRY),
                // Nobody may: a node that leaves serves on while it can, one that may not does not.
                None if self.draining => self.wake(now + self.config.settings.interval),
                None => self.give_up_late(now, at),
            }
        }
    }

    /// Nobody may hold it. The others may only not have been told yet, so they are given some time.
    fn give_up_late(&mut self, now: Instant, at: IpAddr) {
        let limit = self.config.settings.hold;
        let memory = self.memory.entry(at).or_default();
        let due = *memory.unfit_since.get_or_insert(now) + limit;
        if now < due {
            self.wake(due);
        } else {
            memory.unfit_since = None;
            self.give_up(at);
        }
    }

    /// Moves what has a better place since its contenders changed.
    fn reconsider(&mut self, now: Instant) {
        if self.reconsider.is_empty() {
            return;
        }
        let (nodes, holders) = (self.nodes(), self.holders());
        let groups: BTreeSet<IpAddr> = self
            .reconsider
            .iter()
            .filter_map(|at| self.candidates.get(at))
            .map(|contenders| contenders.group)
            .collect();
        let demands = self.demands(&nodes, &holders);
        for Preference { held, to, .. } in
            placement::preferred(&nodes, &demands, &groups, &self.config.me)
        {
            match to {
                None => held.iter().for_each(|at| _ = self.reconsider.remove(at)),
                Some(to) => self.hand_over(now, &held, &to),
            }
        }
    }

    /// What another comes first for goes to it.
    fn follow_hashes(&mut self, now: Instant) {
        let (nodes, holders) = (self.nodes(), self.holders());
        let demands = self.demands(&nodes, &holders);
        let mine = demands.iter().filter(|demand| demand.holder == Some(&self.config.me));
        let others = mine.filter(|demand| !self.handing.contains_key(&demand.address));
        let better = others.filter_map(|demand| {
            let first = demand.first().filter(|first| **first != self.config.me)?;
            Some((demand.address, self.life_of(first)?))
        });
        let better: Vec<(IpAddr, LifeId)> = better.collect();
        for (at, life) in better {
            if self.may_move(now, at) {
                self.name_successor(now, at, Some(life));
            } else {
                self.wake(now + RETRY);
            }
        }
    }

    fn rebalance(&mut self, now: Instant) {
        if !self.config.settings.rebalance || !self.handing.is_empty() {
            return;
        }
        self.wake(now + RETRY);
        let (nodes, holders) = (self.nodes(), self.holders());
        let demands = self.demands(&nodes, &holders);
        let next = placement::relief(&nodes, &demands);
        let Some(next) = next.filter(|next| next.from == self.config.me) else { return };
        let members = self.mine(&demands, next.group);
        self.hand_over(now, &members, &next.to);
    }

    /// Begins a voluntary move, if it may begin now.
    fn hand_over(&mut self, now: Instant, members: &[IpAddr], to: &NodeName) {
        let dwell = self.config.settings.dwell;
        let rested = |at: &IpAddr| self.memory.get(at).is_none_or(|m| now >= m.since + dwell);
        let busy = members.iter().any(|at| self.handing.contains_key(at));
        let free = members.iter().all(|at| rested(at) && self.may_move(now, *at));
        let Some(life) = self.life_of(to) else { return };
        if busy || !free || !self.budget.allows(now) {
            self.wake(now + RETRY);
            return;
        }
        self.budget.spend(now);
        for at in members {
            self.name_successor(now, *at, Some(life));
        }
    }

    pub(super) fn may_move(&self, now: Instant, at: IpAddr) -> bool {
        self.memory.get(&at).is_none_or(|memory| memory.moves.allows(now))
    }

    fn name_successor(&mut self, now: Instant, at: IpAddr, successor: Option<LifeId>) {
        let Some(holding) = self.table.holding(at).cloned() else { return };
        self.hold(at, Holding { successor, ..holding });
        match successor {
            Some(_) => _ = self.handing.insert(at, now),
            None => _ = self.handing.remove(&at),
        }
    }

    fn mine(&self, demands: &[Demand<'_>], group: IpAddr) -> Vec<IpAddr> {
        let of_group = demands.iter().filter(|demand| demand.group == group);
        let mine = of_group.filter(|demand| demand.holder == Some(&self.config.me));
        mine.map(|demand| demand.address).collect()
    }

    fn life_of(&self, name: &NodeName) -> Option<LifeId> {
        self.peers.get(name).map(|peer| peer.life)
    }

    fn name_of(&self, life: LifeId) -> Option<&NodeName> {
        let lives: BTreeMap<LifeId, &NodeName> =
            self.peers.iter().map(|(name, peer)| (peer.life, name)).collect();
        lives.get(&life).copied()
    }
}

/// A successor that has not claimed after so many intervals will not.
const VAIN_AFTER: u32 = 5;
/// When a move that may not begin yet is looked at again.
pub(super) const RETRY: core::time::Duration = core::time::Duration::from_secs(1);
