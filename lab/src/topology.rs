//! The network that most tests want, ready-made.

use std::net::IpAddr;

use crate::{
    bridge::{Bridge, BridgeOptions},
    error::{LabError, Result},
    host::Host,
    lab::Lab,
    mac::Mac,
    notation::parse_net,
    port::Port,
};

/// A LAN with nodes, a client and a router, and a second client behind the router.
///
/// ```text
///   node-a .1.1   node-b .1.2   node-c .1.3 ...      client .2.1
///      |             |             |                    |
///   ---+-------------+-------------+-------- lan -------+-----+---
///            172.18.0.0/16, fd18::/64                         |
///                                            router .255.254 / fd18::ffff
///                                                             |
///   ------- outside  192.0.2.0/24, fd19::/64 -----------------+---
///              |                              .254 / fd19::ffff
///      outside client .1
/// ```
///
/// Every interface to the LAN or outside is `eth0`; the router's to the outside is `eth1`. Nodes
/// and clients have the router as their default gateway. The pool 172.18.0.0/24 is free of hosts,
/// and so is fd18::1:0/112.
#[derive(Debug)]
#[non_exhaustive]
pub struct Topology {
    /// The lab that holds all of it; more may be added.
    pub lab: Lab,
    /// The nodes' network.
    pub lan: Bridge,
    /// The network behind the router.
    pub outside: Bridge,
    /// `node-a`, `node-b`, and so on.
    pub nodes: Vec<Node>,
    /// A host on the LAN that wants to be served.
    pub client: Node,
    /// Passes packets between the LAN and the outside.
    pub router: Node,
    /// A host that reaches the LAN by the router alone.
    pub outside_client: Node,
}

/// A host of a [`Topology`], with its cable.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Node {
    /// The machine.
    pub host: Host,
    /// Its cable to the LAN (of the outside client: to the outside).
    pub port: Port,
    /// Its IPv4 address there.
    pub ipv4: IpAddr,
    /// Its IPv6 address there.
    pub ipv6: IpAddr,
}

impl Node {
    /// Its name, as `node-a`.
    pub fn name(&self) -> &str {
        self.host.name()
    }
}

impl std::ops::Deref for Node {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Topology {
    /// Builds it with so many nodes: 1 to 26.
    ///
    /// # Errors
    /// Another number of nodes; what the kernel refuses.
    pub fn new(name: &str, nodes: u8) -> Result<Self> {
        Self::with_lan(name, nodes, &BridgeOptions::default())
    }

    /// Builds it with a LAN of other settings.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_lan(name: &str, nodes: u8, options: &BridgeOptions) -> Result<Self> {
        if !(1..=26).contains(&nodes) {
            let what = format!("a topology has 1 to 26 nodes, not {nodes}");
            return Err(LabError::Topology { what });
        }
        let lab = Lab::new(name)?;
        let lan = lab.add_bridge_with("lan", options)?;
        let outside = lab.add_bridge("outside")?;
        let join = |name: &str, bridge: &Bridge, ipv4: &str, ipv6: &str| {
            let host = lab.add_host(name)?;
            let port = lab.connect(&host, bridge, "eth0", &[ipv4, ipv6])?;
            let [ipv4, ipv6] = [ipv4, ipv6].map(parse_net);
            Ok::<_, LabError>(Node { host, port, ipv4: ipv4?.addr(), ipv6: ipv6?.addr() })
        };
        let router = join("router", &lan, "172.18.255.254/16", "fd18::ffff/64")?;
        lab.connect(&router, &outside, "eth1", &["192.0.2.254/24", "fd19::ffff/64"])?;
        router.forward()?;
        let home = |node: Node, ipv4: &str, ipv6: &str| {
            node.add_route("0.0.0.0/0", ipv4)?;
            node.add_route("::/0", ipv6)?;
            Ok::<_, LabError>(node)
        };
        let on_lan = |node| home(node, "172.18.255.254", "fd18::ffff");
        let nodes = ('a'..='z').zip(1..=nodes).map(|(letter, number)| {
            let (ipv4, ipv6) = (format!("172.18.1.{number}/16"), format!("fd18::{number:x}/64"));
            on_lan(join(&format!("node-{letter}"), &lan, &ipv4, &ipv6)?)
        });
        let nodes = nodes.collect::<Result<Vec<_>>>()?;
        let client = on_lan(join("client", &lan, "172.18.2.1/16", "fd18::c1/64")?)?;
        let far = join("outside-client", &outside, "192.0.2.1/24", "fd19::c1/64")?;
        let outside_client = home(far, "192.0.2.254", "fd19::ffff")?;
        Ok(Self { lab, lan, outside, nodes, client, router, outside_client })
    }

    /// The node whose MAC address this is.
    ///
    /// # Errors
    /// What the kernel refuses; a MAC address of nobody.
    pub fn node_of(&self, mac: Mac) -> Result<&Node> {
        for node in &self.nodes {
            if node.mac("eth0")? == mac {
                return Ok(node);
            }
        }
        Err(LabError::Topology { what: format!("{mac} is no node's") })
    }

    /// The node that the client sends to when it sends to `address`, by its neighbour table.
    ///
    /// # Errors
    /// When the client knows nobody, or a stranger.
    pub fn seen_by_client(&self, address: IpAddr) -> Result<&Node> {
        let mac = self.client.neighbour(address)?.and_then(|entry| entry.mac);
        let unknown = || LabError::Topology { what: format!("the client knows no {address}") };
        self.node_of(mac.ok_or_else(unknown)?)
    }
}
