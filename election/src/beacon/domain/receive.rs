//! What is heard, and what is not.

use alloc::vec::Vec;
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Domain, Timer};
use crate::{
    NodeName,
    beacon::{
        keys::Keyring,
        peer::{Peer, Phase},
        table::Holding,
        wire::{Beacon, Refusal},
    },
};

impl Domain {
    /// Takes a datagram from the segment.
    pub(in crate::beacon) fn receive(
        &mut self,
        now: Instant,
        bytes: &[u8],
        keyring: &Keyring,
    ) -> Result<(), Refusal> {
        let verdict = self.believe(now, bytes, keyring);
        match verdict {
            Ok(()) => self.counters.heard += 1,
            Err(refusal) => *self.counters.refused.entry(refusal).or_default() += 1,
        }
        self.settle(now);
        verdict
    }

    fn believe(&mut self, now: Instant, bytes: &[u8], keyring: &Keyring) -> Result<(), Refusal> {
        let beacon = Beacon::decode(bytes, keyring)?;
        if beacon.segment != self.segment {
            return Err(Refusal::OtherSegment);
        }
        if !self.up {
            return Err(Refusal::UnknownSegment);
        }
        let name = beacon.name.clone();
        if name == self.config.me {
            if beacon.incarnation == self.config.incarnation {
                return Err(Refusal::Own);
            }
            self.news.same_name = true;
            return Err(Refusal::SameName);
        }
        if let Some(peer) = self.peers.get(&name) {
            let last = (peer.incarnation, peer.sequence);
            if (beacon.incarnation, beacon.sequence) <= last {
                return Err(Refusal::Replayed);
            }
        } else if !self.make_room(&name) {
            return Err(Refusal::TooManyNodes);
        }
        self.hear(now, name, beacon);
        Ok(())
    }

    fn hear(&mut self, now: Instant, name: NodeName, beacon: Beacon) {
        if beacon.probes.contains(&self.life) {
            self.hasten();
        }
        if beacon.sync_wanted.contains(&self.life) && !self.outbox.synced {
            self.outbox.synced = true;
            self.outbox.sync = Some(LOWEST);
            self.hasten();
        }
        let told: Vec<IpAddr> = beacon.changes.iter().map(|(at, _)| *at).collect();
        let synced = beacon.sync.is_some();
        let life = beacon.life();
        // At a cold start of many each would answer each.
        let crowded = self.starting && beacon.starting && self.peers.len() > MOST_GREETED;
        let peer = self.peers.entry(name.clone()).or_insert_with(|| Peer::new(now, &beacon));
        let new = !peer.is_there() || peer.life != life;
        self.dirty |= peer.hear(now, beacon, self.life);
        let silence = self.config.suspect_after(peer.interval);
        let holdings: Vec<(IpAddr, Holding)> = if synced {
            peer.table.held().map(|(at, holding)| (at, holding.clone())).collect()
        } else {
            let held = told.into_iter().filter_map(|at| Some((at, peer.table.holding(at)?)));
            held.map(|(at, holding)| (at, holding.clone())).collect()
        };
        holdings.iter().for_each(|(at, holding)| self.remember(*at, holding));
        self.timers.set(Timer::Peer(name), now + silence);
        if new && !crowded {
            // So that it knows at once that it is heard.
            self.hasten();
        }
    }

    /// The old owner, or somebody else, answered a question for the address.
    pub(in crate::beacon) fn answered(&mut self, now: Instant, at: IpAddr, by: Option<&NodeName>) {
        let Some(name) = by else {
            self.counters.foreign_answers += 1;
            if self.candidates.contains_key(&at) {
                self.news.foreign.insert(at);
            }
            return;
        };
        if self.config.settings.serve_proof.as_ref().is_some_and(|proof| !proof.connect) {
            self.proved(now, at, name);
        }
        let Some(peer) = self.peers.get_mut(name) else { return };
        let holds = peer.table.holding(at).is_some();
        if !holds || !matches!(peer.phase, Phase::Suspect { .. }) {
            return;
        }
        self.counters.spared += 1;
        peer.phase = Phase::Up;
        peer.heard_at = now;
        let silence = self.config.suspect_after(peer.interval);
        self.timers.set(Timer::Peer(name.clone()), now + silence);
        self.dirty = true;
    }

    /// A peer was silent: suspect it, ask it again, or take it for dead.
    pub(super) fn on_silence(&mut self, now: Instant, name: &NodeName) {
        let window = self.config.window();
        let Some(peer) = self.peers.get_mut(name) else { return };
        match peer.phase {
            Phase::Down => return,
            Phase::Up => {
                // Never before its tokens are over, whatever the settings of this node.
                let over = peer.heard_at + self.config.surely_over(peer.token_life);
                peer.phase = Phase::Suspect { ends: (now + window).max(over) };
                self.counters.suspicions += 1;
                let held = peer.table.held().map(|(at, _)| at).take(MOST_ASKS);
                self.outbox.asks.extend(held.map(|at| (at, name.clone())));
            }
            Phase::Suspect { ends } if now >= ends => {
                peer.phase = Phase::Down;
                self.counters.deaths += 1;
                self.outbox.asks.retain(|(_, owner)| owner != name);
                self.dirty = true;
                self.hasten();
                return;
            }
            Phase::Suspect { .. } => {}
        }
        let Phase::Suspect { ends } = peer.phase else { return };
        let life = peer.life;
        if self.config.settings.burst.is_some() && !self.surplus {
            self.outbox.probes.insert(life);
            self.hasten();
        }
        let next = (now + window / PROBES).min(ends);
        self.timers.set(Timer::Peer(name.clone()), next);
    }

    /// Room for one node more: the one that has been dead the longest goes. Where all live, the last
    /// by name that holds nothing makes room for one that comes before it: it will only listen.
    fn make_room(&mut self, comes: &NodeName) -> bool {
        if self.peers.len() < MOST_PEERS {
            return true;
        }
        let dead = self.peers.iter().filter(|(_, peer)| !peer.is_there());
        let oldest = dead.min_by_key(|(_, peer)| peer.heard_at).map(|(name, _)| name);
        let mut idle = self.peers.iter().rev().filter(|(_, peer)| !peer.table.holds_any());
        let last = || idle.next().map(|(name, _)| name).filter(|last| comes < *last);
        let leaves = oldest.or_else(last).cloned();
        leaves.is_some_and(|name| self.peers.remove(&name).is_some())
    }
}

const LOWEST: IpAddr = IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);
/// A node that starts among no more that start answers each at once.
const MOST_GREETED: usize = 16;
/// A suspect is asked so often by beacon.
const PROBES: u32 = 4;
/// A suspect is asked for so many of its addresses by ARP or ND.
const MOST_ASKS: usize = 4;
/// So many nodes are remembered: those that announce, as many that may take their places, and dead
/// ones, so that their old beacons are not believed again.
const MOST_PEERS: usize = 128;
