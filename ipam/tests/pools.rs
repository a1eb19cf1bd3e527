//! What makes a valid pool, and which addresses it has.

mod common;

use common::*;
use vipcast_ipam::{AddressRange, Pool, PoolError, Pools, PoolsError, RangeParseError};

fn range(text: &str) -> Result<AddressRange, RangeParseError> {
    text.parse()
}

fn all_of(builder: vipcast_ipam::PoolBuilder) -> Vec<String> {
    let mut all = allocator([builder]);
    let mut got = Vec::new();
    while let Ok(assignment) = all.allocate(&request(&format!("a/{}", got.len()))) {
        got.push(text(&assignment.addresses));
    }
    got
}

#[test]
fn a_range_is_a_prefix_a_span_or_a_single_address() {
    let ends = |text: &str| {
        let range = range(text).expect("a range");
        (range.first().to_string(), range.last().to_string(), range.size())
    };
    let pair = |first: &str, last: &str, size| (first.to_owned(), last.to_owned(), size);
    assert_eq!(ends("10.0.0.0/24"), pair("10.0.0.0", "10.0.0.255", 256));
    assert_eq!(ends("10.0.0.77/24"), pair("10.0.0.0", "10.0.0.255", 256));
    assert_eq!(ends("10.0.0.0/255.255.255.252"), pair("10.0.0.0", "10.0.0.3", 4));
    assert_eq!(ends(" 10.0.0.9 - 10.0.0.11 "), pair("10.0.0.9", "10.0.0.11", 3));
    assert_eq!(ends("10.0.0.7"), pair("10.0.0.7", "10.0.0.7", 1));
    assert_eq!(ends("fd00::/64"), pair("fd00::", "fd00::ffff:ffff:ffff:ffff", 1 << 64));
    assert_eq!(ends("0.0.0.0/0"), pair("0.0.0.0", "255.255.255.255", 1 << 32));
}

#[test]
fn forms_of_one_address_are_read_as_one() {
    assert_eq!(range("::ffff:10.0.0.1"), range("10.0.0.1"));
    assert_eq!(range("::ffff:10.0.0.0/120"), range("10.0.0.0/24"));
    assert_eq!(range("::ffff:a00:1-::ffff:10.0.0.9"), range("10.0.0.1-10.0.0.9"));
    assert_eq!(range("2001:0db8:0000::0001"), range("2001:db8::1"));
}

#[test]
fn what_is_no_range_is_refused_with_a_hint() {
    let says = |text: &str| range(text).expect_err("not a range").to_string();
    assert_eq!(
        says("10.0.0.01"),
        "`10.0.0.01` has a leading zero, which some programs read as octal; leave it out"
    );
    assert_eq!(says("10.0.0.9-10.0.0.1"), "10.0.0.9 is higher than 10.0.0.1; swap them");
    assert_eq!(
        says("10.0.0.1-fd00::1"),
        "10.0.0.1 and fd00::1 are of different families; write one range for each"
    );
    assert_eq!(
        says("::1-::ffff:10.0.0.1"),
        "::1 and 10.0.0.1 are of different families; write one range for each"
    );
    for text in [
        "10.0.0.0/33",
        "10.0.0.0/+24",
        "10.0.0.0/024",
        "10.0.0.0/",
        "fd00::/129",
        "fd00::/255.0.0.0",
    ] {
        assert!(matches!(range(text), Err(RangeParseError::Prefix { .. })), "{text}");
    }
    for text in ["", "10.0.0", "lan", "10.0.0.1-", "-10.0.0.1", "/24", "10.0.0.256", "fe80::1%eth0"]
    {
        assert!(matches!(range(text), Err(RangeParseError::Address { .. })), "{text}");
    }
}

#[test]
fn a_span_is_told_as_the_fewest_prefixes() {
    let prefixes = |text: &str| {
        let prefixes: Vec<_> =
            range(text).expect("a range").prefixes().map(|net| net.to_string()).collect();
        prefixes
    };
    assert_eq!(
        prefixes("10.0.0.1-10.0.0.6"),
        ["10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"]
    );
    assert_eq!(prefixes("fd00::-fd00::ffff"), ["fd00::/112"]);
}

#[test]
fn an_overlap_within_a_pool_is_refused_with_both_ranges() {
    let error = pool("p", &["10.0.0.0/24", "10.0.1.0/24", "10.0.0.9-10.0.0.20"]).build();
    let sentence = "ranges 10.0.0.0/24 and 10.0.0.9-10.0.0.20 of pool p overlap; separate them";
    assert_eq!(error.expect_err("they overlap").to_string(), sentence);
}

#[test]
fn an_overlap_between_pools_is_refused_with_both_names() {
    let build = |name: &str, range: &str| pool(name, &[range]).build().expect("a pool");
    let error = Pools::new(vec![build("b", "10.0.0.128/25"), build("a", "10.0.0.0/24")]);
    let sentence = "pools a and b overlap: both hold 10.0.0.128; separate them";
    assert_eq!(error.expect_err("they overlap").to_string(), sentence);
    let mapped = Pools::new(vec![build("a", "::ffff:10.0.0.1"), build("b", "10.0.0.1")]);
    assert!(matches!(mapped, Err(PoolsError::Overlap { .. })), "two forms of one address");
    assert!(Pools::new(vec![build("a", "::/0"), build("b", "0.0.0.0/0")]).is_ok());
}

