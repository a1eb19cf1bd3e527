//! Where runs take place: one network, used again and again.

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    BridgeOptions, Host, Node, Process, Result, Server, Topology, error::LabError, harness::tool,
    notation::parse_net,
};

/// Three nodes, a client, and a newcomer that asks by ARP.
#[derive(Debug)]
pub(super) struct World {
    pub(super) net: Topology,
    pub(super) newcomer: Host,
    dir: PathBuf,
    used: u16,
    _servers: Vec<Server>,
}

/// Long enough for a busy machine; what is waited for takes a few seconds.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// How many nodes there are.
pub(super) const NODES: u8 = 3;

/// The newcomer's own address.
pub(super) const NEWCOMER: Ipv4Addr = Ipv4Addr::new(172, 18, 2, 2);

/// What is served: the node's name by datagram.
pub(super) const SERVED: u16 = 80;

impl World {
    pub(super) fn new() -> Result<Self> {
        let options = BridgeOptions::default().multicast_snooping(false);
        let net = Topology::with_lan("race", NODES, &options)?;
        let newcomer = net.lab.add_host("newcomer")?;
        net.lab.connect(&newcomer, &net.lan, "eth0", &[&format!("{NEWCOMER}/16")])?;
        let servers = net.nodes.iter().map(|node| node.serve_name(SERVED));
        let servers = servers.collect::<Result<_>>()?;
        let dir = net.lab.dir().join("run");
        Ok(Self { net, newcomer, dir, used: 0, _servers: servers })
    }

    /// A folder for the files of this run.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Addresses that no run before has used, as far as the pool goes: it has 4,000.
    pub(super) fn fresh_addresses(&mut self, count: u16) -> Vec<Ipv4Addr> {
        /// The nodes' own addresses are in 172.18.1.0/24, the client's in 172.18.2.0/24.
        const FIRST: u16 = 3 << 8;
        const LAST: u16 = 16 << 8;
        let take = |_| {
            let number = FIRST + self.used % (LAST - FIRST);
            self.used = self.used.wrapping_add(1);
            let [high, low] = number.to_be_bytes();
            Ipv4Addr::new(172, 18, high, low)
        };
        (0..count).map(take).collect()
    }

    /// Makes it as it was at the beginning, whatever the contenders have left.
    pub(super) fn clean(&self, addresses: &[Ipv4Addr]) -> Result<()> {
        for node in &self.net.nodes {
            node.port.heal()?;
            for setting in ["arp_ignore", "arp_announce"] {
                node.set_sysctl(&format!("net.ipv4.conf.all.{setting}"), "0")?;
            }
            self.take_back(node, addresses)?;
            let mut flush = tool("nft");
            flush.args(["flush", "ruleset"]);
            ended(&node.spawn(flush)?)?;
            node.flush_neighbours()?;
        }
        self.net.client.flush_neighbours()?;
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(LabError::io("remove a run's files")(error));
            }
            _ => {}
        }
        fs::create_dir_all(&self.dir).map_err(LabError::io("make a folder for a run"))
    }

    fn take_back(&self, node: &Node, addresses: &[Ipv4Addr]) -> Result<()> {
        for ifname in ["lo", "eth0"] {
            let present = node.addresses(ifname)?;
            for address in addresses {
                let net = parse_net(&format!("{address}/32"))?;
                if present.contains(&net) {
                    node.delete_address(ifname, net)?;
                }
            }
        }
        Ok(())
    }
}

/// Waits for a program that has one thing to do, and takes a failure for an error.
pub(super) fn ended(process: &Process) -> Result<()> {
    let status = process.wait(LIMIT)?;
    if status.success() {
        return Ok(());
    }
    Err(LabError::Topology { what: format!("nft: {}", process.output()) })
}
