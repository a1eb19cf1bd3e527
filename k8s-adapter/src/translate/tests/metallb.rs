use vipcast_ipam::Priority;
use vipcast_plan::intent::PoolSelection;

use super::*;

#[test]
fn pools_are_taken_with_all_that_they_say() {
    let text = r"
apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: lan, labels: {zone: a}}
spec:
  addresses: [10.0.0.0/24, 10.1.0.1-10.1.0.9, 'fd00::/120']
  autoAssign: false
  avoidBuggyIPs: true
  serviceAllocation:
    priority: 50
    namespaces: [shop]
    namespaceSelectors: [{matchLabels: {team: web}}]
    serviceSelectors: [{matchExpressions: [{key: app, operator: In, values: [a, b]}]}]
";
    let translation = translate_text(text);
    assert_eq!(translation.diagnostics, []);
    let pool = translation.intent.pools.named("lan").unwrap();
    let ranges: Vec<_> = pool.ranges().iter().map(ToString::to_string).collect();
    assert_eq!(ranges, ["10.0.0.0/24", "10.1.0.1-10.1.0.9", "fd00::/120"]);
    assert!(!pool.auto_assign());
    assert_eq!(pool.labels()["zone"], "a");
    assert_eq!(pool.priority(), Priority::zero_is_last(50));
    let selection = pool.selection().unwrap();
    assert!(selection.namespaces.contains("shop"));
    assert_eq!((selection.namespace_selectors.len(), selection.owner_selectors.len()), (1, 1));
}

#[test]
fn what_is_wrong_with_a_pool_names_its_field() {
    let rows: &[(&str, &[(&str, &str)])] = &[
        ("addresses: []", &[("spec.addresses", "missing")]),
        ("autoAssign: true", &[("spec.addresses", "missing")]),
        ("addresses: [10.0.0.1]", &[("spec.addresses[0]", "loneAddress")]),
        ("addresses: [10.0.0.0/24, 10.0.1.9-10.0.1.1]", &[("spec.addresses[1]", "badRange")]),
        ("addresses: [10.0.0.0/33]", &[("spec.addresses[0]", "badRange")]),
        ("addresses: [10.0.0.1-fd00::1]", &[("spec.addresses[0]", "badRange")]),
        ("addresses: [10.0.0.0/24, 10.0.0.128/25]", &[("spec.addresses", "badPool")]),
        (
            "addresses: [10.0.0.0/24, junk, 10.0.0.7]",
            &[("spec.addresses[1]", "badRange"), ("spec.addresses[2]", "loneAddress")],
        ),
        (
            "addresses: [10.0.0.0/24]\n  serviceAllocation: {priority: -1}",
            &[("spec.serviceAllocation.priority", "outOfRange")],
        ),
        (
            "addresses: [10.0.0.0/24]\n  serviceAllocation: {namespaces: [a, a]}",
            &[("spec.serviceAllocation.namespaces[1]", "repeated")],
        ),
        (
            "addresses: [10.0.0.0/24]\n  serviceAllocation: {serviceSelectors: [{matchExpressions: \
             [{key: a, operator: Is}]}]}",
            &[(
                "spec.serviceAllocation.serviceSelectors[0].matchExpressions[0].operator",
                "badSelector",
            )],
        ),
    ];
    for (spec, wanted) in rows {
        let text = format!(
            "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: p}}\nspec:\n  {spec}\n"
        );
        expect(&text, wanted);
        assert!(translate_text(&text).intent.pools.is_empty());
    }
}

#[test]
fn advertisements_are_taken_with_all_that_they_say() {
    let text = r"
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: some}
spec:
  ipAddressPools: [lan]
  ipAddressPoolSelectors: [{matchLabels: {zone: a}}]
  nodeSelectors: [{matchExpressions: [{key: gpu, operator: DoesNotExist}]}]
  interfaces: [eth0, eth1]
  serviceSelectors: [{matchLabels: {app: web}}]
  preferredNodeSelectors: [{weight: 100, preference: {matchLabels: {rack: one}}}]
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: all}
spec: null
";
    let translation = translate_text(text);
    assert_eq!(translation.diagnostics, []);
    let [all, some] = translation.intent.l2_advertisements.as_slice() else { panic!("two") };
    assert_eq!(all.pools, PoolSelection::All);
    assert!(all.nodes.is_empty() && all.links.is_empty() && all.services.is_empty());
    assert!(matches!(&some.pools, PoolSelection::Some { names, selectors }
        if names.contains("lan") && selectors.len() == 1));
    assert_eq!((some.nodes.len(), some.links.len(), some.services.len()), (1, 2, 1));
    assert_eq!(some.preferences[0].weight, 100);
}

