use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_ipam::Labels;

use crate::{
    Intent, NodeName, Observed, Reason, Segment, Unit,
    intent::{L2Advertisement, Node, Service, TrafficPolicy},
};

/// Who may hold each unit.
pub type Candidates = BTreeMap<Unit, Eligible>;

/// The nodes that may hold one unit, and those that may not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Eligible {
    /// The nodes that may, with the score that preferences give them.
    pub nodes: BTreeMap<NodeName, u32>,
    /// The members that may not, and why.
    pub refused: BTreeMap<NodeName, Reason>,
    /// The address that the unit is placed by. Addresses that must stay together, because one
    /// service has both or two services share one, have the same.
    pub group: Option<IpAddr>,
}

/// Who may hold each address on each segment that this node sees.
///
/// Only what every node knows alike decides: members, node labels and conditions, advertisements,
/// endpoints. What a node sees of itself alone (a link that is down, a delivery that fails) is
/// weighed by [`plan`](crate::plan) there.
#[must_use]
pub fn candidates(intent: &Intent, observed: &Observed) -> Candidates {
    let groups = groups(intent);
    let nodes: Vec<(&NodeName, Node)> =
        observed.members.iter().map(|name| (name, intent.node(name))).collect();
    let segments: BTreeSet<&Segment> = observed.links.values().map(|link| &link.segment).collect();

    let mut result = Candidates::new();
    for (address, sharers) in sharers(intent) {
        let eligible = Eligible { group: groups.get(&address).copied(), ..judge(&sharers, &nodes) };
        for &segment in &segments {
            let unit = Unit { address, segment: segment.clone() };
            result.insert(unit, eligible.clone());
        }
    }
    result
}

/// One service on an address, with the advertisements that cover both.
pub(crate) struct Sharer<'a> {
    pub(crate) service: &'a Service,
    pub(crate) advertisements: Vec<&'a L2Advertisement>,
}

/// The services on each address that pass every gate which does not depend on the node.
fn sharers(intent: &Intent) -> BTreeMap<IpAddr, Vec<Sharer<'_>>> {
    let mut result: BTreeMap<IpAddr, Vec<Sharer<'_>>> = BTreeMap::new();
    for service in intent.services.values() {
        for (address, pool) in service.assignment.iter().flat_map(|a| &a.addresses) {
            if let Ok(advertisements) = covering(intent, service, pool) {
                let sharer = Sharer { service, advertisements };
                result.entry(*address).or_default().push(sharer);
            }
        }
    }
    result
}

/// The advertisements that cover a service's address from this pool; or why it is not announced by
/// any node.
pub(crate) fn covering<'a>(
    intent: &'a Intent,
    service: &Service,
    pool: &str,
) -> Result<Vec<&'a L2Advertisement>, Reason> {
    let no_labels = Labels::new();
    let labels = intent.pools.named(pool).map_or(&no_labels, |pool| pool.labels());
    let of_pool =
        || intent.l2_advertisements.iter().filter(|advert| advert.covers_pool(pool, labels));

    if service.request.sharing_key.is_some()
        && let Some(advert) = of_pool().find(|advert| !advert.services.is_empty())
    {
        let advertisement = advert.name.clone();
        return Err(Reason::SharedAddressWithServiceSelector { advertisement });
    }
    let covering: Vec<_> = of_pool().filter(|advert| advert.covers_service(service)).collect();
    if covering.is_empty() {
        return Err(Reason::NoAdvertisement { pool: pool.into() });
    }
    if !service.endpoints.any_usable() {
        return Err(Reason::NoEndpoint);
    }
    Ok(covering)
}

/// Whether a node may announce a service, by what every node knows alike.
pub(crate) fn admit(sharer: &Sharer<'_>, name: &NodeName, node: &Node) -> Result<(), Reason> {
    if node.excluded {
        return Err(Reason::NodeExcluded);
    }
    if node.network_unavailable {
        return Err(Reason::NodeNetworkUnavailable);
    }
    if !sharer.advertisements.iter().any(|advert| advert.admits_node(node)) {
        return Err(Reason::NodeNotSelected);
    }
    let local = sharer.service.traffic_policy == TrafficPolicy::Local;
    if local && !sharer.service.endpoints.usable_on(name) {
        return Err(Reason::NoLocalEndpoint);
    }
    Ok(())
}

/// A node may hold an address if it may announce every service on it.
fn judge(sharers: &[Sharer<'_>], nodes: &[(&NodeName, Node)]) -> Eligible {
    let mut eligible = Eligible::default();
    for (name, node) in nodes {
        let name = NodeName::clone(name);
        match sharers.iter().try_for_each(|sharer| admit(sharer, &name, node)) {
            Ok(()) => {
                eligible.nodes.insert(name, score(sharers, node));
            }
            Err(reason) => {
                eligible.refused.insert(name, reason);
            }
        }
    }
    eligible
}

/// Each advertisement counts once, however many sharers it covers.
fn score(sharers: &[Sharer<'_>], node: &Node) -> u32 {
    let adverts = sharers.iter().flat_map(|sharer| &sharer.advertisements);
    let admitting: BTreeMap<&str, u32> = adverts
        .filter(|advert| advert.admits_node(node))
        .map(|advert| (advert.name.as_str(), advert.score(node)))
        .collect();
    admitting.into_values().fold(0, u32::saturating_add)
}

/// The group of each address: the first of all those that services tie together.
fn groups(intent: &Intent) -> BTreeMap<IpAddr, IpAddr> {
    let mut group: BTreeMap<IpAddr, IpAddr> = BTreeMap::new();
    let mut members: BTreeMap<IpAddr, BTreeSet<IpAddr>> = BTreeMap::new();
    for service in intent.services.values() {
        let Some(assignment) = &service.assignment else { continue };
        let mut merged: BTreeSet<IpAddr> = BTreeSet::new();
        for (address, _) in &assignment.addresses {
            match group.get(address) {
                Some(old) => merged.append(&mut members.remove(old).unwrap_or_default()),
                None => {
                    merged.insert(*address);
                }
            }
        }
        let Some(&first) = merged.first() else { continue };
        for &address in &merged {
            group.insert(address, first);
        }
        members.insert(first, merged);
    }
    group
}
