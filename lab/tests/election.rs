//! Nodes that elect by beacons, on a real network: who answers, who takes over, who stays silent.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use vipcast_lab::{
    Cluster, Topology,
    harness::{self, TestResult, test},
    vipcast,
};

/// Long enough for a busy machine; what is waited for takes milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

/// The addresses of the quick start.
const PAGES: [&str; 4] = ["172.18.0.10", "172.18.0.20", "172.18.0.40", "fd18::1:1"];

const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);

fn main() -> ExitCode {
    harness::main(vec![test(
        "nodes elect by beacons, and another takes over from a dead one",
        another_takes_over,
    )])
}

fn cluster(name: &str, nodes: u8, args: &[&str]) -> Result<Cluster, Box<dyn std::error::Error>> {
    let manifests = Path::new("../examples/quickstart");
    Ok(Cluster::elect(Topology::new(name, nodes)?, &vipcast()?, manifests, args)?)
}

fn page(address: impl Into<IpAddr>) -> String {
    match address.into() {
        IpAddr::V4(address) => format!("http://{address}/"),
        IpAddr::V6(address) => format!("http://[{address}]/"),
    }
}

fn another_takes_over() -> TestResult {
    let cluster = cluster("takeover", 3, &["--insecure"])?;
    for address in PAGES {
        cluster.wait_for_page(&page(address.parse::<IpAddr>()?))?;
    }
    let owner = cluster.seen_by_client(VIP.into())?.name().to_owned();
    cluster.node(&owner)?.port.cut()?;
    let other = cluster.net.nodes.iter().find(|node| node.name() != owner).ok_or("no other")?;
    let silent = format!("{owner} is silent on 172.18.0.0/16");
    cluster.process(other.name()).wait_for_line(&silent, LIMIT)?;
    let successor = cluster.wait_for_page(&page(VIP))?;
    assert_ne!(successor, owner);
    for address in PAGES {
        assert_ne!(cluster.wait_for_page(&page(address.parse::<IpAddr>()?))?, owner);
    }
    Ok(())
}
