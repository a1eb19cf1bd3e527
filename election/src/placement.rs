//! Which node for which address, as pure functions of what all nodes of one segment know.
//!
//! - [`place`] finds holders for what nobody holds. What has a living holder stays where it is.
//! - [`relief`] and [`preferred`] name voluntary moves; [`Moves`] and [`Budget`] say whether one may
//!   be made now.
//!
//! Load is counted in groups, since addresses of one group go together, and is divided by the
//! [`Weight`] of the node. All of this is per segment: only there do all nodes know the same.

mod limits;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{net::IpAddr, num::NonZeroU16};

pub use self::limits::{Budget, MOST_MOVES, MOVES_WINDOW, Moves};
use crate::{NodeName, rendezvous};

/// How much a node takes, beside the others.
pub type Weight = NonZeroU16;

/// The nodes that may be given something, with their weights.
pub type Nodes = BTreeMap<NodeName, Weight>;

/// Who an address falls to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// The least loaded of those that are preferred. What has a holder stays.
    #[default]
    Spread,
    /// The first in the order of MetalLB's hashes, preferences first: see [`rendezvous`]. For those
    /// who come from there and want each address to stay where it is.
    ///
    /// Loads are two or three times uneven where addresses are few. An address goes back as soon as a
    /// node that is before its holder returns, by a hand-over without a gap; dwell and budget do not
    /// count, but more than [`MOST_MOVES`] are not made. It cannot stand beside a MetalLB that still
    /// runs with its memberlist: each side sees only its own members, and both would announce. Switch
    /// that off first.
    Hash,
}

/// One address that wants a holder, or has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Demand<'a> {
    /// The address.
    pub address: IpAddr,
    /// The address to place it by. Addresses of one group go to one node where one may hold them all.
    pub group: IpAddr,
    /// Who may hold it, with their scores: a higher one is preferred. Who is not among the [`Nodes`]
    /// is passed over.
    pub eligible: Vec<(&'a NodeName, u32)>,
    /// The living node that holds it.
    pub holder: Option<&'a NodeName>,
}

impl<'a> Demand<'a> {
    /// The nodes with the highest score among those that are there.
    fn best(&self, nodes: &Nodes) -> Vec<&'a NodeName> {
        best(self.eligible.iter().copied().filter(|(node, _)| nodes.contains_key(*node)))
    }

    /// The first of those that may hold it, preferences and then hashes.
    pub(crate) fn first(&self) -> Option<&'a NodeName> {
        rendezvous::first(self.eligible.iter().copied(), self.group)
    }

    fn score(&self, node: &NodeName) -> Option<u32> {
        self.eligible.iter().find(|(name, _)| *name == node).map(|&(_, score)| score)
    }
}

/// A voluntary move of all that `from` holds of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// The address that the group is placed by.
    pub group: IpAddr,
    /// Who holds it now.
    pub from: NodeName,
    /// Who should.
    pub to: NodeName,
}

