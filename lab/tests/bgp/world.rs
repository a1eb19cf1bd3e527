//! A node that announces, and a router.

use std::{fs, io, net::IpAddr, path::PathBuf};

use vipcast_lab::{
    Bird, Captured, Node, Process, Topology, example,
    harness::{TestResult, tool},
};

pub(crate) use vipcast_lab::harness::LIMIT;

/// The router's address on the LAN, both families; those of node-a end in .1.1 and ::1.
pub(crate) const ROUTER: [&str; 2] = ["172.18.255.254", "fd18::ffff"];
pub(crate) const NODE: [&str; 2] = ["172.18.1.1", "fd18::1"];

/// Session options of BIRD that come back soon after an error.
pub(crate) const SOON: &str =
    "error wait time 1, 1; connect retry time 1; connect delay time 1; startup hold time 9;";

/// A BIRD that waits for node-a, takes both families, and has this besides.
pub(crate) fn waiting_bird(hold: u16, more: &str) -> String {
    let [router, node] = [ROUTER[0], NODE[0]];
    format!(
        "router id {router};\n\
         protocol bgp node {{ local {router} as 65002; neighbor {node} as 65001; passive on;\n\
         hold time {hold}; {SOON}\n\
         ipv4 {{ import all; export none; }}; ipv6 {{ import all; export none; }};\n\
         {more} }}\n"
    )
}

/// The network, the router, and the file of node-a.
pub(crate) struct World {
    pub(crate) net: Topology,
    pub(crate) bird: Bird,
    pub(crate) routes: PathBuf,
}

impl World {
    pub(crate) fn new(name: &str, config: &str) -> Result<Self, Box<dyn std::error::Error>> {
        let net = Topology::new(name, 1)?;
        let bird = Bird::start(&net.lab, &net.router, config)?;
        let routes = net.lab.dir().join("routes");
        Ok(Self { net, bird, routes })
    }

    pub(crate) fn node(&self) -> &Node {
        &self.net.nodes[0]
    }

    /// Starts `announce` on node-a towards the router, with these options besides.
    pub(crate) fn announce(&self, options: &[&str]) -> vipcast_lab::Result<Process> {
        let router = format!("{}:179", ROUTER[0]);
        let peer = ["--peer", &router, "--peer-as", "65002", "--next-hop", NODE[1]];
        announce(self.node(), &self.routes, &[&peer, options].concat())
    }

    /// Edits the file as a careful editor does: whole, by a rename.
    pub(crate) fn write(&self, routes: &str) -> io::Result<()> {
        let new = self.routes.with_extension("new");
        fs::write(&new, routes)?;
        fs::rename(new, &self.routes)
    }
}

/// Starts `announce` on a node.
pub(crate) fn announce(
    node: &Node,
    routes: &PathBuf,
    options: &[&str],
) -> vipcast_lab::Result<Process> {
    let mut command = std::process::Command::new(example("announce")?);
    command.args(["--local-as", "65001", "--router-id", NODE[0], "--routes"]);
    command.arg(routes).args(options);
    node.spawn(command)
}

/// So many lines of each family, with this behind the prefix.
pub(crate) fn hosts(count: u32, attributes: &str) -> String {
    let v4 = (0..count)
        .map(|n| format!("10.{}.{}.{}/32 {attributes}\n", n >> 16, n >> 8 & 255, n & 255));
    let v6 = (0..count).map(|n| format!("2001:db8::{n:x}/128 {attributes}\n"));
    v4.chain(v6).collect()
}

/// One BGP message in a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) kind: u8,
    pub(crate) length: u16,
}

pub(crate) const OPEN: u8 = 1;
pub(crate) const UPDATE: u8 = 2;
pub(crate) const NOTIFICATION: u8 = 3;
pub(crate) const ROUTE_REFRESH: u8 = 5;

/// The messages that `from` sent, but for KEEPALIVEs, as tshark reads them.
pub(crate) fn messages(
    caught: &Captured,
    from: IpAddr,
) -> Result<Vec<Message>, Box<dyn std::error::Error>> {
    assert_eq!(caught.dropped, 0, "the capture is not whole");
    let mut tshark = tool("tshark");
    tshark.arg("-r").arg(&caught.path).args(["-Y", &format!("bgp && ip.src == {from}")]);
    tshark.args(["-T", "fields", "-e", "bgp.type", "-e", "bgp.length"]);
    let output = tshark.output()?;
    let text = String::from_utf8(output.stdout)?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut found = Vec::new();
    for line in text.lines() {
        let (kinds, lengths) = line.split_once('\t').ok_or("no second field")?;
        for (kind, length) in kinds.split(',').zip(lengths.split(',')) {
            found.push(Message { kind: kind.parse()?, length: length.parse()? });
        }
    }
    found.retain(|message| message.kind != 4);
    Ok(found)
}

/// Only what a test wants to see said.
pub(crate) fn assert_says(process: &Process, pattern: &str) -> TestResult {
    process.wait_for_line(pattern, LIMIT)?;
    Ok(())
}
