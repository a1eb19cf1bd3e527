use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use vipcast_arp_ndp::{Claim, LeaseId, LinkId};
use vipcast_election::Unit;
use vipcast_plan::LinkName;

use super::Host;
use crate::{clock::Clock, layer2::ClaimKey};

/// From tokens to claims.
impl Host {
    /// Wanted minus running: the responder claims what the tokens allow and the table names.
    pub(super) fn claim(&mut self) {
        let now = Clock::now();
        let mut wanted: BTreeMap<ClaimKey, Claim> = BTreeMap::new();
        let mut answering: BTreeMap<Unit, Arc<BTreeSet<LinkName>>> = BTreeMap::new();
        for (unit, token) in self.elector.tokens() {
            let Some(named) = self.table.get(unit) else { continue };
            let mut used = BTreeSet::new();
            for name in named.iter() {
                let broken = self.report.broken_links.contains_key(name);
                let Some(link) = self.report.links.get(name).filter(|_| !broken) else { continue };
                let claim = Claim {
                    address: unit.address,
                    link: LinkId(link.index),
                    epoch: token.epoch.0,
                    lease: LeaseId(token.lease.0),
                };
                wanted.insert((link.index, unit.address), claim);
                used.insert(name.clone());
            }
            if !used.is_empty() {
                // All of them, as a rule.
                let used = if used == **named { Arc::clone(named) } else { Arc::new(used) };
                answering.insert(unit.clone(), used);
            }
        }
        for &(index, address) in self.claimed.keys().filter(|key| !wanted.contains_key(key)) {
            self.responder.revoke(LinkId(index), address);
            // What waits for room on the link may name the address; leases say nothing of that.
            self.outgoing.forget(LinkId(index));
        }
        for claim in wanted.values() {
            self.responder.grant(now, *claim);
        }
        self.claimed = wanted;
        let claimed = &self.claimed;
        let links = &self.report.links;
        self.report.heard.retain(|(address, link, _), heard| {
            let claim = links.get(link).and_then(|link| claimed.get(&(link.index, *address)));
            claim.is_some_and(|claim| claim.epoch == heard.epoch)
        });
        self.report.answering = Arc::new(answering);
        self.want_groups();
        let answering = &self.report.answering;
        let claimed = |address| answering.keys().any(|unit| unit.address == address);
        self.report.conflicts.retain(|(address, _), _| claimed(*address));
        self.conflicts_until.retain(|(address, _), _| claimed(*address));
        let leases = self.elector.tokens().iter().map(|(u, token)| (u.clone(), token.lease));
        self.report.leases = Arc::new(leases.collect());
        self.dirty = true;
    }
}
