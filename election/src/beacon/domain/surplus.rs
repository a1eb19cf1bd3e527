//! Who only listens, where there are more nodes than are needed.

use vipcast_sans_io::Instant;

use super::Domain;
use crate::{NodeName, beacon::peer::Peer};

impl Domain {
    /// Whether so many others announce that this node should listen only. Who announces goes before
    /// who would begin to, so that no return pushes anybody out; among equals the lower name does.
    pub(super) fn is_surplus(&mut self, now: Instant) -> bool {
        if self.table.holds_any() {
            return false;
        }
        let begins = self.starting || self.surplus;
        let before =
            |(name, peer): &(&NodeName, &Peer)| (peer.starting, *name) < (begins, &self.config.me);
        let there = self.peers.iter().filter(|(_, peer)| peer.is_there());
        if there.filter(before).count() >= MOST_CANDIDATES {
            self.enters_at = None;
            return true;
        }
        if !self.surplus {
            return false;
        }
        // Many may listen: the first that says something keeps the others where they are.
        let spread = self.config.settings.interval * ENTERED_WITHIN;
        let share = u32::from(u16::try_from(self.life.0 & 0xffff).unwrap_or(0));
        let wait = spread * share / 0x1_0000;
        let due = *self.enters_at.get_or_insert(now + wait);
        if now < due {
            self.wake(due);
            return true;
        }
        self.enters_at = None;
        self.hasten();
        false
    }
}

/// No more nodes than this announce on a segment; the rest listen.
const MOST_CANDIDATES: usize = 64;
/// Who only listens takes a free place within so many intervals.
const ENTERED_WITHIN: u32 = 10;
