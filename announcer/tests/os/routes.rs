use std::net::IpAddr;

use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteAttribute, RouteMessage, RouteProtocol, RouteScope, RouteType},
};
use vipcast_announcer::os::netlink::{Route, RouteLookup};

use crate::world::{HOST, PEER, World, add_address, index, request, wait_until};

fn route(destination: Option<(IpAddr, u8)>, gateway: Option<IpAddr>, kind: RouteType) {
    let mut message = RouteMessage::default();
    let is_v6 = destination.map(|(to, _)| to).or(gateway).is_some_and(|ip| ip.is_ipv6());
    message.header.address_family = if is_v6 { AddressFamily::Inet6 } else { AddressFamily::Inet };
    message.header.table = 254;
    message.header.protocol = RouteProtocol::Static;
    message.header.scope = RouteScope::Universe;
    message.header.kind = kind;
    if let Some((to, length)) = destination {
        message.header.destination_prefix_length = length;
        message.attributes.push(RouteAttribute::Destination(to.into()));
    }
    if let Some(gateway) = gateway {
        message.attributes.push(RouteAttribute::Gateway(gateway.into()));
        message.attributes.push(RouteAttribute::Oif(index("host0")));
    }
    let flags = netlink_packet_core::NLM_F_CREATE | netlink_packet_core::NLM_F_EXCL;
    request(RouteNetlinkMessage::NewRoute(message), flags);
}

pub(crate) fn the_gateways_of_both_families_are_found() {
    let _world = World::new();
    wait_until(|now| now.by_name("host0").is_some_and(|link| link.up));
    let (mut routes, link) = (RouteLookup::open().unwrap(), index("host0"));
    assert_eq!(routes.gateways(link).unwrap(), [] as [IpAddr; 0]);
    route(None, Some(PEER.into()), RouteType::Unicast);
    assert_eq!(routes.gateways(link).unwrap(), [IpAddr::from(PEER)]);
    let (own, gateway): (IpAddr, IpAddr) = ("fd00::2".parse().unwrap(), "fe80::1".parse().unwrap());
    add_address("host0", own, 64);
    route(None, Some(gateway), RouteType::Unicast);
    assert_eq!(routes.gateways(link).unwrap(), [PEER.into(), gateway]);
    assert_eq!(routes.gateways(9_999).unwrap(), [] as [IpAddr; 0], "there is no such link");
}

pub(crate) fn a_route_that_drops_an_outside_address_does_not_hide_the_gateway() {
    let _world = World::new();
    route(None, Some(PEER.into()), RouteType::Unicast);
    for kind in [RouteType::BlackHole, RouteType::Unreachable, RouteType::Prohibit] {
        let third = u8::from(kind);
        let net = [203, 0, 113, third].into();
        // Each way of dropping for an address of its own, and one for all of the first network.
        route(Some((net, 32)), None, kind);
        let mut routes = RouteLookup::open().unwrap();
        assert_eq!(routes.find(net, None).unwrap(), None);
    }
    route(Some(([203, 0, 113, 0].into(), 24)), None, RouteType::BlackHole);
    let mut routes = RouteLookup::open().unwrap();
    assert_eq!(routes.gateways(index("host0")).unwrap(), [IpAddr::from(PEER)]);
}

pub(crate) fn local_addresses_are_known_with_the_link_that_has_them() {
    let _world = World::new();
    let mut routes = RouteLookup::open().unwrap();
    assert_eq!(routes.local(HOST.into()).unwrap(), Some(index("host0")));
    assert_eq!(routes.local(PEER.into()).unwrap(), None);
    assert_eq!(routes.local([192, 0, 2, 9].into()).unwrap(), None);
    for vip in ["192.0.2.10", "2001:db8::10"] {
        let vip: IpAddr = vip.parse().unwrap();
        add_address("lo", vip, if vip.is_ipv4() { 32 } else { 128 });
        wait_until(|now| {
            let mut all = now.links[&1].addresses.iter();
            all.any(|address| address.net.addr() == vip && !address.tentative)
        });
        assert_eq!(routes.local(vip).unwrap(), Some(1), "{vip}");
    }
    let found = routes.find(PEER.into(), None).unwrap().unwrap();
    let Route { link, gateway, local, .. } = found;
    assert_eq!((link, gateway, local), (index("host0"), None, false));
}
