use alloc::{
    boxed::Box,
    collections::{BTreeMap, btree_map::Entry},
    vec::Vec,
};
use core::ops::Range;

use super::{few::FewOrMany, index::Index, shared::Shared, slab::Slab};
use crate::{
    Port,
    address::Address,
    hash::{of_texts, tag},
};

/// Sharing key and backend key, both as one number, and the addresses that all holders share under them.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    groups: Slab<Group>,
    numbers: Index,
}

/// The ports of the holder of an address that came, or that went.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Changed<'a> {
    Added(&'a [Port]),
    Removed(&'a [Port]),
}

#[derive(Clone, Debug)]
struct Group {
    key: Box<str>,
    backend: Box<str>,
    /// How many owners have these keys.
    owners: u32,
    /// The number of the last address that was joined with these keys. A guess, so that it is found at once.
    joined: u32,
    /// By segment, then address.
    addresses: FewOrMany<(u32, Address), 1>,
    /// On how many of the addresses a port is in use. Nothing while there was never more than one, as the address itself
    /// knows that.
    ports: Option<BTreeMap<Port, u32>>,
}

impl Groups {
    pub(crate) const fn new() -> Self {
        Self { groups: Slab::new(), numbers: Index::new() }
    }

    pub(crate) fn find(&self, key: &str, backend: &str) -> Option<u32> {
        self.numbers.find(tag(of_texts(key, backend)), |number| {
            let group = self.groups.at(number);
            same(&group.key, key) && same(&group.backend, backend)
        })
    }

    /// The number of these keys, which is `known` if there is one; one more owner has them.
    pub(crate) fn enter(&mut self, known: Option<u32>, key: &str, backend: &str) -> u32 {
        let number = known.unwrap_or_else(|| {
            let number = self.groups.insert(Group {
                key: key.into(),
                backend: backend.into(),
                owners: 0,
                joined: 0,
                addresses: FewOrMany::None,
                ports: None,
            });
            self.numbers.insert(tag(of_texts(key, backend)), number);
            number
        });
        self.groups.at_mut(number).owners += 1;
        number
    }

    /// One owner less has these keys.
    pub(crate) fn leave(&mut self, number: u32) {
        let group = self.groups.at_mut(number);
        group.owners -= 1;
        if group.owners > 0 {
            return;
        }
        self.numbers.remove(tag(of_texts(&group.key, &group.backend)), number);
        self.groups.remove(number);
    }

    /// The number of the last address that was joined with these keys, which it may not have any more.
    pub(crate) fn joined(&self, number: u32) -> u32 {
        self.groups.at(number).joined
    }

    pub(crate) fn note_joined(&mut self, number: u32, joined: u32) {
        self.groups.at_mut(number).joined = joined;
    }

    pub(crate) fn keys(&self, number: u32) -> (&str, &str) {
        let group = self.groups.at(number);
        (&group.key, &group.backend)
    }

    /// Brings the index up to date after a holder of an address came or went.
    ///
    /// `before` are the keys that all holders had in common; `shared` is the state after the change. Says for which group
    /// [`count_ports`](Self::count_ports) must be called.
    pub(crate) fn reindex(
        &mut self,
        place: (u32, Address),
        shared: &Shared,
        before: Option<u32>,
        changed: Changed<'_>,
    ) -> Option<u32> {
        let after = shared.common_group();
        // In use by this holder alone, and by nobody any more.
        let fresh = |port: &Port| shared.users(*port).nth(1).is_none();
        let gone = |port: &Port| shared.users(*port).next().is_none();
        if let Some(group) = before {
            let group = self.groups.at_mut(group);
            match changed {
                Changed::Added(ports) if before == after => {
                    group.use_ports(ports.iter().copied().filter(fresh));
                }
                Changed::Removed(ports) if before == after => {
                    group.free_ports(ports.iter().copied().filter(gone));
                }
                Changed::Added(ports) => {
                    let old = |port: &Port| !(ports.contains(port) && fresh(port));
                    group.free_ports(shared.ports().filter(old));
                    group.leave(place);
                }
                Changed::Removed(ports) => {
                    group.free_ports(shared.ports().chain(ports.iter().copied().filter(gone)));
                    group.leave(place);
                }
            }
        }
        let number = after.filter(|_| before != after)?;
        let group = self.groups.at_mut(number);
        group.use_ports(shared.ports());
        group.addresses.insert(place);
        (group.ports.is_none() && group.addresses.len() > 1).then_some(number)
    }

    /// Counts the ports of a group with a second address; `of` tells those of an address.
    pub(crate) fn count_ports<P: Iterator<Item = Port>>(
        &mut self,
        number: u32,
        of: impl Fn(Address) -> P,
    ) {
        let group = self.groups.at_mut(number);
        let ports: Vec<Port> =
            group.addresses.iter().flat_map(|(_, address)| of(address)).collect();
        group.ports = Some(BTreeMap::new());
        group.use_ports(ports.into_iter());
    }

    /// The addresses of a group in some segments, ascending; none where every address of the group has one of the ports in
    /// use, so that many owners with one key and one port cost no search.
    pub(crate) fn addresses<'a>(
        &self,
        number: u32,
        segments: Range<u32>,
        mut ports: impl Iterator<Item = &'a Port>,
    ) -> impl Iterator<Item = (u32, Address)> {
        let group = self.groups.at(number);
        let all = group.addresses.len() as u32;
        let everywhere =
            |port| group.ports.as_ref().is_some_and(|counts| counts.get(port) == Some(&all));
        let hopeless = ports.any(everywhere);
        let last = segments.end.checked_sub(1).filter(|last| *last >= segments.start && !hopeless);
        let places = last.map(|last| ((segments.start, Address::MIN), (last, Address::MAX)));
        places.into_iter().flat_map(|(first, last)| group.addresses.between(first, last))
    }

    /// Forgets all addresses and keeps the keys.
    pub(crate) fn clear_addresses(&mut self) {
        for group in self.groups.iter_mut() {
            group.addresses = FewOrMany::None;
            group.ports = None;
        }
    }
}

/// As `==`, without looking at two texts that are empty: they lie nowhere, and a compare by vectors is slow there.
fn same(one: &str, other: &str) -> bool {
    one.len() == other.len() && (one.is_empty() || one == other)
}

impl Group {
    fn use_ports(&mut self, ports: impl Iterator<Item = Port>) {
        if let Some(counts) = &mut self.ports {
            for port in ports {
                *counts.entry(port).or_default() += 1;
            }
        }
    }

    fn free_ports(&mut self, ports: impl Iterator<Item = Port>) {
        let Some(counts) = &mut self.ports else {
            return;
        };
        for port in ports {
            if let Entry::Occupied(mut count) = counts.entry(port) {
                *count.get_mut() -= 1;
                if *count.get() == 0 {
                    count.remove();
                }
            }
        }
    }

    fn leave(&mut self, place: (u32, Address)) {
        self.addresses.remove(place);
        if self.addresses.len() == 0 {
            self.ports = None;
        }
    }
}
