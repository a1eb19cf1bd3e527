use std::{fmt, net::SocketAddr, sync::Arc, time::Duration};

use vipcast_bgp_proto::{
    PeerId,
    fsm::{DownReason, Session, State},
};

use super::report::{BgpReport, PeerReport};

/// What happened between two reports.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BgpEvent {
    /// A session has ended.
    Lost {
        /// With whom.
        peer: PeerId,
        /// Where it is dialed.
        remote: SocketAddr,
        /// Why.
        reason: DownReason,
    },
    /// An attempt to have a session has failed.
    Failed {
        /// With whom.
        peer: PeerId,
        /// Where it is dialed.
        remote: SocketAddr,
        /// Why.
        reason: DownReason,
        /// What the kernel said, where it was a dial that failed.
        dial_error: Option<String>,
    },
    /// Routes flow.
    Established {
        /// With whom.
        peer: PeerId,
        /// Where it is dialed.
        remote: SocketAddr,
        /// What was agreed.
        session: Arc<Session>,
    },
    /// The neighbor was told everything.
    Announced {
        /// Who.
        peer: PeerId,
        /// Where it is dialed.
        remote: SocketAddr,
        /// How long it took since the session was Established.
        took: Duration,
    },
    /// Prefixes are held back: the neighbor's limit is reached.
    Limited {
        /// Whose.
        peer: PeerId,
        /// Where it is dialed.
        remote: SocketAddr,
    },
    /// Connections of others than neighbors were closed.
    Strangers {
        /// How many.
        count: u64,
    },
}

impl BgpReport {
    /// What happened from `before` until this report. Nothing is lost when reports in between were not
    /// seen, but what came and went again: of several losses only the last one is told.
    #[must_use]
    pub fn events_since(&self, before: &Self) -> Vec<BgpEvent> {
        let mut events = Vec::new();
        let strangers = self.strangers - before.strangers.min(self.strangers);
        if strangers > 0 {
            events.push(BgpEvent::Strangers { count: strangers });
        }
        for (&peer, report) in &self.peers {
            let before = before.peers.get(&peer);
            if before.is_none_or(|before| !Arc::ptr_eq(before, report)) {
                report.events_since(before.map(AsRef::as_ref), peer, &mut events);
            }
        }
        events
    }
}

impl PeerReport {
    fn events_since(&self, before: Option<&Self>, peer: PeerId, events: &mut Vec<BgpEvent>) {
        let remote = self.remote;
        if let Some(loss) = &self.last_loss
            && self.losses > before.map_or(0, |before| before.losses)
        {
            events.push(BgpEvent::Lost { peer, remote, reason: loss.reason.clone() });
        }
        if let Some(failure) = &self.last_failure
            && self.failures > before.map_or(0, |before| before.failures)
        {
            let (reason, dial_error) = (failure.reason.clone(), self.dial_error.clone());
            events.push(BgpEvent::Failed { peer, remote, reason, dial_error });
        }
        // A session that was lost and won again is a new one.
        let same = before.is_some_and(|before| {
            before.losses == self.losses && before.session.is_some() == self.session.is_some()
        });
        if let Some(session) = self.session.as_ref().filter(|_| !same) {
            events.push(BgpEvent::Established { peer, remote, session: Arc::clone(session) });
        }
        let told = before.filter(|_| same).and_then(|before| before.announced_at);
        if let Some(at) = self.announced_at
            && told.is_none()
        {
            events.push(BgpEvent::Announced { peer, remote, took: at - self.since });
        }
        if self.limited && !before.is_some_and(|before| same && before.limited) {
            events.push(BgpEvent::Limited { peer, remote });
        }
    }

    /// How long the session has been Established, at `now`; `None` if it is not.
    #[must_use]
    pub fn uptime(&self, now: vipcast_bgp_proto::Instant) -> Option<Duration> {
        (self.state == State::Established).then(|| now - self.since)
    }
}

impl fmt::Display for BgpEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { remote, reason, .. } => write!(f, "{remote}: lost: {reason}"),
            Self::Failed { remote, dial_error: Some(error), .. } => {
                write!(f, "{remote}: not reached: {error}")
            }
            Self::Failed { remote, reason, .. } => write!(f, "{remote}: no session: {reason}"),
            Self::Established { remote, session, .. } => {
                write!(f, "{remote}: established with AS {}", session.peer_as)?;
                match session.hold_time.as_secs() {
                    0 => f.write_str(", no hold time")?,
                    seconds => write!(f, ", hold time {seconds} s")?,
                }
                session.families.iter().try_for_each(|agreed| write!(f, ", {}", agreed.family))
            }
            Self::Announced { remote, took, .. } => write!(f, "{remote}: announced in {took:.1?}"),
            Self::Limited { remote, .. } => {
                write!(f, "{remote}: its limit is reached, further prefixes are held back")
            }
            Self::Strangers { count } => {
                write!(f, "{count} connections of others than neighbors closed")
            }
        }
    }
}