/// A holder for each address that has none; an address that nobody may hold is left out.
///
/// Among the nodes with the highest score the least loaded one takes it, the first in rendezvous
/// order among equals. Where nobody holds anything yet, it is the first in rendezvous order that
/// has room: no node takes more than its share, rounded up. Orphans join the rest of their group
/// where its holder may hold them.
#[must_use]
pub fn place(nodes: &Nodes, demands: &[Demand<'_>]) -> BTreeMap<IpAddr, NodeName> {
    let mut load = Load::of(nodes, demands);
    let cold = demands.iter().all(|demand| demand.holder.is_none());
    let share = cold.then(|| Share::new(nodes, demands));

    let mut orphans: BTreeMap<IpAddr, Vec<&Demand<'_>>> = BTreeMap::new();
    for demand in demands.iter().filter(|demand| demand.holder.is_none()) {
        orphans.entry(demand.group).or_default().push(demand);
    }
    let mut placed = BTreeMap::new();
    for (group, orphans) in orphans {
        let mates: BTreeSet<&NodeName> = demands
            .iter()
            .filter(|demand| demand.group == group)
            .filter_map(|demand| demand.holder)
            .filter(|holder| nodes.contains_key(*holder))
            .collect();
        let joined =
            mates.into_iter().find(|&mate| orphans.iter().all(|o| o.score(mate).is_some()));
        if let Some(mate) = joined {
            placed.extend(orphans.iter().map(|orphan| (orphan.address, mate.clone())));
            continue;
        }
        let together = shared(nodes, &orphans);
        if let Some(node) = load.pick(group, &together, share.as_ref()) {
            load.add(node, group);
            placed.extend(orphans.iter().map(|orphan| (orphan.address, node.clone())));
            continue;
        }
        for orphan in orphans {
            if let Some(node) = load.pick(group, &orphan.best(nodes), share.as_ref()) {
                load.add(node, group);
                placed.insert(orphan.address, node.clone());
            }
        }
    }
    placed
}

/// As [`place`], by [`Rule::Hash`]: each address that has no holder goes to the first of its nodes in
/// [rendezvous] order, whatever else that one holds.
#[must_use]
pub fn place_by_hash(demands: &[Demand<'_>]) -> BTreeMap<IpAddr, NodeName> {
    let orphans = demands.iter().filter(|demand| demand.holder.is_none());
    let placed = orphans.filter_map(|demand| Some((demand.address, demand.first()?.clone())));
    placed.collect()
}

/// The next move that makes the spread more even; `None` if none does, or if only scores could be
/// worsened by it. The most loaded node that can give something away gives one group to the least
/// loaded that may have it. Every node computes the same, so that only one moves at a time.
#[must_use]
pub fn relief(nodes: &Nodes, demands: &[Demand<'_>]) -> Option<Move> {
    let load = Load::of(nodes, demands);
    let mut givers: Vec<&NodeName> = nodes.keys().collect();
    givers.sort_by(|a, b| load.compare(b, 0, a, 0).then(a.cmp(b)));
    for giver in givers {
        let mut held: BTreeMap<IpAddr, Vec<&Demand<'_>>> = BTreeMap::new();
        for demand in demands.iter().filter(|demand| demand.holder == Some(giver)) {
            held.entry(demand.group).or_default().push(demand);
        }
        let lighter = |to: &&NodeName| load.compare(to, 1, giver, 0).is_lt();
        let takers = held.into_iter().filter_map(|(group, held)| {
            let together: Vec<&NodeName> = shared(nodes, &held)
                .into_iter()
                .filter(|to| held.iter().all(|demand| demand.score(to) >= demand.score(giver)))
                .filter(lighter)
                .collect();
            load.pick(group, &together, None).map(|to| (group, to))
        });
        let lightest =
            takers.min_by(|(a, to_a), (b, to_b)| load.compare(to_a, 1, to_b, 1).then(a.cmp(b)));
        if let Some((group, to)) = lightest {
            return Some(Move { group, from: giver.clone(), to: to.clone() });
        }
    }
    None
}

/// Where what a node holds of a group should go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// The address that the group is placed by.
    pub group: IpAddr,
    /// The addresses of the group that the node holds.
    pub held: Vec<IpAddr>,
    /// Who should have them, if that is another node.
    pub to: Option<NodeName>,
}

/// Where the addresses of each of the `groups` that `from` holds should go: to the least loaded of those
/// with the highest score. A `from` that may not hold them, or is not among the nodes, is left by all
/// means; one that may keeps them against equal scores.
#[must_use]
pub fn preferred(
    nodes: &Nodes,
    demands: &[Demand<'_>],
    groups: &BTreeSet<IpAddr>,
    from: &NodeName,
) -> Vec<Preference> {
    let load = Load::of(nodes, demands);
    let mut held: BTreeMap<IpAddr, Vec<&Demand<'_>>> = BTreeMap::new();
    for demand in demands.iter().filter(|demand| demand.holder == Some(from)) {
        held.entry(demand.group).or_default().push(demand);
    }
    let prefer = |&group: &IpAddr| {
        let held = held.remove(&group).unwrap_or_default();
        let best = shared(nodes, &held);
        let stays = best.contains(&from);
        let to = if stays { None } else { load.pick(group, &best, None).cloned() };
        Preference { group, held: held.iter().map(|demand| demand.address).collect(), to }
    };
    groups.iter().map(prefer).collect()
}

/// The nodes with the highest score of those that may hold all of these.
fn shared<'a>(nodes: &Nodes, demands: &[&Demand<'a>]) -> Vec<&'a NodeName> {
    let Some((first, rest)) = demands.split_first() else { return Vec::new() };
    let present = first.eligible.iter().filter(|(node, _)| nodes.contains_key(*node));
    best(present.filter_map(|&(node, score)| {
        let mut scores = rest.iter().map(|demand| demand.score(node));
        scores.try_fold(score, |least, score| Some(least.min(score?))).map(|score| (node, score))
    }))
}

