use alloc::collections::BTreeSet;
use core::net::IpAddr;

use hashbrown::{HashTable, hash_table};

use super::{Held, Key};

/// What is claimed. Looked up for each frame, whose sender and target may be anything, so by hash;
/// gone through in the order of keys.
///
/// The hash needs no secret: only the owner adds claims.
#[derive(Debug, Default)]
pub(super) struct Claims {
    table: HashTable<Entry>,
    order: BTreeSet<Key>,
}

/// In one line of a processor's cache: with many claims, to fetch it is most of what a look-up costs.
#[derive(Debug)]
#[repr(align(64))]
struct Entry {
    key: Key,
    held: Held,
}

const _: () = assert!(size_of::<Entry>() == 64, "it fits no more");

impl Claims {
    pub(super) fn get(&self, key: &Key) -> Option<&Held> {
        self.table.find(hash(key), |entry| entry.key == *key).map(|entry| &entry.held)
    }

    pub(super) fn get_mut(&mut self, key: &Key) -> Option<&mut Held> {
        self.table.find_mut(hash(key), |entry| entry.key == *key).map(|entry| &mut entry.held)
    }

    pub(super) fn contains(&self, key: &Key) -> bool {
        self.get(key).is_some()
    }

    /// Adds a claim, or replaces one.
    pub(super) fn insert(&mut self, key: Key, held: Held) {
        let found =
            self.table.entry(hash(&key), |entry| entry.key == key, |entry| hash(&entry.key));
        match found {
            hash_table::Entry::Occupied(mut old) => old.get_mut().held = held,
            hash_table::Entry::Vacant(room) => {
                room.insert(Entry { key, held });
                self.order.insert(key);
            }
        }
    }

    /// Removes a claim. Whether there was one.
    pub(super) fn remove(&mut self, key: &Key) -> bool {
        let found = self.table.find_entry(hash(key), |entry| entry.key == *key);
        if let Ok(entry) = found {
            entry.remove();
        }
        self.order.remove(key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.order.iter()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&Key, &Held)> {
        self.order.iter().filter_map(|key| Some((key, self.get(key)?)))
    }
}

/// Addresses differ in a few low bits: each is multiplied, and what was carried up is mixed down.
fn hash(&(link, address): &Key) -> u64 {
    let (high, low) = match address {
        IpAddr::V4(address) => (1, u64::from(address.to_bits())),
        IpAddr::V6(address) => {
            let [high, low] = halves(address.to_bits());
            (high, low)
        }
    };
    let mut mixed = u64::from(link.0).wrapping_add(SEED);
    for word in [high, low] {
        let product = u128::from(mixed ^ word).wrapping_mul(u128::from(ODD));
        let [up, down] = halves(product);
        mixed = up ^ down;
    }
    mixed
}

fn halves(bits: u128) -> [u64; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = bits.to_be_bytes();
    [u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes(rest)]
}

const SEED: u64 = 0x243f_6a88_85a3_08d3;
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec::Vec};
    use core::net::{Ipv4Addr, Ipv6Addr};

    use proptest::prelude::*;

    use super::*;
    use crate::{LeaseId, LinkId};

    fn held(epoch: u64) -> Held {
        Held { epoch, tenure: 0, lease: LeaseId(0), plain_left: 0, replies_left: 0, defended: None }
    }

    fn key(number: u32) -> Key {
        let link = LinkId(number % 2);
        let address = match number % 3 {
            0 => Ipv6Addr::from_bits(u128::from(number)).into(),
            _ => Ipv4Addr::from_bits(number).into(),
        };
        (link, address)
    }

    proptest! {
        #[test]
        fn it_behaves_as_an_ordered_map_does(
            calls in proptest::collection::vec((0..40_u32, 0..3_u8), 0..200),
        ) {
            let (mut claims, mut map) = (Claims::default(), BTreeMap::new());
            for (epoch, (number, call)) in (0..).zip(calls) {
                let key = key(number);
                if call == 0 {
                    prop_assert_eq!(claims.remove(&key), map.remove(&key).is_some());
                } else {
                    claims.insert(key, held(epoch));
                    map.insert(key, epoch);
                }
                prop_assert_eq!(claims.get(&key).map(|held| held.epoch), map.get(&key).copied());
                prop_assert_eq!(claims.contains(&key), map.contains_key(&key));
            }
            prop_assert!(claims.keys().eq(map.keys()));
            let all: Vec<_> = claims.iter().map(|(&key, held)| (key, held.epoch)).collect();
            prop_assert_eq!(all, map.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn addresses_in_a_row_spread() {
        // 7 bits at the top are what the table compares first, the low ones choose the place.
        let hashes = || {
            (0..4_096)
                .map(|host| hash(&(LinkId(2), Ipv4Addr::from_bits(0x0a00_0000 + host).into())))
        };
        let places: BTreeSet<u64> = hashes().map(|hash| hash % 4_096).collect();
        let tops: BTreeSet<u64> = hashes().map(|hash| hash >> 57).collect();
        assert!(places.len() > 2_200, "{}", places.len());
        assert_eq!(tops.len(), 128);
    }
}
