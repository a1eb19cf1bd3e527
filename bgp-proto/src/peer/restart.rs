//! The helper's side of graceful restart (RFC 4724 §4.2, RFC 8538): what the neighbor's routes are
//! worth while it is away.

use alloc::{sync::Arc, vec::Vec};

use vipcast_sans_io::Instant;

use super::{Peer, PeerEvent};
use crate::{
    fsm::{DownReason, Session},
    wire::Family,
};

/// Families whose routes are retained.
#[derive(Clone, Debug)]
pub(super) struct Stale {
    families: Vec<Family>,
    /// When they are forgotten without a new session; `None` once there is one.
    pub(super) until: Option<Instant>,
}

impl Peer {
    pub(super) fn on_established(&mut self, session: Arc<Session>) {
        self.refresh_requests.clear();
        if let Some(stale) = self.stale.take() {
            // Forgotten at once: what the neighbor could not preserve.
            let preserved = |family: &Family| {
                session.graceful_restart.as_ref().is_some_and(|restart| {
                    let mut kept = restart.families.iter();
                    kept.any(|kept| kept.family == *family && kept.forwarding)
                })
            };
            let (kept, lost): (Vec<_>, Vec<_>) = stale.families.into_iter().partition(preserved);
            if !lost.is_empty() {
                self.push_event(PeerEvent::Flush(lost));
            }
            // What remains is replaced until the End-of-RIB, which the callback sees.
            if !kept.is_empty() {
                self.stale = Some(Stale { families: kept, until: None });
            }
        }
        self.push_event(PeerEvent::Established(session));
    }

    pub(super) fn on_down(&mut self, now: Instant, session: &Session, reason: DownReason) {
        self.refresh_requests.clear();
        let restart = session.graceful_restart.as_ref().filter(|restart| {
            let by_notification = restart.notification;
            let graceful = match &reason {
                DownReason::ConnectionFailed | DownReason::Replaced => true,
                // RFC 8538 §4: all but a Hard Reset, the expiry of the hold timer included.
                DownReason::Sent(told) | DownReason::Received(told) => {
                    by_notification && !told.is_hard_reset()
                }
                _ => false,
            };
            graceful && !restart.families.is_empty()
        });
        let was_stale = self.stale.take().map(|stale| stale.families).unwrap_or_default();
        self.stale = restart.map(|restart| Stale {
            families: restart.families.iter().map(|kept| kept.family).collect(),
            until: Some(now + restart.restart_time),
        });
        let retained = self.stale.is_some();
        self.push_event(PeerEvent::Down { reason, retained });
        if !retained && !was_stale.is_empty() {
            self.push_event(PeerEvent::Flush(was_stale));
        }
    }

    /// The neighbor has not come back in time.
    pub(super) fn forget_stale(&mut self, now: Instant) {
        let due = |stale: &mut Stale| stale.until.is_some_and(|until| until <= now);
        if let Some(stale) = self.stale.take_if(due) {
            self.push_event(PeerEvent::Flush(stale.families));
        }
    }
}