#[test]
fn what_is_wrong_with_an_advertisement_names_its_field() {
    let rows = [
        ("ipAddressPools: [a, a]", "spec.ipAddressPools[1]", "repeated"),
        ("nodeSelectors: [{}, {}]", "spec.nodeSelectors[1]", "repeated"),
        ("interfaces: ['']", "spec.interfaces[0]", "missing"),
        (
            "preferredNodeSelectors: [{weight: 101, preference: {}}]",
            "spec.preferredNodeSelectors[0].weight",
            "outOfRange",
        ),
        (
            "nodeSelectors: [{matchExpressions: [{key: a, operator: In}]}]",
            "spec.nodeSelectors[0].matchExpressions[0].operator",
            "badSelector",
        ),
        (
            "nodeSelectors: [{matchExpressions: [{key: a, operator: Exists, values: [b]}]}]",
            "spec.nodeSelectors[0].matchExpressions[0].operator",
            "badSelector",
        ),
    ];
    for (spec, field, code) in rows {
        let text = format!(
            "apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {{name: a}}\nspec:\n  {spec}\n"
        );
        expect(&text, &[(field, code)]);
        assert!(translate_text(&text).intent.l2_advertisements.is_empty());
    }
}

#[test]
fn metallb_kinds_of_two_namespaces_are_no_configuration() {
    let pool = |name: &str, namespace: &str, range: &str| {
        format!(
            "---\napiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: {name}, \
             namespace: {namespace}}}\nspec: {{addresses: [{range}]}}\n"
        )
    };
    let text = pool("a", "one", "10.0.0.0/28") + &pool("b", "two", "10.0.1.0/28");
    let translation = translate_text(&text);
    assert_eq!(
        translation.diagnostics[0].message(),
        "it is in namespace two, but t.yaml:2:1 is in namespace one"
    );
    assert_eq!(translation.intent.pools.len(), 1);
}

#[test]
fn pools_are_tried_by_priority_then_name_and_zero_is_last() {
    let pool = |name: &str, at: u8, priority: &str| {
        format!(
            "---\napiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {{name: {name}}}\n\
             spec:\n  addresses: [10.0.{at}.0/28]\n  serviceAllocation: {{{priority}}}\n"
        )
    };
    let text = pool("a", 1, "") + &pool("b", 2, "priority: 9") + &pool("c", 3, "priority: 1");
    let pools = translate_text(&text).intent.pools;
    let order: Vec<_> = pools.iter().map(vipcast_ipam::Pool::name).collect();
    assert_eq!(order, ["c", "b", "a"]);
}

const EXCLUDED: &str = r#"
apiVersion: v1
kind: ConfigMap
metadata: {name: metallb-excludel2, namespace: metallb-system}
data:
  excludel2.yaml: |
    announcedInterfacesToExclude: ["^docker.*", "^veth.*", lo]
"#;

#[test]
fn the_links_of_metallbs_list_are_never_announced_on() {
    let translation = translate_text(EXCLUDED);
    assert_eq!(translation.diagnostics, []);
    let links = ["^docker.*", "^veth.*", "lo"].map(|text| text.parse().unwrap());
    assert_eq!(translation.intent.excluded_links, Some(links.into()));
    assert_eq!(translate_text("").intent.excluded_links, None, "nothing is said");
    let empty = EXCLUDED.replace(r#"["^docker.*", "^veth.*", lo]"#, "");
    assert_eq!(
        translate_text(&empty).intent.excluded_links,
        Some([].into()),
        "nothing is left out"
    );
}

#[test]
fn a_list_of_links_that_cannot_be_read_is_refused_at_its_key() {
    let field = r#"data["excludel2.yaml"]"#;
    expect(&EXCLUDED.replace("^docker.*", "docker["), &[(field, "malformed")]);
    expect(&EXCLUDED.replace(r#"["^docker.*""#, r#"{"^docker.*""#), &[(field, "malformed")]);
    expect(&EXCLUDED.replace("excludel2.yaml", "other.yaml"), &[("data", "missing")]);
}

#[test]
fn other_config_maps_are_no_matter_of_ours() {
    let content = FileContent::read("t.yaml", &EXCLUDED.replace("metallb-excludel2", "settings"));
    assert!(content.manifests.is_empty());
    let codes: Vec<_> = content.diagnostics.iter().map(|d| d.problem.code()).collect();
    assert_eq!(codes, ["unknownKind"]);
}
