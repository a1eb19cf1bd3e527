//! memberlist with a small ARP responder: `lab/rivals/memberlist`.

use std::{net::Ipv4Addr, path::Path, process::Command};

use crate::{Process, Result};

use super::super::world::{LIMIT, World};
use super::deliver_everywhere;

/// Where its nodes meet, as in MetalLB.
pub(super) const PORT: u16 = 7946;

pub(super) fn start(
    world: &World,
    program: &Path,
    which: &[usize],
    addresses: &[Ipv4Addr],
) -> Result<Vec<Process>> {
    deliver_everywhere(world, addresses)?;
    let list = |items: Vec<String>| items.join(",");
    let start = |&index: &usize| {
        let node = &world.net.nodes[index];
        let others = which.iter().filter(|other| **other != index);
        let mut command = Command::new(program);
        command.args(["-node", node.name(), "-bind", &node.ipv4.to_string(), "-peers"]);
        command.arg(list(others.map(|other| world.net.nodes[*other].ipv4.to_string()).collect()));
        command.arg("-addresses").arg(list(addresses.iter().map(Ipv4Addr::to_string).collect()));
        node.spawn(command)
    };
    let processes = which.iter().map(start).collect::<Result<Vec<_>>>()?;
    for process in &processes {
        process.wait_for_line(&format!("members {}", which.len()), LIMIT)?;
    }
    Ok(processes)
}
