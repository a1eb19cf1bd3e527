use alloc::{collections::BTreeMap, vec::Vec};

use super::set_id::SetId;

/// What has changed, each key once, in the order of the last changes.
#[derive(Clone, Debug)]
pub(super) struct Log<K> {
    version: u64,
    order: BTreeMap<u64, K>,
    changes: BTreeMap<K, Change>,
    /// How many readers stand at each version. Without readers nothing is kept.
    readers: BTreeMap<u64, usize>,
}

/// The last change of a key.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) version: u64,
    /// The sets under which a reader may have announced it, as far back as the slowest one stands.
    pub(super) was: Vec<SetId>,
}

impl<K: Ord + Copy> Log<K> {
    pub(super) const fn new() -> Self {
        Self {
            version: 0,
            order: BTreeMap::new(),
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
        self.order.len()
    }

    /// `key` has changed; it was announced under `was`. The sets that are now remembered besides.
    pub(super) fn record(&mut self, key: K, was: Option<SetId>) -> Option<SetId> {
        self.version += 1;
        if self.readers.is_empty() {
            return None;
        }
        let change = self.changes.entry(key).or_insert(Change { version: 0, was: Vec::new() });
        self.order.remove(&change.version);
        change.version = self.version;
        self.order.insert(self.version, key);
        let new = was.filter(|set| !change.was.contains(set));
        change.was.extend(new);
        new
    }

    pub(super) fn change(&self, key: &K) -> Option<&Change> {
        self.changes.get(key)
    }

    /// The changes after `version`, in order.
    pub(super) fn after(&self, version: u64) -> impl Iterator<Item = (u64, K)> {
        self.order.range(version + 1..).map(|(version, key)| (*version, *key))
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
        while let Some(first) = self.order.first_entry()
            && *first.key() <= slowest
        {
            let key = first.remove();
            forgotten.extend(self.changes.remove(&key).into_iter().flat_map(|change| change.was));
        }
        forgotten
    }
}
