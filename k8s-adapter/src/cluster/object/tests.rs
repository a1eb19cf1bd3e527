use serde_json::json;

use super::*;

fn service(version: &str) -> Value {
    json!({
        "metadata": {
            "name": "web", "namespace": "shop", "uid": "u", "resourceVersion": version, "generation": 3,
            "managedFields": [{"manager": "kubectl"}],
            "annotations": {
                "kubectl.kubernetes.io/last-applied-configuration": "{}",
                "metallb.io/address-pool": "lan",
            },
        },
        "spec": {"type": "LoadBalancer", "ports": [{"port": 80}], "clusterIPs": ["10.0.0.1"]},
        "status": {"conditions": [
            {"type": "LoadBalancerPortsError", "status": "False"},
            {"type": "vipcast.io/AddressAssigned", "status": "True", "reason": "Assigned"},
        ]},
    })
}

#[test]
fn what_nobody_reads_is_not_kept() {
    let object = Object::read(Kind::Service, &mut service("7")).unwrap();
    let service = object.service().unwrap();
    assert_eq!(
        service.metadata.annotations.keys().collect::<Vec<_>>(),
        ["metallb.io/address-pool"]
    );
    assert_eq!(service.status.conditions.len(), 1);
    assert_eq!(object.version.as_str(), "7");
}

#[test]
fn a_newer_version_that_changes_nothing_of_use_says_the_same() {
    let earlier = Object::read(Kind::Service, &mut service("7")).unwrap();
    let mut changed = service("8");
    changed["metadata"]["managedFields"] = json!([]);
    let later = Object::read(Kind::Service, &mut changed).unwrap();
    assert!(earlier.says_the_same(&later));
    assert!(earlier.version.is_before(&later.version));
    assert!(Version::new("9").is_before(&Version::new("10")), "numbers, not texts");
}

#[test]
fn an_object_of_the_wrong_shape_is_still_an_object() {
    let mut value = service("7");
    value["spec"]["ports"] = json!("many");
    let object = Object::read(Kind::Service, &mut value).unwrap();
    assert!(object.content.unwrap_err().contains("many"));
}

#[test]
fn of_a_service_of_the_wrong_shape_remains_what_it_has_and_whose_it_is() {
    let mut value = service("7");
    value["spec"]["ports"] = json!("many");
    value["spec"]["loadBalancerClass"] = json!("example.com/other");
    value["status"]["loadBalancer"] = json!({"ingress": [{"ip": 7}, {"ip": "192.0.2.7"}]});
    let object = Object::read(Kind::Service, &mut value).unwrap();
    let remains = object.service().expect("something remains");
    assert_eq!(remains.held(), ["192.0.2.7".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(remains.spec.load_balancer_class.as_deref(), Some("example.com/other"));
    assert_eq!(remains.status.conditions.len(), 1);
    let mut told = value.clone();
    told["status"]["conditions"] = json!([]);
    let told = Object::read(Kind::Service, &mut told).unwrap();
    assert!(!object.says_the_same(&told), "what we said of it is gone");
}

#[test]
fn an_unknown_field_of_a_pool_is_named() {
    let mut value = json!({
        "metadata": {"name": "lan", "namespace": "metallb-system", "resourceVersion": "1"},
        "spec": {"addresses": ["192.0.2.0/24"], "autoAsign": false},
    });
    let object = Object::read(Kind::IpAddressPool, &mut value).unwrap();
    assert_eq!(
        object.findings[0].to_string(),
        "cluster: warning: IPAddressPool metallb-system/lan: spec.autoAsign: there is no field \
         `autoAsign`; did you mean `autoAssign`?"
    );
}
