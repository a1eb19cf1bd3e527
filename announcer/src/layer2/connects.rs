use std::{
    collections::{BTreeMap, BTreeSet, hash_map::RandomState},
    hash::BuildHasher,
    io,
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use vipcast_arp_ndp::MacAddr;
use vipcast_election::Unit;
use vipcast_plan::LinkName;
use vipcast_sans_io::Instant;

use super::{
    ClaimKey, LinkState,
    handshake::{self, End, SynAck},
    sockets::connect_number,
};
use crate::os::{HandshakeSocket, Poller, ReservedPort};

/// The TCP port at which each address can be seen to be served.
pub type TcpPorts = BTreeMap<IpAddr, u16>;

/// TCP handshakes with the holders of addresses, to see whether they serve them. In frames of their
/// own: a socket of the kernel's might reach this node itself, where kube-proxy rewrites service
/// addresses. A handshake that is answered is given up at once, so that no backend accepts it.
pub(super) struct Connects {
    own: ReservedPort,
    pub(super) ports: Arc<TcpPorts>,
    sockets: BTreeMap<(u32, bool), HandshakeSocket>,
    /// The last one for each address on each link.
    begun: BTreeMap<ClaimKey, Begun>,
    /// Makes numbers that nobody can guess.
    numbers: RandomState,
    count: u64,
}

struct Begun {
    unit: Unit,
    number: u32,
    port: u16,
    until: Instant,
}

/// A holder has agreed to a connection.
pub(super) struct Agreed {
    pub(super) unit: Unit,
    pub(super) by: MacAddr,
}

impl Connects {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            own: ReservedPort::new()?,
            ports: Arc::default(),
            sockets: BTreeMap::new(),
            begun: BTreeMap::new(),
            numbers: RandomState::new(),
            count: 0,
        })
    }

    /// Sockets for the answers on each link that is up. Whether all could be had.
    pub(super) fn follow(
        &mut self,
        links: &BTreeMap<LinkName, LinkState>,
        poller: &Poller,
    ) -> bool {
        let up = || links.values().filter(|link| link.up);
        let indices: BTreeSet<u32> = up().map(|link| link.index).collect();
        self.sockets.retain(|(index, _), _| indices.contains(index));
        let wanted = indices.iter().flat_map(|index| [(*index, true), (*index, false)]);
        let mut all = true;
        for key @ (index, ipv4) in wanted {
            if self.sockets.contains_key(&key) {
                continue;
            }
            let opened = HandshakeSocket::open(index, ipv4, self.own.port());
            let opened = opened.and_then(|socket| {
                poller.add(&socket, connect_number(index, ipv4))?;
                Ok(socket)
            });
            match opened {
                Ok(socket) => _ = self.sockets.insert(key, socket),
                Err(_) => all = false,
            }
        }
        all
    }

    /// Begins a handshake, and leaves its first frame in the buffer. `false` if there is nothing to
    /// connect to, or nowhere to connect from: then an answer by ARP or ND must do.
    pub(super) fn begin(
        &mut self,
        unit: &Unit,
        link: &LinkState,
        holder: MacAddr,
        until: Instant,
        buf: &mut Vec<u8>,
    ) -> bool {
        let key = (link.index, unit.address);
        let own = own_address(link, unit.address);
        let heard = self.sockets.contains_key(&(link.index, unit.address.is_ipv4()));
        let (Some(port), Some(own), true) = (self.ports.get(&unit.address), own, heard) else {
            self.begun.remove(&key);
            return false;
        };
        self.count += 1;
        // A holder with several hardware addresses is asked at each for the same.
        let same = self.begun.get(&key).filter(|begun| begun.until == until);
        let number = same.map_or_else(
            || (self.numbers.hash_one((self.count, key)) >> 32) as u32,
            |begun| begun.number,
        );
        let from = End { mac: link.mac, address: own, port: self.own.port() };
        let to = End { mac: holder, address: unit.address, port: *port };
        handshake::syn(from, to, number, buf);
        self.begun.insert(key, Begun { unit: unit.clone(), number, port: *port, until });
        true
    }

    /// Whether the address is proved by handshakes.
    pub(super) fn tries(&self, address: IpAddr) -> bool {
        self.begun.keys().any(|(_, begun)| *begun == address)
    }

    /// Handshakes whose answers are too late.
    pub(super) fn forget(&mut self, now: Instant) {
        self.begun.retain(|_, begun| now < begun.until + REMEMBERED);
    }

    pub(super) fn recv(&self, link: u32, ipv4: bool, buf: &mut [u8]) -> io::Result<Option<usize>> {
        self.sockets.get(&(link, ipv4)).map_or(Ok(None), |socket| socket.recv(buf))
    }

    /// Takes an answer that came in on a link. What gives the handshake up is left in the buffer.
    pub(super) fn answered(
        &self,
        now: Instant,
        link: u32,
        frame: &[u8],
        buf: &mut Vec<u8>,
    ) -> Option<Agreed> {
        let SynAck { from, to, of } = handshake::syn_ack(frame)?;
        let begun = self.begun.get(&(link, from.address))?;
        let ours = to.port == self.own.port() && from.port == begun.port && of == begun.number;
        if !ours {
            return None;
        }
        handshake::rst(to, from, of.wrapping_add(1), buf);
        (now < begun.until).then(|| Agreed { unit: begun.unit.clone(), by: from.mac })
    }
}

/// The address of the link to ask from: one in a network with that address, else any that can be
/// answered from elsewhere.
fn own_address(link: &LinkState, address: IpAddr) -> Option<IpAddr> {
    let mut own: Vec<_> =
        link.networks.iter().filter(|n| n.addr().is_ipv4() == address.is_ipv4()).collect();
    own.sort_by_key(|network| !network.contains(&address));
    let reachable = |own: &IpAddr| match own {
        IpAddr::V4(own) => !own.is_link_local(),
        IpAddr::V6(own) => !own.is_unicast_link_local(),
    };
    own.into_iter().map(|network| network.addr()).find(reachable)
}

/// How long after its time an answer is still known as one, and the handshake given up.
const REMEMBERED: Duration = Duration::from_secs(5);
