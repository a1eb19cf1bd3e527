//! What is said.

use alloc::vec::Vec;
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Domain, TOLD, Timer};
use crate::{
    NodeName,
    beacon::{
        keys::Keyring,
        peer::Phase,
        wire::{Beacon, Entry, FAILING_LEN, LONGEST_DATAGRAM, SyncRange, entry_len},
    },
};

/// What a domain sends.
pub(in crate::beacon) enum Said {
    Beacon,
    Ask(IpAddr, NodeName),
    Prove(IpAddr, NodeName),
}

impl Domain {
    pub(super) fn on_beacon_timer(&mut self, now: Instant) {
        self.outbox.beacon = true;
        self.outbox.hasty = 0;
        self.outbox.synced = false;
        self.timers.set(Timer::Beacon, now + self.config.settings.interval);
    }

    /// The next thing to say, as true now.
    pub(in crate::beacon) fn say(
        &mut self,
        now: Instant,
        keyring: &Keyring,
        buf: &mut Vec<u8>,
    ) -> Option<Said> {
        if !self.up {
            return None;
        }
        self.fence_if_late(now);
        while let Some((at, owner)) = self.outbox.asks.pop_first() {
            let peer = self.peers.get(&owner);
            if peer.is_some_and(|peer| matches!(peer.phase, Phase::Suspect { .. })) {
                buf.clear();
                return Some(Said::Ask(at, owner));
            }
        }
        if let Some((owner, at)) = self.next_proof(now) {
            buf.clear();
            return Some(Said::Prove(at, owner));
        }
        if !core::mem::take(&mut self.outbox.beacon) {
            return None;
        }
        if self.surplus {
            // Who only listens has no tokens to lose.
            self.outbox.probes.clear();
            self.renew(now);
            return None;
        }
        self.outbox.hasty += 1;
        self.sequence += 1;
        let beacon = self.beacon(now);
        beacon.encode(keyring, buf);
        self.counters.sent += 1;
        self.renew(now);
        let untold = self.outbox.changes.values().any(|&told| told == TOLD);
        self.outbox.beacon = untold || self.outbox.sync.is_some();
        Some(Said::Beacon)
    }

    /// The last beacon did not leave, so it has renewed nothing. The next one comes soon, so that a
    /// queue that was full for a moment does no harm.
    pub(in crate::beacon) fn unsent(&mut self, now: Instant) {
        if !self.up {
            return;
        }
        self.counters.unsent += 1;
        let said = core::mem::take(&mut self.outbox.said);
        self.outbox.changes.extend(said.changes);
        self.outbox.sync = said.sync.or(self.outbox.sync);
        self.not_after = self.not_after_before;
        self.timers.set(Timer::Fence, self.not_after);
        self.news.renewed |= self.table.holds_any();
        self.outbox.beacon = false;
        let soon = now + self.config.settings.interval / TRIES;
        if self.timers.deadline(&Timer::Beacon).is_none_or(|due| soon < due) {
            self.timers.set(Timer::Beacon, soon);
        }
        self.fence_if_late(now);
    }

    /// A beacon is a renewal of the lease, and nothing else is.
    fn renew(&mut self, now: Instant) {
        self.not_after_before = self.not_after;
        self.not_after = now + self.config.settings.token_life;
        self.timers.set(Timer::Fence, self.not_after);
        self.news.renewed |= self.table.holds_any();
    }

    fn beacon(&mut self, now: Instant) -> Beacon {
        let settings = &self.config.settings;
        let there = self.peers.values().filter(|peer| peer.is_there());
        let suspects = self.peers.values().filter(|p| matches!(p.phase, Phase::Suspect { .. }));
        let probes = core::mem::take(&mut self.outbox.probes);
        let stale = there.clone().filter(|peer| peer.stale);
        let mut beacon = Beacon {
            name: self.config.me.clone(),
            segment: self.segment,
            incarnation: self.config.incarnation,
            sequence: self.sequence,
            interval: settings.interval,
            token_life: settings.token_life,
            starting: self.starting,
            draining: self.draining,
            weight: settings.weight,
            hardware: self.hardware.clone(),
            hears: there.clone().map(|peer| peer.life).collect(),
            digest: self.table.digest(),
            probes: suspects
                .map(|p| p.life)
                .filter(|life| probes.contains(life))
                .take(16)
                .collect(),
            sync_wanted: stale.map(|peer| peer.life).take(8).collect(),
            failing: Vec::new(),
            changes: Vec::new(),
            sync: None,
        };
        beacon.hears.truncate(MOST_HEARD);
        let mut room = LONGEST_DATAGRAM.saturating_sub(beacon.encoded_len());
        beacon.failing = self.failing(now);
        beacon.failing.truncate(room.saturating_sub(LEAST_ROOM) / FAILING_LEN);
        room -= beacon.failing.len() * FAILING_LEN;
        self.said_failing.clone_from(&beacon.failing);
        beacon.changes = self.changes(now, &mut room);
        beacon.sync = self.sync(now, &mut room);
        beacon
    }

    /// As many changes as fit, those first that were never told.
    fn changes(&mut self, now: Instant, room: &mut usize) -> Vec<(IpAddr, Option<Entry>)> {
        let mut waiting: Vec<(u8, IpAddr)> =
            self.outbox.changes.iter().map(|(at, told)| (TOLD - told, *at)).collect();
        waiting.sort_unstable();
        let (mut changes, mut said) = (Vec::new(), Vec::new());
        for (told, at) in waiting {
            let entry = self.table.entry(at).map(|entry| entry.told(now));
            let len = entry_len(at, entry.as_ref());
            if len > *room {
                break;
            }
            *room -= len;
            changes.push((at, entry));
            said.push((at, TOLD - told));
            if told + 1 >= TOLD {
                self.outbox.changes.remove(&at);
            } else {
                self.outbox.changes.insert(at, TOLD - told - 1);
            }
        }
        changes.sort_unstable_by_key(|(at, _)| *at);
        self.outbox.said.changes = said;
        changes
    }

    /// The next part of the whole table that fits.
    fn sync(&mut self, now: Instant, room: &mut usize) -> Option<SyncRange> {
        // Little room is left for the next datagram, which has more.
        self.outbox.said.sync = self.outbox.sync;
        let first = self.outbox.sync.filter(|_| *room >= LEAST_ROOM)?;
        let mut left = *room - RANGE_LEN;
        let mut range = SyncRange { first, end: None, entries: Vec::new() };
        for (at, entry) in self.table.from(first) {
            let entry = entry.told(now);
            let len = entry_len(at, Some(&entry));
            if len > left {
                range.end = Some(at);
                break;
            }
            left -= len;
            range.entries.push((at, entry));
        }
        self.outbox.sync = range.end;
        *room = left;
        Some(range)
    }
}

/// So often an interval a beacon is tried that does not leave.
const TRIES: u32 = 10;
/// So many lives are listed as heard.
const MOST_HEARD: usize = 100;
/// The two ends of a range, and the header of its item.
const RANGE_LEN: usize = 3 + 34;
const LEAST_ROOM: usize = 200;
