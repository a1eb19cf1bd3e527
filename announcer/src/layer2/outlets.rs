use std::convert::Infallible;

use vipcast_arp_ndp::{LeaseId, LinkId, Responder};
use vipcast_election::StaticElection;

use super::{
    ConflictSeen, Layer2Report,
    sockets::{Sockets, socket_number},
};
use crate::{
    driver::{Flow, Outlet},
    os::{FrameKind, Sent},
};

/// Where the elector's tokens go.
pub(super) struct Tokens<'a> {
    pub(super) responder: &'a mut Responder,
    pub(super) changed: bool,
}

impl Outlet<StaticElection> for Tokens<'_> {
    fn transmit(&mut self, to: Infallible, _: &[u8]) -> Flow {
        match to {}
    }

    fn event(&mut self, event: vipcast_election::Event) {
        match event {
            vipcast_election::Event::Renewed { lease, not_after } => {
                self.responder.renew(LeaseId(lease.0), not_after);
            }
            vipcast_election::Event::Granted(_) | vipcast_election::Event::Revoked(_) => {
                self.changed = true;
            }
        }
    }
}

/// Where the responder's frames go.
pub(super) struct Wire<'a> {
    pub(super) sockets: &'a Sockets,
    pub(super) report: &'a mut Layer2Report,
    pub(super) dirty: bool,
    pub(super) full: bool,
}

impl Outlet<Responder> for Wire<'_> {
    /// A frame that the kernel refuses is lost, as any frame may be: the asker asks again.
    fn transmit(&mut self, link: LinkId, frame: &[u8]) -> Flow {
        // A packet socket sends whatever it is given: that of ARP carries both protocols.
        let socket = self.sockets.get(&socket_number(link.0, FrameKind::Arp));
        match socket.map(|socket| socket.send(frame)) {
            Some(Ok(Sent::Full)) => {
                self.full = true;
                Flow::Full
            }
            _ => Flow::Open,
        }
    }

    fn event(&mut self, event: vipcast_arp_ndp::Event) {
        let vipcast_arp_ndp::Event::Conflict { address, link, other } = event else { return };
        let named = self.report.links.iter().find(|(_, state)| state.index == link.0);
        let Some((name, _)) = named else { return };
        let seen = self.report.conflicts.insert((address, name.clone()), ConflictSeen { other });
        self.dirty |= seen != Some(ConflictSeen { other });
    }
}
