use alloc::{collections::BTreeMap, vec::Vec};

use super::{log::Log, set_id::SetId};
use crate::wire::PathId;

/// A prefix: its length, then all octets of the address. For a host route, what is on the wire.
pub(super) type Record<const N: usize> = [u8; N];
/// A route: a prefix and a path.
pub(super) type Key<const N: usize> = (Record<N>, PathId);

/// In place of the length: the route is gone.
const DEAD: u8 = 0xFF;

/// The octets of a prefix that are sent.
pub(super) fn wire<const N: usize>(record: &Record<N>) -> &[u8] {
    let len = usize::from(record[0]).div_ceil(8) + 1;
    record.get(..len).unwrap_or(record)
}

/// The prefixes of one set and path, in the order of their coming.
#[derive(Clone, Debug, Default)]
pub(super) struct Group<const N: usize> {
    records: Vec<Record<N>>,
    /// Records that are not host routes, or are gone: without any, the records are the wire form.
    irregular: usize,
    dead: usize,
}

impl<const N: usize> Group<N> {
    pub(super) fn records(&self) -> &[Record<N>] {
        &self.records
    }

    /// Whether the records, one after the other, are what is sent.
    pub(super) const fn is_wire_form(&self) -> bool {
        self.irregular == 0
    }

    fn is_irregular(record: &Record<N>) -> bool {
        usize::from(record[0]) != (N - 1) * 8
    }
}

/// Where a route lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    set: SetId,
    index: usize,
}

/// The routes of one family: `N` is 5 for IPv4, 17 for IPv6.
#[derive(Clone, Debug)]
pub(super) struct FamilyTable<const N: usize> {
    index: BTreeMap<Key<N>, Place>,
    groups: BTreeMap<(SetId, PathId), Group<N>>,
    pub(super) log: Log<Key<N>>,
    /// Cursors that stand within the groups: nothing may move.
    dumping: usize,
}

impl<const N: usize> FamilyTable<N> {
    pub(super) const fn new() -> Self {
        Self { index: BTreeMap::new(), groups: BTreeMap::new(), log: Log::new(), dumping: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// The set of a route.
    pub(super) fn set_of(&self, key: &Key<N>) -> Option<SetId> {
        self.index.get(key).map(|place| place.set)
    }

    /// All paths of a prefix, the lowest first.
    pub(super) fn paths(&self, record: &Record<N>) -> impl Iterator<Item = (PathId, SetId)> {
        let range = (*record, 0)..=(*record, PathId::MAX);
        self.index.range(range).map(|((_, path), place)| (*path, place.set))
    }

    /// The first group at or after a position.
    pub(super) fn group_from(&self, at: (SetId, PathId)) -> Option<(SetId, PathId, &Group<N>)> {
        let (key, group) = self.groups.range(at..).next()?;
        Some((key.0, key.1, group))
    }

    /// Sets a route; the set that it had.
    pub(super) fn insert(&mut self, key: Key<N>, set: SetId) -> Option<SetId> {
        let old = self.index.get(&key).copied();
        if let Some(old) = old {
            self.take_out(&key, old);
        }
        let group = self.groups.entry((set, key.1)).or_default();
        let index = group.records.len();
        group.records.push(key.0);
        group.irregular += usize::from(Group::is_irregular(&key.0));
        self.index.insert(key, Place { set, index });
        old.map(|place| place.set)
    }

    /// Removes a route; the set that it had.
    pub(super) fn remove(&mut self, key: &Key<N>) -> Option<SetId> {
        let place = self.index.remove(key)?;
        self.take_out(key, place);
        Some(place.set)
    }

    fn take_out(&mut self, key: &Key<N>, place: Place) {
        let Some(group) = self.groups.get_mut(&(place.set, key.1)) else {
            return;
        };
        if self.dumping > 0 {
            let regular = !Group::is_irregular(&key.0);
            if let Some(record) = group.records.get_mut(place.index) {
                record[0] = DEAD;
                group.dead += 1;
                group.irregular += usize::from(regular);
            }
            return;
        }
        if place.index < group.records.len() {
            let gone = group.records.swap_remove(place.index);
            group.irregular -= usize::from(Group::is_irregular(&gone));
        }
        if let Some(moved) = group.records.get(place.index)
            && let Some(its) = self.index.get_mut(&(*moved, key.1))
        {
            its.index = place.index;
        }
        if group.records.is_empty() {
            self.groups.remove(&(place.set, key.1));
        }
    }

    pub(super) fn is_dead(record: &Record<N>) -> bool {
        record[0] == DEAD
    }

    pub(super) fn begin_dump(&mut self) {
        self.dumping += 1;
    }

    /// When the last cursor has left, what is gone is swept out.
    pub(super) fn end_dump(&mut self) {
        self.dumping = self.dumping.saturating_sub(1);
        if self.dumping > 0 {
            return;
        }
        for ((_, path), group) in &mut self.groups {
            if group.dead == 0 {
                continue;
            }
            group.records.retain(|record| !Self::is_dead(record));
            group.dead = 0;
            group.irregular = 0;
            for (at, record) in group.records.iter().enumerate() {
                group.irregular += usize::from(Group::is_irregular(record));
                if let Some(place) = self.index.get_mut(&(*record, *path)) {
                    place.index = at;
                }
            }
        }
        self.groups.retain(|_, group| !group.records.is_empty());
    }
}
