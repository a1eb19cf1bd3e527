//! Giving up what this node holds and, as others find, does not serve.

use alloc::{collections::BTreeSet, vec::Vec};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Domain, moves::RETRY, prove::FAMILIES};
use crate::beacon::{
    config::ServeProof,
    peer::{Peer, Phase},
    table::Entry,
};

/// For how long an address that was not served is not taken back.
#[derive(Clone, Debug)]
pub(super) struct Rest {
    until: Instant,
    over: bool,
    /// How often it was given up, one time soon after the other.
    times: u32,
}

impl Domain {
    /// Whether the address is not taken now, since it was not served.
    pub(super) fn is_resting(&self, at: IpAddr) -> bool {
        self.rests.get(&at).is_some_and(|rest| !rest.over)
    }

    /// Gives up what two others, or the only other, have asked for in vain. Only this node can: no
    /// other claims what a living node holds.
    pub(super) fn yield_unserved(&mut self, now: Instant) {
        let config = alloc::sync::Arc::clone(&self.config);
        let Some(settings) = &config.settings.serve_proof else { return };
        let witnesses = || self.peers.values().filter(|peer| is_witness(peer));
        let mut reports = witnesses().flat_map(|witness| &witness.failing);
        if self.draining || !reports.any(|report| report.life == self.life) {
            self.unserved.clear();
            return;
        }
        let failing: BTreeSet<IpAddr> = self
            .table
            .held()
            .map(|(at, _)| at)
            .filter(|at| self.is_unserved(*at, settings))
            .collect();
        let group =
            |at: &IpAddr| self.candidates.get(at).map_or(*at, |contenders| contenders.group);
        let groups: BTreeSet<IpAddr> = failing.iter().map(group).collect();
        let mut given_up: Vec<IpAddr> = self
            .table
            .held()
            .map(|(at, _)| at)
            .filter(|at| groups.contains(&group(at)) && self.has_heir(now, *at, settings))
            .collect();
        if given_up.iter().any(|at| !self.may_move(now, *at)) {
            given_up.retain(|at| self.may_move(now, *at));
            self.wake(now + RETRY);
        }
        // Who answers for nothing of a family takes nothing of it either.
        let mute = FAMILIES.into_iter().filter(|family| self.is_unserved(*family, settings));
        let mute: BTreeSet<bool> = mute.map(|family| family.is_ipv6()).collect();
        let resting: Vec<IpAddr> = self
            .candidates
            .keys()
            .copied()
            .filter(|at| mute.contains(&at.is_ipv6()) && self.holding(*at).is_none())
            .filter(|at| !self.is_resting(*at) && self.has_heir(now, *at, settings))
            .collect();
        self.news.unserved.extend(failing.difference(&self.unserved));
        self.unserved = failing;
        self.counters.unserved += given_up.len() as u64;
        for at in given_up.into_iter().chain(resting) {
            self.rest(now, at, settings);
            self.change(at, None);
        }
    }

    /// Rests that are over, and those without which nobody would stand.
    pub(super) fn end_rests(&mut self, now: Instant) {
        let Some(settings) = &self.config.settings.serve_proof else { return };
        let forget = settings.rest.saturating_mul(FORGET);
        self.rests.retain(|_, rest| !rest.over || now < rest.until + forget);
        let stands = |at: IpAddr| {
            let mut others = self.peers.values().filter(|peer| peer.is_there());
            others.any(|peer| peer.table.stands(at))
        };
        let active = self.rests.iter().filter(|(_, rest)| !rest.over);
        let (mut ended, mut wake) = (Vec::new(), None);
        for (at, rest) in active {
            if now >= rest.until || !stands(*at) {
                ended.push(*at);
            } else {
                wake = wake.into_iter().chain([rest.until]).min();
            }
        }
        for at in ended {
            if let Some(rest) = self.rests.get_mut(&at) {
                rest.over = true;
            }
            let held = self.table.holding(at).cloned();
            let contends = self.candidates.get(&at).map(|c| c.nodes.contains_key(&self.config.me));
            if contends == Some(true) {
                self.change(at, Some(Entry { stands: true, held }));
            }
        }
        if let Some(at) = wake {
            self.wake(at);
        }
    }

    fn rest(&mut self, now: Instant, at: IpAddr, settings: &ServeProof) {
        let times = self.rests.get(&at).map_or(0, |rest| rest.times);
        let until = now + settings.rest.saturating_mul(1 << times.min(LONGEST));
        self.rests.insert(at, Rest { until, over: false, times: times + 1 });
    }

    /// Whether enough others say that this node does not answer for it.
    fn is_unserved(&self, at: IpAddr, settings: &ServeProof) -> bool {
        let misses = |peer: &Peer| peer.misses(self.life, at);
        let witnesses = self.peers.values().filter(|peer| is_witness(peer));
        let said = witnesses.clone().filter(|peer| misses(peer) >= settings.failures).count();
        match witnesses.count() {
            1 => {
                self.peers.values().any(|p| is_witness(p) && misses(p) >= settings.most_failures())
            }
            _ => said >= CONFIRMED_BY,
        }
    }

    /// Whether another may have it, and is not known to serve nothing itself.
    fn has_heir(&self, now: Instant, at: IpAddr, settings: &ServeProof) -> bool {
        let Some(contenders) = self.candidates.get(&at) else { return false };
        let mine = self.failing(now);
        let fails = |heir: &Peer| {
            let theirs = self.peers.values().filter(|p| is_witness(p)).flat_map(|p| &p.failing);
            let reports = theirs.chain(&mine);
            let of_heir = reports.filter(|report| report.life == heir.life);
            of_heir.map(|report| u32::from(report.failures)).any(|n| n >= settings.failures)
        };
        let named = contenders.nodes.keys().filter_map(|name| self.peers.get(name));
        let mut fit = named.filter(|peer| is_witness(peer) && !peer.draining);
        fit.any(|peer| peer.table.stands(at) && !fails(peer))
    }
}

fn is_witness(peer: &Peer) -> bool {
    peer.phase == Phase::Up && peer.is_mutual() && !peer.starting
}

/// So many have to find the same.
const CONFIRMED_BY: usize = 2;
/// Rests double so often.
const LONGEST: u32 = 5;
/// After so many rests without need, the next one is as short as the first.
const FORGET: u32 = 64;
