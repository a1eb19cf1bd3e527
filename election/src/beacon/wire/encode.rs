use alloc::vec::Vec;
use core::{net::IpAddr, time::Duration};

use super::{
    Beacon, Entry, HardwareAddress, LifeId, MAGIC, SyncRange, TAG_LEN, TENTH, TlvType, VERSION,
    bits, state,
};
use crate::beacon::{envelope, keys::Keyring};

impl Beacon {
    /// Writes the datagram into `buf`, which is cleared first, and signs it as the keyring says.
    pub fn encode(&self, keyring: &Keyring, buf: &mut Vec<u8>) {
        envelope::begin(MAGIC, VERSION, keyring, buf);
        self.items(buf);
        envelope::seal(keyring, buf);
    }

    /// How many octets [`encode`](Self::encode) writes at most.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let lives = [&self.hears, &self.probes, &self.sync_wanted].into_iter();
        let lists: usize = lives.map(|lives| ITEM + lives.len() * 8).sum();
        let failing = ITEM + self.failing.len() * FAILING;
        let changed = self.changes.iter();
        let changes: usize = changed.map(|(at, e)| entry_len(*at, e.as_ref())).sum();
        let sync = self.sync.as_ref().map_or(0, |range| {
            let entries = range.entries.iter();
            let entries: usize = entries.map(|(at, entry)| entry_len(*at, Some(entry))).sum();
            ITEM + SYNC_ENDS + entries
        });
        let hardware = ITEM + self.hardware.len() * size_of::<HardwareAddress>();
        FIXED + self.name.as_str().len() + hardware + lists + failing + ITEM + changes + sync
    }

    fn items(&self, buf: &mut Vec<u8>) {
        item(buf, TlvType::SENDER, |buf| {
            buf.extend(self.incarnation.to_be_bytes());
            buf.extend(self.sequence.to_be_bytes());
        });
        item(buf, TlvType::NAME, |buf| buf.extend(self.name.as_str().bytes()));
        item(buf, TlvType::SEGMENT, |buf| buf.extend(self.segment.0.to_be_bytes()));
        item(buf, TlvType::TIMING, |buf| {
            buf.extend(micros(self.interval).to_be_bytes());
            buf.extend(micros(self.token_life).to_be_bytes());
        });
        item(buf, TlvType::STATE, |buf| {
            let starting = if self.starting { state::STARTING } else { 0 };
            let draining = if self.draining { state::DRAINING } else { 0 };
            buf.push(starting | draining);
            buf.extend(self.weight.get().to_be_bytes());
        });
        item(buf, TlvType::HEARS, |buf| lives(buf, &self.hears));
        item(buf, TlvType::DIGEST, |buf| {
            buf.extend(self.digest.count.to_be_bytes());
            buf.extend(self.digest.sum.to_be_bytes());
        });
        if !self.hardware.is_empty() {
            item(buf, TlvType::HARDWARE, |buf| buf.extend(self.hardware.iter().flatten()));
        }
        if !self.probes.is_empty() {
            item(buf, TlvType::PROBES, |buf| lives(buf, &self.probes));
        }
        if !self.sync_wanted.is_empty() {
            item(buf, TlvType::SYNC_WANTED, |buf| lives(buf, &self.sync_wanted));
        }
        if !self.failing.is_empty() {
            item(buf, TlvType::FAILING, |buf| {
                for failing in &self.failing {
                    buf.extend(failing.life.0.to_be_bytes());
                    buf.push(failing.failures);
                    put_address(buf, Some(failing.address));
                }
            });
        }
        if !self.changes.is_empty() {
            item(buf, TlvType::CHANGES, |buf| {
                for (at, change) in &self.changes {
                    put_entry(buf, *at, change.as_ref());
                }
            });
        }
        if let Some(range) = &self.sync {
            item(buf, TlvType::SYNC, |buf| put_range(buf, range));
        }
    }
}

/// How many octets an entry takes.
pub(in crate::beacon) fn entry_len(at: IpAddr, entry: Option<&Entry>) -> usize {
    let address = if at.is_ipv6() { 16 } else { 4 };
    let held = entry
        .and_then(|entry| entry.held.as_ref())
        .map_or(0, |tenure| 8 + tenure.successor.map_or(0, |_| 8) + 2 * tenure.moved.len());
    1 + address + held
}

pub(crate) fn item(buf: &mut Vec<u8>, kind: TlvType, value: impl FnOnce(&mut Vec<u8>)) {
    buf.push(kind.0);
    let at = buf.len();
    buf.extend([0; 2]);
    value(buf);
    let len = u16::try_from(buf.len() - at - 2).unwrap_or(u16::MAX).to_be_bytes();
    if let Some(slot) = buf.get_mut(at..at + 2) {
        slot.copy_from_slice(&len);
    }
}

fn lives(buf: &mut Vec<u8>, lives: &[LifeId]) {
    lives.iter().for_each(|life| buf.extend(life.0.to_be_bytes()));
}

fn put_range(buf: &mut Vec<u8>, range: &SyncRange) {
    put_address(buf, Some(range.first));
    put_address(buf, range.end);
    for (at, entry) in &range.entries {
        put_entry(buf, *at, Some(entry));
    }
}

/// The family, 4, 6 or 0 for none, and the address.
fn put_address(buf: &mut Vec<u8>, address: Option<IpAddr>) {
    match address {
        None => buf.push(0),
        Some(IpAddr::V4(address)) => {
            buf.push(4);
            buf.extend(address.octets());
        }
        Some(IpAddr::V6(address)) => {
            buf.push(6);
            buf.extend(address.octets());
        }
    }
}

fn put_entry(buf: &mut Vec<u8>, at: IpAddr, entry: Option<&Entry>) {
    let mut flags = if at.is_ipv6() { bits::IPV6 } else { 0 };
    let tenure = entry.and_then(|entry| entry.held.as_ref());
    match entry {
        None => flags |= bits::GONE,
        Some(entry) if entry.stands => flags |= bits::STANDS,
        Some(_) => {}
    }
    let ages = tenure.map_or(&[][..], |tenure| &tenure.moved);
    let ages = ages.get(..ages.len().min(7)).unwrap_or_default();
    if let Some(tenure) = tenure {
        flags |= bits::HELD | u8::try_from(ages.len()).unwrap_or(0) << bits::AGES;
        if tenure.successor.is_some() {
            flags |= bits::SUCCESSOR;
        }
    }
    buf.push(flags);
    match at {
        IpAddr::V4(address) => buf.extend(address.octets()),
        IpAddr::V6(address) => buf.extend(address.octets()),
    }
    let Some(tenure) = tenure else { return };
    buf.extend(tenure.epoch.0.to_be_bytes());
    if let Some(successor) = tenure.successor {
        buf.extend(successor.0.to_be_bytes());
    }
    for age in ages {
        let tenths = age.as_millis() / TENTH.as_millis();
        buf.extend(u16::try_from(tenths).unwrap_or(u16::MAX).to_be_bytes());
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The header of an item.
const ITEM: usize = 3;
/// One report of what is not served, at most.
pub(in crate::beacon) const FAILING: usize = 8 + 1 + 17;
/// A sync's two addresses with their families.
const SYNC_ENDS: usize = 34;
/// Header, signature, and the items of fixed length with their headers; the header of the name.
const FIXED: usize = 6 + TAG_LEN + (3 + 16) + (3 + 8) + (3 + 8) + (3 + 3) + (3 + 10) + 3;
