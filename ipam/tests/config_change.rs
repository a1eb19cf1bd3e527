//! Other pools under live assignments: what stays, what goes, and who is told.

mod common;

use common::*;
use vipcast_ipam::{Allocator, LostReason, Selection, UnusableReason};

/// One owner at 10.0.0.2 and one at 10.0.0.255, in a pool `p`.
fn two_owners() -> Allocator {
    let mut all = allocator([pool("p", &["10.0.0.0-10.0.0.255"])]);
    get(&mut all, &exactly("a/one", &["10.0.0.2"]));
    get(&mut all, &exactly("a/last", &["10.0.0.255"]));
    all
}

#[test]
fn the_same_configuration_changes_nothing() {
    let mut all = two_owners();
    let before = all.snapshot();
    assert_eq!(all.reconfigure(all.pools().clone()), []);
    assert_eq!(all.snapshot(), before);
}

#[test]
fn a_pool_that_grows_keeps_its_addresses() {
    let mut all = two_owners();
    assert_eq!(all.reconfigure(pools([pool("p", &["10.0.0.0/23"])])), []);
    assert_eq!(held(&all, "a/one"), "10.0.0.2");
    assert_eq!(held(&all, "a/last"), "10.0.0.255");
}

#[test]
fn a_pool_that_shrinks_keeps_what_is_still_inside() {
    let mut all = two_owners();
    let changes = all.reconfigure(pools([pool("p", &["10.0.0.0/25"])]));
    assert_eq!(held(&all, "a/one"), "10.0.0.2");
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].owner, owner("a/last"));
}

#[test]
fn a_pool_that_shrinks_or_goes_under_an_address_takes_it_and_another_is_given() {
    let mut all = two_owners();
    let changes = all.reconfigure(pools([pool("q", &["10.0.9.0/24"])]));
    assert_eq!(changes.len(), 2);
    assert!(changes.iter().all(|change| change.after.is_none()));
    assert!(changes.iter().all(|change| change.lost[0].why == LostReason::OutsidePools));
    assert_eq!(get(&mut all, &request("a/one")), "10.0.9.0", "another");
    all.reconfigure(pools([pool("r", &["fd00::/64"])]));
    assert!(all.allocate(&request("a/one")).is_err(), "or none");
}

#[test]
fn a_pool_that_is_renamed_or_split_keeps_the_address_under_the_new_name() {
    let mut all = two_owners();
    let changes =
        all.reconfigure(pools([pool("low", &["10.0.0.0/25"]), pool("high", &["10.0.0.128/25"])]));
    let renamed: Vec<_> = changes
        .iter()
        .map(|change| {
            assert_eq!(change.lost, []);
            let after = change.after.as_ref().expect("the address is kept");
            assert_eq!(change.before.addresses, after.addresses);
            (change.before.pool(), after.pool())
        })
        .collect();
    assert_eq!(renamed, [("p", "high"), ("p", "low")]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.2");
}

#[test]
fn a_split_between_the_two_addresses_of_an_owner_takes_the_second() {
    let mut all = allocator([pool("p", &["10.0.0.1", "fd00::1"])]);
    get(&mut all, &with(request("a/one"), |request| request.families = PREFER));
    let changes = all.reconfigure(pools([pool("p", &["10.0.0.1"]), pool("q", &["fd00::1"])]));
    assert_eq!(changes[0].lost[0].why, LostReason::AnotherPool { pool: "q".into() });
    assert_eq!(held(&all, "a/one"), "10.0.0.1");
}

#[test]
fn avoiding_buggy_addresses_evicts_their_holders() {
    let mut all = two_owners();
    let changes =
        all.reconfigure(pools([pool("p", &["10.0.0.0-10.0.0.255"]).avoid_buggy_ips(true)]));
    assert_eq!(changes.len(), 1);
    let why = LostReason::Unusable { pool: "p".into(), why: UnusableReason::Buggy };
    assert_eq!((changes[0].owner.clone(), &changes[0].lost[0].why), (owner("a/last"), &why));
    assert_eq!(held(&all, "a/one"), "10.0.0.2");
}

#[test]
fn removing_all_pools_clears_all_owners() {
    let mut all = two_owners();
    assert_eq!(all.reconfigure(pools([])).len(), 2);
    assert!(all.is_empty());
}

#[test]
fn a_relabelled_namespace_may_move_its_owners_to_another_pool() {
    let prod =
        Selection { namespace_selectors: vec![label("stage", "prod")], ..Selection::default() };
    let mut all =
        allocator([pool("prod", &["10.0.0.1"]).selection(prod), pool("rest", &["10.0.1.1"])]);
    let labelled =
        |stage| with(request("a/one"), |request| request.namespace_labels = labels("stage", stage));
    assert_eq!(get(&mut all, &labelled("prod")), "10.0.0.1");
    assert_eq!(get(&mut all, &labelled("test")), "10.0.1.1");
}

#[test]
fn a_selection_that_no_longer_matches_evicts_by_the_labels_that_were_last_asked_with() {
    let mut all = allocator([pool("p", &["10.0.0.0/24"])]);
    get(&mut all, &with(request("a/web"), |request| request.labels = labels("app", "web")));
    get(&mut all, &with(request("a/db"), |request| request.labels = labels("app", "db")));
    let web = Selection { owner_selectors: vec![label("app", "web")], ..Selection::default() };
    let changes = all.reconfigure(pools([pool("p", &["10.0.0.0/24"]).selection(web)]));
    let told: Vec<_> = changes.iter().map(|change| change.owner.to_string()).collect();
    assert_eq!(told, ["a/db"]);
    assert_eq!(changes[0].lost[0].why, LostReason::NotPermitted { pool: "p".into() });
}

#[test]
fn a_pool_that_is_disabled_or_made_manual_keeps_what_it_gave() {
    let mut all = two_owners();
    let changed = pool("p", &["10.0.0.0-10.0.0.255"]).disabled(true).auto_assign(false);
    assert_eq!(all.reconfigure(pools([changed])), []);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.2");
    assert!(all.allocate(&request("a/new")).is_err());
}

#[test]
fn a_quota_or_reservation_that_comes_later_keeps_live_assignments() {
    let mut all = two_owners();
    let changed =
        pool("p", &["10.0.0.0-10.0.0.255"]).quota(1).reserve(ip("10.0.0.2"), owner("b/x"));
    assert_eq!(all.reconfigure(pools([changed])), []);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.2");
    assert!(all.allocate(&request("a/new")).is_err(), "the quota counts from now on");
    all.release(&owner("a/one"));
    assert_eq!(get(&mut all, &request("b/x")), "10.0.0.2");
}

#[test]
fn where_sharing_ends_the_first_owner_by_name_keeps_the_address() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.9"]).share_explicit(true)]);
    get(&mut all, &exactly("b/two", &["10.0.0.1"]));
    get(&mut all, &exactly("a/one", &["10.0.0.1"]));
    let changes = all.reconfigure(pools([pool("p", &["10.0.0.1-10.0.0.9"])]));
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].owner, owner("b/two"));
    assert!(
        matches!(&changes[0].lost[0].why, LostReason::InUse { holder, .. } if *holder == owner("a/one"))
    );
}

#[test]
fn a_freed_address_goes_to_who_waits_for_it() {
    let mut all = allocator([pool("p", &["10.0.0.1"])]);
    get(&mut all, &request("a/one"));
    assert!(all.allocate(&request("a/waits")).is_err());
    all.release(&owner("a/one"));
    assert_eq!(get(&mut all, &request("a/waits")), "10.0.0.1");
}
