use std::collections::BTreeMap;

use vipcast_arp_ndp::LinkId;
use vipcast_sans_io::Instant;

use super::{
    Leases,
    sockets::{Sockets, socket_number},
};
use crate::{
    driver::Flow,
    os::{FrameKind, SendBatch, Sent},
};

/// Frames that are built and not sent yet: those of a batch, and what found a link's queue full.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    batches: BTreeMap<LinkId, SendBatch>,
    /// When the oldest of those that were left over was built.
    built: Option<Instant>,
    /// How many were never sent: see [`withhold`](Self::withhold).
    withheld: u64,
}

impl Outgoing {
    /// Adds a frame. Whether there is room for more.
    pub(super) fn push(&mut self, link: LinkId, frame: &[u8]) -> Flow {
        let batch = self.batches.entry(link).or_default();
        // A batch is flushed before it can be overfull: a machine builds no more than one holds.
        if batch.push(frame) { Flow::Open } else { Flow::Full }
    }

    /// Forgets what waits for a link: some of it may not be said any more. It is lost, as any frame may
    /// be.
    pub(super) fn forget(&mut self, link: LinkId) {
        self.batches.remove(&link);
    }

    /// When the oldest was built of those that could not be sent.
    pub(super) const fn left_over(&self) -> Option<Instant> {
        self.built
    }

    /// Forgets what was built: it may be true no longer.
    pub(super) fn withhold(&mut self) {
        // A batch is of 32 at most.
        self.withheld += self.batches.values().map(|batch| batch.len() as u64).sum::<u64>();
        self.batches.clear();
        self.built = None;
    }

    /// How many frames were built and forgotten.
    pub(super) const fn withheld(&self) -> u64 {
        self.withheld
    }

    /// Sends all, unless a lease has ended since they were built, at `built` at the earliest: then
    /// some of them may not be said any more. A frame that the kernel refuses is lost, as any frame
    /// may be: the asker asks again.
    pub(super) fn send(
        &mut self,
        built: Instant,
        now: Instant,
        leases: &Leases,
        sockets: &Sockets,
    ) -> Flow {
        let built = self.built.take().map_or(built, |left| left.min(built));
        if ended_since(leases, built, now) {
            self.withhold();
            return Flow::Open;
        }
        let mut flow = Flow::Open;
        self.batches.retain(|link, batch| {
            // A packet socket sends whatever it is given: that of ARP carries both protocols.
            let Some(socket) = sockets.get(&socket_number(link.0, FrameKind::Arp)) else {
                return false;
            };
            if let Ok(Sent::Full) = socket.send_batch(batch) {
                flow = Flow::Full;
            }
            true
        });
        if flow == Flow::Full {
            self.built = Some(built);
        }
        flow
    }
}

/// Whether a lease that held then has ended.
fn ended_since(leases: &Leases, then: Instant, now: Instant) -> bool {
    leases.values().any(|&end| then < end && end <= now)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use vipcast_election::LeaseId;

    use super::*;

    const LEASE: LeaseId = LeaseId(1);

    #[test]
    fn frames_are_dropped_whose_lease_ended_while_they_waited() {
        let built = Instant::from_millis(1_000);
        let at = |micros| built + Duration::from_micros(micros);
        let leases = Leases::from([(LEASE, at(20)), (LeaseId(2), built), (LeaseId(3), at(90))]);
        assert!(!ended_since(&leases, built, at(19)));
        assert!(ended_since(&leases, built, at(20)), "its last microsecond is over");
        assert!(!ended_since(&leases, at(20), at(89)), "what was built after its end is not of it");
        assert!(!ended_since(&Leases::new(), built, at(99)));
    }

    #[test]
    fn what_waited_past_the_end_of_a_lease_is_forgotten() {
        let built = Instant::from_millis(1_000);
        let leases = Leases::from([(LEASE, built + Duration::from_micros(1))]);
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.push(LinkId(7), &[1; 42]), Flow::Open);
        let later = built + Duration::from_millis(1);
        assert_eq!(outgoing.send(built, later, &leases, &Sockets::new()), Flow::Open);
        assert!(outgoing.batches.is_empty() && outgoing.left_over().is_none());
        assert_eq!(outgoing.withheld(), 1, "and counted");
    }

    #[test]
    fn what_may_be_said_is_not_withheld() {
        let built = Instant::from_millis(1_000);
        let leases = Leases::from([(LEASE, built + Duration::from_micros(1))]);
        let mut outgoing = Outgoing::default();
        assert_eq!(outgoing.push(LinkId(7), &[1; 42]), Flow::Open);
        assert_eq!(outgoing.send(built, built, &leases, &Sockets::new()), Flow::Open);
        assert_eq!(outgoing.withheld(), 0);
    }

    #[test]
    fn each_frame_that_is_forgotten_counts_once() {
        let mut outgoing = Outgoing::default();
        for (link, frames) in [(7, 32), (8, 3)] {
            for _ in 0..frames {
                assert_eq!(outgoing.push(LinkId(link), &[1; 42]), Flow::Open);
            }
        }
        outgoing.withhold();
        outgoing.withhold();
        assert_eq!(outgoing.withheld(), 35);
    }

    #[test]
    fn what_waits_for_a_link_is_forgotten_alone() {
        let mut outgoing = Outgoing::default();
        for link in [LinkId(7), LinkId(8)] {
            assert_eq!(outgoing.push(link, &[1; 42]), Flow::Open);
        }
        outgoing.forget(LinkId(7));
        assert_eq!(outgoing.batches.keys().collect::<Vec<_>>(), [&LinkId(8)]);
    }

    #[test]
    fn a_batch_takes_32_frames() {
        let mut outgoing = Outgoing::default();
        for _ in 0..32 {
            assert_eq!(outgoing.push(LinkId(7), &[1; 42]), Flow::Open);
        }
        assert_eq!(outgoing.push(LinkId(7), &[1; 42]), Flow::Full);
        assert_eq!(outgoing.push(LinkId(8), &[1; 42]), Flow::Open, "each link has its own");
    }
}