fn best<'a>(scored: impl Iterator<Item = (&'a NodeName, u32)>) -> Vec<&'a NodeName> {
    let (mut highest, mut best) = (0, Vec::new());
    for (node, score) in scored {
        if score > highest {
            highest = score;
            best.clear();
        }
        if score == highest {
            best.push(node);
        }
    }
    best
}

/// How many groups each node holds.
struct Load<'a> {
    nodes: &'a Nodes,
    groups: BTreeMap<NodeName, BTreeSet<IpAddr>>,
}

impl<'a> Load<'a> {
    fn of(nodes: &'a Nodes, demands: &[Demand<'_>]) -> Self {
        let mut load = Self { nodes, groups: BTreeMap::new() };
        for demand in demands {
            if let Some(holder) = demand.holder {
                load.add(holder, demand.group);
            }
        }
        load
    }

    fn add(&mut self, node: &NodeName, group: IpAddr) {
        self.groups.entry(node.clone()).or_default().insert(group);
    }

    fn count(&self, node: &NodeName) -> u64 {
        self.groups.get(node).map_or(0, |groups| groups.len() as u64)
    }

    fn weight(&self, node: &NodeName) -> u64 {
        self.nodes.get(node).map_or(1, |weight| u64::from(weight.get()))
    }

    /// How `a` with `more_a` groups more compares with `b` with `more_b`, by weight.
    fn compare(&self, a: &NodeName, more_a: u64, b: &NodeName, more_b: u64) -> core::cmp::Ordering {
        let (a, weight_a) = (self.count(a) + more_a, self.weight(a));
        let (b, weight_b) = (self.count(b) + more_b, self.weight(b));
        (a * weight_b).cmp(&(b * weight_a))
    }

    /// Who of `nodes` takes the group.
    fn pick<'n>(
        &self,
        group: IpAddr,
        nodes: &[&'n NodeName],
        share: Option<&Share>,
    ) -> Option<&'n NodeName> {
        if let Some(share) = share {
            let order = rendezvous::order(nodes.iter().map(|&node| (node, 0)), group);
            let room = |node: &&&NodeName| self.count(node) < share.of(self.weight(node));
            if let Some(node) = order.iter().find(room) {
                return Some(node);
            }
        }
        let least = nodes.iter().copied().min_by(|a, b| self.compare(a, 1, b, 1))?;
        let equal = nodes.iter().copied().filter(|a| self.compare(a, 1, least, 1).is_eq());
        rendezvous::first(equal.map(|node| (node, 0)), group)
    }
}

/// What a node may take at a cold start: its part of all groups by weight, rounded up.
struct Share {
    groups: u64,
    weights: u64,
}

impl Share {
    fn new(nodes: &Nodes, demands: &[Demand<'_>]) -> Self {
        let groups: BTreeSet<IpAddr> = demands.iter().map(|demand| demand.group).collect();
        let weights = nodes.values().map(|weight| u64::from(weight.get())).sum();
        Self { groups: groups.len() as u64, weights }
    }

    fn of(&self, weight: u64) -> u64 {
        (self.groups * weight).div_ceil(self.weights.max(1))
    }
}

#[cfg(test)]
mod tests;
