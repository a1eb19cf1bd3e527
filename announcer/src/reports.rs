mod event;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use vipcast_election as election;
use vipcast_plan::{Announcement, Delivery, Holder, LinkName, Unit, Withheld};

use crate::layer2::{ConflictSeen, Heard, LinkState, NodeSeen, Raised};

pub use event::Event;

/// What a node does and sees, as of one moment. Never partly old: it is replaced as a whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What the node answers for.
    pub announcing: BTreeMap<Unit, Announcement>,
    /// Who holds what, as far as the node knows.
    pub holders: BTreeMap<Unit, Holder>,
    /// What the node does not announce, and why not.
    pub withheld: BTreeSet<Withheld>,
    /// The addresses that the node delivers itself, and whether that works.
    pub delivery: BTreeMap<IpAddr, Delivery>,
    /// Delivery as a whole does not work, and why.
    pub delivery_broken: Option<String>,
    /// The guard that keeps the kernel silent does not work, and why.
    pub guard_broken: Option<String>,
    /// Addresses that somebody has put on a link of this machine, whose kernel answers for them on
    /// other links too: nothing keeps it silent.
    pub unguarded: BTreeMap<IpAddr, LinkName>,
    /// The links that can carry announcements.
    pub links: BTreeMap<LinkName, LinkState>,
    /// Links that cannot be used although they should, and why.
    pub broken_links: BTreeMap<LinkName, String>,
    /// Multicast groups that could not be joined, and why.
    pub missing_groups: BTreeMap<(LinkName, Ipv6Addr), String>,
    /// Other hosts that were seen with an address of ours.
    pub conflicts: BTreeMap<(IpAddr, LinkName), ConflictSeen>,
    /// Whether neighbours that were asked from an address of ours have answered it: the address, the
    /// link, the neighbour.
    pub heard: BTreeMap<(IpAddr, LinkName, IpAddr), Heard>,
    /// Who holds what since when, on this machine's clock, and in which tenure.
    pub claims: Arc<election::Claims>,
    /// The leases under which this node holds what it holds.
    pub leases: Arc<BTreeMap<election::Unit, election::LeaseId>>,
    /// Whether this node takes part, where groups of addresses are held by the records of a store.
    pub standing: Option<election::groups::Standing>,
    /// The other nodes that were heard on each segment, where beacons are.
    pub nodes: BTreeMap<(election::Segment, election::NodeName), NodeSeen>,
    /// What is wrong, as long as it goes on.
    pub alarms: Raised,
    /// How often the node noticed a gap in its own clock, and held nothing for a while.
    pub gaps: u64,
}

impl Report {
    /// What happened from `before` until this report. Nothing is lost when reports in between were
    /// not seen, but what came and went again.
    #[must_use]
    pub fn events_since(&self, before: &Self) -> Vec<Event> {
        let mut events = Vec::new();
        self.link_events(before, &mut events);
        self.election_events(before, &mut events);
        self.conflicts_over(before, &mut events);
        if self.gaps > before.gaps {
            events.push(Event::Gap);
        }
        self.delivery_events(before, &mut events);
        self.guard_events(before, &mut events);
        let silent = before.announcing.keys().filter(|unit| !self.announcing.contains_key(unit));
        events.extend(silent.map(|unit| Event::Silent { unit: unit.clone() }));
        for (unit, announcement) in &self.announcing {
            if before.announcing.get(unit) != Some(announcement) {
                let (unit, announcement) = (unit.clone(), announcement.clone());
                events.push(Event::Announcing { unit, announcement });
            }
        }
        let withheld = self.withheld.difference(&before.withheld);
        events.extend(withheld.cloned().map(Event::Withheld));
        for ((address, link), seen) in &self.conflicts {
            if before.conflicts.get(&(*address, link.clone())) != Some(seen) {
                let (address, link, other) = (*address, link.clone(), seen.other);
                events.push(Event::Conflict { address, link, other });
            }
        }
        self.heard_events(before, &mut events);
        events
    }

