//! Options that several commands have.

mod election;
mod layer2;

use anyhow::{Result, bail};
use clap::ValueEnum;
use vipcast_announcer::Deliver;

pub(crate) use election::{ElectionArg, ElectionArgs, ServeProofArg};
pub(crate) use layer2::{GUARD_SWEPT, Layer2Args};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    #[default]
    Text,
    /// One JSON object a line
    Json,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum DeliverArg {
    /// Somebody else, as kube-proxy does
    #[default]
    None,
    /// This machine: the address is put on `lo`, and the kernel kept from answering ARP for it
    Local,
}

impl From<DeliverArg> for Deliver {
    fn from(deliver: DeliverArg) -> Self {
        match deliver {
            DeliverArg::None => Self::None,
            DeliverArg::Local => Self::Local,
        }
    }
}

/// The name that was given, or the host's.
pub(crate) fn node_name(given: Option<&str>) -> Result<String> {
    let node = match given {
        Some(name) => name.to_owned(),
        None => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    };
    if node.is_empty() || node.contains(char::is_whitespace) {
        bail!("`{node}` cannot name a node: name it with --node, without spaces");
    }
    Ok(node)
}
