//! Asking holders whether they serve what they hold.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Domain, Timer};
use crate::{
    NodeName,
    beacon::{
        peer::{Peer, Phase},
        proofs::{Asked, Verdict},
        wire::Failing,
    },
};

impl Domain {
    /// Chooses whom to ask for what.
    pub(super) fn aim(&mut self, now: Instant) {
        let Some(settings) = &self.config.settings.serve_proof else { return };
        if self.starting || self.surplus {
            self.proofs.clear();
            self.judged.clear();
            return;
        }
        let (mut wanted, mut judged) = (BTreeMap::new(), BTreeSet::new());
        for (name, peer) in self.holding_peers() {
            let addresses = match self.askers_before(name, peer) {
                // A new holder is given time to begin.
                0 => peer.table.held().map(|(at, _)| (at, now + settings.every)).collect(),
                1 => self.doubted(peer, settings.failures as usize, now),
                _ => Vec::new(),
            };
            if !addresses.is_empty() {
                judged.insert(name.clone());
            }
            wanted.extend(addresses.into_iter().map(|(at, first)| ((name.clone(), at), first)));
        }
        for name in judged.iter().filter(|name| self.proofs.failing_since(name).is_some()) {
            for (control, peer) in self.controls(name) {
                let held = peer.table.held().next();
                let asked = held.map(|(at, _)| (control.clone(), at));
                asked.into_iter().for_each(|asked| _ = wanted.entry(asked).or_insert(now));
            }
        }
        self.proofs.aim(now, &wanted);
        self.judged = judged;
        self.wait_for_proofs();
    }

    /// Questions and answers that are due.
    pub(super) fn on_prove(&mut self, now: Instant) {
        let config = alloc::sync::Arc::clone(&self.config);
        let Some(settings) = &config.settings.serve_proof else { return };
        let failed = self.proofs.expire(now, settings);
        if !failed.is_empty() {
            self.counters.proof_failures += failed.len() as u64;
            // Others are asked too, to see whether the fault is here.
            self.aim(now);
            if self.failing(now) != self.said_failing {
                self.hasten();
            }
        }
        while self.outbox.proofs.len() < MOST_WAITING
            && let Some(asked) = self.proofs.next_question(now, settings)
        {
            self.outbox.proofs.insert(asked);
        }
        self.wait_for_proofs();
    }

    /// The next question, if its holder still holds what it is asked for.
    pub(super) fn next_proof(&mut self, now: Instant) -> Option<Asked> {
        let config = alloc::sync::Arc::clone(&self.config);
        let settings = config.settings.serve_proof.as_ref()?;
        while let Some(asked) = self.outbox.proofs.pop_first() {
            let (name, at) = &asked;
            let holds = |peer: &Peer| peer.phase == Phase::Up && peer.table.holding(*at).is_some();
            if self.peers.get(name).is_some_and(holds) && self.proofs.sent(now, &asked, settings) {
                self.counters.proofs += 1;
                self.wait_for_proofs();
                return Some(asked);
            }
        }
        None
    }

    /// The holder has shown that it serves the address.
    pub(in crate::beacon) fn proved(&mut self, now: Instant, at: IpAddr, by: &NodeName) {
        let Some(settings) = &self.config.settings.serve_proof else { return };
        if self.proofs.answered(now, &(by.clone(), at), settings.every) {
            self.hasten();
        }
        self.wait_for_proofs();
    }

    /// What this node says of others. Where nobody answers it, the fault may be here: then it has its
    /// doubts, but no verdict.
    pub(super) fn failing(&self, now: Instant) -> Vec<Failing> {
        let Some(settings) = &self.config.settings.serve_proof else { return Vec::new() };
        let mut failing = Vec::new();
        for name in &self.judged {
            let Some(since) = self.proofs.failing_since(name) else { continue };
            let Some(peer) = self.peers.get(name).filter(|peer| peer.phase == Phase::Up) else {
                continue;
            };
            let controls = self.controls(name);
            let sure = controls.is_empty()
                || controls.iter().any(|(name, _)| self.proofs.has_answered(name, since));
            let most = if sure { settings.most_failures() } else { settings.failures - 1 };
            let mut say = |address, failures: u32| {
                let failures = u8::try_from(failures.min(most)).unwrap_or(u8::MAX);
                failing.push(Failing { life: peer.life, address, failures });
            };
            for family in FAMILIES {
                match self.proofs.verdict(now, name, family.is_ipv6(), settings) {
                    Verdict::Nothing(failures) => say(family, failures),
                    Verdict::Some(listed) => listed.into_iter().for_each(|(at, n)| say(at, n)),
                }
            }
        }
        failing.truncate(MOST_REPORTS);
        failing
    }

    /// Who is asked to see whether others are answered at all: the next few that hold anything.
    fn controls(&self, judged: &NodeName) -> Vec<(&NodeName, &Peer)> {
        let mut others: Vec<(&NodeName, &Peer)> =
            self.holding_peers().filter(|(name, _)| *name != judged).collect();
        others.sort_by_key(|(name, _)| ring(judged, name));
        others.truncate(MOST_CONTROLS);
        others
    }

    fn holding_peers(&self) -> impl Iterator<Item = (&NodeName, &Peer)> {
        let up = |peer: &Peer| peer.phase == Phase::Up && peer.is_mutual();
        self.peers.iter().filter(move |(_, peer)| up(peer) && peer.table.holds_any())
    }

    /// How many nodes are to ask this holder rather than this one. The nodes form a ring, and each is
    /// asked by the next that it hears and that hears it.
    fn askers_before(&self, name: &NodeName, holder: &Peer) -> usize {
        let me = ring(name, &self.config.me);
        let asks = |peer: &Peer| {
            peer.phase == Phase::Up
                && peer.is_mutual()
                && !peer.starting
                && peer.hears.contains(&holder.life)
                && holder.hears.contains(&peer.life)
        };
        let before = |other: &NodeName| other != name && ring(name, other) < me;
        self.peers.iter().filter(|(other, peer)| before(other) && asks(peer)).count()
    }

    /// What others have asked this holder for in vain.
    fn doubted(&self, holder: &Peer, enough: usize, now: Instant) -> Vec<(IpAddr, Instant)> {
        let others = self.peers.values().filter(|peer| peer.phase == Phase::Up);
        let said = others.flat_map(|peer| &peer.failing).filter(|said| said.life == holder.life);
        let said: BTreeSet<IpAddr> = said.map(|said| said.address).collect();
        let mut doubted = Vec::new();
        for at in said {
            if at.is_unspecified() {
                let family = holder.table.held().filter(|(held, _)| held.is_ipv6() == at.is_ipv6());
                doubted.extend(family.map(|(held, _)| (held, now)).take(enough));
            } else if holder.table.holding(at).is_some() {
                doubted.push((at, now));
            }
        }
        doubted
    }

    fn wait_for_proofs(&mut self) {
        match self.proofs.next_timeout() {
            Some(at) => self.timers.set(Timer::Prove, at),
            None => _ = self.timers.stop(&Timer::Prove),
        }
    }
}

/// The place on the ring that begins after `from`.
fn ring<'a>(from: &NodeName, name: &'a NodeName) -> (bool, &'a NodeName) {
    (name < from, name)
}

/// All of a family, as it is told.
pub(super) const FAMILIES: [IpAddr; 2] =
    [IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED), IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED)];
/// No more questions wait to be sent.
const MOST_WAITING: usize = 16;
/// No more failures are told at a time.
const MOST_REPORTS: usize = 16;
/// So many others are asked to see whether any answer comes here.
const MOST_CONTROLS: usize = 3;
