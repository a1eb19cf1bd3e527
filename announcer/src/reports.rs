use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use vipcast_arp_ndp::MacAddr;
use vipcast_election as election;
use vipcast_plan::{Announcement, Delivery, Holder, LinkName, Segment, Unit, Withheld};

use crate::layer2::{Alarm, ConflictSeen, Heard, LinkState, NodeSeen, Raised};

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
    pub claims: election::Claims,
    /// The leases under which this node holds what it holds.
    pub leases: BTreeMap<election::Unit, election::LeaseId>,
    /// The other nodes that were heard on each segment, where beacons are.
    pub nodes: BTreeMap<(election::Segment, election::NodeName), NodeSeen>,
    /// What is wrong, as long as it goes on.
    pub alarms: Raised,
    /// How often the node noticed a gap in its own clock, and held nothing for a while.
    pub gaps: u64,
}

/// One difference between two reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The node began to answer for an address.
    Announcing {
        /// The address and its segment.
        unit: Unit,
        /// On which links, for which services.
        announcement: Announcement,
    },
    /// The node stopped answering for an address.
    Silent {
        /// The address and its segment.
        unit: Unit,
    },
    /// The node does not announce something, for a new reason.
    Withheld(Withheld),
    /// An address is delivered on this machine.
    Delivered {
        /// The address.
        address: IpAddr,
    },
    /// An address is no longer delivered on this machine.
    Undelivered {
        /// The address.
        address: IpAddr,
    },
    /// An address cannot be delivered.
    DeliveryFailed {
        /// The address; `None` for all of them.
        address: Option<IpAddr>,
        /// What is wrong.
        why: String,
    },
    /// The kernel cannot be kept silent about service addresses that are on this machine.
    GuardFailed {
        /// What is wrong.
        why: String,
    },
    /// The kernel of this machine answers ARP for a service address, whoever holds it.
    Unguarded {
        /// The address.
        address: IpAddr,
        /// The link that has it.
        link: LinkName,
    },
    /// Another host uses an address of ours.
    Conflict {
        /// The address.
        address: IpAddr,
        /// Where it was seen.
        link: LinkName,
        /// The hardware address of the other host.
        other: MacAddr,
    },
    /// A neighbour that was asked from an address of ours answered it: it sends to this node now.
    Acknowledged {
        /// The address.
        address: IpAddr,
        /// Where it was asked.
        link: LinkName,
        /// Who answered.
        neighbour: IpAddr,
        /// Whether it is a gateway, and not one who asked for the address before.
        gateway: bool,
        /// The time since it was first asked.
        after: Duration,
    },
    /// A gateway does not answer an address of ours: it may send what is for it elsewhere.
    GatewaySilent {
        /// The address.
        address: IpAddr,
        /// Where the gateway was asked.
        link: LinkName,
        /// Who is silent.
        gateway: IpAddr,
    },
    /// No other host was seen with an address of ours for a while.
    ConflictOver {
        /// The address.
        address: IpAddr,
        /// Where one was seen.
        link: LinkName,
    },
    /// Something is wrong, and a person should look at it.
    Alarm {
        /// What.
        alarm: Alarm,
        /// What is known of the cause; may be empty.
        cause: String,
    },
    /// What was wrong was not seen for a while.
    Healed(Alarm),
    /// Another node is heard on a segment.
    NodeUp {
        /// Where.
        segment: election::Segment,
        /// Who.
        node: election::NodeName,
    },
    /// Another node is heard on a segment no longer.
    NodeDown {
        /// Where.
        segment: election::Segment,
        /// Who.
        node: election::NodeName,
    },
    /// A link can carry announcements.
    LinkUp {
        /// The link.
        link: LinkName,
        /// The layer 2 domain behind it.
        segment: Segment,
    },
    /// A link can no longer carry announcements.
    LinkDown {
        /// The link.
        link: LinkName,
    },
    /// A link cannot be used although it is up.
    LinkBroken {
        /// The link.
        link: LinkName,
        /// What is wrong.
        why: String,
    },
    /// A multicast group cannot be joined: questions for the IPv6 addresses in it may not come in.
    GroupMissing {
        /// The link.
        link: LinkName,
        /// The group.
        group: Ipv6Addr,
        /// What is wrong.
        why: String,
    },
    /// The node slept longer than its tokens live. It held nothing, and claims anew.
    Gap,
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

