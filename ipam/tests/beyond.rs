//! Quotas, reservations, retention, ways to reuse, several addresses, and explanations.

mod common;

use common::*;
use vipcast_ipam::{AllocateError, Allocator, PoolRefusal, PoolVerdict, Reuse};

#[cfg(feature = "serde")]
use vipcast_ipam::Snapshot;

#[test]
fn a_namespace_gets_no_more_than_its_quota_of_a_pool() {
    let mut all = allocator([
        pool("p", &["10.0.0.0/24"]).quota(1).quota_for("rich", 2),
        pool("q", &["10.0.1.0/24"]),
    ]);
    assert_eq!(get(&mut all, &request("a/1")), "10.0.0.0");
    assert_eq!(get(&mut all, &request("a/2")), "10.0.1.0", "the next pool has no quota");
    assert_eq!(get(&mut all, &request("rich/1")), "10.0.0.1");
    assert_eq!(get(&mut all, &request("rich/2")), "10.0.0.2");
    let error = refusal(&mut all, &exactly("rich/3", &["10.0.0.9"]));
    let why = PoolRefusal::Quota { namespace: "rich".into(), limit: 2, used: 2 };
    assert_eq!(error, AllocateError::PoolRefused { pool: "p".into(), why });
    assert_eq!(
        error.to_string(),
        "pool p cannot serve this: namespace rich holds 2 of the 2 addresses that it may have here"
    );
    all.release(&owner("rich/1"));
    assert_eq!(get(&mut all, &exactly("rich/3", &["10.0.0.9"])), "10.0.0.9");
}

#[test]
fn an_address_shared_within_a_namespace_counts_once() {
    let mut all = allocator([pool("p", &["10.0.0.0/24"]).quota(1)]);
    for port in 1..5 {
        assert_eq!(get(&mut all, &shared(&format!("a/{port}"), "k", &[port])), "10.0.0.0");
    }
    assert!(all.allocate(&shared("a/5", "k", &[1])).is_err(), "the port is taken");
    assert_eq!(get(&mut all, &shared("b/1", "k", &[9])), "10.0.0.0");
    all.release(&owner("a/1"));
    assert!(all.allocate(&request("a/6")).is_err(), "others of the namespace still hold it");
}

#[test]
fn a_share_within_the_quota_is_found_behind_a_free_address_beyond_it() {
    let mut all = allocator([pool("p", &["10.0.0.0/24"]).quota(1)]);
    get(&mut all, &exactly("b/low", &["10.0.0.0"]));
    get(&mut all, &shared("a/1", "k", &[1]));
    all.release(&owner("b/low"));
    assert_eq!(get(&mut all, &shared("a/2", "k", &[2])), "10.0.0.1");
}

#[test]
fn a_reserved_address_waits_for_an_owner_that_does_not_exist_yet() {
    let mut all = allocator([
        pool("a", &["10.0.0.0/24"]),
        pool("b", &["10.1.0.0/30"]).auto_assign(false).reserve(ip("10.1.0.0"), owner("a/vip")),
    ]);
    let error = refusal(&mut all, &exactly("a/other", &["10.1.0.0"]));
    assert_eq!(error.to_string(), "10.1.0.0 is kept for a/vip; ask for another");
    let named = with(request("a/named"), |request| request.pool = Some("b".into()));
    assert_eq!(get(&mut all, &named), "10.1.0.1");
    assert_eq!(get(&mut all, &request("a/vip")), "10.1.0.0", "before any other pool");
    all.release(&owner("a/vip"));
    assert!(all.allocate(&exactly("a/other", &["10.1.0.0"])).is_err());
}

