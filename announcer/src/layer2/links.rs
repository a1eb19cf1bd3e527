mod filter;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use ipnet::IpNet;
use vipcast_arp_ndp::MacAddr;
use vipcast_plan::{LinkName, LinkRefusal, Segment, UnusableLink};

use crate::os::netlink::{Link, Snapshot};

pub use filter::{LinkFilter, LinkPattern, LinkPatternError};

/// A link that can carry announcements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkState {
    /// The kernel's number of it.
    pub index: u32,
    /// Its hardware address.
    pub mac: MacAddr,
    /// The layer 2 domain behind it.
    pub segment: Segment,
    /// Its addresses with their prefix lengths.
    pub networks: Vec<IpNet>,
    /// Administratively up, and with carrier.
    pub up: bool,
    /// The kernel forwards IPv6 packets that come in by it.
    pub forwarding: bool,
    /// How often its carrier came or went: a link that was away is announced on again.
    pub carrier_changes: u32,
}

/// The links of a snapshot, by name.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    /// Those that can carry announcements.
    pub(super) usable: BTreeMap<LinkName, LinkState>,
    /// The others, but `lo`.
    pub(super) unusable: BTreeMap<LinkName, UnusableLink>,
}

/// Which links speak ARP, are nobody's member, and are not refused.
pub(super) fn sort(snapshot: &Snapshot, refused: impl Fn(&Link) -> Option<LinkRefusal>) -> Sorted {
    let mut sorted = Sorted::default();
    for link in snapshot.links.values().filter(|link| !link.loopback) {
        let name = LinkName::new(link.name.as_str());
        let networks: Vec<IpNet> = link.addresses.iter().map(|address| address.net).collect();
        let master = link.master.and_then(|index| snapshot.links.get(&index));
        let refusal = match (refused(link), link.mac, master) {
            (Some(refusal), ..) => refusal,
            (_, _, Some(master)) => LinkRefusal::Member { of: LinkName::new(master.name.as_str()) },
            (_, Some(mac), None) if link.master.is_none() && !link.noarp && link.broadcast => {
                sorted.usable.insert(name, state(link, MacAddr(mac), networks));
                continue;
            }
            _ => LinkRefusal::NoNeighbours,
        };
        sorted.unusable.insert(name, UnusableLink { networks, refusal });
    }
    sorted
}

fn state(link: &Link, mac: MacAddr, networks: Vec<IpNet>) -> LinkState {
    LinkState {
        index: link.index,
        mac,
        segment: segment_of(&link.name, &networks),
        networks,
        up: link.up,
        forwarding: forwards_ipv6(&link.name),
        carrier_changes: link.carrier_changes,
    }
}

/// Where it cannot be read, as without IPv6, nothing is forwarded.
fn forwards_ipv6(name: &str) -> bool {
    let file = format!("/proc/sys/net/ipv6/conf/{name}/forwarding");
    fs::read_to_string(file).is_ok_and(|text| text.trim() != "0")
}

/// The segment of a link: named by its network, or by the link itself where it has none.
#[must_use]
pub fn segment_of(name: &str, networks: &[IpNet]) -> Segment {
    Segment::of_networks(networks).unwrap_or_else(|| Segment::new(name))
}

/// The links of `now` that are not the same as in `before`, and those that are gone.
pub(super) fn changes<'a>(
    before: &'a BTreeMap<LinkName, LinkState>,
    now: &'a BTreeMap<LinkName, LinkState>,
) -> (Vec<&'a LinkState>, BTreeSet<u32>) {
    let indices: BTreeSet<u32> = now.values().map(|link| link.index).collect();
    let gone = before.values().map(|link| link.index).filter(|index| !indices.contains(index));
    let known: BTreeMap<u32, &LinkState> = before.values().map(|link| (link.index, link)).collect();
    let changed = now.values().filter(|link| known.get(&link.index) != Some(link));
    (changed.collect(), gone.collect())
}
