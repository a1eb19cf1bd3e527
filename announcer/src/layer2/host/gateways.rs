use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    time::Duration,
};

use vipcast_arp_ndp::{LinkId, Responder};
use vipcast_plan::LinkName;
use vipcast_sans_io::Instant;

use crate::{layer2::LinkState, os::netlink::RouteLookup};

/// How often routes are looked at: to be told of each change would flood this thread on a machine
/// that has the whole internet in its tables.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// When to look again after links have changed: routes follow their addresses.
const LOOK_SOON: Duration = Duration::from_secs(1);

/// The gateways of each link, and the links to some destinations, as the kernel's routes name them.
pub(super) struct Gateways {
    routes: RouteLookup,
    /// The index of the link that leads to each destination.
    reach: BTreeMap<IpAddr, Option<u32>>,
    known: BTreeMap<u32, Vec<IpAddr>>,
    due: Instant,
}

impl Gateways {
    pub(super) fn new(destinations: impl Iterator<Item = IpAddr>) -> io::Result<Self> {
        let routes = RouteLookup::open()?;
        let reach = destinations.map(|to| (to, None)).collect();
        Ok(Self { routes, reach, known: BTreeMap::new(), due: Instant::ZERO })
    }

    /// The link that leads to one of the destinations.
    pub(super) fn reach(&self, to: IpAddr) -> Option<u32> {
        self.reach.get(&to).copied().flatten()
    }

    /// Looks which links lead to the destinations, and says whether that has changed. What cannot be
    /// looked up stays as it was.
    pub(super) fn follow_destinations(&mut self) -> bool {
        let mut changed = false;
        for (&to, link) in &mut self.reach {
            let Ok(route) = self.routes.find(to, None) else { continue };
            let found = route.filter(|route| !route.local).map(|route| route.link);
            changed |= std::mem::replace(link, found) != found;
        }
        changed
    }

    /// When to look again.
    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    /// Links have changed: looks now, and soon again.
    pub(super) fn links_changed(
        &mut self,
        now: Instant,
        links: &BTreeMap<LinkName, LinkState>,
        responder: &mut Responder,
    ) {
        self.look(now, links, responder);
        self.due = now + LOOK_SOON;
    }

    /// Tells the responder whom the links' addresses ask. What cannot be looked up stays as it was.
    pub(super) fn look(
        &mut self,
        now: Instant,
        links: &BTreeMap<LinkName, LinkState>,
        responder: &mut Responder,
    ) {
        for link in links.values().filter(|link| link.up) {
            let Ok(gateways) = self.routes.gateways(link.index) else { continue };
            let known = self.known.entry(link.index).or_default();
            if *known != gateways {
                responder.set_gateways(now, LinkId(link.index), &gateways);
                *known = gateways;
            }
        }
        let there: BTreeSet<u32> = links.values().map(|link| link.index).collect();
        self.known.retain(|index, _| {
            let there = there.contains(index);
            if !there {
                responder.set_gateways(now, LinkId(*index), &[]);
            }
            there
        });
        self.due = now + LOOK_EVERY;
    }
}
