use serde_json::{Value, json};

use super::*;

pub(super) fn pool(name: &str, range: &str) -> Change {
    let mut value = json!({
        "metadata": {"name": name, "namespace": "metallb-system", "resourceVersion": "1", "uid": name},
        "spec": {"addresses": [range]},
    });
    Change::Applied(Object::read(Kind::IpAddressPool, &mut value).unwrap())
}

pub(super) fn service(name: &str, version: u64) -> Value {
    json!({
        "metadata": {
            "name": name, "namespace": "default", "uid": name, "resourceVersion": version.to_string(),
            "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {
            "type": "LoadBalancer", "ports": [{"port": 80}],
            "clusterIPs": ["10.96.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        },
        "status": {"loadBalancer": {}},
    })
}

fn with_address(mut service: Value, address: &str) -> Value {
    service["status"]["loadBalancer"] = json!({"ingress": [{"ip": address, "ipMode": "VIP"}]});
    service["metadata"]["annotations"] = json!({POOL_ANNOTATION: "lan"});
    service
}

fn applied(mut value: Value) -> Change {
    Change::Applied(Object::read(Kind::Service, &mut value).unwrap())
}

fn deleted(mut value: Value) -> Change {
    Change::Deleted(Object::read(Kind::Service, &mut value).unwrap())
}

fn planner(changes: impl IntoIterator<Item = Change>) -> Planner {
    let mut planner = Planner::new(Options::default());
    for change in changes {
        planner.note(change);
    }
    planner.activate();
    planner
}

fn addresses(planner: &Planner, name: &str) -> Vec<String> {
    let assigned = planner.assigned(&format!("default/{name}")).unwrap_or_default();
    assigned.iter().map(ToString::to_string).collect()
}

fn dirty(planner: &Planner) -> Vec<String> {
    planner.dirty().map(ToString::to_string).collect()
}

fn write_of(planner: &Planner, name: &str) -> Write {
    planner.write(&Owner::new("default", name), 1_800_000_000).expect("it is to be written")
}

#[test]
fn a_new_service_is_written_once_with_its_address_pool_and_reason() {
    let planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(service("web", 7))]);
    let write = write_of(&planner, "web");
    assert_eq!(write.body["metadata"]["resourceVersion"], "7");
    assert_eq!(write.body["metadata"]["annotations"][POOL_ANNOTATION], "lan");
    assert_eq!(
        write.body["status"]["loadBalancer"]["ingress"],
        json!([{"ip": "192.0.2.10", "ipMode": "VIP"}])
    );
    let condition = &write.body["status"]["conditions"][0];
    assert_eq!((&condition["type"], &condition["status"]), (&json!(CONDITION), &json!("True")));
    assert_eq!(condition["lastTransitionTime"], "2027-01-15T08:00:00Z");
    assert_eq!(write.notes[0].reason, "IPAllocated");
}

#[test]
fn what_the_server_gives_back_is_no_reason_to_write_again() {
    let mut planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(service("web", 7))]);
    planner.note(applied(with_address(service("web", 8), "192.0.2.10")));
    planner.turn();
    assert!(dirty(&planner).is_empty());
}

#[test]
fn everything_that_is_held_is_restored_before_anything_is_given() {
    // `first` is older by name and has nothing; what `second` has is what it would be given.
    let planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        applied(service("first", 1)),
        applied(with_address(service("second", 2), "192.0.2.10")),
    ]);
    assert_eq!(addresses(&planner, "second"), ["192.0.2.10"]);
    assert_eq!(addresses(&planner, "first"), ["192.0.2.11"]);
    assert_eq!(dirty(&planner), ["default/first"], "who has what is decided is not written");
}

#[test]
fn a_deletion_writes_nothing_but_what_a_waiting_service_gets_by_it() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.11"),
        applied(with_address(service("a", 1), "192.0.2.10")),
        applied(with_address(service("b", 2), "192.0.2.11")),
        applied(service("c", 3)),
    ]);
    let write = write_of(&planner, "c");
    assert_eq!(write.notes[0].reason, "AllocationFailed");
    assert!(write.body["status"]["loadBalancer"]["ingress"].is_null());
    planner.note(deleted(with_address(service("a", 4), "192.0.2.10")));
    planner.turn();
    assert_eq!(dirty(&planner), ["default/c"]);
    assert_eq!(addresses(&planner, "c"), ["192.0.2.10"]);
}

