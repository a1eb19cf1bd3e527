//! Whose turn it is to take a free record: only a matter of time, never of right.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr};

use crate::{
    NodeName,
    placement::{Demand, Nodes, Weight, place},
    rendezvous,
};

/// Later ones in the order do not wait for longer.
pub(super) const MOST_STEPS: u32 = 8;

/// What is known of a group when it is placed.
#[derive(Debug, Default)]
pub(super) struct Stake {
    /// Who may announce addresses of it, and of how many.
    pub(super) nodes: BTreeMap<NodeName, u32>,
    /// Who holds it now.
    pub(super) holder: Option<NodeName>,
    /// Who held it last, and gave it up.
    pub(super) former: Option<NodeName>,
}

/// How many steps `me` waits with each group. `silent` are nodes that did not renew what they held. When
/// all start together they see each other take one group after the other: a placement that is `cold`
/// minds no holders, so that it stays the same meanwhile.
pub(super) fn turns(
    me: &NodeName,
    stakes: &BTreeMap<u16, Stake>,
    silent: &BTreeSet<NodeName>,
    cold: bool,
) -> BTreeMap<u16, u32> {
    let mut nodes = Nodes::new();
    for node in stakes.values().flat_map(|stake| stake.nodes.keys()) {
        if !silent.contains(node) && !nodes.contains_key(node) {
            nodes.insert(node.clone(), Weight::MIN);
        }
    }
    let fit = |stake: &&Stake, node: &NodeName| {
        !silent.contains(node) && stake.former.as_ref() != Some(node)
    };
    let demand = |(number, stake): (&u16, _)| -> Demand<'_> {
        let stake: &Stake = stake;
        let eligible = stake.nodes.iter().filter(|(node, _)| fit(&stake, node));
        let (address, holder) = (key(*number), stake.holder.as_ref().filter(|_| !cold));
        let eligible = eligible.map(|(node, score)| (node, *score)).collect();
        Demand { address, group: address, eligible, holder }
    };
    let demands: Vec<Demand<'_>> = stakes.iter().map(demand).collect();
    let placed = place(&nodes, &demands);
    let steps = stakes.iter().filter(|(_, stake)| stake.holder.is_none()).map(|(number, stake)| {
        let first = placed.get(&key(*number));
        if first == Some(me) {
            return (*number, 0);
        }
        // Those of whom little can be hoped come last.
        let scored = stake.nodes.iter().map(|(node, score)| {
            (node, if fit(&stake, node) { score.saturating_add(1) } else { 0 })
        });
        let order = rendezvous::order(scored, key(*number));
        let before = order.into_iter().take_while(|node| *node != me);
        let before = before.filter(|node| Some(*node) != first).count();
        let before = u32::try_from(before).unwrap_or(u32::MAX).saturating_add(1);
        (*number, before.min(MOST_STEPS))
    });
    steps.collect()
}

/// A group is placed by its number, as if that was an address.
fn key(number: u16) -> IpAddr {
    Ipv4Addr::from(u32::from(number)).into()
}
