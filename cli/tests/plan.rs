//! `vipcast plan`, from manifests to JSON: every field of pools and services that decides about an
//! address, one after the other.

use std::{fs, process::Command};

use serde_json::Value;

/// Runs `vipcast plan` on one file of manifests, with more arguments.
fn plan(manifests: &str) -> Value {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("all.yaml"), manifests).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_vipcast"))
        .args(["plan", "-o", "json"])
        .arg(folder.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// `name: address,address` for each service, or `name: reason`.
fn told(plan: &Value) -> Vec<String> {
    let services = plan["services"].as_array().unwrap();
    let line = |service: &Value| {
        let name = service["name"].as_str().unwrap();
        let held = service["addresses"].as_array().unwrap();
        let held: Vec<_> = held.iter().map(|address| address.as_str().unwrap()).collect();
        match &service["refused"] {
            Value::Null => format!("{name}: {}", held.join(",")),
            refused => format!("{name}: {}", refused["reason"].as_str().unwrap()),
        }
    };
    services.iter().map(line).collect()
}

fn expect(manifests: &str, wanted: &[&str]) {
    let plan = plan(manifests);
    assert_eq!(told(&plan), wanted, "{manifests}\n{plan:#}");
}

fn pool(name: &str, spec: &str) -> String {
    format!(
        "---\napiVersion: metallb.io/v1beta1\nkind: IPAddressPool\n\
         metadata: {{name: {name}, namespace: metallb-system}}\nspec: {{{spec}}}\n"
    )
}

/// A service with parts of its metadata and spec in flow style.
fn service(name: &str, metadata: &str, spec: &str) -> String {
    let metadata = if metadata.is_empty() { String::new() } else { format!(", {metadata}") };
    let spec = if spec.is_empty() { String::new() } else { format!(", {spec}") };
    format!(
        "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}{metadata}}}\n\
         spec: {{type: LoadBalancer, ports: [{{port: 80}}]{spec}}}\n"
    )
}

fn lan() -> String {
    pool("lan", "addresses: [10.0.0.0/29]")
}

#[test]
fn ranges_are_used_in_the_order_written() {
    let lan = pool("lan", "addresses: [10.0.1.7-10.0.1.7, 10.0.0.4/31]");
    let services: String = ["a", "b", "c", "d"].map(|name| service(name, "", "")).concat();
    expect(&(lan + &services), &["a: 10.0.1.7", "b: 10.0.0.4", "c: 10.0.0.5", "d: noPoolFits"]);
}

#[test]
fn a_pool_that_does_not_assign_by_itself_is_used_by_name_and_by_address() {
    let pools = pool("lan", "addresses: [10.0.0.0/29], autoAssign: false");
    let named = service("a", "annotations: {metallb.io/address-pool: lan}", "");
    let exact = service("b", "", "loadBalancerIP: 10.0.0.5");
    let plain = service("c", "", "");
    expect(&(pools + &named + &exact + &plain), &["a: 10.0.0.0", "b: 10.0.0.5", "c: noPoolFits"]);
}

#[test]
fn buggy_ends_are_avoided() {
    let lan = pool("lan", "addresses: [10.0.0.255-10.0.1.1], avoidBuggyIPs: true");
    expect(&(lan + &service("a", "", "")), &["a: 10.0.1.1"]);
}

#[test]
fn a_lower_priority_number_goes_first_and_zero_is_last() {
    let of = |name, range, number| {
        pool(name, &format!("addresses: [{range}], serviceAllocation: {{priority: {number}}}"))
    };
    let pools =
        of("a", "10.0.1.0/31", 0) + &of("b", "10.0.2.0/31", 20) + &of("c", "10.0.3.0/32", 10);
    let services: String = ["s", "t"].map(|name| service(name, "", "")).concat();
    expect(&(pools + &services), &["s: 10.0.3.0", "t: 10.0.2.0"]);
}

#[test]
fn namespaces_and_labels_gate_a_pool_also_for_explicit_wishes() {
    let namespace =
        "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: gold, labels: {tier: gold}}\n";
    let by_name =
        pool("by-name", "addresses: [10.0.1.0/30], serviceAllocation: {namespaces: [silver]}");
    let by_label = pool(
        "by-label",
        "addresses: [10.0.2.0/30], serviceAllocation: \
         {namespaceSelectors: [{matchLabels: {tier: gold}}]}",
    );
    let by_service = pool(
        "by-service",
        "addresses: [10.0.3.0/30], serviceAllocation: \
         {serviceSelectors: [{matchExpressions: [{key: app, operator: In, values: [web]}]}]}",
    );
    let services = service("a", "namespace: silver", "")
        + &service("b", "namespace: gold", "")
        + &service("c", "labels: {app: web}", "")
        + &service("d", "", "loadBalancerIP: 10.0.1.2");
    let all = [namespace.to_owned(), by_name, by_label, by_service, services].concat();
    // By namespace, then name: default/c, default/d, gold/b, silver/a.
    expect(&all, &["c: 10.0.3.0", "d: poolRefused", "b: 10.0.2.0", "a: 10.0.1.0"]);
}

#[test]
fn addresses_are_asked_for_by_field_and_by_annotation() {
    let dual = pool("lan", "addresses: [10.0.0.0/29, 'fd00::/125']");
    let both = "annotations: {metallb.io/loadBalancerIPs: '10.0.0.3,fd00::3'}";
    let services = service("a", both, "ipFamilyPolicy: RequireDualStack")
        + &service("b", "", "loadBalancerIP: 10.0.0.4")
        + &service("c", "", "loadBalancerIP: 192.0.2.1")
        + &service("d", "annotations: {metallb.universe.tf/loadBalancerIPs: 10.0.0.6}", "");
    let wanted = ["a: 10.0.0.3,fd00::3", "b: 10.0.0.4", "c: outsidePools", "d: 10.0.0.6"];
    expect(&(dual + &services), &wanted);
}

#[test]
fn families_follow_the_policy() {
    let pools = pool("v4", "addresses: [10.0.0.0/29]") + &pool("v6", "addresses: ['fd00::/125']");
    let services = service("a", "", "ipFamilies: [IPv6]")
        + &service("b", "", "ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]")
        + &service("c", "", "ipFamilyPolicy: RequireDualStack");
    expect(&(pools + &services), &["a: fd00::", "b: fd00::1", "c: noPoolFits"]);
}

#[test]
fn an_address_is_shared_by_key_without_a_common_port() {
    let key = "annotations: {metallb.io/allow-shared-ip: k, metallb.io/loadBalancerIPs: 10.0.0.1}";
    let on = |port| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: p{port}, {key}}}\n\
                             spec: {{type: LoadBalancer, ports: [{{port: {port}}}]}}\n"
        )
    };
    let again = service("q80", key, "");
    expect(
        &(lan() + &on(80) + &on(81) + &again),
        &["p80: 10.0.0.1", "p81: 10.0.0.1", "q80: inUse"],
    );
}

