use alloc::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    vec::Vec,
};

use super::set_id::SetId;

/// What has changed, each key once, in the order of the last changes.
#[derive(Clone, Debug)]
pub(super) struct Log<K> {
    version: u64,
    /// Ascending. A key that has changed again since stands here twice, and the later entry counts.
    order: VecDeque<(u64, K)>,
    changes: BTreeMap<K, Change>,
    /// How many readers stand at each version. Without readers nothing is kept.
    readers: BTreeMap<u64, usize>,
}

/// The last change of a key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    was: Option<SetId>,
    was_too: Vec<SetId>,
}

/// Entries of the order that are kept beside those that count.
const SLACK: usize = 1024;

impl Change {
    /// The sets under which a reader may have announced it, as far back as the slowest one stands.
    pub(super) fn was(&self) -> impl Iterator<Item = SetId> {
        self.was.iter().chain(&self.was_too).copied()
    }
}

impl<K: Ord + Copy> Log<K> {
    pub(super) const fn new() -> Self {
        Self {
            version: 0,
            order: VecDeque::new(),
            changes: BTreeMap::new(),
            readers: BTreeMap::new(),
        }
    }

    /// The version of the last change.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// How many changes are kept.
    pub(super) fn len(&self) -> usize {
        self.changes.len()
    }

    /// `key` has changed; it was announced under `was`. The sets that are now remembered besides.
    pub(super) fn record(&mut self, key: K, was: Option<SetId>) -> Option<SetId> {
        self.version += 1;
        if self.readers.is_empty() {
            return None;
        }
        let fresh = Change { version: 0, was: None, was_too: Vec::new() };
        let change = self.changes.entry(key).or_insert(fresh);
        change.version = self.version;
        let new = was.filter(|set| !change.was().any(|other| other == *set));
        match change.was {
            None => change.was = new,
            Some(_) => change.was_too.extend(new),
        }
        self.order.push_back((self.version, key));
        if self.order.len() > 2 * self.changes.len() + SLACK {
            let changes = &self.changes;
            self.order.retain(|(version, key)| {
                changes.get(key).is_some_and(|change| change.version == *version)
            });
        }
        new
    }

    pub(super) fn change(&self, key: &K) -> Option<&Change> {
        self.changes.get(key)
    }

    /// The changes after `version`, in order. Those of a key that has changed again since may be among them.
    pub(super) fn after(&self, version: u64) -> impl Iterator<Item = (u64, K)> {
        let first = self.order.partition_point(|(other, _)| *other <= version);
        self.order.range(first..).copied()
    }

    /// A reader comes (`from` is `None`), advances, or goes. The sets of changes that everyone has
    /// passed, which are remembered no more.
    pub(super) fn move_reader(&mut self, from: Option<u64>, to: Option<u64>) -> Vec<SetId> {
        if let Some(to) = to {
            *self.readers.entry(to).or_default() += 1;
        }
        if let Some(from) = from
            && let Some(count) = self.readers.get_mut(&from)
        {
            *count -= 1;
            if *count == 0 {
                self.readers.remove(&from);
            }
        }
        let slowest = self.readers.keys().next().copied().unwrap_or(u64::MAX);
        let mut forgotten = Vec::new();
        while let Some(&(version, key)) = self.order.front()
            && version <= slowest
        {
            self.order.pop_front();
            if let Entry::Occupied(entry) = self.changes.entry(key)
                && entry.get().version == version
            {
                let Change { was, was_too, .. } = entry.remove();
                forgotten.extend(was.into_iter().chain(was_too));
            }
        }
        if self.order.is_empty() {
            self.order.shrink_to(SLACK);
        }
        forgotten
    }
}

#[cfg(test)]
mod tests;
