use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
    io,
    net::IpAddr,
    sync::Mutex,
    time::Duration,
};

use tokio::sync::mpsc;
use vipcast_arp_ndp::{Claim, LeaseId, LinkId, Responder};
use vipcast_election::{
    NodeName, Segment, StaticElection, Unit,
    beacon::{BeaconElection, BeaconTransmit},
    groups::{GroupElection, GroupRequest},
};
use vipcast_plan::LinkName;
use vipcast_sans_io::Instant;

use super::{
    Check, ClaimKey, ConflictSeen, Heard, Layer2Report, Leases,
    beacons::{Beacons, Outcome},
    lock,
    outgoing::Outgoing,
    sockets::Sockets,
};
use crate::{
    clock::Clock,
    driver::{Flow, Outlet},
};

/// Where the elector's tokens and beacons go.
pub(super) struct Tokens<'a> {
    pub(super) responder: &'a mut Responder,
    /// Until when each lease lasts, for whoever asks.
    pub(super) leases: &'a Mutex<Leases>,
    pub(super) beacons: &'a Beacons,
    /// What is to be asked for by ARP and ND: of everybody, or of one node.
    pub(super) asks: Vec<(Unit, Option<NodeName>)>,
    /// The links that beacons could not be sent on.
    pub(super) unsent: Vec<(u32, io::Error)>,
    /// Where the last beacon did not leave at all.
    pub(super) unheard: Option<Segment>,
    /// Takes what a store is asked.
    pub(super) store: Option<mpsc::Sender<GroupRequest>>,
    pub(super) changed: bool,
    pub(super) full: bool,
}

impl Tokens<'_> {
    fn take(&mut self, event: vipcast_election::Event) {
        match event {
            vipcast_election::Event::Renewed { lease, not_after } => {
                self.responder.renew(LeaseId(lease.0), not_after);
                lock(self.leases).insert(lease, not_after);
            }
            vipcast_election::Event::Granted(_) | vipcast_election::Event::Revoked(_) => {
                self.changed = true;
            }
        }
    }
}

impl Outlet<StaticElection> for Tokens<'_> {
    fn transmit(&mut self, to: Infallible, _: &[u8]) -> Flow {
        match to {}
    }

    fn event(&mut self, event: vipcast_election::Event) {
        self.take(event);
    }
}

impl Outlet<BeaconElection> for Tokens<'_> {
    /// A beacon that the kernel refuses is heard by nobody: the elector has to know.
    fn transmit(&mut self, to: BeaconTransmit, bytes: &[u8]) -> Flow {
        match to {
            BeaconTransmit::Beacon(segment) => {
                let unsent = &mut self.unsent;
                let failed = |index, error| unsent.push((index, error));
                let Outcome { left, full } = self.beacons.send(&segment, bytes, failed);
                self.full |= full && left;
                if !left {
                    self.unheard = Some(segment);
                }
                if full || !left {
                    return Flow::Full;
                }
            }
            BeaconTransmit::Ask { unit, .. } => self.asks.push((unit, None)),
            BeaconTransmit::Prove { unit, owner } => self.asks.push((unit, Some(owner))),
        }
        Flow::Open
    }

    fn event(&mut self, event: vipcast_election::Event) {
        self.take(event);
    }
}

impl Outlet<GroupElection> for Tokens<'_> {
    /// A request that finds no room is as one without an answer.
    fn transmit(&mut self, request: GroupRequest, _: &[u8]) -> Flow {
        let _ = self.store.as_ref().map(|store| store.try_send(request));
        Flow::Open
    }

    fn event(&mut self, event: vipcast_election::Event) {
        self.take(event);
    }
}

/// Where the responder's frames go.
pub(super) struct Wire<'a> {
    pub(super) sockets: &'a Sockets,
    pub(super) outgoing: &'a mut Outgoing,
    pub(super) leases: &'a Mutex<Leases>,
    pub(super) report: &'a mut Layer2Report,
    /// Checks that have no verdict yet.
    pub(super) asking: &'a mut BTreeSet<(IpAddr, LinkId)>,
    pub(super) claimed: &'a BTreeMap<ClaimKey, Claim>,
    /// Where another host was seen with an address of ours.
    pub(super) conflicts: Vec<(IpAddr, LinkName)>,
    pub(super) dirty: bool,
    /// What changed may be told a little later.
    pub(super) later: bool,
    pub(super) full: bool,
}

impl Outlet<Responder> for Wire<'_> {
    fn transmit(&mut self, link: LinkId, frame: &[u8]) -> Flow {
        self.outgoing.push(link, frame)
    }

    fn flush(&mut self, built: Instant) -> Flow {
        let leases = lock(self.leases);
        let flow = self.outgoing.send(built, Clock::now(), &leases, self.sockets);
        self.full |= flow == Flow::Full;
        flow
    }

    fn event(&mut self, event: vipcast_arp_ndp::Event) {
        match event {
            vipcast_arp_ndp::Event::Conflict { address, link, other } => {
                let Some(name) = self.name_of(link) else { return };
                let seen = ConflictSeen { other };
                self.conflicts.push((address, name.clone()));
                self.dirty |= self.report.conflicts.insert((address, name), seen) != Some(seen);
            }
            vipcast_arp_ndp::Event::InUse { address, link, by } => {
                self.asking.remove(&(address, link));
                let Some(link) = self.name_of(link) else { return };
                self.report.checks.verdicts.insert(address, Check::InUse { link, by });
                self.dirty = true;
            }
            vipcast_arp_ndp::Event::Free { address, link } => {
                self.asking.remove(&(address, link));
                let more = self.asking.range((address, LinkId(0))..=(address, LinkId(u32::MAX)));
                if more.count() == 0 {
                    let check = self.report.checks.verdicts.get_mut(&address);
                    check
                        .into_iter()
                        .filter(|c| **c == Check::Asking)
                        .for_each(|c| *c = Check::Free);
                    self.dirty = true;
                }
            }
            vipcast_arp_ndp::Event::Acknowledged { address, link, neighbour, gateway, after } => {
                self.heard(address, link, neighbour, gateway, Some(after));
            }
            vipcast_arp_ndp::Event::Unanswered { address, link, gateway } => {
                self.heard(address, link, gateway, true, None);
            }
            _ => {}
        }
    }
}

impl Wire<'_> {
    fn heard(
        &mut self,
        address: IpAddr,
        link: LinkId,
        neighbour: IpAddr,
        gateway: bool,
        after: Option<Duration>,
    ) {
        let Some(claim) = self.claimed.get(&(link.0, address)) else { return };
        let Some(name) = self.name_of(link) else { return };
        let heard = Heard { epoch: claim.epoch, gateway, after };
        self.report.heard.insert((address, name, neighbour), heard);
        self.later = true;
    }

    fn name_of(&self, link: LinkId) -> Option<LinkName> {
        let mut links = self.report.links.iter();
        links.find(|(_, state)| state.index == link.0).map(|(name, _)| name.clone())
    }
}
