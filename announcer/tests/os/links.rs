use std::net::IpAddr;

use netlink_packet_route::link::LinkAttribute;
use vipcast_announcer::os::netlink::{Link, LinkWatch, Snapshot};

use crate::world::{
    HOST, HOST_MAC, World, add_address, delete_address, delete_link, set_link, switch, wait_for,
    wait_until,
};

fn host0(snapshot: &Snapshot) -> &Link {
    snapshot.by_name("host0").unwrap()
}

fn has(link: &Link, ip: IpAddr) -> bool {
    link.addresses.iter().any(|address| address.net.addr() == ip)
}

pub(crate) fn a_snapshot_shows_links_and_addresses() {
    let _world = World::new();
    wait_until(|now| host0(now).up);
    let snapshot = Snapshot::read().unwrap();
    assert_eq!(snapshot.unreadable, 0);
    let lo = snapshot.by_name("lo").unwrap();
    assert!(lo.loopback && lo.up && lo.index == 1 && lo.mac.is_none());
    assert!(has(lo, "127.0.0.1".parse().unwrap()));

    let host = host0(&snapshot);
    assert_eq!((host.mac, host.kind.as_deref()), (Some(HOST_MAC), Some("veth")));
    assert!(host.up && host.broadcast && host.multicast && !host.loopback && !host.noarp);
    assert_eq!((host.master, host.mtu), (None, 1500));
    let address = host.addresses.iter().find(|address| address.net.addr() == HOST).unwrap();
    assert_eq!(address.net.to_string(), "10.0.0.2/24");
    assert_eq!((address.scope, address.label.as_deref()), (0, Some("host0")));
}

pub(crate) fn every_change_is_noticed_and_shown() {
    let world = World::new();
    let mut watch = LinkWatch::open().unwrap();
    wait_until(|now| host0(now).up);

    world.in_peer(|| switch("peer0", false));
    wait_for(&mut watch, |now| !host0(now).up);
    world.in_peer(|| switch("peer0", true));
    wait_for(&mut watch, |now| host0(now).up);
    switch("host0", false);
    wait_for(&mut watch, |now| !host0(now).up);
    switch("host0", true);
    wait_for(&mut watch, |now| host0(now).up);

    let mac = [2, 0, 0, 0, 0, 9];
    set_link("host0", LinkAttribute::Address(mac.into()));
    wait_for(&mut watch, |now| host0(now).mac == Some(mac));

    for (ip, prefix_len) in [("10.0.9.1", 24), ("2001:db8::1", 64)] {
        let ip = ip.parse().unwrap();
        add_address("host0", ip, prefix_len);
        wait_for(&mut watch, |now| has(host0(now), ip));
        delete_address("host0", ip, prefix_len);
        wait_for(&mut watch, |now| !has(host0(now), ip));
    }

    set_link("host0", LinkAttribute::IfName("uplink".into()));
    wait_for(&mut watch, |now| now.by_name("uplink").is_some() && now.by_name("host0").is_none());
    delete_link("uplink");
    wait_for(&mut watch, |now| now.links.len() == 1);
    world.plug();
    wait_for(&mut watch, |now| now.by_name("host0").is_some_and(|link| link.up));
}

pub(crate) fn a_lost_and_regained_carrier_makes_a_difference() {
    let world = World::new();
    let before = Snapshot::read().unwrap();
    world.in_peer(|| {
        switch("peer0", false);
        switch("peer0", true);
    });
    let after = Snapshot::read().unwrap();
    assert_eq!(host0(&after).carrier_changes, host0(&before).carrier_changes + 2);
}

pub(crate) fn lost_notifications_count_as_a_change() {
    let _world = World::new();
    let mut watch = LinkWatch::open().unwrap();
    assert!(!watch.changed().unwrap());
    for round in 0..2_000_u32 {
        let mtu = 1_400 + round % 2;
        set_link("host0", LinkAttribute::Mtu(mtu));
    }
    assert!(watch.changed().unwrap());
    assert!(!watch.changed().unwrap());
    set_link("host0", LinkAttribute::Mtu(1_300));
    assert!(watch.changed().unwrap(), "the watch goes on");
}