#[test]
fn a_full_pool_at_rest_writes_nothing() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.10"),
        applied(with_address(service("a", 1), "192.0.2.10")),
        applied(service("b", 2)),
    ]);
    let mut said = service("b", 3);
    said["status"]["conditions"] = write_of(&planner, "b").body["status"]["conditions"].clone();
    planner.note(applied(said));
    planner.turn();
    assert!(dirty(&planner).is_empty());
}

#[test]
fn an_unrelated_pool_writes_nothing() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        applied(with_address(service("web", 1), "192.0.2.12")),
    ]);
    planner.note(pool("other", "198.51.100.0/24"));
    planner.turn();
    assert!(dirty(&planner).is_empty());
    assert_eq!(addresses(&planner, "web"), ["192.0.2.12"]);
}

#[test]
fn an_invalid_service_costs_only_itself_and_keeps_what_it_has() {
    let mut broken = with_address(service("bad", 2), "192.0.2.11");
    broken["metadata"]["annotations"]["metallb.io/loadBalancerIPs"] = json!("nonsense");
    let planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        applied(with_address(service("web", 1), "192.0.2.10")),
        applied(broken),
        applied(service("next", 3)),
    ]);
    assert_eq!(addresses(&planner, "next"), ["192.0.2.12"], "what the invalid one has is not free");
    let write = write_of(&planner, "bad");
    assert!(write.body["status"].get("loadBalancer").is_none(), "its address stays");
    assert_eq!(write.notes[0].reason, "LoadBalancerFailed");
}

#[test]
fn an_invalid_pool_takes_nothing_from_its_services_also_after_a_restart() {
    let planner = planner([
        pool("lan", "nonsense"),
        pool("other", "198.51.100.0/24"),
        applied(with_address(service("web", 1), "192.0.2.12")),
    ]);
    assert!(dirty(&planner).is_empty());
}

#[test]
fn a_pool_that_is_mended_later_serves_who_has_its_addresses_before_who_waits() {
    let mut planner = planner([
        pool("lan", "nonsense"),
        applied(service("older", 1)),
        applied(with_address(service("younger", 2), "192.0.2.10")),
    ]);
    planner.note(pool("lan", "192.0.2.10-192.0.2.20"));
    planner.turn();
    assert_eq!(addresses(&planner, "younger"), ["192.0.2.10"]);
    assert_eq!(addresses(&planner, "older"), ["192.0.2.11"]);
    assert_eq!(dirty(&planner), ["default/older"]);
}

#[test]
fn what_was_refused_and_is_not_cleared_yet_does_not_keep_the_others_busy() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.11"),
        applied(with_address(service("a", 1), "192.0.2.10")),
        applied(with_address(service("b", 2), "192.0.2.11")),
        applied(service("c", 3)),
    ]);
    let mut other = with_address(service("a", 4), "192.0.2.10");
    other["spec"]["loadBalancerIP"] = json!("198.51.100.1");
    planner.note(applied(other.clone()));
    planner.turn();
    assert_eq!(addresses(&planner, "c"), ["192.0.2.10"]);
    planner.note(pool("lan", "192.0.2.10-192.0.2.12"));
    planner.turn();
    assert_eq!(addresses(&planner, "c"), ["192.0.2.10"]);
    assert!(addresses(&planner, "a").is_empty());
}

