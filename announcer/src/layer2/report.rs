use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use vipcast_arp_ndp::MacAddr;
use vipcast_election::{
    Claims, LeaseId, NodeName, Segment, Unit,
    groups::{Blocked, Standing},
};
use vipcast_plan::{LinkName, UnusableLink};

use super::{LinkState, Raised};

/// What the layer 2 thread sees and does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer2Report {
    /// The links that can carry announcements.
    pub links: BTreeMap<LinkName, LinkState>,
    /// The other links of this machine, but `lo`.
    pub unusable: BTreeMap<LinkName, UnusableLink>,
    /// Links that cannot be used although they should, and why.
    pub broken_links: BTreeMap<LinkName, String>,
    /// Multicast groups that could not be joined, and why: questions for IPv6 addresses in them may
    /// not come in.
    pub missing_groups: BTreeMap<(LinkName, Ipv6Addr), String>,
    /// Who holds what.
    pub claims: Arc<Claims>,
    /// What this node answers for, and on which links.
    pub answering: Arc<BTreeMap<Unit, Arc<BTreeSet<LinkName>>>>,
    /// Other hosts that were seen with an address of ours.
    pub conflicts: BTreeMap<(IpAddr, LinkName), ConflictSeen>,
    /// Whether neighbours that were asked from an address of ours have answered it: the address, the
    /// link, the neighbour.
    pub heard: BTreeMap<(IpAddr, LinkName, IpAddr), Heard>,
    /// The leases under which this node holds what it holds; see
    /// [`Control::not_after`](super::Control::not_after).
    pub leases: Arc<BTreeMap<Unit, LeaseId>>,
    /// The other nodes that were heard on each segment, where beacons are.
    pub nodes: BTreeMap<(Segment, NodeName), NodeSeen>,
    /// The nodes that were heard not long ago, and this one.
    pub members: BTreeSet<NodeName>,
    /// What is wrong, as long as it goes on.
    pub alarms: Raised,
    /// It was told to hand everything over, and holds nothing more.
    pub drained: bool,
    /// What nobody announces because the holder of its group may not, where there are groups.
    pub blocked: Arc<BTreeMap<Unit, Blocked>>,
    /// Whether this node takes part, where there are groups.
    pub standing: Option<Standing>,
    /// What became of the addresses that are checked.
    pub checks: Checks,
    /// How often the thread noticed a gap in its own clock, and held nothing for a while.
    pub gaps: u64,
}

/// Another node, as its beacons have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeSeen {
    /// It was heard lately.
    pub there: bool,
    /// It hears this node too.
    pub mutual: bool,
    /// It listens only, and claims nothing yet.
    pub starting: bool,
    /// It leaves, and takes nothing more.
    pub draining: bool,
}

/// Another host with an address of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConflictSeen {
    /// Its hardware address, the last one if there were several.
    pub other: MacAddr,
}

/// What a neighbour that was asked from an address of ours said, in this tenure. Its answer proves
/// that it knows where the address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The tenure.
    pub epoch: u64,
    /// Whether it is a gateway, and not one who asked for the address before.
    pub gateway: bool,
    /// The time from the first question to its answer; `None` when it left the last questions
    /// without one.
    pub after: Option<Duration>,
}

/// The addresses that are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Which call of [`Layer2::check`](super::Layer2::check) this is about.
    pub round: u64,
    /// What became of each address.
    pub verdicts: BTreeMap<IpAddr, Check>,
}

/// Whether another host uses an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// Being asked for, or waiting for a link to come up.
    Asking,
    /// Nobody answered, on any link whose network holds the address.
    Free,
    /// Another host has it.
    InUse {
        /// Where it was found.
        link: LinkName,
        /// Its hardware address.
        by: MacAddr,
    },
}