    fn guard_events(&self, before: &Self, events: &mut Vec<Event>) {
        if let (Some(why), true) = (&self.guard_broken, self.guard_broken != before.guard_broken) {
            events.push(Event::GuardFailed { why: why.clone() });
        }
        for (address, link) in &self.unguarded {
            if before.unguarded.get(address) != Some(link) {
                events.push(Event::Unguarded { address: *address, link: link.clone() });
            }
        }
    }

    fn heard_events(&self, before: &Self, events: &mut Vec<Event>) {
        for (key, heard) in &self.heard {
            if before.heard.get(key) == Some(heard) {
                continue;
            }
            let (address, link, neighbour) = key.clone();
            let gateway = heard.gateway;
            events.push(match heard.after {
                Some(after) => Event::Acknowledged { address, link, neighbour, gateway, after },
                None => Event::GatewaySilent { address, link, gateway: neighbour },
            });
        }
    }

    fn conflicts_over(&self, before: &Self, events: &mut Vec<Event>) {
        let over = before.conflicts.keys().filter(|key| !self.conflicts.contains_key(key));
        // Where the address was let go of, that is told already.
        let ours = |address| self.announcing.keys().any(|unit| unit.address == address);
        let over = over.filter(|(address, _)| ours(*address)).cloned();
        events.extend(over.map(|(address, link)| Event::ConflictOver { address, link }));
    }

    fn link_events(&self, before: &Self, events: &mut Vec<Event>) {
        let up = |report: &Self, name| report.links.get(name).is_some_and(|link| link.up);
        for link in before.links.keys().filter(|name| up(before, name) && !up(self, name)) {
            events.push(Event::LinkDown { link: link.clone() });
        }
        for (name, link) in self.links.iter().filter(|(name, _)| up(self, name)) {
            let moved = before.links.get(name).is_none_or(|old| old.segment != link.segment);
            if moved || !up(before, name) {
                let (link, segment) = (name.clone(), link.segment.clone());
                events.push(Event::LinkUp { link, segment });
            }
        }
        for (link, why) in &self.broken_links {
            if before.broken_links.get(link) != Some(why) {
                events.push(Event::LinkBroken { link: link.clone(), why: why.clone() });
            }
        }
        for (key, why) in &self.missing_groups {
            if before.missing_groups.get(key) != Some(why) {
                let ((link, group), why) = (key.clone(), why.clone());
                events.push(Event::GroupMissing { link, group, why });
            }
        }
    }

    fn election_events(&self, before: &Self, events: &mut Vec<Event>) {
        let there = |report: &Self, key| report.nodes.get(key).is_some_and(|node| node.there);
        let keys: BTreeSet<_> = before.nodes.keys().chain(self.nodes.keys()).collect();
        for key in keys {
            let (segment, node) = key.clone();
            match (there(before, key), there(self, key)) {
                (false, true) => events.push(Event::NodeUp { segment, node }),
                (true, false) => events.push(Event::NodeDown { segment, node }),
                _ => {}
            }
        }
        for (alarm, cause) in &self.alarms {
            if !before.alarms.contains_key(alarm) {
                events.push(Event::Alarm { alarm: alarm.clone(), cause: cause.clone() });
            }
        }
        let healed = before.alarms.keys().filter(|alarm| !self.alarms.contains_key(alarm));
        events.extend(healed.cloned().map(Event::Healed));
    }

    fn delivery_events(&self, before: &Self, events: &mut Vec<Event>) {
        if let (Some(why), true) =
            (&self.delivery_broken, self.delivery_broken != before.delivery_broken)
        {
            events.push(Event::DeliveryFailed { address: None, why: why.clone() });
        }
        let ready = |report: &Self, address: &IpAddr| {
            report.delivery.get(address) == Some(&Delivery::Ready)
        };
        for address in before.delivery.keys() {
            if ready(before, address) && !ready(self, address) {
                events.push(Event::Undelivered { address: *address });
            }
        }
        for (&address, delivery) in &self.delivery {
            if before.delivery.get(&address) != Some(delivery) {
                events.push(match delivery {
                    Delivery::Ready => Event::Delivered { address },
                    Delivery::Failed(why) => {
                        Event::DeliveryFailed { address: Some(address), why: why.clone() }
                    }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