#[test]
fn two_pools_of_one_name_and_two_defaults_are_refused() {
    let build =
        |name: &str, range: &str| pool(name, &[range]).default_pool(true).build().expect("a pool");
    let twice = Pools::new(vec![build("p", "10.0.0.1"), build("p", "10.0.0.2")]);
    assert_eq!(twice.expect_err("one name").to_string(), "two pools are named p; rename one");
    let defaults = Pools::new(vec![build("q", "10.0.0.1"), build("p", "10.0.0.2")]);
    let sentence = "pools p and q are both the default pool; keep one";
    assert_eq!(defaults.expect_err("two defaults").to_string(), sentence);
}

#[test]
fn a_pool_needs_a_name_a_range_and_something_left_of_it() {
    assert_eq!(Pool::builder("").build(), Err(PoolError::Unnamed));
    assert_eq!(Pool::builder("p").build(), Err(PoolError::NoRange { pool: "p".into() }));
    let empty = pool("p", &["10.0.0.255-10.0.1.0"]).avoid_buggy_ips(true).build();
    assert_eq!(empty, Err(PoolError::NothingUsable { pool: "p".into() }));
    let stray = pool("p", &["10.0.0.0/24"]).exclude("10.0.1.0/24".parse().unwrap()).build();
    assert!(matches!(stray, Err(PoolError::ExclusionOutside { .. })));
}

#[test]
fn buggy_addresses_are_avoided_in_ipv4_alone() {
    let got =
        all_of(pool("p", &["10.0.0.254-10.0.1.1", "10.0.1.254-10.0.2.1"]).avoid_buggy_ips(true));
    assert_eq!(got, ["10.0.0.254", "10.0.1.1", "10.0.1.254", "10.0.2.1"]);
    let six = pool("p", &["fd00::ff-fd00::100"]).avoid_buggy_ips(true).build().expect("a pool");
    let usage = vipcast_ipam::Allocator::new(Pools::new(vec![six]).expect("one pool")).usage();
    assert_eq!(usage[0].v6.capacity, 2);
}

#[test]
fn a_large_pool_that_avoids_buggy_addresses_counts_them_exactly() {
    let pool = pool("p", &["10.0.0.0/8"]).avoid_buggy_ips(true);
    assert_eq!(allocator([pool]).usage()[0].v4.capacity, (1 << 24) - 2 * (1 << 16));
}

#[test]
fn network_and_broadcast_of_each_prefix_are_spared_on_request() {
    let ranges = ["10.0.0.0/30", "10.0.0.8/31", "10.0.0.12-10.0.0.13", "10.0.0.32/32"];
    let got = all_of(pool("p", &ranges).spare_network_and_broadcast(true));
    assert_eq!(
        got,
        ["10.0.0.1", "10.0.0.2", "10.0.0.8", "10.0.0.9", "10.0.0.12", "10.0.0.13", "10.0.0.32"]
    );
    let mut six = allocator([pool("p", &["fd00::/126"]).spare_network_and_broadcast(true)]);
    assert_eq!(six.usage()[0].v6.capacity, 3, "IPv6 has no broadcast address");
    assert_eq!(get(&mut six, &with(request("a/1"), |request| request.families = V6)), "fd00::1");
}

#[test]
fn excluded_ranges_are_never_handed_out_not_even_by_number() {
    let excluded = ["10.0.0.0", "10.0.0.2-10.0.0.3", "10.0.0.3-10.0.0.5", "10.0.0.7/32"];
    let builder = excluded.iter().fold(pool("p", &["10.0.0.0/29"]), |pool, range| {
        pool.exclude(range.parse().expect("a range"))
    });
    assert_eq!(all_of(builder.clone()), ["10.0.0.1", "10.0.0.6"]);
    let sentence = "pool p never hands out 10.0.0.4: it is in an excluded range; ask for another";
    assert_eq!(get(&mut allocator([builder]), &exactly("a/1", &["10.0.0.4"])), sentence);
}

#[test]
fn an_address_finds_its_pool() {
    let all = pools([pool("four", &["10.0.0.0/24"]), pool("six", &["fd00::/64", "fd01::5"])]);
    let name = |text: &str| all.containing(ip(text)).map(|pool| pool.name());
    assert_eq!(name("10.0.0.255"), Some("four"));
    assert_eq!(name("::ffff:10.0.0.255"), Some("four"));
    assert_eq!(name("fd01::5"), Some("six"));
    assert_eq!(name("fd01::6"), None);
    assert_eq!(name("9.255.255.255"), None);
}

#[test]
fn a_prefix_that_ends_with_the_mapped_addresses_leaves_them_to_ipv4() {
    let low = range("::/80").expect("a range");
    assert_eq!(low.last(), ip("::fffe:ffff:ffff"));
    assert_eq!(low.size(), (1 << 48) - (1 << 32));
    assert!(low.contains(low.first()) && low.contains(low.last()));
    assert_eq!(low.to_string(), "::/80");
    assert!(!low.contains(ip("::ffff:10.0.0.1")));
    let all = pools([pool("six", &["::/80"]), pool("four", &["10.0.0.0/8"])]);
    assert_eq!(all.containing(ip("10.0.0.1")).map(Pool::name), Some("four"));
}
