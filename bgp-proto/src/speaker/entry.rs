use alloc::vec::Vec;

use vipcast_sans_io::{Instant, Machine};

use super::{PeerId, SpeakerEvent};
use crate::{
    peer::Peer,
    rib_out::{Outbound, Policy, Table, Written},
    wire::Family,
};

/// Octets that are handed out at once: enough for few system calls, few enough to stay fair.
const BATCH: usize = 64 * 1024;

/// One neighbor, and what it was told.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) peer: Peer,
    outbound: Option<Outbound>,
    pub(super) graceful_shutdown: bool,
    /// When the drain ends, and the session with it.
    pub(super) drained_at: Option<Instant>,
    pub(super) removed: bool,
    /// Not yet polled.
    announced: Vec<Family>,
    limited: bool,
}

impl Entry {
    pub(super) const fn new(peer: Peer) -> Self {
        Self {
            peer,
            outbound: None,
            graceful_shutdown: false,
            drained_at: None,
            removed: false,
            announced: Vec::new(),
            limited: false,
        }
    }

    /// Follows the session: a new one knows nothing, a lost one holds nothing up.
    pub(super) fn sync(&mut self, table: &mut Table) {
        let established = self.peer.established();
        let told = self.outbound.as_ref().map(Outbound::connection);
        if told != established {
            if let Some(outbound) = self.outbound.take() {
                outbound.leave(table);
            }
            self.announced.clear();
            self.limited = false;
            if let (Some(connection), Some(session)) = (established, self.peer.session()) {
                let limit = self.peer.config().send_limit;
                self.outbound = Some(Outbound::new(connection, session, limit, table));
                self.peer.set_restarted(false);
            }
        }
        while let Some(family) = self.peer.take_refresh_request() {
            if let Some(outbound) = &mut self.outbound {
                outbound.request_refresh(family);
            }
        }
    }

    pub(super) const fn is_told(&self) -> bool {
        self.outbound.is_some()
    }

    /// Appends UPDATEs, if the transport takes any; `None` when there are none.
    pub(super) fn write(
        &mut self,
        now: Instant,
        id: PeerId,
        table: &mut Table,
        buf: &mut Vec<u8>,
    ) -> Option<()> {
        self.peer.sendable()?;
        let session = self.peer.session()?;
        let policy = Policy {
            peer: id,
            config: self.peer.config(),
            session,
            local: self.peer.local_address()?,
            graceful_shutdown: self.graceful_shutdown,
        };
        let outbound = self.outbound.as_mut()?;
        let Written { messages, announced, limited } = outbound.write(table, policy, BATCH, buf);
        self.announced.extend(announced);
        self.limited |= limited;
        if messages == 0 {
            return None;
        }
        self.peer.on_updates_sent(now, messages);
        Some(())
    }

    pub(super) fn poll_event(&mut self) -> Option<SpeakerEvent> {
        if let Some(event) = self.peer.poll_event() {
            return Some(event.into());
        }
        if core::mem::take(&mut self.limited) {
            return Some(SpeakerEvent::LimitReached);
        }
        if self.announced.is_empty() {
            return None;
        }
        Some(SpeakerEvent::Announced(self.announced.remove(0)))
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let drained = self.drained_at;
        [self.peer.poll_timeout(), drained].into_iter().flatten().min()
    }
}
