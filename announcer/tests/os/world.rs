//! Two machines, `peer` and `host`, on one cable: 10.0.0.1 and 10.0.0.2.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    time::Duration,
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    address::{AddressAttribute, AddressMessage},
    link::{InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage},
};
use rustix::{
    net::{
        RecvFlags, SendFlags, SocketFlags, SocketType, netlink::SocketAddrNetlink, recv, sendto,
        socket_with,
    },
    process::{geteuid, getgid, getuid},
    thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space},
};
use vipcast_announcer::{
    clock::Clock,
    os::{
        FrameKind, PacketSocket, Poller, Timer,
        netlink::{LinkWatch, Snapshot},
    },
};

pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub(crate) const HOST: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
pub(crate) const VIP: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

pub(crate) const PEER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
pub(crate) const HOST_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];

/// Becomes root of a user namespace where this process is not root already.
pub(crate) fn enter() -> io::Result<()> {
    if geteuid().is_root() {
        return unshare(UnshareFlags::NEWNET);
    }
    let (user, group) = (getuid().as_raw(), getgid().as_raw());
    unshare(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

#[expect(deprecated, reason = "the other one is unsafe because of a flag that is not used here")]
fn unshare(flags: UnshareFlags) -> io::Result<()> {
    Ok(rustix::thread::unshare(flags)?)
}

/// Moves the calling thread into a new network namespace, and returns it.
pub(crate) fn new_namespace() -> OwnedFd {
    unshare(UnshareFlags::NEWNET).unwrap();
    fs::File::open("/proc/thread-self/ns/net").unwrap().into()
}

/// The two machines. The test's thread is in `host`.
pub(crate) struct World {
    peer: OwnedFd,
    host: OwnedFd,
}

impl World {
    pub(crate) fn new() -> Self {
        let peer = new_namespace();
        let host = new_namespace();
        let world = Self { peer, host };
        world.plug();
        world
    }

    /// Lays the cable; both ends get their addresses and are switched on.
    pub(crate) fn plug(&self) {
        let end = |name: &str, mac: [u8; 6]| {
            let mut message = LinkMessage::default();
            message.attributes =
                vec![LinkAttribute::IfName(name.into()), LinkAttribute::Address(mac.into())];
            message
        };
        let mut far = end("peer0", PEER_MAC);
        far.attributes.push(LinkAttribute::NetNsFd(self.peer.as_raw_fd()));
        let mut near = end("host0", HOST_MAC);
        near.attributes.push(LinkAttribute::LinkInfo(vec![
            LinkInfo::Kind(InfoKind::Veth),
            LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(far))),
        ]));
        request(RouteNetlinkMessage::NewLink(near), NLM_F_CREATE | NLM_F_EXCL);
        self.in_peer(|| {
            switch("lo", true);
            switch("peer0", true);
            add_address("peer0", PEER.into(), 24);
        });
        switch("lo", true);
        switch("host0", true);
        add_address("host0", HOST.into(), 24);
        self.wait_for_peer();
    }

    /// Waits until the peer can send: its end was there first, and learns of the carrier later. The
    /// other end is ready from the start, though the kernel may take a second to say so.
    pub(crate) fn wait_for_peer(&self) {
        self.in_peer(|| wait_until(|now| now.by_name("peer0").is_some_and(|link| link.up)));
    }

    /// Does something on the other machine.
    pub(crate) fn in_peer<T>(&self, action: impl FnOnce() -> T) -> T {
        let network = Some(LinkNameSpaceType::Network);
        move_into_link_name_space(self.peer.as_fd(), network).unwrap();
        let result = action();
        move_into_link_name_space(self.host.as_fd(), network).unwrap();
        result
    }

    pub(crate) fn host_socket(&self, kind: FrameKind) -> PacketSocket {
        PacketSocket::open(index("host0"), kind).unwrap()
    }

    pub(crate) fn peer_socket(&self, kind: FrameKind) -> PacketSocket {
        self.in_peer(|| PacketSocket::open(index("peer0"), kind).unwrap())
    }
}

/// Waits until the links of this namespace are so.
pub(crate) fn wait_until(condition: impl Fn(&Snapshot) -> bool) {
    let mut watch = LinkWatch::open().unwrap();
    if !condition(&watch.snapshot().unwrap()) {
        wait_for(&mut watch, condition);
    }
}

/// Waits for notifications, as an event loop does, until the links are so.
pub(crate) fn wait_for(watch: &mut LinkWatch, condition: impl Fn(&Snapshot) -> bool) {
    let mut poller = Poller::new().unwrap();
    let mut timer = Timer::new().unwrap();
    let mut ready = Vec::new();
    poller.add(&*watch, 0).unwrap();
    poller.add(&timer, 1).unwrap();
    timer.set(Some(Clock::now() + Duration::from_secs(5))).unwrap();
    loop {
        poller.wait(&mut ready).unwrap();
        assert!(!ready.contains(&1), "the change was not noticed");
        if watch.changed().unwrap() && condition(&watch.snapshot().unwrap()) {
            return;
        }
    }
}

