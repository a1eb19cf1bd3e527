use alloc::{
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};

use core::borrow::Borrow;

use super::{few::FewOrMany, record::Record};
use crate::{Owner, Port, hash};

/// The holders of one address, where there are several or where one would share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared {
    holders: Holders,
    /// Who uses which port; only of those with a sharing key.
    ports: FewOrMany<(Port, u32), 12>,
    group: KeyCount,
    rest: Option<Box<Rest>>,
}

pub(crate) type Holders = FewOrMany<u32, 12>;

/// What few shared addresses need.
#[derive(Clone, Debug, Default)]
struct Rest {
    /// Other keys than those of the first group.
    other_groups: Vec<KeyCount>,
    /// Empty where nothing asks for it.
    namespaces: BTreeMap<Namespace, u32>,
    /// How many holders have agreed to share with a namespace that is not theirs.
    consents: BTreeMap<String, u32>,
}

/// How many holders have some keys; nothing stands for no key.
#[derive(Clone, Copy, Debug, Default)]
struct KeyCount {
    group: Option<u32>,
    holders: u32,
}

/// A namespace with its hash, so that few names are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Namespace {
    hash: u64,
    name: Arc<str>,
}

impl Namespace {
    fn of(owner: &Owner) -> Self {
        Self { hash: hash::of_texts(owner.namespace(), ""), name: owner.shared_namespace().clone() }
    }
}

impl Shared {
    /// `counts_namespaces` says whether quotas or consent need to know them.
    pub(crate) fn add(&mut self, slot: u32, record: &Record, counts_namespaces: bool) {
        self.holders.insert(slot);
        let group = record.consent().map(|consent| consent.group);
        if self.group.holders == 0 {
            self.group.group = group;
        }
        match self.count_of(group) {
            Some(count) => count.holders += 1,
            None => self.rest_mut().other_groups.push(KeyCount { group, holders: 1 }),
        }
        if counts_namespaces {
            *self.rest_mut().namespaces.entry(Namespace::of(&record.owner)).or_default() += 1;
        }
        for port in record.ports() {
            self.ports.insert((*port, slot));
        }
        for namespace in agreed(record) {
            *self.rest_mut().consents.entry(namespace.clone()).or_default() += 1;
        }
    }

    pub(crate) fn remove(&mut self, slot: u32, record: &Record) {
        self.holders.remove(slot);
        let group = record.consent().map(|consent| consent.group);
        if let Some(count) = self.count_of(group) {
            count.holders -= 1;
        }
        for port in record.ports() {
            self.ports.remove((*port, slot));
        }
        if let Some(rest) = self.rest.as_deref_mut() {
            rest.other_groups.retain(|count| count.holders > 0);
            if !rest.namespaces.is_empty() {
                count_down(&mut rest.namespaces, &Namespace::of(&record.owner));
            }
            for namespace in agreed(record) {
                count_down(&mut rest.consents, namespace.as_str());
            }
        }
        if self.group.holders == 0 {
            let other = self.rest.as_deref_mut().and_then(|rest| rest.other_groups.pop());
            self.group = other.unwrap_or_default();
        }
    }

    pub(crate) const fn holders(&self) -> &Holders {
        &self.holders
    }

    /// The keys that all holders have, and the ports that are in use under them.
    pub(crate) fn common_group(&self) -> Option<u32> {
        let alone = self.rest.as_ref().is_none_or(|rest| rest.other_groups.is_empty());
        self.group.group.filter(|_| alone)
    }

    fn count_of(&mut self, group: Option<u32>) -> Option<&mut KeyCount> {
        let others = self.rest.iter_mut().flat_map(|rest| &mut rest.other_groups);
        let mut all = core::iter::once(&mut self.group).chain(others);
        all.find(|count| count.group == group)
    }

    fn rest_mut(&mut self) -> &mut Rest {
        self.rest.get_or_insert_default()
    }

    /// Who uses a port.
    pub(crate) fn users(&self, port: Port) -> impl Iterator<Item = u32> {
        self.ports.between((port, 0), (port, u32::MAX)).map(|(_, slot)| slot)
    }

    pub(crate) fn ports(&self) -> impl Iterator<Item = Port> {
        let mut before = None;
        self.ports.iter().filter_map(move |(port, _)| {
            let first = before != Some(port);
            before = Some(port);
            first.then_some(port)
        })
    }

    /// How many holders are in the namespace of an owner.
    pub(crate) fn in_namespace(&self, owner: &Owner) -> u32 {
        let count = self.rest.as_ref().and_then(|rest| rest.namespaces.get(&Namespace::of(owner)));
        count.copied().unwrap_or(0)
    }

    /// Whether all holders would share with `owner`, which agrees to share with `agreed`, and it with them.
    pub(crate) fn consents(&self, owner: &Owner, agreed: &BTreeSet<String>) -> bool {
        let inside = self.in_namespace(owner);
        let rest = self.rest.as_deref();
        let willing = rest.and_then(|rest| rest.consents.get(owner.namespace()));
        let willing = willing.copied().unwrap_or(0);
        let mut theirs = rest.iter().flat_map(|rest| rest.namespaces.keys()).map(|it| &*it.name);
        inside + willing == self.holders.len() as u32
            && theirs.all(|other| other == owner.namespace() || agreed.contains(other))
    }
}

/// The other namespaces that an owner agrees to share with.
fn agreed(record: &Record) -> impl Iterator<Item = &String> {
    let all = record.consent().into_iter().flat_map(|consent| consent.namespaces);
    all.filter(|namespace| **namespace != *record.owner.namespace())
}

fn count_down<K: Ord + Borrow<Q>, Q: Ord + ?Sized>(counts: &mut BTreeMap<K, u32>, key: &Q) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}
