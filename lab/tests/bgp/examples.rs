//! The examples of `bgp-proto`, before BIRD.

use std::process::Command;

use vipcast_lab::{example, harness::TestResult};

use super::world::{LIMIT, NODE, ROUTER, SOON, World, assert_says, waiting_bird};

pub(crate) fn blocking() -> TestResult {
    let world = World::new("blocking", &waiting_bird(9, ""))?;
    let mut command = Command::new(example("announce_blocking")?);
    command.args(["172.18.255.254:179", "65001", "65002", "10.9.9.9/32"]);
    let _announce = world.node().spawn(command)?;
    world.bird.wait_for_count("master4", "where net = 10.9.9.9/32", 1, LIMIT)?;
    // It lives on KEEPALIVEs, and comes back after a reset.
    world.bird.ask("restart node")?;
    world.bird.wait_for_count("master4", "", 0, LIMIT)?;
    world.bird.wait_for_count("master4", "", 1, LIMIT).map_err(Into::into)
}

pub(crate) fn collector() -> TestResult {
    let [router, node] = [ROUTER[0], NODE[0]];
    let config = format!(
        "router id {router};\n\
         protocol static {{ ipv4; route 10.8.8.0/24 blackhole; }}\n\
         protocol bgp node {{ local {router} as 65002; neighbor {node} as 65001; {SOON}\n\
         ipv4 {{ import none; export all; }}; }}\n"
    );
    let world = World::new("collector", &config)?;
    let mut command = Command::new(example("collector")?);
    command.args(["0.0.0.0:179", "65001"]);
    let collector = world.node().spawn(command)?;
    assert_says(&collector, "65002: + 10.8.8.0/24")?;
    assert_says(&collector, "65002: End-of-RIB IPv4 unicast")
}
