//! Which pool, and which address of it: the order of decisions.

mod common;

use common::*;
use vipcast_ipam::{AllocateError, Others, PoolRefusal, Priority, Selection};

#[test]
fn what_is_held_is_confirmed_for_the_same_owner() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &request("a/one"));
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.2");
    all.release(&owner("a/one"));
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.2", "nothing moves to a lower address");
}

#[test]
fn another_explicit_address_replaces_what_is_held() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &request("a/one"));
    assert_eq!(get(&mut all, &exactly("a/one", &["10.0.0.7"])), "10.0.0.7");
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.7", "the wish may be dropped again");
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.1");
}

#[test]
fn another_explicit_pool_replaces_what_is_held() {
    let mut all = allocator([pool("p", &["10.0.0.1"]), pool("q", &["10.0.1.1"])]);
    get(&mut all, &request("a/one"));
    let elsewhere = with(request("a/one"), |request| request.pool = Some("q".into()));
    assert_eq!(get(&mut all, &elsewhere), "10.0.1.1");
}

#[test]
fn explicit_addresses_are_assigned_exactly_or_not_at_all() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9", "fd00::/64"])]);
    get(&mut all, &exactly("a/busy", &["10.0.0.5"]));
    let both =
        with(exactly("a/one", &["fd00::5", "10.0.0.5"]), |request| request.families = PREFER);
    assert!(matches!(refusal(&mut all, &both), AllocateError::InUse { .. }));
    assert_eq!(held(&all, "a/one"), "", "not the free one alone either");
    all.release(&owner("a/busy"));
    assert_eq!(get(&mut all, &both), "10.0.0.5 fd00::5");
}

#[test]
fn explicit_addresses_are_all_from_one_pool() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"]), pool("q", &["fd00::/64"])]);
    let both =
        with(exactly("a/one", &["10.0.0.5", "fd00::5"]), |request| request.families = PREFER);
    let error = refusal(&mut all, &both);
    assert!(matches!(error, AllocateError::DifferentPools { .. }), "{error}");
}

#[test]
fn an_explicit_address_need_not_be_of_an_automatic_pool() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"]).auto_assign(false)]);
    assert_eq!(get(&mut all, &exactly("a/one", &["10.0.0.5"])), "10.0.0.5");
}

#[test]
fn an_explicit_pool_serves_also_where_it_is_not_automatic() {
    let mut all =
        allocator([pool("p", &["10.0.0.1"]).auto_assign(false), pool("q", &["10.0.1.1"])]);
    assert_eq!(get(&mut all, &request("a/auto")), "10.0.1.1");
    let named = with(request("a/named"), |request| request.pool = Some("p".into()));
    assert_eq!(get(&mut all, &named), "10.0.0.1");
}

#[test]
fn a_full_explicit_pool_does_not_fall_back_to_others() {
    let mut all = allocator([pool("p", &["10.0.0.1"]), pool("q", &["10.0.1.1"])]);
    get(&mut all, &request("a/one"));
    let named = with(request("a/two"), |request| request.pool = Some("p".into()));
    let sentence =
        "pool p cannot serve this: its 1 IPv4 addresses are used up (1 in use, 0 kept for others)";
    assert_eq!(get(&mut all, &named), sentence);
}

#[test]
fn pools_that_select_the_owner_come_first_by_priority_with_zero_last() {
    let rank = |name: &str, range: &str, number| {
        let selection = Selection::default();
        pool(name, &[range]).selection(selection).priority(Priority::zero_is_last(number))
    };
    let mut all = allocator([
        pool("general", &["10.0.0.1"]),
        rank("a-unset", "10.0.1.1", 0),
        rank("b-second", "10.0.2.1", 20),
        rank("c-first", "10.0.3.1", 10),
    ]);
    assert_eq!(get(&mut all, &request("a/1")), "10.0.3.1");
    assert_eq!(get(&mut all, &request("a/2")), "10.0.2.1");
    assert_eq!(get(&mut all, &request("a/3")), "10.0.1.1");
    assert_eq!(get(&mut all, &request("a/4")), "10.0.0.1", "then those without a selection");
}