/// Frames of a socket, one after the other, each waited for.
pub(crate) struct Listener<'a> {
    socket: &'a PacketSocket,
    poller: Poller,
    timer: Timer,
}

impl<'a> Listener<'a> {
    pub(crate) fn new(socket: &'a PacketSocket) -> Self {
        let (poller, timer) = (Poller::new().unwrap(), Timer::new().unwrap());
        poller.add(socket, 0).unwrap();
        poller.add(&timer, 1).unwrap();
        Self { socket, poller, timer }
    }

    /// The next frame; a test that waits for five seconds has failed.
    pub(crate) fn next(&mut self) -> (vipcast_announcer::os::Received, Vec<u8>) {
        let mut buffer = [0; 256];
        let mut ready = Vec::new();
        self.timer.set(Some(Clock::now() + Duration::from_secs(5))).unwrap();
        loop {
            if let Some(received) = self.socket.recv(&mut buffer).unwrap() {
                return (received, buffer[..received.len].to_vec());
            }
            self.poller.wait(&mut ready).unwrap();
            assert!(!ready.contains(&1), "no frame came");
        }
    }

    /// The next ARP frame that is a reply.
    pub(crate) fn next_reply(&mut self) -> Arp {
        self.next_arp(2)
    }

    /// The next ARP frame that is a request.
    pub(crate) fn next_request(&mut self) -> Arp {
        self.next_arp(1)
    }

    fn next_arp(&mut self, operation: u8) -> Arp {
        loop {
            let (_, frame) = self.next();
            if frame[21] == operation {
                let ip = |at: usize| Ipv4Addr::from(*frame[at..].first_chunk::<4>().unwrap());
                return Arp { sender: ip(28), target: ip(38) };
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arp {
    pub(crate) sender: Ipv4Addr,
    pub(crate) target: Ipv4Addr,
}

/// A broadcast ARP frame from the peer's MAC.
pub(crate) fn arp(operation: u8, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend(PEER_MAC);
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, operation]);
    frame.extend(PEER_MAC);
    frame.extend(sender.octets());
    frame.extend([0; 6]);
    frame.extend(target.octets());
    frame
}

pub(crate) fn index(link: &str) -> u32 {
    Snapshot::read().unwrap().by_name(link).unwrap().index
}

pub(crate) fn switch(link: &str, up: bool) {
    let mut message = link_message(link);
    message.header.change_mask = LinkFlags::Up;
    message.header.flags = if up { LinkFlags::Up } else { LinkFlags::empty() };
    request(RouteNetlinkMessage::SetLink(message), 0);
}

/// Changes attributes of a link.
pub(crate) fn set_link(link: &str, attribute: LinkAttribute) {
    let mut message = link_message(link);
    message.attributes.push(attribute);
    request(RouteNetlinkMessage::SetLink(message), 0);
}

pub(crate) fn delete_link(link: &str) {
    request(RouteNetlinkMessage::DelLink(link_message(link)), 0);
}

pub(crate) fn add_address(link: &str, ip: IpAddr, prefix_len: u8) {
    let message = address_message(link, ip, prefix_len);
    request(RouteNetlinkMessage::NewAddress(message), NLM_F_CREATE | NLM_F_EXCL);
}

pub(crate) fn delete_address(link: &str, ip: IpAddr, prefix_len: u8) {
    request(RouteNetlinkMessage::DelAddress(address_message(link, ip, prefix_len)), 0);
}

fn link_message(link: &str) -> LinkMessage {
    let mut message = LinkMessage::default();
    message.header.index = index(link);
    message
}

fn address_message(link: &str, ip: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = if ip.is_ipv6() { AddressFamily::Inet6 } else { AddressFamily::Inet };
    message.header.prefix_len = prefix_len;
    message.header.index = index(link);
    message.attributes = vec![AddressAttribute::Local(ip), AddressAttribute::Address(ip)];
    message
}

/// One route request, which must succeed.
pub(crate) fn request(message: RouteNetlinkMessage, flags: u16) {
    let mut packet = NetlinkMessage::from(message);
    packet.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);

    let family = rustix::net::AddressFamily::NETLINK;
    let socket = socket_with(family, SocketType::RAW, SocketFlags::CLOEXEC, None).unwrap();
    sendto(&socket, &bytes, SendFlags::empty(), &SocketAddrNetlink::new(0, 0)).unwrap();
    let mut answer = [0; 4096];
    recv(&socket, &mut answer[..], RecvFlags::empty()).unwrap();
    let errno = i32::from_ne_bytes(*answer[16..].first_chunk().unwrap());
    assert_eq!(errno, 0, "{packet:?}");
}
