use std::{net::IpAddr, path::PathBuf};

use clap::Args;

use crate::options::Output;

/// Say who holds an address, since when, and who knows it
///
/// Asks the process that runs on this machine, by its socket. Exits with 0 if somebody holds the
/// address, and with 1 if nobody does or no process can be asked.
#[derive(Debug, Args)]
pub(crate) struct WhoHasArgs {
    /// The service address
    #[arg(value_name = "ADDRESS")]
    pub(crate) address: IpAddr,

    /// The state folder of the process, which its socket is in
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,

    /// The name of the process's node [default: the host's name]
    #[arg(long, visible_alias = "node-name", value_name = "NAME")]
    pub(crate) node: Option<String>,

    /// The socket itself
    #[arg(long, value_name = "PATH", conflicts_with_all = ["state", "node"])]
    pub(crate) socket: Option<PathBuf>,

    /// How to print: for people, or one JSON object
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Output,
}
