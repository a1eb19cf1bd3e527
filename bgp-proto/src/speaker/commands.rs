use core::time::Duration;

use ipnet::IpNet;
use vipcast_sans_io::Instant;

use super::{PeerId, Speaker, entry::Entry};
use crate::{
    config::PeerConfig,
    fsm::State,
    peer::{ConnectionId, Peer},
    rib_out::Announcement,
    wire::{CeaseSubcode, Notification, PathId},
};

impl Speaker {
    /// Says in the first OPEN to each neighbor that routes of a previous run are to be kept until ours
    /// are there (the R bit, RFC 4724 §3). To be called before neighbors are added.
    pub const fn set_restarted(&mut self) {
        self.restarted = true;
    }

    /// Adds a neighbor, and wants the session at once.
    pub fn add_peer(&mut self, now: Instant, config: PeerConfig) -> PeerId {
        let id = PeerId(self.next_peer);
        self.next_peer += 1;
        let mut peer = Peer::new(config, self.router_id, self.rng.next());
        peer.set_restarted(self.restarted);
        peer.start(now);
        self.peers.insert(id, Entry::new(peer));
        self.with_peer(id, |_| {});
        id
    }

    /// Removes a neighbor: Cease, Peer De-configured.
    pub fn remove_peer(&mut self, now: Instant, id: PeerId) {
        let told = Notification::cease(CeaseSubcode::PEER_DE_CONFIGURED);
        self.with_peer(id, |entry| {
            entry.peer.stop_with(now, told);
            entry.removed = true;
        });
    }

    /// Ends the session with a neighbor, which stays idle: Cease, Administrative Shutdown.
    pub fn stop_peer(&mut self, now: Instant, id: PeerId) {
        self.with_peer(id, |entry| entry.peer.stop(now));
    }

    /// Wants the session with a neighbor that was stopped or drained.
    pub fn start_peer(&mut self, now: Instant, id: PeerId) {
        self.with_peer(id, |entry| {
            entry.graceful_shutdown = false;
            entry.drained_at = None;
            entry.peer.start(now);
        });
    }

    /// Ends the session with a neighbor, and begins it anew: Cease, Administrative Reset.
    pub fn reset_peer(&mut self, now: Instant, id: PeerId) {
        let told = Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET);
        self.with_peer(id, |entry| entry.peer.reset(now, told));
    }

    /// BFD has lost the path to a neighbor: Cease, BFD Down, and the usual attempts to come back
    /// (RFC 5882 §4.2, RFC 9384).
    pub fn bfd_down(&mut self, now: Instant, id: PeerId) {
        self.with_peer(id, |entry| entry.peer.bfd_down(now));
    }

    /// Names a connection that a neighbor has dialed; `None` for an unknown neighbor.
    pub fn next_connection(&mut self, id: PeerId) -> Option<ConnectionId> {
        let entry = self.peers.get_mut(&id).filter(|entry| !entry.removed)?;
        Some(entry.peer.next_connection())
    }

    /// Announces a prefix. Only a difference to what was announced is sent.
    pub fn announce(&mut self, prefix: IpNet, with: &Announcement) {
        self.announce_path(prefix, 0, with);
    }

    /// Announces one of several paths of a prefix. A neighbor that takes one path is told of the one
    /// with the lowest number that its policy lets through (RFC 7911).
    pub fn announce_path(&mut self, prefix: IpNet, path: PathId, with: &Announcement) {
        self.table_changed |= self.table.announce(prefix, path, with);
    }

    /// Withdraws a prefix, if it is announced.
    pub fn withdraw(&mut self, prefix: IpNet) {
        self.withdraw_path(prefix, 0);
    }

    /// Withdraws one of several paths of a prefix, if it is announced.
    pub fn withdraw_path(&mut self, prefix: IpNet, path: PathId) {
        self.table_changed |= self.table.withdraw(prefix, path);
    }

    /// Marks all routes to a neighbor with the community of a graceful shutdown, or takes the mark
    /// away; the session stays (RFC 8326).
    pub fn set_graceful_shutdown(&mut self, id: PeerId, on: bool) {
        self.with_peer(id, |entry| entry.graceful_shutdown = on);
    }

    /// Leaves for good: marks all routes (RFC 8326), and after `wait` ends every session with a Cease.
    ///
    /// `wait` is for routers to move the traffic: two seconds do on a LAN.
    pub fn drain(&mut self, now: Instant, wait: Duration) {
        for id in self.ids() {
            self.drain_peer(now, id, wait);
        }
    }

    /// As [`drain`](Self::drain), for one neighbor. Without a session it is stopped at once.
    pub fn drain_peer(&mut self, now: Instant, id: PeerId, wait: Duration) {
        self.with_peer(id, |entry| {
            if entry.peer.state() == State::Established {
                entry.graceful_shutdown = true;
                entry.drained_at = Some(now + wait);
            } else {
                entry.peer.stop(now);
            }
        });
    }

    /// Leaves for a successor: every connection is closed without a word, so that neighbors that help
    /// with a graceful restart keep our routes (RFC 4724).
    pub fn handover(&mut self, now: Instant) {
        for id in self.ids() {
            self.with_peer(id, |entry| entry.peer.hand_over(now));
        }
    }

    /// Whether all sessions have ended and nothing is to be sent: after [`drain`](Self::drain) or
    /// [`handover`](Self::handover) the process may end.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.peers
            .values()
            .all(|entry| entry.peer.state() == State::Idle && entry.peer.closing() == 0)
    }

    fn ids(&self) -> alloc::vec::Vec<PeerId> {
        self.peers.keys().copied().collect()
    }
}
