use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use crate::{
    fsm::{DownReason, Session},
    peer::PeerEvent,
    wire::Family,
};

/// Names a neighbor, and is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub(crate) u32);

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// What has happened to a neighbor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpeakerEvent {
    /// Routes flow.
    Established(Arc<Session>),
    /// All that there was to tell of a family was handed to the transport, and the End-of-RIB.
    Announced(Family),
    /// Prefixes are held back, because the neighbor's [`send_limit`] is reached.
    ///
    /// [`send_limit`]: crate::PeerConfig::send_limit
    LimitReached,
    /// The session has ended.
    Down {
        /// Why.
        reason: DownReason,
        /// The neighbor's routes may be kept for now: it restarts gracefully.
        retained: bool,
    },
    /// An attempt to reach the neighbor has failed.
    Failed(DownReason),
    /// Routes of these families that were retained are to be forgotten.
    Flush(Vec<Family>),
}

impl From<PeerEvent> for SpeakerEvent {
    fn from(event: PeerEvent) -> Self {
        match event {
            PeerEvent::Established(session) => Self::Established(session),
            PeerEvent::Down { reason, retained } => Self::Down { reason, retained },
            PeerEvent::Failed(reason) => Self::Failed(reason),
            PeerEvent::Flush(families) => Self::Flush(families),
        }
    }
}
