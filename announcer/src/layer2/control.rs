use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use vipcast_arp_ndp::Counters;
use vipcast_election::{
    LeaseId,
    beacon::{BeaconCounters, Keyring},
    groups::GroupInput,
    register::RegisterTransmit,
};
use vipcast_sans_io::Instant;

use super::{Shared, SocketCounters, lock};

/// Reads what the thread has done, and changes its keys.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) shared: Arc<Shared>,
}

impl Control {
    /// Sends and believes beacons by these keys, from now on.
    pub fn set_keyring(&self, keyring: Keyring) {
        self.shared.keyring.send_replace(keyring.clone());
        self.shared.command(|pending| pending.keyring = Some(keyring));
    }

    /// What the store of the groups of addresses says; of no use where there are none.
    pub fn tell(&self, input: GroupInput) {
        self.shared.command(|pending| {
            // Who is too slow, or has ended, is told again by the next list.
            if pending.told.len() >= MOST_TOLD {
                pending.told.pop_front();
            }
            pending.told.push_back(input);
        });
    }

    /// Lets datagrams of an agreement go to `datagrams` from now on, if they are signed as they should
    /// be and there is room. Beacons and agreement believe the same keys, which are followed.
    pub(crate) fn agree(&self, datagrams: mpsc::Sender<Vec<u8>>) -> watch::Receiver<Keyring> {
        self.shared.command(|pending| pending.agreement = Some(datagrams));
        self.shared.keyring.subscribe()
    }

    /// Sends a datagram of an agreement by the sockets of the beacons, as any datagram: it may be lost.
    pub(crate) fn send_agreement(&self, to: RegisterTransmit, bytes: &[u8]) {
        self.shared.command(|pending| {
            // A thread that is too slow, or has ended, sends nothing that is old.
            if pending.agreed.len() >= MOST_WAITING {
                pending.agreed.pop_front();
            }
            pending.agreed.push_back((to, bytes.to_vec()));
        });
    }

    /// What the responder has done, a fraction of a second old at most; exact once the thread ended.
    #[must_use]
    pub fn responder(&self) -> Counters {
        lock(&self.shared.responder).clone()
    }

    /// Until when a lease lasts, as of now; `None` for one that never was, or has ended long ago.
    #[must_use]
    pub fn not_after(&self, lease: LeaseId) -> Option<Instant> {
        lock(&self.shared.leases).get(&lease).copied()
    }

    /// What the elector has done, likewise; nothing where there are no beacons.
    #[must_use]
    pub fn beacons(&self) -> BeaconCounters {
        lock(&self.shared.beacons).clone()
    }

    /// What became of frames at the sockets, a second old at most while frames come in; exact
    /// once the thread ended.
    #[must_use]
    pub fn sockets(&self) -> SocketCounters {
        *lock(&self.shared.sockets)
    }
}

/// So many datagrams of an agreement wait for the thread.
const MOST_WAITING: usize = 256;

/// So much of what the store says.
const MOST_TOLD: usize = 4_096;
