use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ipnet::IpNet;
use vipcast_election::Segment;
use vipcast_plan::LinkName;

use super::{LinkState, sockets::BEACON};
use crate::os::{NeighbourSocket, Poller, Sent};

/// How beacons travel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BeaconTransport {
    /// The UDP port, of sender and receiver.
    pub port: u16,
    /// Where to send beacons, instead of to all: for networks that carry no multicast. Each is sent
    /// to on the links whose network holds it. What others send to all is heard nevertheless.
    pub peers: BTreeSet<IpAddr>,
}

impl Default for BeaconTransport {
    /// UDP port 7947, to all.
    fn default() -> Self {
        Self { port: 7_947, peers: BTreeSet::new() }
    }
}

/// Where beacons go in IPv4. In the local network control block, which switches forward to all ports
/// whatever they snoop (RFC 4541 §2.1.2), and routers never; for experiments (RFC 4727 §2.4.2).
pub const BEACON_GROUP_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 254);

/// Where beacons go in IPv6: a transient group of the link (RFC 4291 §2.7).
pub const BEACON_GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff12, 0, 0, 0, 0, 0, 0x7669, 0x7062);

/// What became of a datagram.
pub(super) struct Outcome {
    /// It left by one link, to one node at least; or there is nobody that it could be sent to.
    pub(super) left: bool,
    /// A queue was full.
    pub(super) full: bool,
}

/// The sockets of the beacons, one a link.
pub(super) struct Beacons {
    transport: BeaconTransport,
    sockets: BTreeMap<u32, Outlet>,
}

struct Outlet {
    segment: Segment,
    socket: NeighbourSocket,
    ipv4: bool,
    peers: Vec<IpAddr>,
    up: bool,
}

impl Beacons {
    pub(super) fn new(transport: BeaconTransport) -> Self {
        Self { transport, sockets: BTreeMap::new() }
    }

    /// A socket on each link that is up. Returns the links that none can be had on, and why not.
    pub(super) fn follow(
        &mut self,
        links: &BTreeMap<LinkName, LinkState>,
        poller: &Poller,
    ) -> BTreeMap<LinkName, io::Error> {
        let indices: BTreeSet<u32> = links.values().map(|link| link.index).collect();
        self.sockets.retain(|index, _| indices.contains(index));
        let mut failed = BTreeMap::new();
        for (name, link) in links {
            let ipv4 = speaks_ipv4(link);
            if self.sockets.get(&link.index).is_some_and(|known| known.ipv4 != ipv4) {
                self.sockets.remove(&link.index);
            }
            let segment = Segment::new(link.segment.as_str());
            let near = |peer: &&IpAddr| link.networks.iter().any(|n| n.contains(*peer));
            let peers = self.transport.peers.iter().filter(near);
            let peers = peers.filter(|peer| peer.is_ipv4() == ipv4).copied().collect();
            match self.sockets.get_mut(&link.index) {
                Some(known) => {
                    (known.segment, known.up, known.peers) = (segment, link.up, peers);
                }
                None if link.up => match self.open(name, link.index, ipv4, poller) {
                    Ok(socket) => {
                        let outlet = Outlet { segment, socket, ipv4, peers, up: true };
                        self.sockets.insert(link.index, outlet);
                    }
                    Err(error) => _ = failed.insert(name.clone(), error),
                },
                None => {}
            }
        }
        failed
    }

    fn open(
        &self,
        name: &LinkName,
        index: u32,
        ipv4: bool,
        poller: &Poller,
    ) -> io::Result<NeighbourSocket> {
        let group: IpAddr = if ipv4 { BEACON_GROUP_V4.into() } else { BEACON_GROUP_V6.into() };
        let socket = NeighbourSocket::open(index, name.as_str(), group, self.transport.port)?;
        poller.add(&socket, u64::from(index) | BEACON)?;
        Ok(socket)
    }

    /// The segments that beacons can be sent on.
    pub(super) fn segments(&self) -> BTreeSet<Segment> {
        let up = self.sockets.values().filter(|outlet| outlet.up);
        up.map(|outlet| outlet.segment.clone()).collect()
    }

    /// The segment that a socket is on.
    pub(super) fn segment(&self, index: u32) -> Option<&Segment> {
        self.sockets.get(&index).map(|outlet| &outlet.segment)
    }

    /// The next datagram on a link, and who sent it.
    pub(super) fn recv(
        &self,
        index: u32,
        buf: &mut [u8],
    ) -> io::Result<Option<(usize, Option<IpAddr>)>> {
        self.sockets.get(&index).map_or(Ok(None), |outlet| outlet.socket.recv(buf))
    }

    /// Sends a beacon on all links of a segment. What cannot be sent on a link is told by `failed`.
    pub(super) fn send(
        &self,
        segment: &Segment,
        bytes: &[u8],
        mut failed: impl FnMut(u32, io::Error),
    ) -> Outcome {
        let (mut tried, mut queued, mut full) = (false, false, false);
        let on = self.sockets.iter().filter(|(_, outlet)| outlet.up && outlet.segment == *segment);
        for (&index, outlet) in on {
            let mut take = |outcome: io::Result<Sent>| {
                tried = true;
                match outcome {
                    Ok(Sent::Queued) => queued = true,
                    Ok(Sent::Full) => full = true,
                    Err(error) => failed(index, error),
                }
            };
            if self.transport.peers.is_empty() {
                take(outlet.socket.send_to_all(bytes));
            }
            for peer in &outlet.peers {
                take(outlet.socket.send_to(bytes, *peer));
            }
        }
        Outcome { left: queued || !tried, full }
    }
}

/// The family of the network that names the segment, which all its nodes have.
fn speaks_ipv4(link: &LinkState) -> bool {
    link.segment.as_str().parse::<IpNet>().is_ok_and(|network| network.addr().is_ipv4())
}