#[test]
fn owners_of_one_reservation_share_it_or_come_one_after_the_other() {
    let reserved = pool("p", &["10.0.0.0/30"])
        .reserve(ip("10.0.0.3"), owner("a/1"))
        .reserve(ip("10.0.0.3"), owner("a/2"));
    let mut all = allocator([reserved]);
    assert_eq!(get(&mut all, &shared("a/1", "k", &[1])), "10.0.0.3");
    assert_eq!(get(&mut all, &shared("a/2", "k", &[2])), "10.0.0.3");
    assert_eq!(
        get(&mut all, &shared("a/3", "k", &[3])),
        "10.0.0.0",
        "it is not reserved for this one"
    );
}

#[test]
fn a_reservation_outside_what_is_handed_out_is_refused() {
    let pool = pool("p", &["10.0.0.0/30"]).exclude("10.0.0.1".parse().unwrap());
    let error = pool.reserve(ip("10.0.0.1"), owner("a/1")).build().expect_err("it is excluded");
    let sentence = "pool p keeps 10.0.0.1 for a/1, but never hands it out; correct the reservation";
    assert_eq!(error.to_string(), sentence);
}

#[test]
fn an_owner_that_comes_back_within_the_retention_gets_its_address_again() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.3"]).retention(10)]);
    get(&mut all, &request("a/1"));
    get(&mut all, &request("a/2"));
    all.release(&owner("a/1"));
    all.advance(9);
    assert_eq!(get(&mut all, &request("a/3")), "10.0.0.3", "not the one that waits");
    assert!(all.allocate(&request("a/4")).is_err());
    assert!(all.allocate(&exactly("a/4", &["10.0.0.1"])).is_err());
    assert_eq!(get(&mut all, &request("a/1")), "10.0.0.1");
    all.release(&owner("a/1"));
    all.advance(10);
    assert_eq!(get(&mut all, &request("a/4")), "10.0.0.1", "its time is over");
}

#[test]
fn a_retention_can_be_ended_and_is_counted_as_kept() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.2", "fd00::1"]).retention(10)]);
    get(&mut all, &with(request("a/1"), |request| request.families = PREFER));
    all.release(&owner("a/1"));
    let usage = &all.usage()[0];
    assert_eq!((usage.v4.kept, usage.v4.available, usage.v6.kept), (1, 1, 1));
    all.forget(&owner("a/1"));
    let usage = &all.usage()[0];
    assert_eq!((usage.v4.kept, usage.v4.available, usage.v6.kept), (0, 2, 0));
}

#[test]
fn retention_and_history_survive_a_snapshot_and_a_reconfiguration() {
    let build = || pool("p", &["10.0.0.1-10.0.0.4"]).retention(10).reuse(Reuse::LeastRecentlyFreed);
    let mut all = allocator([build()]);
    for name in ["a/1", "a/2", "a/3", "a/4"] {
        get(&mut all, &request(name));
    }
    for name in ["a/3", "a/2", "a/1"] {
        all.release(&owner(name));
    }
    all.forget(&owner("a/3"));
    all.forget(&owner("a/2"));
    all.advance(5);
    let (other, changes) =
        Allocator::from_snapshot(pools([build()]), all.snapshot()).expect("ours");
    assert_eq!(changes, []);
    all.reconfigure(pools([build().quota(9)]));
    for mut state in [all, other] {
        state.advance(4);
        assert_eq!(get(&mut state, &request("b/1")), "10.0.0.3", "freed longest ago");
        assert_eq!(get(&mut state, &request("b/2")), "10.0.0.2");
        assert!(state.allocate(&request("b/3")).is_err(), "10.0.0.1 waits for a/1");
        state.advance(1);
        assert_eq!(get(&mut state, &request("b/3")), "10.0.0.1");
    }
}

#[test]
fn least_recently_freed_takes_fresh_addresses_first_then_the_one_freed_longest_ago() {
    let mut all = allocator([pool("p", &["10.0.0.1-10.0.0.4"]).reuse(Reuse::LeastRecentlyFreed)]);
    for name in ["a/1", "a/2", "a/3"] {
        get(&mut all, &request(name));
    }
    for name in ["a/2", "a/3", "a/1"] {
        all.release(&owner(name));
    }
    let got: Vec<_> = (0..4).map(|n| get(&mut all, &request(&format!("b/{n}")))).collect();
    assert_eq!(got, ["10.0.0.4", "10.0.0.2", "10.0.0.3", "10.0.0.1"]);
}

