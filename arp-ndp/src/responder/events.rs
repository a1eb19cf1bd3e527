use alloc::collections::{BTreeMap, BTreeSet};
use core::{net::IpAddr, time::Duration};

use super::{Key, LinkId, acknowledge::AskKey};
use crate::MacAddr;

/// Something that the owner of the responder should know. Coalesced by address and link, and where
/// there is one by neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another host uses an address of ours (RFC 5227 §2.4). It is defended, and kept.
    Conflict {
        /// The address.
        address: IpAddr,
        /// Where it was seen.
        link: LinkId,
        /// The hardware address of the other host, the last one if there were several.
        other: MacAddr,
    },
    /// A neighbour that was asked from an address answered it: it knows where the address is now.
    Acknowledged {
        /// The address.
        address: IpAddr,
        /// Where it was asked.
        link: LinkId,
        /// Who answered.
        neighbour: IpAddr,
        /// Whether it is a gateway, and not one who asked for the address before.
        gateway: bool,
        /// The time since it was first asked.
        after: Duration,
    },
    /// A gateway did not answer an address, however often it was asked. It may send what is for the
    /// address to where that was before.
    Unanswered {
        /// The address.
        address: IpAddr,
        /// Where the gateway was asked.
        link: LinkId,
        /// Who is silent.
        gateway: IpAddr,
    },
    /// An address that was [checked](crate::Responder::check) is used by another host.
    InUse {
        /// The address.
        address: IpAddr,
        /// Where it was seen.
        link: LinkId,
        /// The hardware address of the other host.
        by: MacAddr,
    },
    /// Nobody claimed an address that was [checked](crate::Responder::check).
    Free {
        /// The address.
        address: IpAddr,
        /// Where it was asked for.
        link: LinkId,
    },
}

/// Events that were not taken yet: at most one of a kind for each address and neighbour.
#[derive(Debug, Default)]
pub(super) struct Events {
    conflicts: BTreeMap<Key, MacAddr>,
    checked: BTreeMap<Key, Option<MacAddr>>,
    /// With whether it is a gateway.
    acknowledged: BTreeMap<AskKey, (bool, Duration)>,
    unanswered: BTreeSet<AskKey>,
}

impl Events {
    pub(super) fn conflict(&mut self, key: Key, other: MacAddr) {
        self.conflicts.insert(key, other);
    }

    /// A check has ended; with whom the address was found.
    pub(super) fn checked(&mut self, key: Key, by: Option<MacAddr>) {
        self.checked.insert(key, by);
    }

    pub(super) fn acknowledged(&mut self, key: AskKey, gateway: bool, after: Duration) {
        self.unanswered.remove(&key);
        self.acknowledged.insert(key, (gateway, after));
    }

    pub(super) fn unanswered(&mut self, key: AskKey) {
        self.acknowledged.remove(&key);
        self.unanswered.insert(key);
    }

    pub(super) fn forget_asking(&mut self, key: AskKey) {
        self.acknowledged.remove(&key);
        self.unanswered.remove(&key);
    }

    pub(super) fn forget_conflict(&mut self, key: Key) {
        self.conflicts.remove(&key);
    }

    pub(super) fn forget_check(&mut self, key: Key) {
        self.checked.remove(&key);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.conflicts.len() + self.checked.len() + self.acknowledged.len() + self.unanswered.len()
    }

    pub(super) fn pop(&mut self) -> Option<Event> {
        if let Some(((link, address), other)) = self.conflicts.pop_first() {
            return Some(Event::Conflict { address, link, other });
        }
        if let Some(((link, address), by)) = self.checked.pop_first() {
            return Some(match by {
                Some(by) => Event::InUse { address, link, by },
                None => Event::Free { address, link },
            });
        }
        if let Some((key, (gateway, after))) = self.acknowledged.pop_first() {
            let (link, address, neighbour) = key;
            return Some(Event::Acknowledged { address, link, neighbour, gateway, after });
        }
        let (link, address, gateway) = self.unanswered.pop_first()?;
        Some(Event::Unanswered { address, link, gateway })
    }
}
