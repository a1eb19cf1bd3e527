use super::*;

const LISTING: &str = "\
vipcast-arp-ndp v0.1.0 (/w/arp-ndp)
smoltcp v0.14.0
bitflags v2.13.2
vipcast-sans-io v0.1.0 (/w/sans-io)
tokio v1.54.0
smoltcp v0.14.0 (*)
";

#[test]
fn what_is_in_no_list_is_found() {
    let used = names(LISTING);
    let found: Vec<_> = unexpected(&used, "vipcast-arp-ndp", &["vipcast-sans-io"]).collect();
    assert_eq!(found, ["tokio"]);
}

#[test]
fn an_arrow_between_two_cores_is_found() {
    let used = names("vipcast-bgp-proto v0.1.0 (/w)\nvipcast-arp-ndp v0.1.0 (/w)\n");
    let found: Vec<_> = unexpected(&used, "vipcast-bgp-proto", &["vipcast-sans-io"]).collect();
    assert_eq!(found, ["vipcast-arp-ndp"]);
}

#[test]
fn each_core_has_its_arrows() {
    assert!(CORES.iter().all(|core| ARROWS.iter().any(|(name, _)| name == core)));
}
