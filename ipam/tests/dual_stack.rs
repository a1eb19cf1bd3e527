//! Two families: all or nothing, or as much as can be had.

mod common;

use common::*;
use vipcast_ipam::{AllocateError, Families, Family, PoolRefusal, Request};

const REQUIRE: Families = Families::RequireDual;
const PREFER_V6: Families = Families::PreferDual { primary: Family::V6 };

fn dual(text: &str, families: Families) -> Request {
    Request::new(owner(text), families)
}

#[test]
fn require_dual_needs_one_pool_with_both_families() {
    let mut all = allocator([
        pool("four", &["10.0.0.0/24"]),
        pool("six", &["fd00::/64"]),
        pool("z-both", &["10.1.0.1-10.1.0.9", "fd01::/64"]),
    ]);
    assert_eq!(get(&mut all, &dual("a/one", REQUIRE)), "10.1.0.1 fd01::");
}

#[test]
fn require_dual_is_refused_whole_where_no_pool_has_both() {
    let mut all = allocator([pool("four", &["10.0.0.0/24"]), pool("six", &["fd00::/64"])]);
    let AllocateError::NoPoolFits { pools } = refusal(&mut all, &dual("a/one", REQUIRE)) else {
        panic!("no pool fits");
    };
    assert_eq!(pools[0].1, PoolRefusal::NoRange { family: Family::V6 });
    assert_eq!(pools[1].1, PoolRefusal::NoRange { family: Family::V4 });
    assert!(all.is_empty(), "no half of it is held");
}

#[test]
fn prefer_dual_takes_a_later_pool_with_both_before_an_earlier_one_with_one() {
    let mut all = allocator([
        pool("a-four", &["10.0.0.0/24"]),
        pool("b-both", &["10.1.0.1-10.1.0.9", "fd01::/64"]),
    ]);
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.1.0.1 fd01::");
}

#[test]
fn prefer_dual_falls_back_to_the_primary_family_then_to_the_other() {
    let mut all = allocator([pool("a-four", &["10.0.0.1"]), pool("b-six", &["fd00::1"])]);
    assert_eq!(get(&mut all, &dual("a/one", PREFER_V6)), "fd00::1");
    let second = all.allocate(&dual("a/two", PREFER_V6)).expect("an address is free");
    assert_eq!(text(&second.addresses), "10.0.0.1");
    assert_eq!(second.missing, Some(Family::V6));
}

#[test]
fn the_missing_family_is_added_when_the_held_pool_gains_it() {
    let mut all = allocator([pool("p", &["10.0.0.1"])]);
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.0.0.1");
    assert_eq!(all.reconfigure(pools([pool("p", &["10.0.0.1", "fd00::/64"])])), []);
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.0.0.1 fd00::");
    assert_eq!(all.allocate(&dual("a/one", PREFER)).expect("held").missing, None);
}

#[test]
fn where_the_missing_family_cannot_be_added_the_answer_says_so_and_keeps_the_other() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.2", "fd00::1"])]);
    get(&mut all, &with(request("a/six"), |request| request.families = V6));
    let answer = all.allocate(&dual("a/one", PREFER)).expect("an address is free");
    assert_eq!((text(&answer.addresses), answer.missing), ("10.0.0.1".into(), Some(Family::V6)));
    assert_eq!(all.assignment(&owner("a/one")), Some(answer));
}

#[test]
fn nobody_moves_to_another_pool_just_to_become_dual() {
    let mut all = allocator([pool("p", &["10.0.0.1"])]);
    get(&mut all, &dual("a/one", PREFER));
    all.reconfigure(pools([pool("p", &["10.0.0.1"]), pool("q", &["10.1.0.1", "fd01::1"])]));
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.0.0.1");
}

#[test]
fn who_loses_a_family_with_its_pool_moves_to_another_dual_pool_if_there_is_one() {
    let both = [pool("p", &["10.0.0.1", "fd00::1"]), pool("q", &["10.1.0.1", "fd01::1"])];
    let single = [pool("p", &["10.0.0.1"]), pool("q", &["10.1.0.1", "fd01::1"])];
    let mut all = allocator(both);
    get(&mut all, &dual("a/one", PREFER));
    let changes = all.reconfigure(pools(single));
    assert_eq!(changes[0].lost[0].address, ip("fd00::1"));
    assert_eq!(held(&all, "a/one"), "10.0.0.1", "what is valid serves until the owner asks again");
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.1.0.1 fd01::1");
}

#[test]
fn who_loses_a_family_and_finds_no_dual_pool_keeps_the_other_address() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9", "fd00::1"])]);
    get(&mut all, &request("a/lower"));
    get(&mut all, &dual("a/one", PREFER));
    all.release(&owner("a/lower"));
    all.reconfigure(pools([pool("p", &["10.0.0.1-10.0.0.9"])]));
    assert_eq!(get(&mut all, &dual("a/one", PREFER)), "10.0.0.2");
}

#[test]
fn an_explicit_address_of_the_wrong_family_is_refused() {
    let mut all = allocator([pool("p", &["10.0.0.1", "fd00::/64"])]);
    let error = refusal(&mut all, &exactly("a/one", &["fd00::5"]));
    assert_eq!(error.to_string(), "fd00::5 is IPv6, but one IPv4 address is wanted");
    let half = with(exactly("a/one", &["fd00::5"]), |request| request.families = REQUIRE);
    let expected = AllocateError::FamilyNotAskedFor { family: Family::V4 };
    assert_eq!(refusal(&mut all, &half), expected);
}

#[test]
fn ipv4_is_first_whatever_the_order_asked_in() {
    let mut all = allocator([pool("p", &["::5", "10.0.0.1"])]);
    let both = with(exactly("a/one", &["::5", "10.0.0.1"]), |request| request.families = PREFER_V6);
    assert_eq!(get(&mut all, &both), "10.0.0.1 ::5");
}

#[test]
fn a_wish_for_one_family_less_keeps_the_other_address() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9", "fd00::/64"])]);
    get(&mut all, &request("a/lower"));
    get(&mut all, &dual("a/one", REQUIRE));
    all.release(&owner("a/lower"));
    assert_eq!(get(&mut all, &dual("a/one", V4)), "10.0.0.2");
    assert_eq!(all.holders(ip("fd00::")), []);
}

#[test]
fn two_pools_serve_one_owner_where_both_pools_or_the_request_allow_it() {
    let four = || pool("four", &["10.0.0.1-10.0.0.9"]);
    let six = || pool("six", &["fd00::/64"]);
    let mut all = allocator([four().dual_with_other_pools(true), six()]);
    assert!(all.allocate(&dual("a/one", REQUIRE)).is_err(), "one side is not enough");
    let allowed = with(dual("a/one", REQUIRE), |request| request.two_pools = true);
    assert_eq!(get(&mut all, &allowed), "10.0.0.1 fd00::");

    let mut all =
        allocator([four().dual_with_other_pools(true), six().dual_with_other_pools(true)]);
    let assignment = all.allocate(&dual("a/one", REQUIRE)).expect("two pools serve");
    let names: Vec<&str> = assignment.pools.iter().map(|name| &**name).collect();
    assert_eq!(names, ["four", "six"]);
    let changes = all.reconfigure(pools([four(), six()]));
    assert_eq!(changes[0].lost[0].address, ip("fd00::"), "the right ends with the setting");
}
