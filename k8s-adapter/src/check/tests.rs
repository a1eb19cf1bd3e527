use super::*;

fn check_texts(files: &[(&str, &str)]) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    check(dir.path(), &Options::default()).iter().map(Diagnostic::to_string).collect()
}

const POOL: &str = "apiVersion: metallb.io/v1beta1
kind: IPAddressPool
metadata: {name: lan}
spec: {addresses: [10.0.0.0/28]}
---
apiVersion: metallb.io/v1beta1
kind: L2Advertisement
metadata: {name: all}
";

#[test]
fn the_quick_start_is_fine() {
    let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/quickstart");
    let findings = check(Path::new(dir), &Options::default());
    assert_eq!(findings, []);
}

#[test]
fn a_misspelt_field_is_an_error_here() {
    let text = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  type: LoadBalancer\n  \
                loadBalancerIp: 10.0.0.1\n";
    assert_eq!(
        check_texts(&[("pool.yaml", POOL), ("s.yaml", text)]),
        ["s.yaml:6:3: error: Service default/s: spec.loadBalancerIp: there is no field \
             `loadBalancerIp`; did you mean `loadBalancerIP`?"]
    );
}

#[test]
fn what_shows_only_when_all_is_seen_together_is_found() {
    let service = |name: &str, annotations: &str, spec: &str| {
        format!(
            "---\napiVersion: v1\nkind: Service\nmetadata:\n  name: {name}\n  annotations: \
             {{{annotations}}}\nspec: {{type: LoadBalancer{spec}}}\n"
        )
    };
    let services = service("pool", "metallb.io/address-pool: lam", "")
        + &service("outside", "", ", loadBalancerIP: 192.0.2.1")
        + &service("first", "", ", loadBalancerIP: 10.0.0.3")
        + &service("second", "metallb.io/loadBalancerIPs: 10.0.0.3", "");
    let wide = "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\nmetadata: {name: wide}\n\
                spec: {addresses: [10.1.0.0/24, 10.0.0.0/24]}\n---\n\
                apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\nmetadata: {name: some}\n\
                spec: {ipAddressPools: [lan, lun]}\n";
    let found = check_texts(&[("pool.yaml", POOL), ("s.yaml", &services), ("wide.yaml", wide)]);
    assert_eq!(
        found,
        [
            "s.yaml:6:42: error: Service default/pool: \
             metadata.annotations[\"metallb.io/address-pool\"]: there is no pool `lam`; did you \
             mean `lan`?",
            "s.yaml:14:44 (document 2): error: Service default/outside: spec.loadBalancerIP: \
             192.0.2.1 is in no pool; ask for an address of a pool, or widen one",
            "s.yaml:27:45 (document 4): error: Service default/second: \
             metadata.annotations[\"metallb.io/loadBalancerIPs\"]: 10.0.0.3 is held by \
             default/first, and cannot be shared: the request has no sharing key",
            "wide.yaml:4:33: error: IPAddressPool wide: spec.addresses[1]: 10.0.0.0/24 overlaps \
             10.0.0.0/28 of pool lan at pool.yaml:1:1; give each address to one pool",
            "wide.yaml:9:30 (document 2): warning: L2Advertisement some: spec.ipAddressPools[1]: \
             there is no pool `lun`; did you mean `lan`?",
        ]
    );
}

#[test]
fn a_pool_that_nothing_advertises_is_worth_a_warning() {
    let pool = POOL.split("---").next().unwrap();
    assert_eq!(
        check_texts(&[("pool.yaml", pool)]),
        ["pool.yaml:1:1: warning: IPAddressPool lan: no L2Advertisement covers pool lan; add an \
             L2Advertisement, or its addresses reach nobody"]
    );
}

#[test]
fn a_folder_that_is_not_there_is_an_error() {
    let findings = check(Path::new("/does/not/exist"), &Options::default());
    assert_eq!(findings.len(), 1);
    assert!(findings[0].is_error());
    assert!(findings[0].to_string().starts_with(".: error: cannot be read: "));
}
