//! When two owners may hold one address: the rule that MetalLB documents, statement by statement.

mod common;

use common::*;
use vipcast_ipam::{AllocateError, CrossNamespace, SharingRefusal};

fn local(text: &str, key: &str, ports: &[u16], selector: &str) -> vipcast_ipam::Request {
    with(shared(text, key, ports), |request| request.backend_key = selector.into())
}

#[test]
fn equal_keys_equal_backends_and_no_common_port_share_an_address() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    assert_eq!(get(&mut all, &shared("a/one", "k", &[80])), "10.0.0.1");
    assert_eq!(get(&mut all, &shared("a/two", "k", &[443])), "10.0.0.1");
    assert_eq!(all.holders(ip("10.0.0.1")), [owner("a/one"), owner("a/two")]);
}

#[test]
fn other_keys_do_not_share() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    assert_eq!(get(&mut all, &shared("a/two", "l", &[443])), "10.0.0.2");
}

#[test]
fn an_empty_key_is_no_key() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "", &[80]));
    assert_eq!(get(&mut all, &shared("a/two", "", &[443])), "10.0.0.2");
}

#[test]
fn no_key_does_not_share_even_without_ports() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &request("a/one"));
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.2");
    assert_eq!(get(&mut all, &shared("a/three", "k", &[])), "10.0.0.3");
}

#[test]
fn a_common_port_does_not_share() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80, 443]));
    assert_eq!(get(&mut all, &shared("a/two", "k", &[443, 8443])), "10.0.0.2");
}

#[test]
fn the_same_number_of_another_protocol_is_another_port() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/tcp", "dns", &[53]));
    let udp = with(shared("a/udp", "dns", &[]), |request| {
        let protocol = vipcast_ipam::Protocol::Udp;
        request.ports.insert(vipcast_ipam::Port { protocol, number: 53 });
    });
    assert_eq!(get(&mut all, &udp), "10.0.0.1");
}

#[test]
fn local_with_local_shares_only_with_identical_selectors() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &local("a/one", "k", &[80], "app=x"));
    assert_eq!(get(&mut all, &local("a/two", "k", &[443], "app=x")), "10.0.0.1");
    assert_eq!(get(&mut all, &local("a/three", "k", &[8080], "app=y")), "10.0.0.2");
}

#[test]
fn local_with_cluster_never_shares() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/cluster", "k", &[80]));
    assert_eq!(get(&mut all, &local("a/local", "k", &[443], "app=x")), "10.0.0.2");
}

#[test]
fn namespaces_share_without_asking_each_other() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    assert_eq!(get(&mut all, &shared("b/two", "k", &[443])), "10.0.0.1");
}

#[test]
fn where_consent_is_asked_for_both_sides_must_give_it() {
    let rules = pool("p", &["10.0.0.1-10.0.0.9"]).cross_namespace(CrossNamespace::WithConsent);
    let mut all = allocator([rules]);
    let consents = |text: &str, ports: &[u16], to: &str| {
        with(shared(text, "k", ports), |request| {
            request.sharing_namespaces.insert(to.into());
        })
    };
    get(&mut all, &consents("a/one", &[80], "b"));
    assert_eq!(get(&mut all, &shared("b/silent", "k", &[443])), "10.0.0.2");
    assert_eq!(get(&mut all, &consents("b/willing", &[8443], "a")), "10.0.0.1");
    assert_eq!(get(&mut all, &shared("a/same", "k", &[8080])), "10.0.0.3", "nobody asked b");
    let asks = with(shared("c/asks", "k", &[1]), |request| request.addresses = ips(&["10.0.0.1"]));
    let expected = AllocateError::InUse {
        address: ip("10.0.0.1"),
        holder: owner("a/one"),
        why: SharingRefusal::NoConsent,
    };
    assert_eq!(refusal(&mut all, &asks), expected);
}

#[test]
fn the_sole_owner_may_change_its_key_in_place() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    assert_eq!(get(&mut all, &shared("a/one", "l", &[80])), "10.0.0.1");
    assert_eq!(get(&mut all, &shared("a/two", "l", &[443])), "10.0.0.1");
    assert_eq!(get(&mut all, &request("a/three")), "10.0.0.2");
    assert_eq!(get(&mut all, &shared("a/three", "m", &[1])), "10.0.0.2");
}

#[test]
fn one_of_several_owners_may_not_change_its_key_in_place() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    get(&mut all, &shared("a/two", "k", &[443]));
    assert_eq!(get(&mut all, &shared("a/two", "l", &[443])), "10.0.0.2");
    assert_eq!(held(&all, "a/one"), "10.0.0.1");
}

#[test]
fn a_change_of_ports_or_backend_is_judged_again_and_may_evict() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    get(&mut all, &shared("a/two", "k", &[443]));
    assert_eq!(get(&mut all, &shared("a/two", "k", &[8443])), "10.0.0.1");
    assert_eq!(get(&mut all, &shared("a/three", "k", &[443])), "10.0.0.1", "the old port is free");
    assert_eq!(get(&mut all, &shared("a/two", "k", &[80])), "10.0.0.2");
    assert_eq!(get(&mut all, &local("a/three", "k", &[443], "app=x")), "10.0.0.3");
}

#[test]
fn an_explicit_address_in_use_is_refused_with_its_holder_and_the_reason() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &local("a/one", "k", &[80], "app=x"));
    let mut why = |request: vipcast_ipam::Request| {
        let request = with(request, |request| request.addresses = ips(&["10.0.0.1"]));
        match refusal(&mut all, &request) {
            AllocateError::InUse { holder, why, .. } if holder == owner("a/one") => why,
            other => panic!("{other}"),
        }
    };
    assert_eq!(why(request("a/two")), SharingRefusal::NoKey);
    assert_eq!(why(shared("a/two", "l", &[443])), SharingRefusal::OtherKey);
    assert_eq!(why(shared("a/two", "k", &[443])), SharingRefusal::OtherBackend);
    let port = SharingRefusal::PortInUse { port: tcp(80) };
    assert_eq!(why(local("a/two", "k", &[80], "app=x")), port);
    let sentence = get(&mut all, &exactly("a/two", &["10.0.0.1"]));
    assert_eq!(
        sentence,
        "10.0.0.1 is held by a/one, and cannot be shared: the request has no sharing key"
    );
}

#[test]
fn many_owners_with_one_key_and_one_port_each_get_their_own_address() {
    let mut all = allocator([pool("p", &["10.0.0.0/20"])]);
    for number in 0..4096 {
        let request = shared(&format!("a/{number}"), "k", &[80]);
        all.allocate(&request).expect("the pool is large enough");
    }
    assert_eq!(get(&mut all, &shared("a/other", "k", &[443])), "10.0.0.0");
    all.release(&owner("a/7"));
    assert_eq!(get(&mut all, &shared("b/new", "k", &[80])), "10.0.0.7");
}

#[test]
fn the_address_is_free_when_its_last_holder_is_gone() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    get(&mut all, &shared("a/two", "k", &[443]));
    all.release(&owner("a/one"));
    assert_eq!(get(&mut all, &request("a/three")), "10.0.0.2");
    all.release(&owner("a/two"));
    assert_eq!(get(&mut all, &request("a/four")), "10.0.0.1");
}
