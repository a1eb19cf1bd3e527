use alloc::{collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::wire::{self, LifeId, SyncRange, TableDigest};
use crate::{Epoch, placement::Moves};

/// What one node says of each address: its own table, or a copy of another's.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    entries: BTreeMap<IpAddr, Entry>,
    sum: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) stands: bool,
    pub(super) held: Option<Holding>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holding {
    pub(super) epoch: Epoch,
    pub(super) successor: Option<LifeId>,
    pub(super) moves: Moves,
}

impl Table {
    /// Changes an entry; `None` takes it out. Whether it was another before.
    pub(super) fn set(&mut self, at: IpAddr, entry: Option<Entry>) -> bool {
        let added = entry.as_ref().map_or(0, |entry| entry.hash(at));
        let before = match entry {
            Some(entry) => {
                if self.entries.len() >= MOST_ENTRIES && !self.entries.contains_key(&at) {
                    return false;
                }
                self.entries.insert(at, entry)
            }
            None => self.entries.remove(&at),
        };
        let removed = before.map_or(0, |entry| entry.hash(at));
        self.sum = self.sum.wrapping_sub(removed).wrapping_add(added);
        added != removed
    }

    /// Takes over what a node says. Whether anything was different.
    pub(super) fn apply(&mut self, now: Instant, beacon: &wire::Beacon) -> bool {
        let mut changed = false;
        if let Some(SyncRange { first, end, entries }) = &beacon.sync {
            let listed: BTreeMap<_, _> = entries.iter().map(|(at, entry)| (*at, entry)).collect();
            let inside = self.entries.range(first..).map(|(at, _)| *at);
            let inside = inside.take_while(|at| end.is_none_or(|end| *at < end));
            let gone: Vec<IpAddr> = inside.filter(|at| !listed.contains_key(at)).collect();
            for at in gone {
                changed |= self.set(at, None);
            }
            for (at, entry) in listed {
                changed |= self.set(at, Some(Entry::heard(now, entry)));
            }
        }
        for (at, entry) in &beacon.changes {
            let entry = entry.as_ref().map(|entry| Entry::heard(now, entry));
            changed |= self.set(*at, entry);
        }
        changed
    }

    pub(super) fn entry(&self, at: IpAddr) -> Option<&Entry> {
        self.entries.get(&at)
    }

    pub(super) fn stands(&self, at: IpAddr) -> bool {
        self.entries.get(&at).is_some_and(|entry| entry.stands)
    }

    pub(super) fn holding(&self, at: IpAddr) -> Option<&Holding> {
        self.entries.get(&at)?.held.as_ref()
    }

    /// All that is held, in the order of the addresses.
    pub(super) fn held(&self) -> impl Iterator<Item = (IpAddr, &Holding)> {
        self.entries.iter().filter_map(|(at, entry)| Some((*at, entry.held.as_ref()?)))
    }

    pub(super) fn holds_any(&self) -> bool {
        self.held().next().is_some()
    }

    pub(super) fn from(&self, first: IpAddr) -> impl Iterator<Item = (IpAddr, &Entry)> {
        self.entries.range(first..).map(|(at, entry)| (*at, entry))
    }

    pub(super) fn addresses(&self) -> Vec<IpAddr> {
        self.entries.keys().copied().collect()
    }

    pub(super) fn digest(&self) -> TableDigest {
        let count = u16::try_from(self.entries.len()).unwrap_or(u16::MAX);
        TableDigest { count, sum: self.sum }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }
}

impl Entry {
    /// What was heard, with ages turned into moments.
    fn heard(now: Instant, entry: &wire::Entry) -> Self {
        let held = entry.held.as_ref().map(|tenure| Holding {
            epoch: tenure.epoch,
            successor: tenure.successor,
            moves: Moves::new(tenure.moved.iter().map(|&age| now.saturating_sub(age))),
        });
        Self { stands: entry.stands, held }
    }

    /// What is said, with moments turned into ages.
    pub(super) fn told(&self, now: Instant) -> wire::Entry {
        let held = self.held.as_ref().map(|holding| wire::Tenure {
            epoch: holding.epoch,
            successor: holding.successor,
            moved: holding.moves.recent(now).map(|at| now - at).collect(),
        });
        wire::Entry { stands: self.stands, held }
    }

    /// FNV-1a over what a digest stands for.
    fn hash(&self, at: IpAddr) -> u64 {
        let (epoch, successor) = match &self.held {
            Some(holding) => (holding.epoch.0 + 1, holding.successor.map_or(0, |life| life.0)),
            None => (0, 0),
        };
        let address = match at.to_canonical() {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let octets = address.octets().into_iter();
        let octets = octets.chain(epoch.to_be_bytes()).chain(successor.to_be_bytes());
        octets.chain([u8::from(self.stands)]).fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// No more addresses of one node are remembered.
const MOST_ENTRIES: usize = 8_192;
