use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, UdpSocket},
};

use vipcast_announcer::os::{
    FrameKind, Guard, LocalDelivery, PacketSocket, Sent, netlink::Snapshot,
};

use crate::world::{Arp, HOST, Listener, PEER, VIP, World, add_address, arp, index};

const OTHER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 101);

fn install(vips: &[Ipv4Addr]) -> Guard {
    let vips = BTreeSet::from_iter(vips.iter().copied());
    Guard::install(Guard::sources(&Snapshot::read().unwrap(), &vips), vips).unwrap()
}

/// Asks the host's kernel for an address, and says whether it answered: it surely answers the
/// question for its own address that is asked next.
fn answers(peer: &PacketSocket, address: Ipv4Addr) -> bool {
    let mut listener = Listener::new(peer);
    for target in [address, HOST] {
        assert_eq!(peer.send(&arp(1, PEER, target)).unwrap(), Sent::Queued);
    }
    let first = listener.next_reply().sender;
    if first == address {
        assert_eq!(listener.next_reply().sender, HOST);
    }
    first == address
}

/// The host sends a datagram from `source`; what does its kernel ask the LAN?
fn question(peer: &PacketSocket, source: Ipv4Addr, to: Ipv4Addr) -> Arp {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.send_to(b"x", (to, 9)).unwrap();
    let mut listener = Listener::new(peer);
    loop {
        let request = listener.next_request();
        if request.target == to {
            return request;
        }
    }
}

pub(crate) fn the_kernel_answers_for_a_local_address_without_the_guard() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    assert!(!answers(&peer, VIP));
    delivery.add(VIP.into()).unwrap();
    assert!(answers(&peer, VIP));
    let neighbour = Ipv4Addr::new(10, 0, 0, 50);
    assert_eq!(question(&peer, VIP, neighbour).sender, VIP);
}

pub(crate) fn the_kernel_is_silent_and_the_packet_socket_still_hears() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let host = world.host_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    let _guard = install(&[VIP]);
    delivery.add_all(&BTreeSet::from([VIP.into(), OTHER.into()])).unwrap();
    assert!(!answers(&peer, VIP));
    assert!(answers(&peer, OTHER), "only what is in the set is kept silent");
    assert_eq!(Listener::new(&host).next_request().target, VIP);

    // Our own answer is not kept back.
    assert_eq!(host.send(&arp(2, VIP, PEER)).unwrap(), Sent::Queued);
    assert_eq!(Listener::new(&peer).next_reply().sender, VIP);
}

pub(crate) fn own_requests_leave_with_the_links_own_address() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    let mut guard = install(&[VIP]);
    delivery.add(VIP.into()).unwrap();
    let neighbours = [50, 51, 52].map(|host| Ipv4Addr::new(10, 0, 0, host));
    assert_eq!(question(&peer, VIP, neighbours[0]).sender, HOST);
    assert_eq!(question(&peer, HOST, neighbours[1]).sender, HOST);

    let own = Ipv4Addr::new(10, 0, 0, 3);
    guard.set_sources(&BTreeMap::from([(index("host0"), own)])).unwrap();
    assert_eq!(question(&peer, VIP, neighbours[2]).sender, own);

    // The node can still resolve its neighbours from the service address.
    let server = world.in_peer(|| UdpSocket::bind((PEER, 0)).unwrap());
    let client = UdpSocket::bind((VIP, 0)).unwrap();
    client.send_to(b"hello", server.local_addr().unwrap()).unwrap();
    server.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
    let (length, from) = server.recv_from(&mut [0; 16]).unwrap();
    assert_eq!((length, from.ip()), (5, VIP.into()));
}

pub(crate) fn the_set_follows_and_the_guard_is_removed() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    delivery.add_all(&BTreeSet::from([VIP.into(), OTHER.into()])).unwrap();
    let mut guard = install(&[]);
    assert!(guard.is_installed().unwrap());
    assert!(answers(&peer, VIP));
    guard.set_vips(&BTreeSet::from([VIP])).unwrap();
    assert!(!answers(&peer, VIP) && answers(&peer, OTHER));
    guard.set_vips(&BTreeSet::from([OTHER])).unwrap();
    assert!(answers(&peer, VIP) && !answers(&peer, OTHER));

    let many = (0..10_000_u32).map(|host| Ipv4Addr::from_bits(0x0a01_0000 + host));
    guard.set_vips(&many.chain([VIP]).collect()).unwrap();
    assert!(!answers(&peer, VIP) && answers(&peer, OTHER));

    Guard::remove().unwrap();
    Guard::remove().unwrap();
    assert!(!guard.is_installed().unwrap());
    assert!(answers(&peer, VIP));
}

pub(crate) fn a_table_that_is_found_is_replaced_in_one_step() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    delivery.add_all(&BTreeSet::from([VIP.into(), OTHER.into()])).unwrap();
    let killed = install(&[VIP]);
    drop(killed);
    assert!(!answers(&peer, VIP), "the guard outlasts its process");
    let _guard = install(&[OTHER]);
    assert!(answers(&peer, VIP) && !answers(&peer, OTHER));
}

pub(crate) fn a_table_that_was_deleted_is_put_in_place_again() {
    let world = World::new();
    let peer = world.peer_socket(FrameKind::Arp);
    let mut delivery = LocalDelivery::open().unwrap();
    delivery.add_all(&BTreeSet::from([VIP.into(), OTHER.into()])).unwrap();
    let mut guard = install(&[VIP]);
    Guard::remove().unwrap();
    assert!(answers(&peer, VIP));
    guard.repair().unwrap();
    assert!(!answers(&peer, VIP));

    Guard::remove().unwrap();
    guard.set_vips(&BTreeSet::from([VIP, OTHER])).unwrap();
    assert!(!answers(&peer, VIP) && !answers(&peer, OTHER));
}

pub(crate) fn the_sources_are_the_links_own_addresses() {
    let _world = World::new();
    let own = |vips: &[Ipv4Addr]| {
        let vips = vips.iter().copied().collect();
        Guard::sources(&Snapshot::read().unwrap(), &vips)
    };
    let link = index("host0");
    assert_eq!(own(&[]), BTreeMap::from([(link, HOST)]));
    add_address("host0", VIP.into(), 24);
    assert_eq!(own(&[VIP]), BTreeMap::from([(link, HOST)]));
    assert_eq!(own(&[HOST]), BTreeMap::from([(link, VIP)]));
    assert_eq!(own(&[HOST, VIP]), BTreeMap::new());
}
