//! keepalived, with its defaults beside the interval.

use std::{fmt::Write, fs, net::Ipv4Addr, time::Duration};

use crate::{Process, Result, error::LabError, harness::tool};

use super::super::world::World;

/// The first node has the highest priority.
const PRIORITIES: [u8; 3] = [200, 150, 100];

pub(super) fn start(
    world: &World,
    advert: Duration,
    which: &[usize],
    addresses: &[Ipv4Addr],
) -> Result<Vec<Process>> {
    let start = |&index: &usize| {
        let (node, dir) = (&world.net.nodes[index], world.dir());
        let file = |kind: &str| dir.join(format!("{}.{kind}", node.name()));
        let text = configuration(advert, PRIORITIES[index], addresses);
        fs::write(file("conf"), text).map_err(LabError::io("write keepalived's configuration"))?;
        let mut command = tool("keepalived");
        command.args(["--dont-fork", "--log-console", "--vrrp"]);
        command.arg("--use-file").arg(file("conf"));
        command.arg("--pid").arg(file("pid"));
        command.arg("--vrrp_pid").arg(file("vrrp-pid"));
        node.spawn(command)
    };
    which.iter().map(start).collect()
}

fn configuration(advert: Duration, priority: u8, addresses: &[Ipv4Addr]) -> String {
    let seconds = advert.as_secs_f64();
    let mut text = format!(
        "global_defs {{\n  vrrp_version 3\n}}\nvrrp_instance race {{\n  state BACKUP\n  interface \
         eth0\n  virtual_router_id 51\n  priority {priority}\n  advert_int {seconds}\n  \
         virtual_ipaddress {{\n"
    );
    for address in addresses {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "    {address}/32");
    }
    text + "  }\n}\n"
}
