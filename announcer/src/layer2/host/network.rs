use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    time::Duration,
};

use vipcast_arp_ndp::LinkId;
use vipcast_plan::LinkName;

use super::Host;
use crate::{
    clock::Clock,
    layer2::{LinkState, links, sockets::socket_number},
    os::{FrameKind, PacketSocket, netlink::NetlinkError},
};

/// What is answered on each link.
const KINDS: [FrameKind; 2] = [FrameKind::Arp, FrameKind::Nd];

/// When to look at links again that changed all the while they were looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// When to try again to open a socket.
pub(super) const TRY_AGAIN: Duration = Duration::from_secs(1);

/// How many groups are joined before frames are served again: a few milliseconds' worth.
const GROUPS_A_TURN: usize = 32;

/// What the thread has of each link: its state, its sockets, its groups.
impl Host {
    /// Follows what the links have become.
    pub(super) fn look_at_links(&mut self) -> io::Result<()> {
        let now = Clock::now();
        self.look_again = None;
        let snapshot = match self.watch.snapshot() {
            Ok(snapshot) => snapshot,
            Err(NetlinkError::Interrupted) => {
                self.look_again = Some(now + LOOK_AGAIN);
                return Ok(());
            }
            Err(error) => return Err(io::Error::other(error)),
        };
        self.gateways.follow_destinations();
        let reach = |to| self.gateways.reach(to);
        let sorted = links::sort(&snapshot, |link| self.filter.refusal(&self.listed, link, reach));
        self.report.unusable = sorted.unusable;
        let links = sorted.usable;
        let (changed, gone) = links::changes(&self.report.links, &links);
        for index in gone {
            self.responder.remove_link(LinkId(index));
            for kind in KINDS {
                if let Some(socket) = self.sockets.remove(&socket_number(index, kind)) {
                    self.filters.count(&socket);
                }
            }
        }
        let old: BTreeMap<u32, &LinkState> =
            self.report.links.values().map(|link| (link.index, link)).collect();
        for link in changed {
            let same = |old: &&LinkState| {
                old.carrier_changes == link.carrier_changes
                    && old.mac == link.mac
                    && old.up == link.up
            };
            if !old.get(&link.index).is_some_and(same) {
                self.responder.remove_link(LinkId(link.index));
                if link.up {
                    self.responder.set_link(now, LinkId(link.index), link.mac);
                }
            }
            self.responder.set_forwarding(LinkId(link.index), link.forwarding);
        }
        self.report.links = links;
        self.gateways.links_changed(now, &self.report.links, &mut self.responder);
        self.open_sockets();
        self.narrow_filters();
        self.follow_beacons(now);
        self.follow_connects(now);
        self.claim();
        Ok(())
    }

    /// Lets the kernel drop what cannot concern this node.
    pub(super) fn narrow_filters(&mut self) {
        let asked: BTreeSet<_> = self.asking.union(&self.unlisted).copied().collect();
        self.filters.narrow(&self.sockets, &self.report.links, &self.table, &asked);
    }

    /// Follows the routes to the gateways, if it is time to.
    pub(super) fn look_at_gateways(&mut self) -> io::Result<()> {
        let now = Clock::now();
        if self.gateways.due() <= now {
            self.gateways.look(now, &self.report.links, &mut self.responder);
            if self.gateways.follow_destinations() {
                return self.look_at_links();
            }
        }
        Ok(())
    }

    /// Two sockets for each link that is up. One that cannot be opened is told, and tried again when
    /// links change.
    fn open_sockets(&mut self) {
        let mut broken: BTreeMap<LinkName, String> = BTreeMap::new();
        for (name, link) in self.report.links.iter().filter(|(_, link)| link.up) {
            for kind in KINDS {
                let number = socket_number(link.index, kind);
                if self.sockets.contains_key(&number) {
                    continue;
                }
                let opened = PacketSocket::open(link.index, kind).and_then(|socket| {
                    self.poller.add_edge(&socket, number)?;
                    Ok(socket)
                });
                match opened {
                    Ok(socket) => _ = self.sockets.insert(number, socket),
                    Err(error) => _ = broken.insert(name.clone(), explain(&error)),
                }
            }
        }
        if !broken.is_empty() {
            self.look_again = Some(Clock::now() + TRY_AGAIN);
        }
        self.report.broken_links = broken;
    }

    /// Questions for an IPv6 address come to a group.
    pub(super) fn want_groups(&mut self) {
        let wanted = self.responder.wanted_groups();
        let wanted: BTreeSet<_> = wanted.into_iter().map(|(link, group)| (link.0, group)).collect();
        self.groups.follow(&wanted);
    }

    /// Joins some of them: ten thousand take the kernel longer than a token lives. What cannot be
    /// joined is told: switches that snoop keep such questions away.
    pub(super) fn join_groups(&mut self) {
        self.groups.proceed(GROUPS_A_TURN);
        if self.groups.failed().is_empty() && self.report.missing_groups.is_empty() {
            return;
        }
        let links = &self.report.links;
        let named = self.groups.failed().iter().filter_map(|(&(index, group), error)| {
            let (name, _) = links.iter().find(|(_, link)| link.index == index)?;
            Some(((name.clone(), group), error.to_string()))
        });
        let missing = named.collect();
        self.dirty |= self.report.missing_groups != missing;
        self.report.missing_groups = missing;
    }
}

fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("{error}: opening a packet socket needs root or CAP_NET_RAW")
        }
        _ => error.to_string(),
    }
}
