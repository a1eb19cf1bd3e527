//! Faults that concern some packets only: rules of the bridge.

use std::{io, net::Ipv4Addr};

use crate::{Node, Process, Result, error::LabError, harness::tool, namespace::Namespace};

use super::world::ended;

/// Rules that drop frames of one node on a bridge. They go when this is dropped.
#[derive(Debug)]
pub(super) struct Sieve<'a> {
    bridge: &'a Namespace,
}

impl<'a> Sieve<'a> {
    /// Drops these packets to and from a node; they are in nftables' words.
    pub(super) fn packets(node: &'a Node, packets: &[String]) -> Result<Self> {
        let port = node.port.record().name();
        let ways = ["iifname", "oifname"];
        let rules = packets.iter().flat_map(|packet| {
            ways.map(|way| format!("add rule bridge race fault {way} \"{port}\" {packet} drop\n"))
        });
        Self::new(node, &rules.collect::<String>())
    }

    /// Drops a node's ARP that says it has `address`.
    pub(super) fn arp_of(node: &'a Node, address: Ipv4Addr) -> Result<Self> {
        let port = node.port.record().name();
        let rule =
            format!("add rule bridge race fault iifname \"{port}\" arp saddr ip {address} drop\n");
        Self::new(node, &rule)
    }

    fn new(node: &'a Node, rules: &str) -> Result<Self> {
        let bridge = node.port.bridge().namespace();
        let chain = "add table bridge race\nadd chain bridge race fault { type filter hook forward \
                     priority 0; }\n";
        apply(bridge, &format!("{chain}{rules}"))?;
        Ok(Self { bridge })
    }
}

impl Drop for Sieve<'_> {
    fn drop(&mut self) {
        // Should it stay, the next run finds a table that exists, and fails.
        let _ = apply(self.bridge, "delete table bridge race\n");
    }
}

fn apply(bridge: &Namespace, script: &str) -> Result<()> {
    let file = tempfile::NamedTempFile::new().map_err(LabError::io("create a file of rules"))?;
    io::Write::write_all(&mut file.as_file(), script.as_bytes())
        .map_err(LabError::io("write a file of rules"))?;
    let mut command = tool("nft");
    command.arg("-f").arg(file.path());
    ended(&Process::spawn(bridge, command)?)
}
