//! The lab itself: does a network built here behave as a network?

use std::process::ExitCode;
use vipcast_lab::{
    Topology,
    harness::{self, TestResult, test},
};

fn hosts_on_a_lan_and_behind_a_router_reach_each_other() -> TestResult {
    let net = Topology::new("reach", 2)?;
    let _server = net.nodes[0].serve_name(80)?;
    for url in ["http://172.18.1.1/", "http://[fd18::1]/"] {
        assert_eq!(
            net.nodes[1].fetch(url)?.body,
            "node-a\n",
            "{url} from a neighbour"
        );
        assert_eq!(
            net.outside_client.fetch(url)?.body,
            "node-a\n",
            "{url} by the router"
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    harness::main(vec![test(
        "hosts on a LAN and behind a router reach each other",
        hosts_on_a_lan_and_behind_a_router_reach_each_other,
    )])
}
