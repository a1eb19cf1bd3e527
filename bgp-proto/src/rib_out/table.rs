use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use ipnet::IpNet;

use super::{
    Announcement,
    family::{FamilyTable, Key},
    set_id::SetId,
};
use crate::wire::PathId;

/// All that is announced.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(super) ipv4: FamilyTable<5>,
    pub(super) ipv6: FamilyTable<17>,
    pub(super) sets: Sets,
}

impl Table {
    pub(crate) const fn new() -> Self {
        Self { ipv4: FamilyTable::new(), ipv6: FamilyTable::new(), sets: Sets::new() }
    }

    /// How many routes there are.
    pub(crate) fn len(&self) -> usize {
        self.ipv4.len() + self.ipv6.len()
    }

    /// How many changes some neighbor has not yet seen.
    pub(crate) fn pending(&self) -> usize {
        self.ipv4.log.len() + self.ipv6.log.len()
    }

    /// Sets a route. `false` if that is how it was.
    pub(crate) fn announce(&mut self, prefix: IpNet, path: PathId, with: &Announcement) -> bool {
        let set = self.sets.intern(with);
        match prefix.trunc() {
            IpNet::V4(net) => {
                let key = (record(net.prefix_len(), &net.addr().octets()), path);
                announce(&mut self.ipv4, &mut self.sets, key, set)
            }
            IpNet::V6(net) => {
                let key = (record(net.prefix_len(), &net.addr().octets()), path);
                announce(&mut self.ipv6, &mut self.sets, key, set)
            }
        }
    }

    /// Removes a route. `false` if there was none.
    pub(crate) fn withdraw(&mut self, prefix: IpNet, path: PathId) -> bool {
        match prefix.trunc() {
            IpNet::V4(net) => {
                let key = (record(net.prefix_len(), &net.addr().octets()), path);
                withdraw(&mut self.ipv4, &mut self.sets, key)
            }
            IpNet::V6(net) => {
                let key = (record(net.prefix_len(), &net.addr().octets()), path);
                withdraw(&mut self.ipv6, &mut self.sets, key)
            }
        }
    }
}

/// `N` octets: a length, and an address of `N - 1`.
fn record<const N: usize>(len: u8, address: &[u8]) -> [u8; N] {
    let mut record = [0; N];
    record[0] = len;
    for (to, from) in record.iter_mut().skip(1).zip(address) {
        *to = *from;
    }
    record
}

fn announce<const N: usize>(
    table: &mut FamilyTable<N>,
    sets: &mut Sets,
    key: Key<N>,
    set: SetId,
) -> bool {
    if table.set_of(&key) == Some(set) {
        return false;
    }
    sets.hold(set);
    let old = table.insert(key, set);
    note(table, sets, key, old);
    true
}

fn withdraw<const N: usize>(table: &mut FamilyTable<N>, sets: &mut Sets, key: Key<N>) -> bool {
    let Some(old) = table.remove(&key) else {
        return false;
    };
    note(table, sets, key, Some(old));
    true
}

/// Logs a change. The old set lives on as long as the log names it.
fn note<const N: usize>(
    table: &mut FamilyTable<N>,
    sets: &mut Sets,
    key: Key<N>,
    old: Option<SetId>,
) {
    if let Some(kept) = table.log.record(key, old) {
        sets.hold(kept);
    }
    if let Some(old) = old {
        sets.release(old);
    }
}

/// Announcements, each stored once.
#[derive(Clone, Debug)]
pub(super) struct Sets {
    ids: BTreeMap<Arc<Announcement>, SetId>,
    sets: BTreeMap<SetId, (Arc<Announcement>, usize)>,
    next: u32,
    /// The last one interned, as long as nothing holds it.
    unheld: Option<SetId>,
}

impl Sets {
    const fn new() -> Self {
        Self { ids: BTreeMap::new(), sets: BTreeMap::new(), next: 0, unheld: None }
    }

    pub(super) fn get(&self, id: SetId) -> Option<&Arc<Announcement>> {
        self.sets.get(&id).map(|(set, _)| set)
    }

    fn intern(&mut self, announcement: &Announcement) -> SetId {
        if let Some(id) = self.ids.get(announcement) {
            return *id;
        }
        if let Some(unheld) = self.unheld.take() {
            self.drop_unheld(unheld);
        }
        let id = SetId(self.next);
        self.next = self.next.wrapping_add(1);
        let shared = Arc::new(announcement.clone());
        self.ids.insert(Arc::clone(&shared), id);
        self.sets.insert(id, (shared, 0));
        self.unheld = Some(id);
        id
    }

    fn hold(&mut self, id: SetId) {
        if let Some((_, users)) = self.sets.get_mut(&id) {
            *users += 1;
        }
    }

    fn release(&mut self, id: SetId) {
        if let Some((_, users)) = self.sets.get_mut(&id) {
            *users = users.saturating_sub(1);
        }
        self.drop_unheld(id);
    }

    pub(super) fn release_all(&mut self, ids: Vec<SetId>) {
        for id in ids {
            self.release(id);
        }
    }

    fn drop_unheld(&mut self, id: SetId) {
        if self.sets.get(&id).is_some_and(|(_, users)| *users == 0)
            && let Some((set, _)) = self.sets.remove(&id)
        {
            self.ids.remove(&set);
        }
    }
}