#[test]
fn hash_of_name_gives_an_owner_the_same_address_again_in_any_order() {
    let build = || allocator([pool("p", &["10.0.0.0/16", "fd00::/64"]).reuse(Reuse::HashOfName)]);
    let names: Vec<_> = (0..50).map(|n| format!("a/{n}")).collect();
    let (mut one, mut two) = (build(), build());
    for name in &names {
        get(&mut one, &request(name));
    }
    for name in names.iter().rev() {
        get(&mut two, &request(name));
    }
    let same = names.iter().filter(|name| held(&one, name) == held(&two, name)).count();
    assert!(same >= 48, "{same} of 50: only those whose places collide may differ");
    // The places are part of the contract: no version may change them.
    assert_eq!(get(&mut build(), &request("a/0")), "10.0.30.20");
    assert_eq!(get(&mut build(), &request("team/service-with-a-long-name")), "10.0.173.244");
}

#[test]
fn hash_of_name_finds_the_last_free_address_wherever_it_is() {
    let range = pool("p", &["10.0.0.254-10.0.1.3", "10.0.9.0/30"]);
    let mut all = allocator([range.reuse(Reuse::HashOfName).avoid_buggy_ips(true)]);
    let mut got: Vec<_> = (0..7).map(|n| get(&mut all, &request(&format!("a/{n}")))).collect();
    got.sort();
    let expected =
        ["10.0.0.254", "10.0.1.1", "10.0.1.2", "10.0.1.3", "10.0.9.1", "10.0.9.2", "10.0.9.3"];
    assert_eq!(got, expected);
    assert!(all.allocate(&request("a/8")).is_err());
}

#[test]
fn several_addresses_of_one_family_come_from_one_pool_or_not_at_all() {
    let mut all = allocator([pool("a", &["10.0.0.1"]), pool("b", &["10.1.0.1-10.1.0.4"])]);
    let three = |text: &str| with(request(text), |request| request.per_family = 3);
    assert_eq!(get(&mut all, &three("a/1")), "10.1.0.1 10.1.0.2 10.1.0.3");
    assert!(all.allocate(&three("a/2")).is_err());
    let fewer = with(request("a/1"), |request| request.per_family = 2);
    assert_eq!(get(&mut all, &fewer), "10.1.0.1 10.1.0.2");
    let error = refusal(&mut all, &exactly("a/3", &["10.1.0.3", "10.1.0.4"]));
    assert!(matches!(error, AllocateError::TooManyAddresses { asked: 2, allowed: 1, .. }));
}

#[test]
fn an_explanation_says_what_becomes_of_each_pool() {
    let all = allocator([
        pool("chosen", &["10.0.0.0/30"]),
        pool("later", &["10.0.1.0/30"]),
        pool("off", &["10.0.2.0/30"]).disabled(true),
    ]);
    let explained = all.explain(&request("a/1"));
    let verdicts: Vec<_> =
        explained.pools.iter().map(|pool| (&*pool.pool, &pool.verdict)).collect();
    let why = PoolRefusal::Disabled;
    assert_eq!(
        verdicts,
        [
            ("chosen", &PoolVerdict::Chosen { addresses: ips(&["10.0.0.0"]) }),
            ("later", &PoolVerdict::NotNeeded),
            ("off", &PoolVerdict::Refused { why }),
        ]
    );
    assert_eq!(text(&explained.outcome.expect("it fits").addresses), "10.0.0.0");
    let named = with(request("a/1"), |request| request.pool = Some("later".into()));
    let explained = all.explain(&named);
    let why = PoolRefusal::OtherPoolWanted { wanted: "later".into() };
    assert_eq!(explained.pools[0].verdict, PoolVerdict::Refused { why });
}

