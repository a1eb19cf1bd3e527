//! Short forms for tests that read as statements.

#![allow(dead_code, reason = "each test uses its part")]

use std::net::IpAddr;

use vipcast_ipam::{
    AllocateError, Allocator, Families, Family, LabelSelector, Labels, Owner, Pool, PoolBuilder,
    Pools, Port, Protocol, Request, Requirement, Selection,
};

pub(crate) const V4: Families = Families::Single(Family::V4);
pub(crate) const V6: Families = Families::Single(Family::V6);
pub(crate) const PREFER: Families = Families::PreferDual { primary: Family::V4 };

pub(crate) fn pool(name: &str, ranges: &[&str]) -> PoolBuilder {
    let ranges = ranges.iter().map(|range| range.parse().expect("a range"));
    Pool::builder(name).ranges(ranges)
}

pub(crate) fn pools<const N: usize>(pools: [PoolBuilder; N]) -> Pools {
    let pools = pools.map(|pool| pool.build().expect("a valid pool"));
    Pools::new(pools.into()).expect("pools that do not overlap")
}

pub(crate) fn allocator<const N: usize>(builders: [PoolBuilder; N]) -> Allocator {
    Allocator::new(pools(builders))
}

pub(crate) fn owner(text: &str) -> Owner {
    text.parse().expect("namespace/name")
}

pub(crate) fn request(text: &str) -> Request {
    Request::new(owner(text), V4)
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| ip(text)).collect()
}

/// The request with changes.
pub(crate) fn with(mut request: Request, change: impl FnOnce(&mut Request)) -> Request {
    change(&mut request);
    request
}

pub(crate) fn shared(text: &str, key: &str, ports: &[u16]) -> Request {
    with(request(text), |request| {
        request.sharing_key = Some(key.into());
        request.ports = ports.iter().map(|port| tcp(*port)).collect();
    })
}

pub(crate) fn exactly(text: &str, addresses: &[&str]) -> Request {
    with(request(text), |request| request.addresses = ips(addresses))
}

pub(crate) const fn tcp(number: u16) -> Port {
    Port { protocol: Protocol::Tcp, number }
}

/// What an owner gets, as text; `a b` for two addresses.
pub(crate) fn get(allocator: &mut Allocator, request: &Request) -> String {
    match allocator.allocate(request) {
        Ok(assignment) => text(&assignment.addresses),
        Err(error) => error.to_string(),
    }
}

pub(crate) fn refusal(allocator: &mut Allocator, request: &Request) -> AllocateError {
    allocator.allocate(request).expect_err("the request is refused")
}

pub(crate) fn held(allocator: &Allocator, text_of_owner: &str) -> String {
    let assignment = allocator.assignment(&owner(text_of_owner));
    assignment.map_or(String::new(), |assignment| text(&assignment.addresses))
}

pub(crate) fn text(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    texts.join(" ")
}

pub(crate) fn label(key: &str, value: &str) -> LabelSelector {
    LabelSelector { requirements: vec![Requirement::In(key.into(), vec![value.into()])] }
}

pub(crate) fn labels(key: &str, value: &str) -> Labels {
    Labels::from([(key.into(), value.into())])
}

/// For one namespace alone.
pub(crate) fn only(namespace: &str) -> Selection {
    Selection { namespaces: [namespace.into()].into(), ..Selection::default() }
}
