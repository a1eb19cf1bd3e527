//! Many nodes and many addresses.

use std::time::Duration;

use crate::crowd::Crowd;

#[test]
fn fifty_nodes_with_a_thousand_addresses_send_little_when_nothing_happens() {
    let mut crowd = Crowd::new(50, 1_000, 0);
    crowd.run_for(Duration::from_millis(1_500));
    assert!(crowd.loads().iter().all(|load| *load == 20), "{:?}", crowd.loads());
    crowd.forget_counts();
    crowd.run_for(Duration::from_secs(1));
    println!("{}", crowd.report(1));
    for node in 0..50 {
        assert!((9..=11).contains(&crowd.sent[node]), "{} beacons", crowd.sent[node]);
        assert!(crowd.sent_octets[node] / crowd.sent[node] < 600, "{}", crowd.sent_octets[node]);
    }
    assert!(crowd.granted.is_empty());
}

#[test]
fn the_outage_does_not_grow_with_the_number_of_addresses_on_the_dead_node() {
    for count in [1, 100, 1_000] {
        let mut crowd = Crowd::new(4, count, count);
        crowd.run_for(Duration::from_secs(3));
        assert_eq!(crowd.loads()[0], usize::from(count));
        crowd.run_for(Duration::from_millis(37));
        crowd.forget_counts();
        crowd.nodes[0] = None;
        let died = crowd.now;
        crowd.run_for(Duration::from_secs(1));
        assert_eq!(crowd.granted.len(), usize::from(count));
        let last = crowd.granted.values().map(|(at, _)| *at).max().unwrap();
        println!("{count} addresses: the last is taken over {:?} after the death", last - died);
        assert!(last - died <= Duration::from_millis(200), "{:?}", last - died);
    }
}
