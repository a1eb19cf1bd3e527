use std::{net::IpAddr, path::Path};

use ipnet::IpNet;
use vipcast_lab::{Cluster, Topology, harness::TestResult, vipcast};

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
    cluster.node(&owner)?.port.cut()?;
    assert_ne!(cluster.wait_for_page(&page(VIP))?, owner);
    let caught = capture.stop()?;
    let to = |address: &str| {
        let address: Option<IpAddr> = address.parse().ok();
        caught.frames.iter().filter(|frame| frame.ip().map(|(_, to)| to) == address).count()
    };
    assert_eq!(to("224.0.0.254"), 0);
    assert!(to("172.18.1.1") > 0 && to("172.18.1.2") > 0);
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
