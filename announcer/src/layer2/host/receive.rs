use std::io;

use vipcast_arp_ndp::{Frame, LinkId};
use vipcast_sans_io::Machine;

use super::Host;
use crate::{clock::Clock, layer2::sockets::link_of};

/// As many frames as wait in the receive ring of a socket at most.
const RECEIVE_QUEUE: usize = 1_024;

/// Frames, from the packet sockets to the responder.
impl Host {
    /// After a gap in the loop's own clock, what waits in the sockets was asked of a node that no
    /// longer holds anything.
    pub(super) fn drop_what_is_old(&mut self) -> io::Result<()> {
        self.unread.clear();
        for (&number, socket) in &self.sockets {
            // As many as a ring holds: under a flood, what comes after is new.
            let mut left = RECEIVE_QUEUE;
            while left > 0 && received(socket.recv(&mut self.frame))?.is_some() {
                left -= 1;
            }
            if left == 0 {
                self.unread.push(number);
            }
        }
        self.outgoing.withhold();
        self.report.gaps += 1;
        self.dirty = true;
        Ok(())
    }

    /// Reads at most one batch, so that no link starves another and the clock is looked at often.
    pub(super) fn receive(&mut self, number: u64) -> io::Result<()> {
        let link = LinkId(link_of(number));
        let Some(socket) = self.sockets.get(&number) else { return Ok(()) };
        if received(socket.recv_batch(&mut self.batch).map(Some))? != Some(true) {
            return Ok(());
        }
        let now = Clock::now();
        self.moderation.took(now, self.batch.len());
        if self.batch.is_full() {
            self.unread.push(number);
        }
        for (tag, bytes) in self.batch.frames() {
            // The tag holds the priority too.
            let vlan = tag.map(|tag| tag & 0xfff);
            self.responder.handle_input(now, Frame { link, vlan, bytes });
        }
        self.notice_answers(now, link);
        Ok(())
    }
}

/// A link that went down or away under a socket is told by the link watch; it is no reason to stop.
pub(super) fn received<T>(result: io::Result<Option<T>>) -> io::Result<Option<T>> {
    result.or_else(|error| match error.raw_os_error() {
        Some(libc::ENETDOWN | libc::ENODEV | libc::ENXIO) => Ok(None),
        _ => Err(error),
    })
}