#[test]
fn half_of_its_addresses_outside_of_valid_pools_takes_neither_half() {
    let mut dual = with_address(service("web", 2), "192.0.2.10");
    dual["spec"]["clusterIPs"] = json!(["10.96.0.1", "fd00::1"]);
    dual["spec"]["ipFamilyPolicy"] = json!("RequireDualStack");
    let entries = dual["status"]["loadBalancer"]["ingress"].as_array_mut().unwrap();
    entries.push(json!({"ip": "2001:db8::10"}));
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        pool("six", "nonsense"),
        applied(service("older", 1)),
        applied(dual),
    ]);
    assert_eq!(dirty(&planner), ["default/older"]);
    planner.note(applied(service("next", 3)));
    planner.turn();
    assert_eq!(addresses(&planner, "older"), ["192.0.2.11"]);
    assert_eq!(addresses(&planner, "next"), ["192.0.2.12"], "the other half is not free");
}

#[test]
fn an_invalid_change_of_a_pool_leaves_its_last_valid_state() {
    let mut planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(service("web", 1))]);
    planner.note(pool("lan", "nonsense"));
    planner.note(applied(service("next", 2)));
    planner.turn();
    assert_eq!(addresses(&planner, "next"), ["192.0.2.11"]);
    assert!(planner.take_findings().iter().any(Diagnostic::is_error));
}

#[test]
fn another_class_is_never_touched() {
    let mut foreign = with_address(service("web", 1), "203.0.113.1");
    foreign["spec"]["loadBalancerClass"] = json!("example.com/other");
    let planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(foreign)]);
    assert!(dirty(&planner).is_empty());
}

#[test]
fn with_a_class_of_its_own_it_serves_that_class_alone() {
    let class = "vipcast.io/lan".to_owned();
    let options = Options { load_balancer_class: Some(class.clone()), ..Options::default() };
    let mut planner = Planner::new(options);
    let mut ours = service("ours", 1);
    ours["spec"]["loadBalancerClass"] = json!(class);
    for change in
        [pool("lan", "192.0.2.10-192.0.2.20"), applied(ours), applied(service("classless", 2))]
    {
        planner.note(change);
    }
    planner.activate();
    assert_eq!(dirty(&planner), ["default/ours"]);
}

#[test]
fn a_service_that_leaves_the_selector_gives_back_its_address_and_is_looked_after() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.10"),
        applied(with_address(service("web", 1), "192.0.2.10")),
    ]);
    planner.note(deleted(with_address(service("web", 2), "192.0.2.10")));
    planner.turn();
    assert_eq!(planner.take_left(), [Owner::new("default", "web")].into());
    planner.note(applied(service("next", 3)));
    planner.turn();
    assert_eq!(addresses(&planner, "next"), ["192.0.2.10"]);
}

#[test]
fn an_event_from_before_our_own_write_is_passed_over() {
    let mut planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(service("web", 7))]);
    // The answer to the write, then what the watch still had to tell of before it.
    planner.note(applied(with_address(service("web", 9), "192.0.2.10")));
    let mut late = service("web", 8);
    late["metadata"]["labels"] = json!({"late": "yes"});
    planner.note(applied(late));
    planner.turn();
    assert!(dirty(&planner).is_empty());
}

#[test]
fn a_list_counts_also_where_its_versions_are_lower() {
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        applied(with_address(service("web", 900), "192.0.2.10")),
    ]);
    // The store was restored from a backup, in which the service had no address yet.
    let objects = vec![Object::read(Kind::Service, &mut service("web", 5)).unwrap()];
    planner.note(Change::Reset { kind: Kind::Service, epoch: 0, objects });
    planner.turn();
    let write = write_of(&planner, "web");
    assert_eq!(write.body["metadata"]["resourceVersion"], "5");
    assert_eq!(write.body["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.10");
}

#[test]
fn a_status_that_is_not_canonical_is_put_right() {
    let planner = planner([
        pool("lan", "192.0.2.10-192.0.2.20"),
        applied(with_address(service("web", 1), "192.000.002.010")),
    ]);
    let write = write_of(&planner, "web");
    assert_eq!(write.body["status"]["loadBalancer"]["ingress"][0]["ip"], "192.0.2.10");
}

#[test]
fn a_host_name_beside_the_address_is_taken_out() {
    let mut both = with_address(service("web", 1), "192.0.2.10");
    let entries = both["status"]["loadBalancer"]["ingress"].as_array_mut().unwrap();
    entries.push(json!({"hostname": "lb.example"}));
    let planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(both)]);
    let ingress = &write_of(&planner, "web").body["status"]["loadBalancer"]["ingress"];
    assert_eq!(ingress, &json!([{"ip": "192.0.2.10", "ipMode": "VIP"}]));
}

