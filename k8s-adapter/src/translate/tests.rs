use vipcast_ipam::{Families, Family, Port, Protocol};
use vipcast_plan::intent::{Endpoints, TrafficPolicy};

use super::*;
use crate::FileContent;

mod metallb;
mod openelb;

fn translate_text(text: &str) -> Translation {
    let content = FileContent::read("t.yaml", text);
    assert_eq!(content.diagnostics, []);
    translate(&content.manifests, &Options::default())
}

/// A service with these annotations and this further spec.
fn service(annotations: &str, spec: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations: {{{annotations}}}\n\
         spec:\n  type: LoadBalancer\n  {spec}\n"
    )
}

fn request(annotations: &str, spec: &str) -> vipcast_ipam::Request {
    let translation = translate_text(&service(annotations, spec));
    assert_eq!(translation.diagnostics, [], "{annotations} {spec}");
    translation.intent.services[&Owner::new("default", "s")].request.clone()
}

/// The field and the code of everything that is found.
fn findings(text: &str) -> Vec<(String, &'static str)> {
    let found = translate_text(text).diagnostics;
    found.into_iter().map(|d| (d.field.unwrap_or_default(), d.problem.code())).collect()
}

fn expect(text: &str, wanted: &[(&str, &'static str)]) {
    let wanted: Vec<_> = wanted.iter().map(|(f, c)| ((*f).to_owned(), *c)).collect();
    assert_eq!(findings(text), wanted, "{text}");
}

#[test]
fn a_plain_service_asks_for_one_ipv4_address() {
    let request = request("", "ports: [{port: 80}, {port: 53, protocol: UDP}]");
    assert_eq!(request.families, Families::Single(Family::V4));
    assert_eq!(request.addresses, Vec::<IpAddr>::new());
    let ports: Vec<_> = request.ports.iter().map(Port::to_string).collect();
    assert_eq!(ports, ["TCP/80", "UDP/53"]);
    assert_eq!(
        (request.pool, request.sharing_key, request.backend_key),
        (None, None, String::new())
    );
}

#[test]
fn annotations_say_pool_addresses_and_sharing() {
    let read = request(
        "metallb.io/address-pool: lan, metallb.io/allow-shared-ip: key, \
         metallb.io/loadBalancerIPs: 10.0.0.1",
        "",
    );
    assert_eq!(read.pool.as_deref(), Some("lan"));
    assert_eq!(read.sharing_key.as_deref(), Some("key"));
    assert_eq!(read.addresses, ["10.0.0.1".parse::<IpAddr>().unwrap()]);
    let read = request("metallb.io/address-pool: '', metallb.io/loadBalancerIPs: '  '", "");
    assert_eq!((read.pool, read.addresses.len()), (None, 0), "an empty one counts as none");
    let dual = "ipFamilyPolicy: RequireDualStack";
    let read = request("metallb.io/loadBalancerIPs: 'fd00::1, ::ffff:10.0.0.1'", dual);
    let addresses: Vec<_> = read.addresses.iter().map(IpAddr::to_string).collect();
    assert_eq!(addresses, ["fd00::1", "10.0.0.1"]);
}

#[test]
fn the_old_prefix_is_read_reported_and_loses() {
    let text = service("metallb.universe.tf/address-pool: old", "");
    expect(
        &text,
        &[(r#"metadata.annotations["metallb.universe.tf/address-pool"]"#, "deprecatedAnnotation")],
    );
    let old = translate_text(&text);
    let owner = Owner::new("default", "s");
    assert_eq!(old.intent.services[&owner].request.pool.as_deref(), Some("old"));
    let both = "metallb.universe.tf/address-pool: old, metallb.io/address-pool: new";
    let both = translate_text(&service(both, ""));
    assert_eq!(both.intent.services[&owner].request.pool.as_deref(), Some("new"));
    assert_eq!(both.diagnostics.len(), 1);
}

#[test]
fn families_follow_the_fields() {
    let rows = [
        ("", Families::Single(Family::V4)),
        ("ipFamilies: [IPv6]", Families::Single(Family::V6)),
        ("ipFamilies: [IPv6, IPv4]", Families::RequireDual),
        ("ipFamilyPolicy: SingleStack", Families::Single(Family::V4)),
        ("ipFamilyPolicy: PreferDualStack", Families::PreferDual { primary: Family::V4 }),
        (
            "ipFamilyPolicy: PreferDualStack\n  ipFamilies: [IPv6]",
            Families::PreferDual { primary: Family::V6 },
        ),
        ("ipFamilyPolicy: RequireDualStack\n  ipFamilies: [IPv6, IPv4]", Families::RequireDual),
    ];
    for (spec, families) in rows {
        assert_eq!(request("", spec).families, families, "{spec}");
    }
}

#[test]
fn what_is_wrong_with_a_service_names_its_field() {
    let ips = |value: &str| format!("metallb.io/loadBalancerIPs: '{value}'");
    let annotation = r#"metadata.annotations["metallb.io/loadBalancerIPs"]"#;
    let rows: &[(&str, &str, &str, &str)] = &[
        ("", "loadBalancerIP: 10.0.0", "spec.loadBalancerIP", "notAnAddress"),
        ("", "loadBalancerIP: 'fd00::1'", "spec.loadBalancerIP", "wrongFamily"),
        (&ips("10.0.0.1"), "loadBalancerIP: 10.0.0.1", annotation, "twoRequests"),
        (&ips("10.0.0.1,10.0.0.2"), "", annotation, "tooManyAddresses"),
        (&ips("10.0.0.1,fd00::1,fd00::2"), "", annotation, "tooManyAddresses"),
        (&ips("10.0.0.1,"), "", annotation, "notAnAddress"),
        (&ips("10.0.0.1,fd00::1"), "", annotation, "wrongFamily"),
        ("", "ipFamilies: [IPv5]", "spec.ipFamilies[0]", "notOneOf"),
        ("", "ipFamilies: [IPv4, IPv4]", "spec.ipFamilies[1]", "repeated"),
        ("", "ipFamilyPolicy: Dual", "spec.ipFamilyPolicy", "notOneOf"),
        (
            "",
            "ipFamilyPolicy: SingleStack\n  ipFamilies: [IPv4, IPv6]",
            "spec.ipFamilyPolicy",
            "familyConflict",
        ),
        ("", "externalTrafficPolicy: local", "spec.externalTrafficPolicy", "notOneOf"),
        ("", "ports: [{port: 0}]", "spec.ports[0].port", "outOfRange"),
        ("", "ports: [{port: 80}, {port: 65536}]", "spec.ports[1].port", "outOfRange"),
        ("", "ports: [{port: 80}, {port: 80}]", "spec.ports[1].port", "repeated"),
        ("", "ports: [{port: 80, protocol: HTTP}]", "spec.ports[0].protocol", "notOneOf"),
    ];
    for (annotations, spec, field, code) in rows {
        let text = service(annotations, spec);
        expect(&text, &[(field, code)]);
        let translation = translate_text(&text);
        assert!(translation.intent.services.is_empty(), "refused: {spec}");
        assert!(translation.diagnostics[0].place.line >= 5, "{:?}", translation.diagnostics);
    }
}

#[test]
fn who_is_not_ours_is_left_alone() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("loadBalancerClass: other", &[("spec.loadBalancerClass", "foreignClass")]),
        ("clusterIP: None", &[("spec.clusterIP", "headless")]),
        ("clusterIPs: [None]", &[("spec.clusterIP", "headless")]),
    ];
    for (spec, wanted) in rows {
        let text = service("", spec);
        let wanted: Vec<_> = wanted.iter().map(|(f, c)| ((*f).to_owned(), *c)).collect();
        let found: Vec<_> = translate_text(&text)
            .diagnostics
            .into_iter()
            .map(|d| (d.field.unwrap_or_default(), d.problem.code()))
            .collect();
        assert_eq!(found, wanted);
        assert!(translate_text(&text).intent.services.is_empty());
    }
    for kind in ["ClusterIP", "NodePort", "ExternalName"] {
        let text = service("", "").replace("LoadBalancer", kind);
        let translation = translate_text(&text);
        assert!(translation.intent.services.is_empty() && translation.diagnostics.is_empty());
    }
}

#[test]
fn with_a_class_only_services_of_that_class_are_served() {
    let options = Options { load_balancer_class: Some("ours".to_owned()), ..Options::default() };
    let served = |spec: &str| {
        let content = FileContent::read("t.yaml", &service("", spec));
        translate(&content.manifests, &options).intent.services.len()
    };
    assert_eq!(served("loadBalancerClass: ours"), 1);
    assert_eq!(served("loadBalancerClass: other"), 0);
    assert_eq!(served(""), 0);
}

#[test]
fn local_traffic_shares_only_with_the_same_pods() {
    let spec = "externalTrafficPolicy: Local\n  selector: {b: two, a: one}";
    assert_eq!(request("", spec).backend_key, "a=one,b=two");
    let text = service("", spec);
    let services = translate_text(&text).intent.services;
    assert_eq!(services[&Owner::new("default", "s")].traffic_policy, TrafficPolicy::Local);
    assert_eq!(request("", "selector: {a: one}").backend_key, "");
}

#[test]
fn endpoints_are_merged_and_serving_counts() {
    let slice = |name: &str, endpoints: &str| {
        format!(
            "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: {name}\n  \
             labels: {{kubernetes.io/service-name: s}}\naddressType: IPv4\nports: [{{port: 80}}]\n\
             endpoints: [{endpoints}]\n"
        )
    };
    let text = service("", "")
        + &slice(
            "one",
            "{addresses: [10.1.0.1], nodeName: n1}, {addresses: [10.1.0.2], nodeName: n2, conditions: {ready: false, serving: true, terminating: true}}",
        )
        + &slice(
            "two",
            "{addresses: [10.1.0.3], conditions: {ready: true}}, {addresses: [10.1.0.4], nodeName: n3, conditions: {ready: false}}",
        );
    let translation = translate_text(&text);
    let endpoints = &translation.intent.services[&Owner::new("default", "s")].endpoints;
    let Endpoints::Known(list) = endpoints else { panic!("they are known") };
    let seen: Vec<_> =
        list.iter().map(|e| (e.node.as_ref().map(NodeName::as_str), e.usable)).collect();
    assert_eq!(seen, [(Some("n1"), true), (Some("n2"), true), (None, true), (Some("n3"), false)]);
}

#[test]
fn no_slice_is_unknown_and_an_empty_one_is_a_gate() {
    let owner = Owner::new("default", "s");
    let without = translate_text(&service("", ""));
    assert_eq!(without.intent.services[&owner].endpoints, Endpoints::Unknown);
    let slice = "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, \
                 labels: {kubernetes.io/service-name: s}}\naddressType: IPv4\nendpoints: null\n";
    let with = translate_text(&(service("", "") + slice));
    assert_eq!(with.intent.services[&owner].endpoints, Endpoints::Known(Vec::new()));
    expect(
        &slice.replace("kubernetes.io/service-name", "app"),
        &[("metadata.labels", "noServiceName")],
    );
}

#[test]
fn nodes_and_namespaces_bring_their_labels() {
    let text = r"
apiVersion: v1
kind: Node
metadata: {name: n1, labels: {rack: one}}
status: {conditions: [{type: NetworkUnavailable, status: 'False'}, {type: Ready, status: 'False'}]}
---
apiVersion: v1
kind: Node
metadata: {name: n2, labels: {node.kubernetes.io/exclude-from-external-load-balancers: ''}}
status: {conditions: [{type: NetworkUnavailable, status: 'True'}]}
---
apiVersion: v1
kind: Namespace
metadata: {name: default, labels: {team: web}}
---
";
    let translation = translate_text(&(text.to_owned() + &service("", "")));
    let node = |name: &str| translation.intent.node(&NodeName::new(name));
    assert_eq!(node("n1").labels["kubernetes.io/hostname"], "n1");
    assert_eq!(node("n1").labels["rack"], "one");
    assert!(!node("n1").excluded && !node("n1").network_unavailable);
    assert!(node("n2").excluded && node("n2").network_unavailable);
    let request = &translation.intent.services[&Owner::new("default", "s")].request;
    assert_eq!(request.namespace_labels["team"], "web");
    assert_eq!(request.namespace_labels["kubernetes.io/metadata.name"], "default");
    let undescribed = request_in_undescribed_namespace();
    assert_eq!(undescribed.namespace_labels["kubernetes.io/metadata.name"], "default");
}

fn request_in_undescribed_namespace() -> vipcast_ipam::Request {
    request("", "")
}

#[test]
fn twins_are_refused_with_both_places_and_the_others_stay() {
    let text = service("", "")
        + "---\n"
        + &service("", "")
        + "---\n"
        + &service("", "").replace("name: s", "name: t");
    let translation = translate_text(&text);
    let lines: Vec<_> = translation.diagnostics.iter().map(Diagnostic::to_string).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("also stands at t.yaml:10:1 (document 2)"), "{lines:?}");
    assert!(lines[1].contains("also stands at t.yaml:1:1"), "{lines:?}");
    let left: Vec<_> = translation.intent.services.keys().map(Owner::name).collect();
    assert_eq!(left, ["t"]);
}

#[test]
fn a_port_is_a_number_and_a_protocol() {
    let ports = request("", "ports: [{port: 53}, {port: 53, protocol: UDP}]").ports;
    let wanted = [Protocol::Tcp, Protocol::Udp].map(|protocol| Port { protocol, number: 53 });
    assert_eq!(ports, wanted.into());
}
