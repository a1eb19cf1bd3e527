//! Which of two connections survives: RFC 4271 §6.8, RFC 6286 §2.3, RFC 4724 §4.2.

use core::mem;

use vipcast_sans_io::Instant;

use super::{Peer, connection::Closing, machine::Which};
use crate::fsm::{DownReason, Event, State};

impl Peer {
    /// `new` has just received a valid OPEN.
    pub(super) fn resolve_collision(&mut self, new: Which, now: Instant) {
        let other = new.other();
        let Some(slot) = self.slot(other) else { return };
        match slot.fsm.state() {
            // The other attempt is not needed any more.
            State::Idle | State::Connect | State::Active => {
                if let Some(old) = slot.connection.take() {
                    self.closing.push_back(Closing::new(old.id, None, None));
                }
                self.keep_only(new);
            }
            // Its OPEN will come, and then this one is in OpenConfirm, or further.
            State::OpenSent => {}
            State::OpenConfirm => {
                let loser = if self.keeps(new) { other } else { new };
                self.counters.collisions += 1;
                self.fire(loser, now, Event::OpenCollisionDump);
            }
            State::Established => {
                if self.is_restart(new, other) {
                    self.fire(other, now, Event::SilentClose(DownReason::Replaced));
                } else {
                    self.counters.collisions += 1;
                    self.fire(new, now, Event::OpenCollisionDump);
                }
            }
        }
    }

    /// The side with the higher identifier keeps the connection that it has dialed; with equal ones,
    /// the higher AS (RFC 6286 §2.3).
    fn keeps(&mut self, new: Which) -> bool {
        let ours = (self.router_id, self.config.local_as);
        let Some(connection) = self.slot(new).and_then(|slot| slot.connection.as_ref()) else {
            return false;
        };
        let theirs = connection.session.as_ref().map(|s| (s.peer_id, s.peer_as));
        let peer_dominates = theirs.is_some_and(|theirs| ours < theirs);
        peer_dominates == connection.incoming
    }

    /// The neighbor, which can restart gracefully, has dialed in while the old session seemed to live:
    /// the old one is dead (RFC 4724 §4.2).
    fn is_restart(&mut self, new: Which, old: Which) -> bool {
        let connection =
            |peer: &mut Self, which| peer.slot(which).and_then(|slot| slot.connection.clone());
        let late = connection(self, new).is_some_and(|connection| connection.late);
        let restarts = connection(self, old)
            .and_then(|connection| connection.session)
            .is_some_and(|session| session.graceful_restart.is_some());
        late && restarts
    }

    /// Brings order after any change: the first slot is the one that counts, and a second one exists
    /// only while it has a connection.
    pub(super) fn settle(&mut self) {
        let Some(second) = &self.secondary else { return };
        if second.connection.is_none() {
            self.secondary = None;
        } else if self.primary.connection.is_none() {
            self.keep_only(Which::Secondary);
        } else if second.fsm.state() == State::Established {
            self.swap();
        }
    }

    fn keep_only(&mut self, which: Which) {
        if which == Which::Secondary {
            self.swap();
        }
        self.secondary = None;
    }

    /// The second one counts from now on.
    fn swap(&mut self) {
        if let Some(second) = &mut self.secondary {
            second.fsm.succeed(&self.primary.fsm);
            self.primary.fsm.retire();
            mem::swap(second, &mut self.primary);
        }
    }
}
