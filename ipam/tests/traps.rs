//! What has gone wrong elsewhere, by name.

mod common;

use common::*;
use vipcast_ipam::{AllocateError, LostReason, Priority, Selection};

#[test]
fn trap_1_the_choice_of_pool_does_not_depend_on_the_order_in_which_pools_are_given() {
    let build = |order: [usize; 3]| {
        let named = |number: usize| pool(&format!("p{number}"), &[&format!("10.0.{number}.0/30")]);
        let mut all = allocator(order.map(named));
        let got: Vec<_> = (0..12).map(|n| get(&mut all, &request(&format!("a/{n}")))).collect();
        got
    };
    let expected = build([0, 1, 2]);
    for order in [[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        assert_eq!(build(order), expected);
    }
}

#[test]
fn trap_2_priority_0_means_last_for_one_and_first_for_the_other() {
    assert!(Priority::zero_is_last(0) > Priority::zero_is_last(u32::MAX));
    assert!(Priority::zero_is_last(1) < Priority::zero_is_last(2));
    assert!(Priority::zero_is_first(0) < Priority::zero_is_first(1));
    assert_eq!(Priority::zero_is_last(7), Priority::zero_is_first(7), "one order inside");
    assert_eq!(Priority::default(), Priority::LAST);
    assert_eq!(Priority::FIRST, Priority::zero_is_first(0));
}

#[test]
fn trap_3_a_selection_gates_explicit_requests_too() {
    let mut all = allocator([pool("p", &["10.0.0.0/24"]).selection(only("a"))]);
    let named = with(request("b/one"), |request| request.pool = Some("p".into()));
    let sentence = "pool p cannot serve this: its selection does not match b/one";
    assert_eq!(get(&mut all, &named), sentence);
    assert_eq!(get(&mut all, &exactly("b/one", &["10.0.0.5"])), sentence);
    assert_eq!(get(&mut all, &exactly("a/one", &["10.0.0.5"])), "10.0.0.5");
}

#[test]
fn trap_3_namespaces_and_labels_must_both_match_where_both_are_said() {
    let both = Selection {
        namespace_selectors: vec![label("stage", "prod")],
        owner_selectors: vec![label("app", "web"), label("app", "db")],
        ..only("a")
    };
    let mut all = allocator([pool("p", &["10.0.0.0/24"]).selection(both)]);
    let mut gets = |namespace: &str, stage: &str, app: &str| {
        let request = with(request(&format!("{namespace}/one")), |request| {
            request.namespace_labels = labels("stage", stage);
            request.labels = labels("app", app);
        });
        all.allocate(&request).is_ok()
    };
    assert!(gets("a", "test", "web"), "the namespace by name");
    assert!(gets("b", "prod", "db"), "the namespace by label, the owner by the second selector");
    assert!(!gets("a", "prod", "other"), "the owner is not selected");
    assert!(!gets("b", "test", "web"), "the namespace is not selected");
}

#[test]
fn trap_3_an_empty_selection_matches_everyone_and_is_for_priority_alone() {
    let first = pool("z", &["10.0.0.1"]).selection(Selection::default());
    let mut all = allocator([pool("a", &["10.0.1.1"]), first]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.1");
}

#[test]
fn trap_4_release_works_without_any_knowledge_of_the_request() {
    let mut all = allocator([pool("p", &["10.0.0.1"])]);
    get(&mut all, &shared("a/one", "k", &[80]));
    let released = all.release(&owner("a/one")).expect("it held something");
    assert_eq!(text(&released.addresses), "10.0.0.1");
    assert_eq!(all.release(&owner("a/one")), None);
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.1");
}

#[test]
fn trap_5_a_foreign_address_in_the_record_does_not_break_restore() {
    let mut all = allocator([pool("p", &["10.0.0.0/24"])]);
    let restored = all.restore(&request("a/one"), &ips(&["192.0.2.9", "10.0.0.7"]));
    assert_eq!(text(&restored.assignment.expect("one is ours").addresses), "10.0.0.7");
    assert_eq!(restored.lost[0].address, ip("192.0.2.9"));
    assert_eq!(restored.lost[0].why, LostReason::OutsidePools);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.7");
    let nothing = all.restore(&request("a/two"), &ips(&["192.0.2.9"]));
    assert_eq!(nothing.assignment, None);
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.0");
}

#[test]
fn trap_5_a_record_of_the_wrong_family_or_pool_is_corrected() {
    let mut all = allocator([pool("p", &["10.0.0.0/24", "fd00::/64"]), pool("q", &["fd01::/64"])]);
    let restored = all.restore(&request("a/one"), &ips(&["10.0.0.7", "fd00::7"]));
    assert_eq!(restored.lost[0].why, LostReason::NotWanted);
    let dual = with(request("a/two"), |request| request.families = PREFER);
    let restored = all.restore(&dual, &ips(&["fd01::8", "10.0.0.8"]));
    assert_eq!(restored.lost[0].why, LostReason::AnotherPool { pool: "q".into() });
    assert_eq!(get(&mut all, &dual), "10.0.0.8 fd00::");
}

#[test]
fn trap_5_restored_before_allocated_nobody_loses_an_address_to_a_newcomer() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.3"])]);
    all.restore(&request("z/old"), &ips(&["10.0.0.1"]));
    assert_eq!(get(&mut all, &request("a/new")), "10.0.0.2");
    assert_eq!(get(&mut all, &request("z/old")), "10.0.0.1");
    let contested = all.restore(&request("a/late"), &ips(&["10.0.0.1"]));
    assert!(
        matches!(&contested.lost[0].why, LostReason::InUse { holder, .. } if *holder == owner("z/old"))
    );
}

#[test]
fn trap_6_all_addresses_are_checked_before_any_is_taken() {
    let mut all = allocator([pool("p", &["10.0.0.0/24", "fd00::/64"])]);
    let on = |text: &str, key: &str, port, addresses: &[&str]| {
        with(shared(text, key, &[port]), |request| {
            request.families = PREFER;
            request.addresses = ips(addresses);
        })
    };
    get(&mut all, &on("a/four", "k", 80, &["10.0.0.5"]));
    get(&mut all, &on("a/six", "k", 443, &["fd00::5"]));
    let before = all.snapshot();
    let clash = on("a/both", "k", 443, &["10.0.0.5", "fd00::5"]);
    assert!(matches!(refusal(&mut all, &clash), AllocateError::InUse { .. }));
    assert_eq!(all.snapshot(), before);
    let fits = on("a/both", "k", 8080, &["10.0.0.5", "fd00::5"]);
    assert_eq!(get(&mut all, &fits), "10.0.0.5 fd00::5");
}

#[test]
fn trap_7_with_two_pools_each_address_tells_its_own_pool() {
    let mut all = allocator([pool("four", &["10.0.0.1"]), pool("six", &["fd00::1"])]);
    let apart = with(request("a/one"), |request| {
        request.families = vipcast_ipam::Families::RequireDual;
        request.two_pools = true;
    });
    let assignment = all.allocate(&apart).expect("two pools serve");
    for (address, name) in assignment.addresses.iter().zip(&assignment.pools) {
        assert_eq!(all.pools().containing(*address).map(|pool| pool.name()), Some(&**name));
    }
    assert_eq!(assignment.pools.len(), 2);
}
