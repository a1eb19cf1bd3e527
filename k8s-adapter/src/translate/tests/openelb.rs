use vipcast_ipam::{Others, Priority};
use vipcast_plan::{LinkName, intent::PoolSelection};

use super::*;

fn eip(name: &str, annotations: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: network.kubesphere.io/v1alpha2\nkind: Eip\nmetadata:\n  name: {name}\n  \
         annotations: {{{annotations}}}\nspec: {{{spec}}}\n"
    )
}

const DEFAULT: &str = "eip.openelb.kubesphere.io/is-default-eip: 'true'";

#[test]
fn an_eip_is_a_pool_and_its_announcement() {
    let translation = translate_text(&eip(
        "lan",
        DEFAULT,
        "address: 10.0.0.10-10.0.0.19, protocol: layer2, interface: eth1, priority: 3, \
         namespaces: [shop], namespaceSelector: {team: web}, usingKnownIPs: true",
    ));
    assert_eq!(translation.diagnostics, []);
    let pool = translation.intent.pools.named("lan").unwrap();
    let ranges: Vec<_> = pool.ranges().iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["10.0.0.10-10.0.0.19"]);
    assert_eq!(pool.priority(), Priority::zero_is_first(3));
    assert!(pool.auto_assign());
    let selection = pool.selection().unwrap();
    assert!(selection.namespaces.contains("shop"));
    assert_eq!((selection.namespace_selectors.len(), selection.others), (1, Others::OnRequest));
    let [advertisement] = translation.intent.l2_advertisements.as_slice() else {
        panic!("{:?}", translation.intent.l2_advertisements)
    };
    let names = ["lan".to_owned()].into();
    assert_eq!(advertisement.pools, PoolSelection::Some { names, selectors: vec![] });
    assert_eq!(advertisement.links, [LinkName::new("eth1")].into());
    assert!(advertisement.reaching.is_empty());
}

#[test]
fn an_eip_is_announced_on_the_link_that_reaches_an_address() {
    for address in ["192.0.2.1", "2001:db8::1"] {
        let spec = format!("address: 10.0.0.10, protocol: vip, interface: 'can_reach:{address}'");
        let translation = translate_text(&eip("lan", "", &spec));
        assert_eq!(translation.diagnostics, []);
        let advertisement = &translation.intent.l2_advertisements[0];
        assert_eq!(advertisement.reaching, [address.parse().unwrap()].into());
        assert!(advertisement.links.is_empty());
    }
}

#[test]
fn an_eip_for_bgp_is_announced_by_nobody_on_layer_2() {
    for protocol in ["", "protocol: bgp"] {
        let text = eip("lan", "", &format!("address: 10.0.0.0/255.255.255.0, {protocol}"));
        let translation = translate_text(&text);
        assert_eq!(translation.diagnostics, []);
        assert_eq!(translation.intent.l2_advertisements, []);
        let pool = translation.intent.pools.named("lan").unwrap();
        assert!(!pool.auto_assign(), "only who asks for it is served");
        assert_eq!(pool.ranges()[0].to_string(), "10.0.0.0/24");
    }
}

#[test]
fn what_is_wrong_with_an_eip_names_its_field() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("protocol: bgp", &[("spec.address", "missing")]),
        ("address: 10.0.0.0/33", &[("spec.address", "badRange")]),
        ("address: 10.0.0.1, protocol: arp", &[("spec.protocol", "notOneOf")]),
        ("address: 10.0.0.1, protocol: layer2", &[("spec.interface", "missing")]),
        (
            "address: 10.0.0.1, protocol: layer2, interface: 'can_reach:here'",
            &[("spec.interface", "notAnAddress")],
        ),
        ("address: 10.0.0.1, priority: -1", &[("spec.priority", "outOfRange")]),
    ];
    for (spec, wanted) in rows {
        expect(&eip("lan", "", spec), wanted);
    }
}

#[test]
fn an_eip_that_stands_against_another_pool_is_refused() {
    let metallb = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: a}\n\
                   spec: {addresses: [10.0.0.0/24]}\n";
    let over = eip("b", "", "address: 10.0.0.9");
    expect(&(metallb.to_owned() + &over), &[("spec.address", "poolOverlap")]);
    let twin = eip("a", "", "address: 10.9.0.9");
    expect(&(metallb.to_owned() + &twin), &[("", "duplicate")]);
    let defaults = eip("a", DEFAULT, "address: 10.0.0.1") + &eip("b", DEFAULT, "address: 10.0.0.2");
    expect(&defaults, &[("metadata.annotations", "twoDefaults")]);
    assert!(translate_text(&defaults).intent.pools.named("a").is_some(), "the first stays");
}

#[test]
fn openelbs_annotations_ask_for_a_pool_and_an_address() {
    let asked = "eip.openelb.kubesphere.io/v1alpha2: lan, \
                 eip.openelb.kubesphere.io/v1alpha1: 10.0.0.9, lb.kubesphere.io/v1alpha1: openelb";
    let translation = translate_text(&service(asked, ""));
    assert_eq!(translation.diagnostics, []);
    let request = &translation.intent.services[&Owner::new("default", "s")].request;
    assert_eq!(request.pool.as_deref(), Some("lan"));
    assert_eq!(request.addresses, ["10.0.0.9".parse::<IpAddr>().unwrap()]);
    let field = r#"metadata.annotations["eip.openelb.kubesphere.io/v1alpha1"]"#;
    let malformed = asked.replace("10.0.0.9", "any");
    expect(&service(&malformed, ""), &[(field, "notAnAddress")]);
    expect(&service(asked, "loadBalancerIP: 10.0.0.9"), &[(field, "twoRequests")]);
}

#[test]
fn metallbs_annotation_counts_before_openelbs_for_the_same() {
    let both = |openelbs: &str| {
        let annotations =
            format!("metallb.io/address-pool: lan, eip.openelb.kubesphere.io/v1alpha2: {openelbs}");
        translate_text(&service(&annotations, ""))
    };
    assert_eq!(both("lan").diagnostics, [], "they agree");
    let translation = both("other");
    let codes: Vec<_> = translation.diagnostics.iter().map(|d| d.problem.code()).collect();
    assert_eq!(codes, ["overruled"]);
    let request = &translation.intent.services[&Owner::new("default", "s")].request;
    assert_eq!(request.pool.as_deref(), Some("lan"));
}

#[test]
fn openelbs_annotations_that_stand_for_nothing_here_are_told() {
    for key in [
        "protocol.openelb.kubesphere.io/v1alpha1",
        "layer2.openelb.kubesphere.io/v1alpha1",
        "node-proxy.openelb.kubesphere.io/type",
    ] {
        let text = service(&format!("{key}: x"), "");
        expect(&text, &[(&format!(r#"metadata.annotations["{key}"]"#), "noCounterpart")]);
        assert_eq!(translate_text(&text).intent.services.len(), 1, "it is served all the same");
    }
}
