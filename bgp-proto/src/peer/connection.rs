use alloc::{sync::Arc, vec::Vec};
use core::{fmt, net::IpAddr};

use crate::{
    fsm::{Fsm, Session},
    wire::{Framer, Notification},
};

/// Names one connection of one neighbor, and is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A TCP connection, or the dialing for one.
#[derive(Clone, Debug)]
pub(super) struct Connection {
    pub(super) id: ConnectionId,
    /// The neighbor dialed.
    pub(super) incoming: bool,
    /// It came while another one was Established.
    pub(super) late: bool,
    /// Our address; `None` while dialing.
    pub(super) local: Option<IpAddr>,
    pub(super) framer: Framer,
    pub(super) session: Option<Arc<Session>>,
    pub(super) dial_due: bool,
    pub(super) open_due: bool,
    pub(super) keepalive_due: bool,
    /// The driver has said that it is closed.
    pub(super) gone: bool,
    /// The transport has not yet taken what it was given.
    pub(super) blocked: bool,
}

impl Connection {
    fn new(id: ConnectionId, incoming: bool, extended: bool) -> Self {
        let mut framer = Framer::new();
        framer.set_extended(extended);
        Self {
            id,
            incoming,
            late: false,
            local: None,
            framer,
            session: None,
            dial_due: !incoming,
            open_due: false,
            keepalive_due: false,
            gone: false,
            blocked: false,
        }
    }

    pub(super) fn dialing(id: ConnectionId, extended: bool) -> Self {
        Self::new(id, false, extended)
    }

    pub(super) fn accepted(id: ConnectionId, local: IpAddr, late: bool, extended: bool) -> Self {
        Self { local: Some(local), late, ..Self::new(id, true, extended) }
    }

    pub(super) const fn is_up(&self) -> bool {
        self.local.is_some()
    }
}

/// A state machine and its connection.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) fsm: Fsm,
    pub(super) connection: Option<Connection>,
}

impl Slot {
    pub(super) fn is(&self, id: ConnectionId) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.id == id)
    }
}

/// A connection that we are done with, but for the last words.
#[derive(Clone, Debug)]
pub(super) struct Closing {
    pub(super) id: ConnectionId,
    /// What is still to be sent; empty for nothing.
    pub(super) last_words: Vec<u8>,
}

impl Closing {
    pub(super) fn new(
        id: ConnectionId,
        open: Option<Vec<u8>>,
        told: Option<&Notification>,
    ) -> Self {
        let mut last_words = Vec::new();
        if let Some(told) = told {
            // Nobody understands a NOTIFICATION before an OPEN.
            last_words = open.unwrap_or_default();
            told.encode(&mut last_words);
        }
        Self { id, last_words }
    }
}
