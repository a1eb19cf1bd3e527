use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use proptest::prelude::*;

use super::*;

fn names(nodes: &[&str]) -> Vec<NodeName> {
    nodes.iter().map(|&name| NodeName::new(name)).collect()
}

fn placed(nodes: &[&str], address: &str) -> Vec<String> {
    let nodes = names(nodes);
    let scored = nodes.iter().map(|node| (node, 0));
    order(scored, address.parse().unwrap()).into_iter().map(ToString::to_string).collect()
}

#[test]
fn it_places_as_metallb_does() {
    let nodes = ["node-a", "node-b", "node-c"];
    assert_eq!(placed(&nodes, "172.18.0.10"), ["node-b", "node-c", "node-a"]);
    assert_eq!(placed(&nodes, "172.18.0.20"), ["node-a", "node-c", "node-b"]);
    let nodes = ["k8s1", "k8s2", "k8s3", "k8s4"];
    assert_eq!(placed(&nodes, "fc00:f853:ccd:e799::1"), ["k8s4", "k8s2", "k8s1", "k8s3"]);
}

#[test]
fn a_higher_score_comes_first_whatever_the_hash() {
    let nodes = names(&["node-a", "node-b", "node-c"]);
    let scored = [(&nodes[0], 100), (&nodes[1], 0), (&nodes[2], 100)];
    let order = order(scored, "172.18.0.10".parse().unwrap());
    assert_eq!(order, [&nodes[2], &nodes[0], &nodes[1]]);
}

proptest! {
    /// A node that goes moves only what it held; the others keep their order.
    #[test]
    fn a_death_moves_only_the_dead_nodes_addresses(address: [u8; 4], dead in 0..5_usize) {
        let nodes = names(&["a", "b", "c", "d", "e"]);
        let address = IpAddr::from(address);
        let before = order(nodes.iter().map(|node| (node, 0)), address);
        let mut expected = before.clone();
        expected.retain(|&node| node != &nodes[dead]);
        let left = nodes.iter().filter(|&node| node != &nodes[dead]);
        let after = order(left.clone().map(|node| (node, 0)), address);
        prop_assert_eq!(first(left.map(|node| (node, 0)), address), expected.first().copied());
        prop_assert_eq!(after, expected);
    }
}
