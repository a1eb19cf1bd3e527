use std::{
    collections::BTreeSet,
    fmt,
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use vipcast_arp_ndp::MacAddr;
use vipcast_election as election;
use vipcast_plan::{Announcement, LinkName, Segment, Unit, Withheld};

use crate::layer2::Alarm;

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
