use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::ops::Bound;

use sha2::{Digest as _, Sha256};

use super::VoterId;
use crate::NodeName;

/// What is agreed on: entries by key, who may vote, and how often it was changed.
///
/// All of it is kept in one map, in 64 parts with a sum each, so that two copies that
/// differ a little are made equal by sending a little. Clones share the parts that are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    buckets: Vec<Arc<Bucket>>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Bucket {
    entries: BTreeMap<Key, Vec<u8>>,
    sum: u64,
}

/// The names of entries.
pub type Key = Vec<u8>;

/// Entries that are others than before; `None` for those that are gone.
pub type Changes = BTreeMap<Key, Option<Vec<u8>>>;

impl Document {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| Arc::default()).collect() }
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.inner(&user_key(key))
    }

    /// All entries, in no order that means anything, but always the same.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let all = self.buckets.iter().flat_map(|bucket| &bucket.entries);
        all.filter_map(|(key, value)| match key.split_first() {
            Some((&USER, key)) => Some((key, value.as_slice())),
            _ => None,
        })
    }

    /// How often it was changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        let version = self.inner(VERSION).and_then(|value| value.first_chunk());
        version.map_or(0, |bytes| u64::from_be_bytes(*bytes))
    }

    /// Who votes.
    #[must_use]
    pub fn members(&self) -> BTreeMap<NodeName, VoterId> {
        // Asked for with each datagram, so not at the cost of all entries.
        let range = (Bound::Included(&[MEMBER][..]), Bound::Excluded(&[MEMBER + 1][..]));
        let all = self.buckets.iter().flat_map(|bucket| bucket.entries.range::<[u8], _>(range));
        let members = all.filter_map(|(key, value)| {
            let name = key.strip_prefix(&[MEMBER])?;
            let name = NodeName::new(core::str::from_utf8(name).ok()?);
            Some((name, VoterId(u64::from_be_bytes(*value.first_chunk()?))))
        });
        members.collect()
    }

    pub(super) fn voters(&self) -> BTreeSet<VoterId> {
        self.members().into_values().collect()
    }

    /// What all of it amounts to.
    pub(super) fn digest(&self) -> u64 {
        let mut hash = Sha256::new();
        self.buckets.iter().for_each(|bucket| hash.update(bucket.sum.to_be_bytes()));
        short(hash)
    }

    pub(super) fn sums(&self) -> Vec<u64> {
        self.buckets.iter().map(|bucket| bucket.sum).collect()
    }

    pub(super) fn len(&self) -> usize {
        self.buckets.iter().map(|bucket| bucket.entries.len()).sum()
    }

    pub(super) fn set(&mut self, key: Key, value: Option<Vec<u8>>) {
        let Some(bucket) = self.buckets.get_mut(bucket_of(&key)) else { return };
        if bucket.entries.get(&key) == value.as_ref() {
            return;
        }
        let bucket = Arc::make_mut(bucket);
        let added = value.as_ref().map_or(0, |value| sum_of(&key, value));
        let before = match value {
            Some(value) => bucket.entries.insert(key.clone(), value),
            None => bucket.entries.remove(&key),
        };
        let removed = before.map_or(0, |value| sum_of(&key, &value));
        bucket.sum = bucket.sum.wrapping_sub(removed).wrapping_add(added);
    }

    pub(super) fn apply(&mut self, changes: &Changes) {
        for (key, value) in changes {
            self.set(key.clone(), value.clone());
        }
    }

    /// What turns this one into `other`.
    pub(super) fn changes_to(&self, other: &Self) -> Changes {
        let mut changes = Changes::new();
        for (mine, theirs) in self.buckets.iter().zip(&other.buckets) {
            let same = mine.sum == theirs.sum && mine.entries.len() == theirs.entries.len();
            if same || Arc::ptr_eq(mine, theirs) {
                continue;
            }
            let gone = mine.entries.keys().filter(|key| !theirs.entries.contains_key(*key));
            changes.extend(gone.map(|key| (key.clone(), None)));
            let new = theirs.entries.iter().filter(|(key, v)| mine.entries.get(*key) != Some(*v));
            changes.extend(new.map(|(key, value)| (key.clone(), Some(value.clone()))));
        }
        changes
    }

    /// Entries of a bucket after a key, as many as have room, and whether they are the last.
    pub(super) fn part(
        &self,
        number: u8,
        after: &[u8],
        mut room: usize,
    ) -> (Vec<(Key, Vec<u8>)>, bool) {
        let Some(bucket) = self.buckets.get(usize::from(number)) else { return (Vec::new(), true) };
        let mut part = Vec::new();
        for (key, value) in
            bucket.entries.range::<[u8], _>((Bound::Excluded(after), Bound::Unbounded))
        {
            let len = entry_len(key, Some(value));
            if len > room {
                return (part, false);
            }
            room -= len;
            part.push((key.clone(), value.clone()));
        }
        (part, true)
    }

    /// Makes the part of a bucket after a key what another has there. Entries of other buckets are
    /// passed over.
    pub(super) fn take_part(
        &mut self,
        number: u8,
        after: &[u8],
        part: &[(Key, Vec<u8>)],
        last: bool,
    ) {
        let Some(bucket) = self.buckets.get(usize::from(number)) else { return };
        let end = part.last().map(|(key, _)| key.as_slice());
        let range = bucket.entries.range::<[u8], _>((Bound::Excluded(after), Bound::Unbounded));
        let covered =
            range.take_while(|(key, _)| last || end.is_some_and(|end| key.as_slice() <= end));
        let covered: Vec<Key> = covered.map(|(key, _)| key.clone()).collect();
        covered.into_iter().for_each(|key| self.set(key, None));
        for (key, value) in part.iter().filter(|(key, _)| bucket_of(key) == usize::from(number)) {
            self.set(key.clone(), Some(value.clone()));
        }
    }

    pub(super) fn set_version(&mut self, version: u64) {
        self.set(VERSION.to_vec(), Some(version.to_be_bytes().to_vec()));
    }

    pub(super) fn set_member(&mut self, name: &NodeName, voter: Option<VoterId>) {
        let mut key = Vec::from([MEMBER]);
        key.extend(name.as_str().bytes());
        self.set(key, voter.map(|voter| voter.0.to_be_bytes().to_vec()));
    }

    fn inner(&self, key: &[u8]) -> Option<&[u8]> {
        self.buckets.get(bucket_of(key))?.entries.get(key).map(Vec::as_slice)
    }
}

