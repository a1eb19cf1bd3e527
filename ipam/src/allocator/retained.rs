use alloc::collections::{BTreeMap, BTreeSet};

use crate::{Owner, address::Address};

/// Addresses that wait for their former owner. None of them is held or reserved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Retained {
    by_address: BTreeMap<Address, (Owner, u64)>,
    by_owner: BTreeMap<Owner, BTreeSet<Address>>,
    by_end: BTreeSet<(u64, Address)>,
}

impl Retained {
    pub(crate) fn insert(&mut self, address: Address, owner: Owner, end: u64) {
        self.by_end.insert((end, address));
        let addresses = self.by_owner.entry(owner.clone()).or_default();
        addresses.insert(address);
        self.by_address.insert(address, (owner, end));
    }

    pub(crate) fn remove(&mut self, address: Address) -> bool {
        let Some((owner, end)) = self.by_address.remove(&address) else {
            return false;
        };
        self.by_end.remove(&(end, address));
        if let Some(addresses) = self.by_owner.get_mut(&owner) {
            addresses.remove(&address);
            if addresses.is_empty() {
                self.by_owner.remove(&owner);
            }
        }
        true
    }

    /// For whom an address waits.
    pub(crate) fn owner(&self, address: Address) -> Option<&Owner> {
        self.by_address.get(&address).map(|(owner, _)| owner)
    }

    /// What waits for an owner, ascending.
    pub(crate) fn of(&self, owner: &Owner) -> impl Iterator<Item = Address> {
        self.by_owner.get(owner).into_iter().flatten().copied()
    }

    /// An address whose time is over.
    pub(crate) fn ended(&self, clock: u64) -> Option<Address> {
        let (end, address) = self.by_end.first()?;
        (*end <= clock).then_some(*address)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Address, &Owner, u64)> {
        let all = self.by_address.iter();
        all.map(|(address, (owner, end))| (*address, owner, *end))
    }
}