#[test]
fn capacity_is_exact_even_for_all_of_ipv6() {
    let mut all = allocator([pool("all", &["::/0"]), pool("four", &["0.0.0.0/0"])]);
    let usage = all.usage();
    assert_eq!(usage[0].v6.capacity, u128::MAX - (u128::from(u32::MAX)), "2^128 - 2^32");
    assert_eq!(usage[1].v4.capacity, 1 << 32);
    let six = with(request("a/1"), |request| request.families = V6);
    assert_eq!(get(&mut all, &six), "::");
    assert_eq!(get(&mut all, &exactly("a/2", &["::ffff:10.0.0.1"])), "10.0.0.1");
    let last = with(exactly("a/3", &["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]), |request| {
        request.families = V6;
    });
    assert!(all.allocate(&last).is_ok());
    assert_eq!(all.usage()[0].v6.available, u128::MAX - u128::from(u32::MAX) - 2);
}

#[test]
fn usage_is_told_by_pool_and_family() {
    let mut all = allocator([pool("p", &["10.0.0.0/30", "fd00::/126"]).avoid_buggy_ips(true)]);
    get(&mut all, &shared("a/1", "k", &[1]));
    get(&mut all, &shared("a/2", "k", &[2]));
    let usage = &all.usage()[0];
    assert_eq!((usage.v4.capacity, usage.v4.in_use, usage.v4.available), (3, 1, 2));
    assert_eq!((usage.v6.capacity, usage.v6.in_use), (4, 0));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_of_version_1_is_read() {
    let written = r#"{"version":1,"assignments":[
        {"owner":"a/two","addresses":["10.0.0.2","fd00::2"]},
        {"owner":"a/one","addresses":["10.0.0.1"]},
        {"owner":"a/gone","addresses":["192.0.2.1"]},
        {"owner":"b/thief","addresses":["10.0.0.1"]}]}"#;
    let snapshot: Snapshot = serde_json::from_str(written).expect("the form of version 1");
    let config = pools([pool("p", &["10.0.0.0/24", "fd00::/64"])]);
    let (all, changes) = Allocator::from_snapshot(config, snapshot).expect("version 1 is read");
    assert_eq!(held(&all, "a/two"), "10.0.0.2 fd00::2");
    assert_eq!(held(&all, "a/one"), "10.0.0.1");
    let told: Vec<_> = changes.iter().map(|change| change.owner.to_string()).collect();
    assert_eq!(told, ["a/gone", "b/thief"], "what is in no pool, and what two plain owners claim");
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_of_a_later_version_or_with_an_owner_twice_is_refused() {
    let read = |written: &str| {
        let snapshot: Snapshot = serde_json::from_str(written).expect("it is well formed");
        Allocator::from_snapshot(pools([]), snapshot).expect_err("it is refused").to_string()
    };
    assert_eq!(
        read(r#"{"version":99,"assignments":[]}"#),
        "the snapshot is of version 99, and 2 is the newest known here; upgrade"
    );
    let twice = r#"{"version":2,"assignments":[
        {"owner":"a/one","addresses":["10.0.0.1"]},{"owner":"a/one","addresses":["10.0.0.2"]}]}"#;
    assert_eq!(read(twice), "the snapshot lists a/one twice; remove one entry");
}

#[cfg(feature = "serde")]
#[test]
fn refusals_are_data_with_their_facts_in_fields() {
    let mut all = allocator([pool("p", &["10.0.0.1"])]);
    get(&mut all, &request("a/one"));
    let error = refusal(&mut all, &request("a/two"));
    assert_eq!(
        serde_json::to_value(&error).expect("plain data"),
        serde_json::json!({"reason": "noPoolFits", "pools": [["p", {
            "reason": "full", "family": "V4", "capacity": "1", "inUse": "1", "kept": "0"
        }]]})
    );
}