/// The key of an entry, beside those that are ours.
pub(super) fn user_key(key: &[u8]) -> Key {
    let mut inner = Vec::with_capacity(key.len() + 1);
    inner.push(USER);
    inner.extend(key);
    inner
}

/// The changes that concern entries, by their own names.
pub(super) fn user_changes(changes: &Changes) -> Changes {
    let users = changes.iter().filter_map(|(key, value)| match key.split_first() {
        Some((&USER, key)) => Some((key.to_vec(), value.clone())),
        _ => None,
    });
    users.collect()
}

/// How many octets an entry takes in a datagram or a record.
pub(super) fn entry_len(key: &[u8], value: Option<&Vec<u8>>) -> usize {
    4 + key.len() + value.map_or(0, Vec::len)
}

fn bucket_of(key: &[u8]) -> usize {
    let mut hash = Sha256::new();
    hash.update(key);
    // Less than 2^16, so it fits any size.
    (short(hash) % BUCKETS as u64) as usize
}

fn sum_of(key: &[u8], value: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update((key.len() as u64).to_be_bytes());
    hash.update(key);
    hash.update(value);
    short(hash)
}

pub(super) fn short(hash: Sha256) -> u64 {
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// In so many parts.
pub(super) const BUCKETS: usize = 64;
const USER: u8 = b'e';
const MEMBER: u8 = b'm';
const VERSION: &[u8] = b"v";
