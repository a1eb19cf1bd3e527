use std::{fmt, net::IpAddr, path::PathBuf};

use vipcast_announcer::agreement::Standing;
use vipcast_ipam::Owner;
use vipcast_plan::NodeName;

use crate::{Alive, Diagnostic, assigner::Outcome};

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StandaloneEvent {
    /// Something was found in a manifest.
    Found(Diagnostic),
    /// Something that was found is no longer so.
    Mended(Diagnostic),
    /// What became of a service's addresses.
    Outcome(Outcome),
    /// This node assigns from now on, or no longer.
    Assigning(bool),
    /// Who assigns, or why nobody does, where nodes agree on it.
    Standing(Standing),
    /// A service has no address, and nobody assigns one now.
    Waiting {
        /// The service.
        service: Owner,
        /// Why nobody does.
        why: Standing,
    },
    /// Addresses that were released long ago are handed out again only when these members have heard
    /// of it: they may still announce them.
    Unreleased {
        /// The addresses.
        addresses: Vec<IpAddr>,
        /// Who is silent.
        silent: Vec<NodeName>,
    },
    /// The living nodes, or why the earlier list is kept.
    Alive(Alive),
    /// This node is not on the list of the living: it holds nothing.
    Unlisted(NodeName),
    /// Another process assigns in the same state folder, though this node was told that it is alone.
    NotAlone,
    /// The copy of the manifests, which serves after a restart with an unreadable folder, cannot be
    /// written.
    CopyFault(String),
    /// The state cannot be read or written: nothing new is assigned, what is stays.
    StateFault(String),
    /// The state was corrupt, and a copy of it was set aside here.
    SetAside(PathBuf),
    /// After a loss of state, the network is asked who uses these addresses.
    Probing(Vec<IpAddr>),
    /// After a loss of state, somebody was found with this address: it is not handed out.
    Occupied(IpAddr),
}

impl StandaloneEvent {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Mended(_) => "mended",
            Self::Outcome(outcome) => outcome.name(),
            Self::Assigning(_) => "assigning",
            Self::Standing(_) => "assigner",
            Self::Waiting { .. } => "waiting",
            Self::Unreleased { .. } => "unreleased",
            Self::Alive(_) => "alive",
            Self::Unlisted(_) => "unlisted",
            Self::NotAlone => "notAlone",
            Self::CopyFault(_) => "copyFault",
            Self::StateFault(_) => "stateFault",
            Self::SetAside(_) => "setAside",
            Self::Probing(_) => "probing",
            Self::Occupied(_) => "occupied",
        }
    }
}

impl fmt::Display for StandaloneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(diagnostic) => diagnostic.fmt(f),
            Self::Mended(diagnostic) => write!(f, "no longer so: {diagnostic}"),
            Self::Outcome(outcome) => outcome.fmt(f),
            Self::Assigning(true) => f.write_str("this node assigns addresses"),
            Self::Assigning(false) => f.write_str("this node does not assign addresses; it follows what is written"),
            Self::Standing(standing) if standing.leader().is_some() => standing.fmt(f),
            Self::Standing(standing) => {
                write!(f, "nobody assigns addresses now, what is assigned stays: {standing}")
            }
            Self::Waiting { service, why } => write!(f, "{service} waits for an address: {why}"),
            Self::Unreleased { addresses, silent } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(
                    f,
                    "{} cannot be handed out again before {} is heard, who may still announce them; \
                     if it is gone for good, leave it out of --founders and start the others anew",
                    addresses.join(", "),
                    Names(silent)
                )
            }
            Self::Alive(Alive { nodes, stale: None }) => {
                write!(f, "living nodes: {}", Names(nodes))
            }
            Self::Alive(Alive { nodes, stale: Some(fault) }) => {
                write!(f, "{fault}; the last list stays: {}", Names(nodes))
            }
            Self::Unlisted(node) => {
                write!(f, "this node, {node}, is not among the living: it holds nothing")
            }
            Self::NotAlone => f.write_str(
                "ANOTHER VIPCAST USES THIS STATE FOLDER, and this node was told that it is alone: it \
                 holds nothing, so that no address has two owners; give both of them --alive, or each \
                 a folder of its own",
            ),
            Self::CopyFault(fault) => write!(
                f,
                "{fault}; after a restart with an unreadable folder, older manifests would be served"
            ),
            Self::StateFault(fault) => {
                write!(f, "{fault}; nothing new is assigned, and what is assigned stays")
            }
            Self::SetAside(path) => write!(
                f,
                "THE WRITTEN ASSIGNMENTS WERE CORRUPT: a copy is set aside as {}; what could be read \
                 of it stays, and other addresses are handed out only after nobody answered for them",
                path.display()
            ),
            Self::Probing(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "asking the network who uses {}", addresses.join(", "))
            }
            Self::Occupied(address) => {
                write!(f, "another host uses {address}: it is not handed out")
            }
        }
    }
}

struct Names<'a>(&'a [NodeName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, name) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
