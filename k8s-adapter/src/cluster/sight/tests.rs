use serde_json::{Value, json};

use super::*;

fn applied(kind: Kind, mut value: Value) -> Change {
    if value["metadata"]["resourceVersion"].is_null() {
        value["metadata"]["resourceVersion"] = json!("1");
    }
    Change::Applied(Object::read(kind, &mut value).unwrap())
}

fn pool(range: &str) -> Change {
    let value = json!({
        "metadata": {"name": "lan", "namespace": "metallb-system"},
        "spec": {"addresses": [range]},
    });
    applied(Kind::IpAddressPool, value)
}

fn web() -> Value {
    json!({
        "metadata": {
            "name": "web", "namespace": "default",
            "annotations": {"metallb.io/ip-allocated-from-pool": "lan"},
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "clusterIPs": ["10.96.0.1"]},
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.10"}]}},
    })
}

fn sight(changes: impl IntoIterator<Item = Change>) -> Sight {
    let mut sight = Sight::new(Options::default());
    for change in changes {
        sight.note(change);
    }
    sight
}

/// The addresses of the service `web`, each with its pool.
fn assigned(sight: &mut Sight) -> Vec<(IpAddr, String)> {
    let manifests = sight.manifests();
    let intent = intent(&manifests, &Options::default(), sight.is_doubtful());
    let service = intent.services.get(&Owner::new("default", "web")).expect("it is served");
    service.assignment.clone().map(|assignment| assignment.addresses).unwrap_or_default()
}

#[test]
fn the_status_says_what_is_announced_and_the_pools_say_whose_it_is() {
    let mut sight = sight([pool("192.0.2.0/24"), applied(Kind::Service, web())]);
    assert_eq!(assigned(&mut sight), [("192.0.2.10".parse().unwrap(), "lan".to_owned())]);
}

#[test]
fn an_address_of_no_pool_is_not_announced() {
    let mut sight = sight([pool("198.51.100.0/24"), applied(Kind::Service, web())]);
    assert!(assigned(&mut sight).is_empty());
}

#[test]
fn a_pool_that_is_not_valid_after_a_restart_takes_nothing_away() {
    let mut sight = sight([pool("nonsense"), applied(Kind::Service, web())]);
    assert_eq!(assigned(&mut sight), [("192.0.2.10".parse().unwrap(), "lan".to_owned())]);
}

#[test]
fn a_service_with_an_invalid_wish_is_announced_all_the_same() {
    let mut broken = web();
    broken["metadata"]["annotations"]["metallb.io/loadBalancerIPs"] = json!("nonsense");
    let mut sight = sight([pool("192.0.2.0/24"), applied(Kind::Service, broken)]);
    assert_eq!(assigned(&mut sight).len(), 1);
    assert!(sight.take_findings().iter().any(Diagnostic::is_error));
}

#[test]
fn what_changes_nothing_of_use_is_no_news() {
    let mut sight = sight([pool("192.0.2.0/24"), applied(Kind::Service, web())]);
    let mut same = web();
    same["metadata"]["resourceVersion"] = json!("9");
    same["metadata"]["managedFields"] = json!([{}]);
    assert!(!sight.note(applied(Kind::Service, same)));
    let heartbeat = |time: &str| {
        json!({
            "metadata": {"name": "n1"},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "lastHeartbeatTime": time},
                {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": time},
            ]},
        })
    };
    assert!(sight.note(applied(Kind::Node, heartbeat("2026-01-01T00:00:00Z"))));
    assert!(!sight.note(applied(Kind::Node, heartbeat("2026-01-01T00:05:00Z"))));
}

fn excluded(text: &str) -> Value {
    json!({
        "metadata": {"name": "metallb-excludel2", "namespace": "metallb-system"},
        "data": {"excludel2.yaml": text},
    })
}

#[test]
fn a_list_of_excluded_links_counts_until_it_is_gone_and_keeps_its_last_valid_state() {
    let list = |text: &str| applied(Kind::ConfigMap, excluded(text));
    let mut sight = sight([pool("192.0.2.0/24"), applied(Kind::Service, web())]);
    let links = |sight: &mut Sight| {
        let intent = intent(&sight.manifests(), &Options::default(), sight.is_doubtful());
        intent.excluded_links
    };
    let wanted = Some(["^veth".parse().unwrap()].into());
    assert_eq!(links(&mut sight), None);
    assert!(sight.note(list("announcedInterfacesToExclude: [^veth]")));
    assert_eq!(links(&mut sight), wanted);
    assert!(sight.note(list("announcedInterfacesToExclude: [veth[]")));
    assert_eq!(links(&mut sight), wanted, "what it said last");
    assert!(sight.take_findings().iter().any(Diagnostic::is_error));
    assert!(!sight.is_doubtful(), "no address is in a list of links");
    let Change::Applied(object) = list("") else { unreachable!() };
    assert!(sight.note(Change::Deleted(object)));
    assert_eq!(links(&mut sight), None);
}

#[test]
fn slices_of_other_services_are_left_out() {
    let slice = |service: &str| {
        json!({
            "metadata": {
                "name": service, "namespace": "default",
                "labels": {"kubernetes.io/service-name": service},
            },
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["10.0.0.1"], "nodeName": "n1"}],
        })
    };
    let mut sight = sight([
        applied(Kind::Service, web()),
        applied(Kind::EndpointSlice, slice("web")),
        applied(Kind::EndpointSlice, slice("internal")),
    ]);
    assert_eq!(sight.manifests().len(), 2);
}

#[test]
fn nodes_that_the_cluster_calls_dead_are_no_members() {
    let node = |name: &str, ready: &str| {
        applied(
            Kind::Node,
            json!({
                "metadata": {"name": name},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            }),
        )
    };
    let mut sight = sight([node("a", "True"), node("b", "Unknown"), node("c", "False")]);
    assert_eq!(members(&sight.manifests()), [NodeName::new("a")].into());
}

#[test]
fn what_is_kept_on_disk_means_the_same_when_it_is_read_again() {
    let list = excluded("announcedInterfacesToExclude: [^veth]");
    let list = applied(Kind::ConfigMap, list);
    let mut sight = sight([pool("192.0.2.0/24"), list, applied(Kind::Service, web())]);
    let manifests = sight.manifests();
    let snapshot = crate::folder::Snapshot { manifests, ..Default::default() };
    let again = crate::state::round_trip(&snapshot);
    let of = |manifests: &[Manifest]| {
        let intent = intent(manifests, &Options::default(), false);
        assert!(intent.excluded_links.is_some());
        (intent.services, intent.excluded_links)
    };
    assert_eq!(of(&again.manifests), of(&snapshot.manifests));
}
