use alloc::{
    collections::{BTreeMap, btree_map},
    vec::Vec,
};

use crate::address::Address;

/// Freed addresses in the order in which they were freed, by pool and family. Only pools that reuse the least recently freed
/// address keep them here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freed {
    /// One for each family of each pool.
    queues: Vec<BTreeMap<u64, Address>>,
    turns: BTreeMap<Address, (usize, u64)>,
    next: u64,
}

/// How many freed addresses of one family a pool remembers. The one freed before them counts as never used.
pub(crate) const REMEMBERED: usize = 65_536;

impl Freed {
    pub(crate) fn new(queues: usize) -> Self {
        Self { queues: (0..queues).map(|_| BTreeMap::new()).collect(), ..Self::default() }
    }

    /// Adds an address at the end. The one that is forgotten for it comes back.
    pub(crate) fn push(&mut self, queue: usize, address: Address) -> Option<Address> {
        let turn = self.next;
        self.next += 1;
        let addresses = self.queues.get_mut(queue)?;
        addresses.insert(turn, address);
        self.turns.insert(address, (queue, turn));
        if addresses.len() <= REMEMBERED {
            return None;
        }
        let (_, oldest) = addresses.pop_first()?;
        self.turns.remove(&oldest);
        Some(oldest)
    }

    pub(crate) fn remove(&mut self, address: Address) -> bool {
        let Some((queue, turn)) = self.turns.remove(&address) else {
            return false;
        };
        if let Some(addresses) = self.queues.get_mut(queue) {
            addresses.remove(&turn);
        }
        true
    }

    pub(crate) fn contains(&self, address: Address) -> bool {
        self.turns.contains_key(&address)
    }

    /// The addresses of one queue, freed longest ago first.
    pub(crate) fn oldest(&self, queue: usize) -> btree_map::Values<'_, u64, Address> {
        const NONE: &BTreeMap<u64, Address> = &BTreeMap::new();
        self.queues.get(queue).unwrap_or(NONE).values()
    }

    /// All addresses, freed longest ago first.
    pub(crate) fn in_order(&self) -> Vec<Address> {
        let mut all: Vec<_> =
            self.turns.iter().map(|(address, (_, turn))| (*turn, *address)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, address)| address).collect()
    }
}
