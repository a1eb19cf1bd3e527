use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Result, bail};
use clap::Args;

use super::log::{self, LogFormat};

/// What every command has that runs in a cluster.
#[derive(Debug, Args)]
pub(crate) struct ClusterArgs {
    /// The namespace of the IPAddressPools and L2Advertisements, and of what vipcast itself keeps
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE", default_value = "metallb-system")]
    pub(crate) namespace: String,

    /// The cluster to talk to [default: the one of $KUBECONFIG or ~/.kube/config, else the one that
    /// this pod runs in]
    #[arg(long, value_name = "FILE")]
    pub(crate) kubeconfig: Option<PathBuf>,

    /// Where /livez and /readyz are served
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) health: Option<SocketAddr>,

    /// What is logged: error, warn, info, debug or trace, also by module
    #[arg(long, value_name = "FILTER", env = "VIPCAST_LOG", default_value = "info")]
    pub(crate) log: String,

    /// How log lines look
    #[arg(long, value_enum, default_value_t)]
    pub(crate) log_format: LogFormat,
}

impl ClusterArgs {
    pub(super) fn start_log(&self) -> Result<()> {
        log::start(self.log_format, &self.log)
    }
}

/// The name of this process among its like: `name`, or else the host's.
pub(super) fn own_name(name: Option<&str>, flag: &str) -> Result<String> {
    let name = match name {
        Some(name) => name.to_owned(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    if name.is_empty() || name.contains(char::is_whitespace) {
        bail!("`{name}` is no name: give one with {flag}, without spaces");
    }
    Ok(name)
}
