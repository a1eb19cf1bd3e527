//! Pools as OpenELB knows them: bound to namespaces, a default, addresses shared by asking for them.

mod common;

use common::*;
use vipcast_ipam::{
    AllocateError, Others, PoolBuilder, PoolRefusal, Priority, Selection, SharingRefusal,
};

/// A pool that is neither bound nor the default: only for those that name it.
fn eip(name: &str, range: &str) -> PoolBuilder {
    pool(name, &[range]).auto_assign(false).share_explicit(true)
}

fn bound(name: &str, range: &str, namespace: &str, priority: u32) -> PoolBuilder {
    let selection = Selection { others: Others::OnRequest, ..only(namespace) };
    let pool = eip(name, range).auto_assign(true).selection(selection);
    pool.priority(Priority::zero_is_first(priority))
}

fn default(name: &str, range: &str) -> PoolBuilder {
    eip(name, range).auto_assign(true).default_pool(true)
}

#[test]
fn a_named_pool_is_used_before_anything_else() {
    let mut all = allocator([eip("named", "10.0.0.1"), bound("bound", "10.0.1.1", "a", 0)]);
    let named = with(request("a/one"), |request| request.pool = Some("named".into()));
    assert_eq!(get(&mut all, &named), "10.0.0.1");
}

#[test]
fn an_asked_address_is_taken_from_the_pool_that_contains_it() {
    let mut all = allocator([eip("other", "10.0.0.0/24"), bound("bound", "10.0.1.1", "a", 0)]);
    assert_eq!(get(&mut all, &exactly("a/one", &["10.0.0.7"])), "10.0.0.7");
}

#[test]
fn bound_pools_come_by_lower_priority_with_zero_first() {
    let mut all = allocator([
        bound("a-second", "10.0.0.1", "a", 1),
        bound("z-first", "10.0.1.1", "a", 0),
        bound("foreign", "10.0.2.1", "b", 0),
    ]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.1.1");
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.1", "the full one is passed over");
    assert!(all.allocate(&request("a/three")).is_err());
}

#[test]
fn a_pool_may_be_bound_by_namespace_label() {
    let team = Selection {
        namespace_selectors: vec![label("team", "x")],
        others: Others::OnRequest,
        ..Selection::default()
    };
    let mut all = allocator([eip("p", "10.0.0.1").auto_assign(true).selection(team)]);
    assert!(all.allocate(&request("a/one")).is_err());
    let inside = with(request("a/one"), |request| request.namespace_labels = labels("team", "x"));
    assert_eq!(get(&mut all, &inside), "10.0.0.1");
}

#[test]
fn the_default_pool_serves_when_no_bound_pool_does() {
    let mut all =
        allocator([default("default", "10.0.0.0/24"), bound("bound", "10.0.1.1", "a", 7)]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.1.1");
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.0");
    assert_eq!(get(&mut all, &request("b/one")), "10.0.0.1");
}

#[test]
fn the_default_pool_may_itself_be_bound_and_still_serves_everyone() {
    let selection = Selection { others: Others::OnRequest, ..only("a") };
    let mut all = allocator([
        default("default", "10.0.0.0/24").selection(selection),
        pool("general", &["10.0.1.0/24"]),
    ]);
    assert_eq!(get(&mut all, &request("b/one")), "10.0.0.0");
}

#[test]
fn without_a_default_pool_an_owner_that_names_nothing_gets_nothing() {
    let mut all = allocator([eip("p", "10.0.0.0/24")]);
    let AllocateError::NoPoolFits { pools } = refusal(&mut all, &request("a/one")) else {
        panic!("no pool fits");
    };
    assert_eq!(pools[0].1, PoolRefusal::OnRequestOnly);
}

#[test]
fn the_first_free_address_from_the_first_on() {
    let mut all = allocator([default("p", "10.0.0.5-10.0.0.9")]);
    assert_eq!(get(&mut all, &request("a/one")), "10.0.0.5");
    assert_eq!(get(&mut all, &request("a/two")), "10.0.0.6");
}

#[test]
fn an_explicit_address_in_use_is_shared_with_no_look_at_keys_ports_or_policy() {
    let mut all = allocator([default("p", "10.0.0.5-10.0.0.9")]);
    get(&mut all, &shared("a/one", "k", &[80]));
    let second = with(exactly("b/two", &["10.0.0.5"]), |request| {
        request.ports.insert(tcp(80));
        request.backend_key = "app=x".into();
    });
    assert_eq!(get(&mut all, &second), "10.0.0.5");
    assert_eq!(all.holders(ip("10.0.0.5")).len(), 2);
    assert_eq!(get(&mut all, &request("a/three")), "10.0.0.6", "only if asked for");
    assert_eq!(get(&mut all, &shared("a/four", "k", &[81])), "10.0.0.7", "a key does not open it");
    assert_eq!(get(&mut all, &second), "10.0.0.5", "asking again changes nothing");
    all.release(&owner("a/one"));
    assert_eq!(held(&all, "b/two"), "10.0.0.5");
}

#[test]
fn keyless_sharing_is_an_opt_in() {
    let mut all = allocator([pool("p", &["10.0.0.5-10.0.0.9"])]);
    get(&mut all, &request("a/one"));
    let error = refusal(&mut all, &exactly("a/two", &["10.0.0.5"]));
    assert!(matches!(error, AllocateError::InUse { why: SharingRefusal::NoKey, .. }));
}

#[test]
fn a_disabled_pool_gives_nothing_new_even_when_named() {
    let mut all = allocator([default("p", "10.0.0.5-10.0.0.9").disabled(true)]);
    let named = with(request("a/one"), |request| request.pool = Some("p".into()));
    assert_eq!(get(&mut all, &named), "pool p cannot serve this: it is disabled");
    assert!(all.allocate(&exactly("a/one", &["10.0.0.5"])).is_err());
}

#[test]
fn recorded_use_is_restored_with_its_sharers() {
    let mut all = allocator([default("p", "10.0.0.5-10.0.0.9")]);
    for name in ["a/one", "a/two"] {
        let restored = all.restore(&request(name), &ips(&["10.0.0.5"]));
        assert_eq!(restored.lost, []);
    }
    assert_eq!(all.holders(ip("10.0.0.5")).len(), 2);
}

#[test]
fn a_missing_pool_is_named_in_the_refusal() {
    let mut all = allocator([default("p", "10.0.0.5-10.0.0.9")]);
    let named = with(request("a/one"), |request| request.pool = Some("gone".into()));
    let sentence = "there is no pool named gone; name one of those that exist";
    assert_eq!(get(&mut all, &named), sentence);
}