#[test]
fn local_traffic_shares_only_with_the_same_pods() {
    let key = "annotations: {metallb.io/allow-shared-ip: k, metallb.io/loadBalancerIPs: 10.0.0.1}";
    let local = |name, app, port| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata: {{name: {name}, {key}}}\nspec: \
             {{type: LoadBalancer, externalTrafficPolicy: Local, selector: {{app: {app}}}, \
             ports: [{{port: {port}}}]}}\n"
        )
    };
    let services = local("a", "web", 80) + &local("b", "web", 81) + &local("c", "other", 82);
    expect(&(lan() + &services), &["a: 10.0.0.1", "b: 10.0.0.1", "c: inUse"]);
}

#[test]
fn who_is_not_ours_is_not_listed() {
    let services = service("a", "", "loadBalancerClass: example.com/other")
        + &service("b", "", "clusterIP: None")
        + "---\napiVersion: v1\nkind: Service\nmetadata: {name: c}\nspec: {ports: [{port: 80}]}\n"
        + &service("d", "", "");
    expect(&(lan() + &services), &["d: 10.0.0.0"]);
}

#[test]
fn the_older_is_served_first_and_the_status_before_all() {
    let dated = |name, date| service(name, &format!("creationTimestamp: '{date}'"), "");
    let held = service("z", "", "") + "status: {loadBalancer: {ingress: [{ip: 10.0.0.0}]}}\n";
    let services = dated("a", "2024-01-02T00:00:00Z") + &dated("b", "2024-01-01T00:00:00Z") + &held;
    expect(&(lan() + &services), &["a: 10.0.0.2", "b: 10.0.0.1", "z: 10.0.0.0"]);
}

#[test]
fn a_service_that_contradicts_itself_is_listed_with_its_reason() {
    let both = "annotations: {metallb.io/loadBalancerIPs: 10.0.0.1}";
    let plan = plan(&(lan() + &service("a", both, "loadBalancerIP: 10.0.0.2")));
    let refused = &plan["services"][0]["refused"];
    assert!(refused["reason"].is_string() && refused["message"].is_string(), "{plan}");
    assert_eq!(plan["services"][0]["addresses"], serde_json::json!([]));
    assert_eq!(plan["services"][0]["pool"], Value::Null);
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_vipcast"))
        .args(["plan", "/nonexistent/manifests"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/manifests"));
}
