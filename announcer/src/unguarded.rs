//! Service addresses for which the kernel of this machine speaks too.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::IpAddr,
    time::Duration,
};

use vipcast_plan::{Link, LinkName};

use crate::os::netlink::{RouteLookup, Snapshot};

/// How often it is looked for: whoever puts addresses on this machine does not tell.
pub(crate) const LOOK_FOR_LOCAL: Duration = Duration::from_secs(5);

/// Finds addresses that somebody has put on this machine, where nothing keeps its kernel from
/// answering ARP for them on every link (`arp_ignore`, `arp_announce`: what kube-proxy calls strict
/// ARP). IPv6 needs none of it: there the kernel speaks only for what is on the link itself.
#[derive(Debug, Default)]
pub(crate) struct Unguarded {
    routes: Option<RouteLookup>,
}

impl Unguarded {
    /// Those of the addresses that the kernel answers for by one of `links`, each with the link that
    /// has it. What cannot be looked up is left out.
    pub(crate) fn find(
        &mut self,
        addresses: &BTreeSet<IpAddr>,
        links: &BTreeMap<LinkName, Link>,
    ) -> BTreeMap<IpAddr, LinkName> {
        let mut found = BTreeMap::new();
        if self.routes.is_none() {
            self.routes = RouteLookup::open().ok();
        }
        let Some(routes) = &mut self.routes else { return found };
        // By index; none where the kernel is silent about what is there.
        let mut loud: BTreeMap<u32, Option<LinkName>> = BTreeMap::new();
        for &address in addresses.iter().filter(|address| address.is_ipv4()) {
            let Ok(Some(index)) = routes.local(address) else { continue };
            let name = || name_of(index).filter(|name| speaks(name, links.keys()));
            if let Some(name) = loud.entry(index).or_insert_with(name) {
                found.insert(address, name.clone());
            }
        }
        found
    }
}

fn name_of(index: u32) -> Option<LinkName> {
    let snapshot = Snapshot::read().ok()?;
    snapshot.links.get(&index).map(|link| LinkName::new(link.name.as_str()))
}

/// Whether the kernel speaks by one of `links` for an address that is on the link `on`.
fn speaks<'a>(on: &LinkName, mut links: impl Iterator<Item = &'a LinkName>) -> bool {
    links.any(|link| {
        let setting = |name| setting(link, name).max(setting(&LinkName::new("all"), name));
        let answers = match setting("arp_ignore") {
            0 => true,
            1 | 2 => on == link,
            _ => false,
        };
        answers || setting("arp_announce") < 2
    })
}

/// Zero, the kernel's own default, where it cannot be read.
fn setting(link: &LinkName, name: &str) -> u8 {
    let text = fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{link}/{name}"));
    text.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}
