use std::{collections::BTreeSet, io, net::IpAddr};

use vipcast_arp_ndp::LinkId;

use super::Host;
use crate::{
    clock::Clock,
    layer2::{Check, Checks, Pending, lock},
};

/// What the thread is told to do.
impl Host {
    /// Takes the commands; `false` to stop.
    pub(super) fn obey(&mut self) -> io::Result<bool> {
        let pending = std::mem::take(&mut *lock(&self.shared.pending));
        #[cfg(test)]
        assert!(!pending.panic, "asked to panic");
        #[cfg(test)]
        std::thread::sleep(pending.stall);
        for input in pending.told {
            self.elector.tell(Clock::now(), input);
        }
        let Pending { table, ports, candidates, members, checks, keyring, drain, stop, .. } =
            pending;
        let now = Clock::now();
        if pending.agreement.is_some() {
            self.agreement = pending.agreement;
        }
        self.send_agreed(pending.agreed);
        if let Some(excluded) = pending.excluded {
            self.filter = match excluded {
                Some(_) => self.configured.beside_a_list(),
                None => self.configured.clone(),
            };
            self.listed = excluded.unwrap_or_default();
            // Before a table is obeyed: nothing of it may be announced there, not even once.
            self.look_at_links()?;
        }
        // An agreement sends a few times a second, and changes nothing here.
        let commanded = table.is_some() || members.is_some() || candidates.is_some();
        if !(commanded || ports.is_some() || keyring.is_some() || drain || checks.is_some()) {
            return Ok(!stop);
        }
        if let Some(table) = table {
            self.table = table;
            self.unlisted.clear();
        }
        if let (Some(ports), Some(connects)) = (ports, &mut self.connects) {
            connects.ports = ports;
        }
        if let Some(members) = members {
            self.elector.set_members(now, members);
        }
        if let Some(candidates) = candidates {
            self.elector.set_candidates(now, candidates);
            self.begin(now);
        }
        if let Some(keyring) = keyring {
            self.set_keyring(keyring);
        }
        if drain {
            self.elector.drain(now);
        }
        self.narrow_filters();
        self.elect();
        self.claim();
        if let Some((round, addresses)) = checks {
            self.check(round, addresses);
        }
        Ok(!stop)
    }

    /// Asks for addresses on every link whose network holds them; where there is none, nobody can be
    /// in the way.
    fn check(&mut self, round: u64, addresses: BTreeSet<IpAddr>) {
        let now = Clock::now();
        for (address, link) in std::mem::take(&mut self.asking) {
            self.responder.stop_check(link, address);
        }
        self.report.checks = Checks { round, ..Checks::default() };
        for address in addresses {
            let fitting = self.report.links.values();
            let fitting = fitting.filter(|link| link.networks.iter().any(|n| n.contains(&address)));
            let fitting: Vec<LinkId> = fitting.map(|link| LinkId(link.index)).collect();
            for link in fitting {
                if self.responder.check(now, address, link) {
                    self.asking.insert((address, link));
                }
            }
            let asked = self.asking.range((address, LinkId(0))..=(address, LinkId(u32::MAX)));
            let check = if asked.count() > 0 { Check::Asking } else { Check::Free };
            self.report.checks.verdicts.insert(address, check);
        }
        self.narrow_filters();
        self.want_groups();
        self.dirty = true;
    }
}
