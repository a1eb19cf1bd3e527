use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use ipnet::IpNet;
use vipcast_arp_ndp::LinkId;
use vipcast_plan::LinkName;
use vipcast_sans_io::Instant;

use super::Host;
use crate::{
    layer2::{
        LinkState, SocketCounters, Table,
        sockets::{ND, Sockets},
    },
    os::PacketSocket,
};

impl Host {
    /// What became of frames at the sockets so far.
    pub(super) fn socket_counters(&mut self, now: Instant) -> SocketCounters {
        let withheld = self.outgoing.withheld();
        SocketCounters { withheld, ..self.filters.counters(now, &self.sockets) }
    }
}

/// How often the kernel is asked what it dropped, at most.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// What the kernel lets through to each socket, and what it counted there.
#[derive(Default)]
pub(super) struct Filters {
    /// What each socket was told last, by its number.
    told: BTreeMap<u64, Vec<IpNet>>,
    counted: SocketCounters,
    counted_at: Option<Instant>,
}

impl Filters {
    /// Narrows each socket to what may concern this node: the addresses that the table or a check
    /// names on its link, whether they are held or not. Whoever asks for one that another node holds
    /// is asked in a takeover. Where the kernel has no room for a filter, all passes.
    pub(super) fn narrow(
        &mut self,
        sockets: &Sockets,
        links: &BTreeMap<LinkName, LinkState>,
        table: &Table,
        checked: &BTreeSet<(IpAddr, LinkId)>,
    ) {
        let mut wanted: BTreeMap<u32, BTreeSet<IpAddr>> = BTreeMap::new();
        for (unit, names) in table {
            for link in names.iter().filter_map(|name| links.get(name)) {
                wanted.entry(link.index).or_default().insert(unit.address);
            }
        }
        for (address, link) in checked {
            wanted.entry(link.0).or_default().insert(*address);
        }
        self.told.retain(|number, _| sockets.contains_key(number));
        for (&number, socket) in sockets {
            let index = u32::try_from(number & !ND).unwrap_or(0);
            let ipv4 = number & ND == 0;
            let all = wanted.get(&index).into_iter().flatten();
            let own: Vec<IpNet> =
                all.filter(|ip| ip.is_ipv4() == ipv4).map(|ip| IpNet::from(*ip)).collect();
            if self.told.get(&number) == Some(&own) {
                continue;
            }
            if socket.set_targets(Some(&own)).is_ok() || socket.set_targets(None).is_ok() {
                self.told.insert(number, own);
            }
        }
    }

    /// Adds what a socket got since the last time; before it is closed, too.
    pub(super) fn count(&mut self, socket: &PacketSocket) {
        let Ok(new) = socket.statistics() else { return };
        self.counted.frames += u64::from(new.packets);
        self.counted.dropped += u64::from(new.drops);
    }

    /// What all sockets have counted, asked for anew where that is some time ago.
    fn counters(&mut self, now: Instant, sockets: &Sockets) -> SocketCounters {
        if self.counted_at.is_none_or(|last| last + COUNT_EVERY <= now) {
            self.counted_at = Some(now);
            sockets.values().for_each(|socket| self.count(socket));
        }
        self.counted
    }
}
