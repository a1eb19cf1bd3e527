use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use vipcast_lab::{Cluster, Frame, Topology, harness::TestResult, vipcast};

use crate::common::{LIMIT, VIP, cluster, page, wait_for_all};

/// Beacons to a list of nodes: none goes to the group, and a takeover works as ever.
pub(crate) fn beacons_to_peers() -> TestResult {
    let peers = ["--insecure", "--peer", "172.18.1.1", "--peer", "172.18.1.2"];
    let cluster = cluster("peers", 2, &peers)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    for node in ["node-a", "node-b"] {
        wait_for_all(&cluster, node)?;
    }
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let is_to = |frame: &Frame, address: IpAddr| frame.ip().is_some_and(|(_, to)| to == address);
    for node in &cluster.net.nodes {
        let peer = node.ipv4;
        capture.wait_for("a beacon to a peer", LIMIT, move |frame| is_to(frame, peer))?;
    }
    cluster.node(&owner)?.port.cut()?;
    assert_ne!(cluster.wait_for_page(&page(VIP))?, owner);
    let group = IpAddr::from([224, 0, 0, 254]);
    assert!(!capture.stop()?.frames.iter().any(|frame| is_to(frame, group)));
    Ok(())
}

/// Nodes without IPv4 elect by IPv6.
pub(crate) fn beacons_over_ipv6() -> TestResult {
    let net = Topology::new("ipv6", 2)?;
    for node in &net.nodes {
        node.delete_address("eth0", IpNet::new(node.ipv4, 16)?)?;
    }
    let manifests = Path::new("../examples/quickstart");
    let cluster = Cluster::elect(net, &vipcast()?, manifests, &["--insecure"])?;
    cluster.process("node-a").wait_for_line("node-b is heard on fd18::/64", LIMIT)?;
    let vip = page("fd18::1:1".parse::<IpAddr>()?);
    let owner = cluster.wait_for_page(&vip)?;
    for node in ["node-a", "node-b"] {
        wait_for_all(&cluster, node)?;
    }
    cluster.node(&owner)?.port.cut()?;
    assert_ne!(cluster.wait_for_page(&vip)?, owner);
    Ok(())
}
