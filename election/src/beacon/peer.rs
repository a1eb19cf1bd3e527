use alloc::{collections::BTreeSet, vec::Vec};
use core::{net::IpAddr, time::Duration};

use vipcast_sans_io::Instant;

use super::{
    table::Table,
    wire::{Beacon, Failing, HardwareAddress, LifeId},
};
use crate::{NodeName, Segment, placement::Weight};

/// Another node, as it was heard last on a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerStatus<'a> {
    /// Where.
    pub segment: &'a Segment,
    /// Who.
    pub name: &'a NodeName,
    /// It was heard lately.
    pub there: bool,
    /// It hears this node too.
    pub mutual: bool,
    /// It listens only, and claims nothing yet.
    pub starting: bool,
    /// It leaves, and takes nothing more.
    pub draining: bool,
    /// When it was heard last.
    pub heard_at: Instant,
}

/// Another node of the segment, as it was heard last.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) incarnation: u64,
    pub(super) sequence: u64,
    pub(super) life: LifeId,
    pub(super) phase: Phase,
    pub(super) heard_at: Instant,
    pub(super) interval: Duration,
    pub(super) token_life: Duration,
    pub(super) starting: bool,
    pub(super) draining: bool,
    pub(super) weight: Weight,
    pub(super) hardware: Vec<HardwareAddress>,
    pub(super) hears: BTreeSet<LifeId>,
    pub(super) table: Table,
    /// The copy of the table is not what the peer has.
    pub(super) stale: bool,
    /// Who does not serve what, as it says.
    pub(super) failing: Vec<Failing>,
    /// Since when it does not hear us.
    pub(super) deaf_since: Option<Instant>,
    /// It did hear us, and was heard all the time: it has found by itself that it does not any more.
    pub(super) turned_deaf: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Up,
    /// It missed a beacon, and is asked.
    Suspect {
        ends: Instant,
    },
    Down,
}

impl Peer {
    pub(super) fn new(now: Instant, beacon: &Beacon) -> Self {
        Self {
            incarnation: beacon.incarnation,
            sequence: beacon.sequence,
            life: beacon.life(),
            phase: Phase::Down,
            heard_at: now,
            interval: beacon.interval,
            token_life: beacon.token_life,
            starting: beacon.starting,
            draining: beacon.draining,
            weight: beacon.weight,
            hardware: Vec::new(),
            hears: BTreeSet::new(),
            table: Table::default(),
            stale: false,
            failing: Vec::new(),
            deaf_since: Some(now),
            turned_deaf: false,
        }
    }

    /// Takes over what it says. Whether that may change who holds what.
    pub(super) fn hear(&mut self, now: Instant, beacon: Beacon, me: LifeId) -> bool {
        let returns = self.phase == Phase::Down;
        let mut news = returns;
        if self.incarnation != beacon.incarnation {
            // A new life holds nothing of what the last one did.
            *self = Self::new(now, &beacon);
            news = true;
        }
        let flags = (self.starting, self.draining, self.weight);
        news |= flags != (beacon.starting, beacon.draining, beacon.weight);
        news |= self.table.apply(now, &beacon);
        self.stale = self.table.digest() != beacon.digest;
        self.sequence = beacon.sequence;
        self.phase = Phase::Up;
        self.heard_at = now;
        (self.interval, self.token_life) = (beacon.interval, beacon.token_life);
        (self.starting, self.draining, self.weight) =
            (beacon.starting, beacon.draining, beacon.weight);
        self.hardware = beacon.hardware;
        let hears: BTreeSet<LifeId> = beacon.hears.into_iter().collect();
        news |= self.hears != hears;
        // Who begins to hear is given time to hear us too.
        let begins = self.hears.is_empty() && !hears.is_empty();
        self.hears = hears;
        news |= self.failing != beacon.failing;
        self.failing = beacon.failing;
        if self.hears.contains(&me) {
            self.deaf_since = None;
        } else if self.deaf_since.is_none() || begins {
            self.turned_deaf = !returns && !begins;
            self.deaf_since = Some(now);
        }
        news
    }

    /// It was heard lately.
    pub(super) fn is_there(&self) -> bool {
        self.phase != Phase::Down
    }

    /// Both hear each other.
    pub(super) fn is_mutual(&self) -> bool {
        self.is_there() && self.deaf_since.is_none()
    }

    /// How many answers of `life` for this address it says to miss.
    pub(super) fn misses(&self, life: LifeId, at: IpAddr) -> u32 {
        let of_life = self.failing.iter().filter(|failing| failing.life == life);
        let same = |failing: &&Failing| {
            failing.address == at
                || failing.address.is_unspecified() && failing.address.is_ipv6() == at.is_ipv6()
        };
        of_life.filter(same).map(|failing| u32::from(failing.failures)).max().unwrap_or(0)
    }
}
