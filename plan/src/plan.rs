use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use ipnet::IpNet;
use vipcast_ipam::Owner;

use crate::{
    Delivery, Intent, LinkName, NodeName, Observed, Reason, Segment, Unit,
    candidates::{Sharer, admit, covering},
    intent::{L2Advertisement, Service},
};

/// Who holds a unit, as election knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The node.
    pub node: NodeName,
    /// Its tenure's number, where that is known; higher is later.
    pub epoch: Option<u64>,
}

/// What one node does, and why it does not do the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Every unit that this node could announce, whether it holds it or not: the static table of
    /// whoever answers on the wire. Tokens alone switch its entries on and off.
    pub table: BTreeMap<Unit, Announcement>,
    /// The units of the table that this node holds.
    pub held: BTreeSet<Unit>,
    /// What this node does not announce. In the order of services, addresses and segments.
    pub withheld: Vec<Withheld>,
}

/// How one unit is announced.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Announcement {
    /// On these links.
    pub links: BTreeSet<LinkName>,
    /// For these services.
    pub services: BTreeSet<Owner>,
}

/// Something that is not announced here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Withheld {
    /// The service.
    pub service: Owner,
    /// The address; `None` where the service has none.
    pub address: Option<IpAddr>,
    /// The segment; `None` where the reason holds on all of them.
    pub segment: Option<Segment>,
    /// Why.
    pub reason: Reason,
}

/// What `me` announces of `intent`, given what it observes of itself and who holds what.
///
/// The gates, in order: the service has an address; an advertisement covers it; sharing allows it;
/// an endpoint is usable; the node is admitted; a link fits, is up and can be used; delivery works; the claim is
/// ours.
#[must_use]
pub fn plan(
    intent: &Intent,
    observed: &Observed,
    me: &NodeName,
    claims: &BTreeMap<Unit, Holder>,
) -> Plan {
    let mut plan = Plan::default();
    for (owner, service) in &intent.services {
        let Some(assignment) = &service.assignment else {
            plan.withhold(owner, None, None, Reason::NoAddress);
            continue;
        };
        for (address, pool) in &assignment.addresses {
            match gates(intent, observed, me, service, *address, pool) {
                Ok(by_segment) => {
                    for (segment, links) in by_segment {
                        plan.enter(owner, Unit { address: *address, segment }, links);
                    }
                }
                Err(reason) => plan.withhold(owner, Some(*address), None, reason),
            }
        }
    }
    plan.weigh_claims(me, claims);
    plan
}

/// The links to announce on, by segment; or the first gate that is shut.
fn gates(
    intent: &Intent,
    observed: &Observed,
    me: &NodeName,
    service: &Service,
    address: IpAddr,
    pool: &str,
) -> Result<BTreeMap<Segment, BTreeSet<LinkName>>, Reason> {
    let sharer = Sharer { service, advertisements: covering(intent, service, pool)? };
    let node = intent.node(me);
    admit(&sharer, me, &node)?;
    let admitting = sharer.advertisements.iter().filter(|advert| advert.admits_node(&node));
    let links = links(observed, admitting, address)?;
    if let Some(Delivery::Failed(why)) = observed.delivery.get(&address) {
        return Err(Reason::DeliveryFailed { why: why.clone() });
    }
    Ok(links)
}

/// The links that the advertisements name, and without a name those in a network of the address.
fn links<'a>(
    observed: &Observed,
    advertisements: impl Iterator<Item = &'a &'a L2Advertisement>,
    address: IpAddr,
) -> Result<BTreeMap<Segment, BTreeSet<LinkName>>, Reason> {
    let mut named: BTreeSet<&LinkName> = BTreeSet::new();
    let mut unreached: BTreeSet<IpAddr> = BTreeSet::new();
    let mut unnamed = false;
    for advert in advertisements {
        named.extend(&advert.links);
        for destination in &advert.reaching {
            match observed.reach.get(destination) {
                Some(link) => _ = named.insert(link),
                None => _ = unreached.insert(*destination),
            }
        }
        unnamed |= advert.links.is_empty() && advert.reaching.is_empty();
    }
    let fits = |name: &LinkName, networks: &[IpNet]| {
        named.contains(name) || unnamed && networks.iter().any(|net| net.contains(&address))
    };
    let fitting: Vec<_> =
        observed.links.iter().filter(|(name, link)| fits(name, &link.networks)).collect();
    if fitting.is_empty() {
        let mut others = observed.unusable.iter();
        if let Some((name, link)) = others.find(|(name, link)| fits(name, &link.networks)) {
            return Err(Reason::LinkUnusable { link: name.clone(), refusal: link.refusal.clone() });
        }
        return Err(if unnamed {
            Reason::NoLinkForAddress { address }
        } else if let (true, Some(&destination)) = (named.is_empty(), unreached.first()) {
            Reason::NoLinkReaches { destination }
        } else {
            Reason::LinkMissing { named: named.into_iter().cloned().collect() }
        });
    }
    let mut by_segment: BTreeMap<Segment, BTreeSet<LinkName>> = BTreeMap::new();
    for (name, link) in &fitting {
        if link.up && link.broken.is_none() {
            by_segment.entry(link.segment.clone()).or_default().insert((*name).clone());
        }
    }
    if by_segment.is_empty() {
        let broken = fitting.iter().filter(|(_, link)| link.up);
        let broken = broken.filter_map(|(name, link)| Some((*name, link.broken.as_ref()?))).next();
        if let Some((name, why)) = broken {
            return Err(Reason::LinkBroken { link: name.clone(), why: why.clone() });
        }
        let links = fitting.into_iter().map(|(name, _)| name.clone()).collect();
        return Err(Reason::LinkDown { links });
    }
    Ok(by_segment)
}

impl Plan {
    fn enter(&mut self, owner: &Owner, unit: Unit, links: BTreeSet<LinkName>) {
        let entry = self.table.entry(unit).or_default();
        entry.links.extend(links);
        entry.services.insert(owner.clone());
    }

    fn withhold(
        &mut self,
        owner: &Owner,
        address: Option<IpAddr>,
        segment: Option<Segment>,
        reason: Reason,
    ) {
        self.withheld.push(Withheld { service: owner.clone(), address, segment, reason });
    }

    fn weigh_claims(&mut self, me: &NodeName, claims: &BTreeMap<Unit, Holder>) {
        for (unit, announcement) in &self.table {
            let reason = match claims.get(unit) {
                Some(holder) if holder.node == *me => {
                    self.held.insert(unit.clone());
                    continue;
                }
                Some(holder) => Reason::HeldBy { node: holder.node.clone() },
                None => Reason::NoHolder,
            };
            self.withheld.extend(announcement.services.iter().map(|service| Withheld {
                service: service.clone(),
                address: Some(unit.address),
                segment: Some(unit.segment.clone()),
                reason: reason.clone(),
            }));
        }
        self.withheld.sort();
    }
}