#[test]
fn dual_stack_follows_the_cluster_addresses() {
    let mut dual = service("web", 1);
    dual["spec"]["clusterIPs"] = json!(["fd00::1", "10.96.0.1"]);
    dual["spec"]["ipFamilyPolicy"] = json!("RequireDualStack");
    let mut v6 = json!({
        "metadata": {"name": "lan", "namespace": "metallb-system", "resourceVersion": "1"},
        "spec": {"addresses": ["192.0.2.10-192.0.2.20", "2001:db8::10-2001:db8::20"]},
    });
    let both = Change::Applied(Object::read(Kind::IpAddressPool, &mut v6).unwrap());
    let planner = planner([both, applied(dual)]);
    assert_eq!(addresses(&planner, "web"), ["192.0.2.10", "2001:db8::10"]);
}

#[test]
fn nothing_is_decided_before_it_is_active_nor_after() {
    let mut planner = Planner::new(Options::default());
    planner.note(pool("lan", "192.0.2.10-192.0.2.20"));
    planner.note(applied(service("web", 1)));
    planner.turn();
    assert!(dirty(&planner).is_empty());
    planner.activate();
    assert_eq!(dirty(&planner), ["default/web"]);
    planner.deactivate();
    assert!(dirty(&planner).is_empty());
    assert!(planner.write(&Owner::new("default", "web"), 0).is_none());
}

#[test]
fn a_fence_that_is_left_behind_is_taken_off_where_nothing_else_is_to_be_written() {
    let mut left = with_address(service("web", 1), "192.0.2.10");
    left["metadata"]["annotations"]["vipcast.io/fenced-by"] = json!("3-17");
    let mut planner = planner([pool("lan", "192.0.2.10-192.0.2.20"), applied(left)]);
    let write = write_of(&planner, "web");
    assert!(write.body["metadata"]["annotations"]["vipcast.io/fenced-by"].is_null());
    assert!(write.body["metadata"]["annotations"].get("vipcast.io/fenced-by").is_some());
    assert!(write.notes.is_empty(), "nobody is told");
    planner.note(applied(with_address(service("web", 2), "192.0.2.10")));
    planner.turn();
    assert!(dirty(&planner).is_empty());
}

#[test]
fn what_another_gives_back_is_written_once_that_one_says_so_no_more() {
    let moving = |version| {
        let mut moving = with_address(service("moving", version), "192.0.2.10");
        moving["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
        moving["spec"]["loadBalancerIP"] = json!("192.0.2.11");
        moving
    };
    let mut planner = planner([
        pool("lan", "192.0.2.10-192.0.2.11"),
        applied(moving(1)),
        applied(service("next", 2)),
    ]);
    assert_eq!(addresses(&planner, "next"), ["192.0.2.10"]);
    assert!(planner.write(&Owner::new("default", "next"), 0).is_none(), "both would have it");
    write_of(&planner, "moving");
    let mut moved = moving(3);
    moved["status"]["loadBalancer"]["ingress"][0]["ip"] = json!("192.0.2.11");
    planner.note(applied(moved));
    planner.turn();
    write_of(&planner, "next");
}

#[test]
fn who_change_places_do_not_wait_for_each_other_for_ever() {
    let wants = |name: &str, version, has: &str, wanted: &str| {
        let mut service = with_address(service(name, version), has);
        service["spec"]["loadBalancerIP"] = json!(wanted);
        applied(service)
    };
    let planner = planner([
        pool("lan", "192.0.2.10-192.0.2.11"),
        wants("a", 1, "192.0.2.10", "192.0.2.11"),
        wants("b", 2, "192.0.2.11", "192.0.2.10"),
    ]);
    let mut writes = dirty(&planner).into_iter();
    assert!(writes.any(|name| planner.write(&name.parse().unwrap(), 0).is_some()));
}
