use hashbrown::HashTable;

use super::{shared::Shared, slab::Slab};
use crate::{
    address::Address,
    hash::{spread, tag},
};

/// The addresses with several holders or with one that would share, each with a number that it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    all: Slab<(Address, Shared)>,
    /// A part of the hash of an address, and its number.
    numbers: HashTable<(u32, u32)>,
}

impl Shares {
    pub(crate) const fn new() -> Self {
        Self { all: Slab::new(), numbers: HashTable::new() }
    }

    pub(crate) fn number(&self, address: Address) -> Option<u32> {
        if self.numbers.is_empty() {
            return None;
        }
        let tag = tag(address);
        let same = |entry: &(u32, u32)| entry.0 == tag && self.all.at(entry.1).0 == address;
        self.numbers.find(spread(tag), same).map(|(_, number)| *number)
    }

    /// As [`number`](Self::number), quicker where the guess is right.
    pub(crate) fn number_near(&self, guess: u32, address: Address) -> Option<u32> {
        match self.all.occupied(guess) {
            Some((other, _)) if *other == address => Some(guess),
            _ => self.number(address),
        }
    }

    pub(crate) fn find(&self, address: Address) -> Option<&Shared> {
        self.number(address).map(|number| self.at(number))
    }

    pub(crate) fn at(&self, number: u32) -> &Shared {
        &self.all.at(number).1
    }

    pub(crate) fn at_mut(&mut self, number: u32) -> &mut Shared {
        &mut self.all.at_mut(number).1
    }

    /// Adds an address that is not there.
    pub(crate) fn insert(&mut self, address: Address) -> u32 {
        let number = self.all.insert((address, Shared::default()));
        let tag = tag(address);
        self.numbers.insert_unique(spread(tag), (tag, number), |(tag, _)| spread(*tag));
        number
    }

    pub(crate) fn remove(&mut self, number: u32) {
        let Some((address, _)) = self.all.remove(number) else {
            return;
        };
        let entry = (tag(address), number);
        if let Ok(found) = self.numbers.find_entry(spread(entry.0), |other| *other == entry) {
            found.remove();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shared> {
        self.all.iter().map(|(_, (_, shared))| shared)
    }
}