impl Event {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Announcing { .. } => "announcing",
            Self::Silent { .. } => "silent",
            Self::Withheld(_) => "withheld",
            Self::Delivered { .. } => "delivered",
            Self::Undelivered { .. } => "undelivered",
            Self::DeliveryFailed { .. } => "deliveryFailed",
            Self::GuardFailed { .. } => "guardFailed",
            Self::Unguarded { .. } => "unguarded",
            Self::Conflict { .. } => "conflict",
            Self::ConflictOver { .. } => "conflictOver",
            Self::Acknowledged { .. } => "acknowledged",
            Self::GatewaySilent { .. } => "gatewaySilent",
            Self::Alarm { .. } => "alarm",
            Self::Healed(_) => "healed",
            Self::NodeUp { .. } => "nodeUp",
            Self::NodeDown { .. } => "nodeDown",
            Self::LinkUp { .. } => "linkUp",
            Self::LinkDown { .. } => "linkDown",
            Self::LinkBroken { .. } => "linkBroken",
            Self::GroupMissing { .. } => "groupMissing",
            Self::Gap => "gap",
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announcing { unit, announcement } => {
                let links = joined(&announcement.links);
                write!(
                    f,
                    "announcing {} on {links} for {}",
                    unit.address,
                    joined(&announcement.services)
                )
            }
            Self::Silent { unit } => write!(f, "silent about {unit}"),
            Self::Withheld(Withheld { service, address, reason, .. }) => match address {
                Some(address) => write!(f, "not announcing {address} for {service}: {reason}"),
                None => write!(f, "not announcing {service}: {reason}"),
            },
            Self::Delivered { address } => write!(f, "{address} is delivered on this machine"),
            Self::Undelivered { address } => {
                write!(f, "{address} is no longer delivered on this machine")
            }
            Self::DeliveryFailed { address: Some(address), why } => {
                write!(f, "{address} cannot be delivered: {why}")
            }
            Self::DeliveryFailed { address: None, why } => {
                write!(f, "no address can be delivered: {why}")
            }
            Self::GuardFailed { why } => {
                write!(f, "THE KERNEL CANNOT BE KEPT SILENT about service addresses: {why}")
            }
            Self::Unguarded { address, link } => write!(
                f,
                "THE KERNEL OF THIS MACHINE ALSO ANSWERS ARP FOR {address}, whoever holds it: it is on \
                 {link}. Run with --guard, or set net.ipv4.conf.all.arp_ignore=1 and arp_announce=2 \
                 (strictARP of kube-proxy)"
            ),
            Self::ConflictOver { address, link } => {
                write!(f, "no other host was seen with {address} on {link} for a while")
            }
            Self::Conflict { address, link, other } => {
                write!(f, "{other} on {link} uses {address}, which this node announces")
            }
            Self::Acknowledged { address, link, neighbour, gateway, after } => {
                let who = if *gateway { "gateway" } else { "neighbour" };
                write!(
                    f,
                    "{who} {neighbour} on {link} has learned {address}, {after:.1?} after it was asked"
                )
            }
            Self::GatewaySilent { address, link, gateway } => write!(
                f,
                "GATEWAY {gateway} on {link} DOES NOT ANSWER {address}: it may be down, or still send \
                 what is for the address to where that was before"
            ),
            Self::Alarm { alarm, cause } if cause.is_empty() => alarm.fmt(f),
            Self::Alarm { alarm, cause } => write!(f, "{alarm} ({cause})"),
            Self::Healed(alarm) => write!(f, "no longer so: {alarm}"),
            Self::NodeUp { segment, node } => write!(f, "{node} is heard on {segment}"),
            Self::NodeDown { segment, node } => write!(f, "{node} is silent on {segment}"),
            Self::LinkUp { link, segment } => write!(f, "link {link} is up, on segment {segment}"),
            Self::LinkDown { link } => write!(f, "link {link} is down or gone"),
            Self::LinkBroken { link, why } => write!(f, "link {link} cannot be used: {why}"),
            Self::GroupMissing { link, group, why } => {
                write!(f, "group {group} cannot be joined on {link}: {why}")
            }
            Self::Gap => f.write_str(
                "this node was paused for longer than its tokens live: it let go of everything, \
                 and claims anew",
            ),
        }
    }
}

fn joined<T: fmt::Display>(items: &BTreeSet<T>) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
