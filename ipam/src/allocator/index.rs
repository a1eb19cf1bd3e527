use hashbrown::HashTable;

/// Finds numbers by the [tag](crate::hash::tag) of what they stand for. What that is only its owner knows, who compares it.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    entries: HashTable<Entry>,
}

/// The tag is kept, so that the table grows without looking at what the numbers stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    tag: u32,
    number: u32,
}

impl Index {
    pub(crate) const fn new() -> Self {
        Self { entries: HashTable::new() }
    }

    pub(crate) fn find(&self, tag: u32, is_meant: impl Fn(u32) -> bool) -> Option<u32> {
        let found = self.entries.find(spread(tag), |e| e.tag == tag && is_meant(e.number));
        found.map(|entry| entry.number)
    }

    /// Adds a number that is not there.
    pub(crate) fn insert(&mut self, tag: u32, number: u32) {
        self.entries.insert_unique(spread(tag), Entry { tag, number }, |entry| spread(entry.tag));
    }

    pub(crate) fn remove(&mut self, tag: u32, number: u32) {
        let entry = Entry { tag, number };
        if let Ok(found) = self.entries.find_entry(spread(tag), |other| *other == entry) {
            found.remove();
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }
}

/// A full hash again, as the table looks at both ends of it.
fn spread(tag: u32) -> u64 {
    u64::from(tag).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}
