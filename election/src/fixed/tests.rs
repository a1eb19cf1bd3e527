use alloc::{vec, vec::Vec};

use super::*;

const LIFE: Duration = Duration::from_secs(1);

fn node(name: &str) -> NodeName {
    NodeName::new(name)
}

fn unit(address: &str) -> Unit {
    Unit { segment: Segment::new("lan"), address: address.parse().unwrap() }
}

fn candidates(addresses: &[&str], nodes: &[&str]) -> Candidates {
    let contenders =
        |unit: &Unit| crate::Contenders::equal(nodes.iter().map(|&name| node(name)), unit.address);
    addresses.iter().map(|address| unit(address)).map(|u| (u.clone(), contenders(&u))).collect()
}

fn events(election: &mut StaticElection) -> Vec<Event> {
    core::iter::from_fn(|| election.poll_event()).collect()
}

fn granted(events: &[Event]) -> Vec<(&Unit, Epoch)> {
    let granted = events.iter().filter_map(|event| match event {
        Event::Granted(token) => Some((&token.unit, token.epoch)),
        _ => None,
    });
    granted.collect()
}

fn members(names: &[&str]) -> BTreeSet<NodeName> {
    names.iter().map(|&name| node(name)).collect()
}

const THREE: [&str; 3] = ["node-a", "node-b", "node-c"];

#[test]
fn a_node_alone_holds_everything_that_it_may() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    let now = Instant::from_millis(5);
    election.set_candidates(now, candidates(&["172.18.0.10", "172.18.0.20"], &["node-a"]));
    let events = events(&mut election);
    assert_eq!(granted(&events).len(), 2);
    assert_eq!(events[0], Event::Renewed { lease: LeaseId(0), not_after: now + LIFE });
}

#[test]
fn each_unit_has_exactly_one_holder_and_all_nodes_agree_on_it() {
    let addresses = ["172.18.0.10", "172.18.0.11", "172.18.0.20", "172.18.0.21"];
    let mut held = Vec::new();
    for me in THREE {
        let mut election = StaticElection::new(StaticConfig::new(node(me)));
        election.set_members(Instant::ZERO, members(&THREE));
        election.set_candidates(Instant::ZERO, candidates(&addresses, &THREE));
        held.extend(election.tokens().keys().cloned());
        assert_eq!(election.claims()[&unit("172.18.0.10")].holder, node("node-b"));
        assert_eq!(election.claims()[&unit("172.18.0.20")].holder, node("node-a"));
    }
    held.sort();
    assert_eq!(held, addresses.map(unit));
}

#[test]
fn a_death_moves_the_unit_to_the_next_in_order() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-c")));
    election.set_members(Instant::ZERO, members(&THREE));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &THREE));
    assert!(granted(&events(&mut election)).is_empty());
    election.set_members(Instant::from_millis(9), members(&["node-a", "node-c"]));
    assert_eq!(granted(&events(&mut election)), [(&unit("172.18.0.10"), Epoch(1))]);
}

#[test]
fn whoever_is_not_on_the_list_holds_nothing() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-c")));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &THREE));
    events(&mut election);
    election.set_members(Instant::ZERO, members(&["node-a", "node-b"]));
    assert_eq!(events(&mut election), [Event::Revoked(unit("172.18.0.10"))]);
}

#[test]
fn leases_are_renewed_before_they_end_and_one_renewal_serves_all_units() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    let mut now = Instant::ZERO;
    election.set_candidates(now, candidates(&["172.18.0.10", "172.18.0.11"], &["node-a"]));
    events(&mut election);
    for _ in 0..20 {
        let due = election.poll_timeout().unwrap();
        assert!(due < election.not_after());
        now = due;
        election.handle_timeout(now);
        let renewal = Event::Renewed { lease: LeaseId(0), not_after: now + LIFE };
        assert_eq!(events(&mut election), [renewal]);
    }
}

#[test]
fn an_early_timeout_changes_nothing() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &["node-a"]));
    events(&mut election);
    let due = election.poll_timeout();
    election.handle_timeout(Instant::from_millis(1));
    assert_eq!((election.poll_timeout(), events(&mut election)), (due, vec![]));
}

#[test]
fn after_a_gap_longer_than_a_tokens_life_it_holds_nothing_and_then_claims_with_a_higher_epoch() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &["node-a"]));
    events(&mut election);
    let woken = Instant::ZERO + LIFE * 5;
    election.handle_input(woken, &[node("node-a")]);
    assert_eq!(events(&mut election), [Event::Revoked(unit("172.18.0.10"))]);
    assert!(election.claims().is_empty());
    let resume = election.poll_timeout().unwrap();
    assert!(resume > woken);
    election.handle_timeout(resume);
    let events = events(&mut election);
    assert_eq!(granted(&events), [(&unit("172.18.0.10"), Epoch(2))]);
    assert!(election.not_after() > resume);
}

#[test]
fn a_unit_that_is_no_longer_wanted_is_given_up() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &["node-a"]));
    events(&mut election);
    election.set_candidates(Instant::from_millis(1), Candidates::new());
    assert_eq!(events(&mut election), [Event::Revoked(unit("172.18.0.10"))]);
    assert!(election.claims().is_empty());
}

#[test]
fn a_change_does_not_touch_other_units() {
    let mut election = StaticElection::new(StaticConfig::new(node("node-a")));
    election.set_candidates(Instant::ZERO, candidates(&["172.18.0.10"], &["node-a"]));
    let before = election.tokens().clone();
    events(&mut election);
    let more = candidates(&["172.18.0.9", "172.18.0.10"], &["node-a"]);
    election.set_candidates(Instant::from_millis(1), more);
    let events = events(&mut election);
    assert_eq!(granted(&events), [(&unit("172.18.0.9"), Epoch(2))]);
    assert!(before.iter().all(|(unit, token)| election.tokens()[unit] == *token));
}

#[test]
fn a_life_too_short_for_a_busy_machine_is_refused() {
    let refused = StaticConfig::new(node("a")).token_life(Duration::from_millis(29));
    assert!(matches!(refused, Err(StaticConfigError::LifeTooShort { .. })));
}
