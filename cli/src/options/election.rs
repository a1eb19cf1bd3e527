use std::{net::IpAddr, path::PathBuf, time::Duration};

use clap::{Args as Arguments, ValueEnum};

/// How nodes elect.
#[derive(Debug, Default, Arguments)]
pub(crate) struct ElectionArgs {
    /// The keys that all nodes share: nodes elect by signed heartbeats. One secret on one line will
    /// do (`openssl rand -hex 32`); followed on edits, so that keys can be changed without an outage
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) key_file: Option<PathBuf>,

    /// Nodes elect by heartbeats without keys: whoever reaches the network can take any address
    #[arg(long)]
    pub(crate) insecure: bool,

    /// How nodes elect [default: beacon with --key-file or --insecure, else static]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) election: Option<ElectionArg>,

    /// The nodes that agree on who gets which address, the same list on each: three or five are
    /// enough, 31 at most. All of them have to be heard once before the first address is assigned, and
    /// then more than half for each new one; what is assigned stays. A node that is added later is
    /// admitted. Who is not named follows. [default: none; a node that hears no other then founds
    /// alone, and others follow it]
    #[arg(long, value_name = "NODE", value_delimiter = ',', conflicts_with = "shared_state")]
    pub(crate) founders: Vec<String>,

    /// All nodes have one state folder: whoever gets the lock in it assigns. Without this each node has
    /// its own, and they agree by messages
    #[arg(long)]
    pub(crate) shared_state: bool,

    /// How often a heartbeat is sent; three missed ones are a death. The same on all nodes
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "100ms")]
    pub(crate) beacon_interval: Duration,

    /// Wait for three missed heartbeats, instead of asking a node at once that missed one
    #[arg(long)]
    pub(crate) no_burst_probe: bool,

    /// Move addresses to nodes that have fewer, at most ten a minute, each after a minute at rest.
    /// Without this only new, preferred and failed ones move
    #[arg(long)]
    pub(crate) rebalance: bool,

    /// What proves that the holder of an address serves it. One that fails another node's question
    /// three times in a row, and a second node's too, gives the address up. The same on all nodes
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub(crate) serve_proof: ServeProofArg,

    /// The UDP port of heartbeats. The same on all nodes
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) beacon_port: u16,

    /// Send heartbeats to this node, instead of to all; once for each other node. For networks that
    /// carry no multicast
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) peer: Vec<IpAddr>,
}

const DEFAULT_PORT: u16 = 7_947;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ElectionArg {
    /// By heartbeats
    Beacon,
    /// By MetalLB's order, among the nodes whose heartbeats are heard
    Hash,
    /// By Leases of the cluster, each for a group of addresses: never two owners of one address, but
    /// seconds without any when a node dies, and none without the API server. For `vipcast speaker`
    Lease,
    /// From the list of --alive; without it, this node is alone
    Static,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ServeProofArg {
    /// An answer by ARP or ND
    #[default]
    Neighbor,
    /// An answer to a TCP handshake with the service's lowest TCP port, which is then given up; by
    /// ARP or ND where a service has none
    Tcp,
    /// Nothing is asked
    Off,
}

/// A time such as `100ms` or `1s`; a bare number is milliseconds.
fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    let number: u64 = number.parse().map_err(|_| "write it as `100ms` or `1s`".to_owned())?;
    match unit {
        "" | "ms" => Ok(Duration::from_millis(number)),
        "s" => Ok(Duration::from_secs(number)),
        _ => Err(format!("`{unit}` is no unit known here: write `100ms` or `1s`")),
    }
}
