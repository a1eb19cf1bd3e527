use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::RangeBounds;

/// A table of bounded size that forgets what was used longest ago.
///
/// The entries form a list in the order of their use. To use one that is there allocates nothing.
#[derive(Debug)]
pub(crate) struct Lru<K, V> {
    slots: Vec<Slot<K, V>>,
    index: BTreeMap<K, usize>,
    capacity: usize,
    newest: usize,
    oldest: usize,
    uses: u64,
}

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    /// When it was used last, in uses.
    used: u64,
    newer: usize,
    older: usize,
}

/// No slot.
const NONE: usize = usize::MAX;

impl<K: Ord + Copy, V> Lru<K, V> {
    /// An empty table that never holds more entries than this.
    pub(crate) const fn new(capacity: usize) -> Self {
        Self {
            slots: Vec::new(),
            index: BTreeMap::new(),
            capacity,
            newest: NONE,
            oldest: NONE,
            uses: 0,
        }
    }

    /// Uses an entry, which is made if it is not there. `None` if there is room for none at all.
    pub(crate) fn touch(&mut self, key: K, value: impl FnOnce() -> V) -> Option<&mut V> {
        self.uses += 1;
        let at = match self.index.get(&key) {
            Some(&at) => {
                self.unlink(at);
                at
            }
            None => self.make(key, value())?,
        };
        self.link_newest(at);
        self.slots.get_mut(at).map(|slot| &mut slot.value)
    }

    /// The entries whose keys are in the range, in the order of keys, with a number that is greater
    /// the later the entry was used.
    pub(crate) fn range(&self, keys: impl RangeBounds<K>) -> impl Iterator<Item = (K, &V, u64)> {
        let slot = |(_, &at): (&K, &usize)| self.slots.get(at);
        self.index.range(keys).filter_map(slot).map(|slot| (slot.key, &slot.value, slot.used))
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.index.len()
    }

    fn make(&mut self, key: K, value: V) -> Option<usize> {
        let slot = Slot { key, value, used: 0, newer: NONE, older: NONE };
        let at = if self.slots.len() < self.capacity {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            let at = self.oldest;
            let forgotten = self.slots.get(at)?.key;
            self.index.remove(&forgotten);
            self.unlink(at);
            *self.slots.get_mut(at)? = slot;
            at
        };
        self.index.insert(key, at);
        Some(at)
    }

    fn unlink(&mut self, at: usize) {
        let Some(&Slot { newer, older, .. }) = self.slots.get(at) else {
            return;
        };
        match self.slots.get_mut(newer) {
            Some(slot) => slot.older = older,
            None => self.newest = older,
        }
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = newer,
            None => self.oldest = newer,
        }
    }

    fn link_newest(&mut self, at: usize) {
        let older = core::mem::replace(&mut self.newest, at);
        match self.slots.get_mut(older) {
            Some(slot) => slot.newer = at,
            None => self.oldest = at,
        }
        if let Some(slot) = self.slots.get_mut(at) {
            (slot.newer, slot.older, slot.used) = (NONE, older, self.uses);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_behaves_as_a_plain_list_does(
            capacity in 0..6_usize,
            keys in proptest::collection::vec(0..9_u8, 0..64),
        ) {
            let (mut lru, mut list) = (Lru::new(capacity), Vec::new());
            for (time, &key) in keys.iter().enumerate() {
                let value = lru.touch(key, || time).copied();
                let known = list.iter().position(|&(other, _)| other == key);
                let entry = known.map_or((key, time), |at| list.remove(at));
                list.push(entry);
                list.drain(..list.len().saturating_sub(capacity));
                prop_assert_eq!(value, list.last().map(|&(_, value)| value));
                let mut held: Vec<_> = lru.range(..).map(|(k, &v, used)| (used, k, v)).collect();
                held.sort_unstable();
                let held: Vec<_> = held.into_iter().map(|(_, k, v)| (k, v)).collect();
                prop_assert_eq!(&held, &list);
                prop_assert_eq!(lru.len(), list.len());
            }
        }
    }
}
