use std::{collections::BTreeSet, mem, net::IpAddr};

use vipcast_announcer::os::{
    ADDRESS_LABEL, ADDRESS_PROTOCOL, Added, DeliveryError, LocalDelivery,
    netlink::{LinkAddress, RouteLookup, Snapshot},
};

use crate::world::{HOST, VIP, World, add_address, delete_address, new_namespace};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn on_lo(address: IpAddr) -> Option<LinkAddress> {
    let snapshot = Snapshot::read().unwrap();
    let lo = snapshot.by_name("lo").unwrap();
    lo.addresses.iter().find(|on_lo| on_lo.net.addr() == address).cloned()
}

pub(crate) fn an_address_is_added_tagged_and_removed() {
    let _world = World::new();
    let mut delivery = LocalDelivery::open().unwrap();
    assert_eq!(delivery.add(VIP.into()).unwrap(), Added::Added);
    assert_eq!(delivery.add(VIP.into()).unwrap(), Added::AlreadyOurs);

    let address = on_lo(VIP.into()).unwrap();
    assert_eq!(address.net.to_string(), "10.0.0.100/32");
    assert_eq!((address.protocol, address.scope), (ADDRESS_PROTOCOL, 254));
    assert_eq!(address.label.as_deref(), Some(ADDRESS_LABEL));
    assert_eq!(delivery.delivered(), &BTreeSet::from([VIP.into()]));
    assert!(delivery.orphans().unwrap().is_empty());

    assert!(delivery.remove(VIP.into()).unwrap());
    assert_eq!(on_lo(VIP.into()), None);
    assert!(!delivery.remove(VIP.into()).unwrap());
    assert!(delivery.delivered().is_empty());
}

pub(crate) fn an_ipv6_address_is_ready_at_once_and_never_preferred() {
    let _world = World::new();
    let mut delivery = LocalDelivery::open().unwrap();
    let vip = ip("2001:db8::100");
    assert_eq!(delivery.add(vip).unwrap(), Added::Added);
    let address = on_lo(vip).unwrap();
    assert_eq!((address.net.to_string().as_str(), address.tentative), ("2001:db8::100/128", false));
    assert_eq!(address.protocol, ADDRESS_PROTOCOL);
    std::net::UdpSocket::bind((vip, 0)).unwrap();
    // The source that the kernel picks is another one, though the link has no better than its own.
    add_address("host0", ip("2001:db8::2"), 64);
    let table = std::fs::read_to_string("/proc/thread-self/net/if_inet6").unwrap();
    let row =
        table.lines().find(|row| row.starts_with("20010db8000000000000000000000100")).unwrap();
    let flags = u32::from_str_radix(row.split_whitespace().nth(4).unwrap(), 16).unwrap();
    assert_eq!(flags & 0x20, 0x20, "IFA_F_DEPRECATED in {row}");
    assert!(delivery.remove(vip).unwrap());
    assert_eq!(on_lo(vip), None);
}

/// The kernel refuses packets for a new IPv6 address until a worker of it has made the local route.
pub(crate) fn the_kernel_takes_packets_for_what_was_added() {
    let _world = World::new();
    let (mut delivery, mut routes) = (LocalDelivery::open().unwrap(), RouteLookup::open().unwrap());
    for number in 1..=100 {
        let one = ip(&format!("2001:db8::1:{number:x}"));
        delivery.add(one).unwrap();
        assert!(routes.local(one).unwrap().is_some(), "{one}");
        let many: BTreeSet<IpAddr> =
            (1..=3).map(|at| ip(&format!("2001:db8::2:{number:x}:{at}"))).collect();
        delivery.add_all(&many).unwrap();
        for one in many {
            assert!(routes.local(one).unwrap().is_some(), "{one}");
        }
    }
}

pub(crate) fn a_foreign_address_is_left_alone_and_reported() {
    let _world = World::new();
    add_address("lo", VIP.into(), 32);
    let mut delivery = LocalDelivery::open().unwrap();
    for (address, expected) in [(IpAddr::from(VIP), "lo"), (HOST.into(), "host0")] {
        match delivery.add(address) {
            Err(DeliveryError::ForeignAddress { address: reported, link }) => {
                assert_eq!((reported, link.as_str()), (address, expected));
            }
            other => panic!("{other:?}"),
        }
    }
    // One that cannot be had does not keep the others from being added.
    let other = ip("10.0.0.101");
    let outcomes = delivery.add_all(&BTreeSet::from([HOST.into(), VIP.into(), other])).unwrap();
    let added: Vec<_> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).collect();
    assert_eq!((outcomes.len(), added.len(), added[0].0), (3, 1, other));

    assert!(!delivery.remove(VIP.into()).unwrap());
    assert!(delivery.orphans().unwrap().is_empty());
    assert!(delivery.sweep().unwrap().is_empty());
    drop(delivery);
    assert!(on_lo(VIP.into()).is_some());
    assert_eq!(on_lo(other), None);
}

pub(crate) fn orphans_of_a_killed_run_are_found_and_swept() {
    let _world = World::new();
    let addresses = BTreeSet::from([VIP.into(), ip("10.0.0.101"), ip("2001:db8::100")]);
    let mut killed = LocalDelivery::open().unwrap();
    assert!(killed.add_all(&addresses).unwrap().iter().all(|(_, outcome)| outcome.is_ok()));
    mem::forget(killed);

    let mut delivery = LocalDelivery::open().unwrap();
    assert_eq!(delivery.orphans().unwrap(), addresses);
    assert_eq!(delivery.add(VIP.into()).unwrap(), Added::AlreadyOurs, "adopted");
    assert_eq!(delivery.sweep().unwrap(), [ip("10.0.0.101"), ip("2001:db8::100")]);
    assert!(on_lo(VIP.into()).is_some());
    assert!(on_lo(ip("10.0.0.101")).is_none() && on_lo(ip("2001:db8::100")).is_none());
    assert!(delivery.sweep().unwrap().is_empty());
}

pub(crate) fn what_was_added_is_removed_on_drop() {
    let _world = World::new();
    let mut delivery = LocalDelivery::open().unwrap();
    delivery.add(VIP.into()).unwrap();
    delivery.add(ip("10.0.0.101")).unwrap();
    // Somebody has taken one away by hand: no obstacle.
    delete_address("lo", VIP.into(), 32);
    delivery.clear().unwrap();
    assert_eq!(on_lo(ip("10.0.0.101")), None);
    delivery.add(VIP.into()).unwrap();
    drop(delivery);
    assert_eq!(on_lo(VIP.into()), None);
}

pub(crate) fn a_loopback_that_is_down_is_an_error() {
    let _namespace = new_namespace();
    let mut delivery = LocalDelivery::open().unwrap();
    assert!(matches!(delivery.add(VIP.into()), Err(DeliveryError::LoopbackDown)));
}
