use std::io;

use vipcast_arp_ndp::MacAddr;
use vipcast_election::{Unit, beacon::BeaconInput};
use vipcast_sans_io::{Instant, Machine};

use super::{Host, receive::received};
use crate::{
    clock::Clock,
    driver::BATCH,
    layer2::{
        connects::Agreed,
        sockets::{ND, link_of, socket_number},
    },
    os::FrameKind,
};

/// Proofs by TCP, where the election asks for them.
impl Host {
    pub(super) fn follow_connects(&mut self, now: Instant) {
        let Some(connects) = &mut self.connects else { return };
        if !connects.follow(&self.report.links, &self.poller) {
            self.look_again = Some(now + super::network::TRY_AGAIN);
        }
    }

    /// Begins a handshake with the holder of an address on every link of its segment.
    pub(super) fn connect(&mut self, unit: &Unit, holder: &[Option<MacAddr>], until: Instant) {
        let Some(connects) = &mut self.connects else { return };
        connects.forget(Clock::now());
        let here = |link: &&_| is_on(link, unit);
        for link in self.report.links.values().filter(here) {
            // A packet socket sends whatever it is given.
            let socket = self.sockets.get(&socket_number(link.index, FrameKind::Arp));
            for mac in holder.iter().flatten() {
                if connects.begin(unit, link, *mac, until, &mut self.buf) {
                    // One that is lost is one without an answer.
                    let _ = socket.map(|socket| socket.send(&self.buf));
                }
            }
        }
    }

    /// Reads at most one batch of answers.
    pub(super) fn receive_handshakes(&mut self, number: u64) -> io::Result<()> {
        let (link, ipv4) = (link_of(number), number & ND == 0);
        for _ in 0..BATCH {
            let Some(connects) = &self.connects else { break };
            let Some(len) = received(connects.recv(link, ipv4, &mut self.frame))? else { break };
            let now = Clock::now();
            let bytes = self.frame.get(..len).unwrap_or(&self.frame);
            self.buf.clear();
            let agreed = connects.answered(now, link, bytes, &mut self.buf);
            if !self.buf.is_empty() {
                let socket = self.sockets.get(&socket_number(link, FrameKind::Arp));
                let _ = socket.map(|socket| socket.send(&self.buf));
            }
            let Some(Agreed { unit, by }) = agreed else { continue };
            let Some(election) = self.elector.beacons_mut() else { continue };
            if let Some(by) = election.node_at(&unit.segment, by.0).cloned() {
                election.handle_input(now, BeaconInput::Connected { unit: &unit, by: &by });
            }
        }
        Ok(())
    }
}

fn is_on(link: &crate::layer2::LinkState, unit: &Unit) -> bool {
    link.up && link.segment.as_str() == unit.segment.as_str()
}
