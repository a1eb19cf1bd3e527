use super::{index::Index, shared::Shared, slab::Slab};
use crate::{
    address::Address,
    hash::{of_address, tag},
};

/// The addresses with several holders or with one that would share, each with a number that it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    all: Slab<(Address, Shared)>,
    numbers: Index,
}

impl Shares {
    pub(crate) const fn new() -> Self {
        Self { all: Slab::new(), numbers: Index::new() }
    }

    pub(crate) fn number(&self, address: Address) -> Option<u32> {
        if self.numbers.is_empty() {
            return None;
        }
        let same = |number| self.all.at(number).0 == address;
        self.numbers.find(tag(of_address(address)), same)
    }

    /// As [`number`](Self::number), quicker where the guess is right.
    pub(crate) fn number_near(&self, guess: Option<u32>, address: Address) -> Option<u32> {
        let is_meant = |guess: &u32| self.all.occupied(*guess).is_some_and(|it| it.0 == address);
        guess.filter(is_meant).or_else(|| self.number(address))
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
        self.numbers.insert(tag(of_address(address)), number);
        number
    }

    pub(crate) fn remove(&mut self, number: u32) {
        if let Some((address, _)) = self.all.remove(number) {
            self.numbers.remove(tag(of_address(address)), number);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Shared> {
        self.all.iter().map(|(_, (_, shared))| shared)
    }
}