#[test]
fn a_selecting_pool_that_is_not_automatic_is_passed_over() {
    let mut all = allocator([
        pool("p", &["10.0.0.1"]).selection(only("a")).auto_assign(false),
        pool("q", &["10.0.1.1"]),
    ]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.1.1");
}

#[test]
fn general_pools_are_tried_by_priority_then_by_name() {
    let mut all = allocator([
        pool("c", &["10.0.0.1"]),
        pool("b", &["10.0.1.1"]),
        pool("a", &["10.0.2.1"]).priority(Priority::zero_is_last(0)),
        pool("z", &["10.0.3.1"]).priority(Priority::zero_is_last(5)),
    ]);
    let got: Vec<_> = (0..4).map(|n| get(&mut all, &request(&format!("a/{n}")))).collect();
    assert_eq!(got, ["10.0.3.1", "10.0.2.1", "10.0.1.1", "10.0.0.1"]);
}

#[test]
fn ranges_are_used_in_the_order_written() {
    let mut all = allocator([pool("p", &["10.0.9.0/31", "10.0.1.1-10.0.1.2", "10.0.5.5"])]);
    let got: Vec<_> = (0..5).map(|n| get(&mut all, &request(&format!("a/{n}")))).collect();
    assert_eq!(got, ["10.0.9.0", "10.0.9.1", "10.0.1.1", "10.0.1.2", "10.0.5.5"]);
}

#[test]
fn the_lowest_free_address_wins_and_a_freed_one_is_reused_at_once() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    for name in ["a/1", "a/2", "a/3", "a/4"] {
        get(&mut all, &request(name));
    }
    all.release(&owner("a/3"));
    all.release(&owner("a/2"));
    assert_eq!(get(&mut all, &request("a/5")), "10.0.0.2");
}

#[test]
fn a_shareable_address_wins_only_where_it_comes_earlier_than_a_free_one() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"])]);
    get(&mut all, &request("a/first"));
    get(&mut all, &shared("a/two", "k", &[80]));
    all.release(&owner("a/first"));
    assert_eq!(get(&mut all, &shared("a/three", "k", &[443])), "10.0.0.1", "free and lower");
    assert_eq!(get(&mut all, &shared("a/four", "k", &[8080])), "10.0.0.1", "shareable and lowest");
    assert_eq!(get(&mut all, &shared("a/five", "k", &[443, 80])), "10.0.0.3", "neither is open");
}

#[test]
fn a_refusal_names_every_pool_and_its_reason_in_order() {
    let mut all = allocator([
        pool("full", &["10.0.0.1"]),
        pool("manual", &["10.0.1.1"]).auto_assign(false),
        pool("off", &["10.0.2.1"]).disabled(true),
        pool("others", &["10.0.3.1"]).selection(only("b")),
        pool("six", &["fd00::/64"]),
    ]);
    get(&mut all, &request("a/one"));
    let AllocateError::NoPoolFits { pools } = refusal(&mut all, &request("a/two")) else {
        panic!("no pool fits");
    };
    let reasons: Vec<_> = pools.iter().map(|(pool, why)| format!("{pool}: {why}")).collect();
    assert_eq!(
        reasons,
        [
            "full: its 1 IPv4 addresses are used up (1 in use, 0 kept for others)",
            "manual: it is not assigned automatically; ask for it by name",
            "off: it is disabled",
            "six: it has no IPv4 addresses",
            "others: its selection does not match a/two",
        ]
    );
    assert_eq!(pools[4].1, PoolRefusal::NotSelected { owner: owner("a/two") });
}

#[test]
fn without_pools_the_refusal_says_so() {
    let mut all = allocator([]);
    assert_eq!(get(&mut all, &request("a/one")), "there is no address pool; create one");
    assert_eq!(refusal(&mut all, &exactly("a/one", &["10.0.0.1"])), AllocateError::NoPool);
}

#[test]
fn a_pool_for_some_that_is_open_on_request_serves_others_that_ask() {
    let prefers = Selection { others: Others::OnRequest, ..only("a") };
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"]).selection(prefers)]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.1");
    assert!(matches!(refusal(&mut all, &request("b/one")), AllocateError::NoPoolFits { .. }));
    assert_eq!(get(&mut all, &exactly("b/one", &["10.0.0.9"])), "10.0.0.9");
    let named = with(request("b/two"), |request| request.pool = Some("p".into()));
    assert_eq!(get(&mut all, &named), "10.0.0.2");
}
