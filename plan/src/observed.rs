use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::{fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{LinkExpression, NodeName, Segment};

/// What one node sees of itself and of its peers. Reported by whoever owns the sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The links that can carry announcements.
    pub links: BTreeMap<LinkName, Link>,
    /// The other links of the node, and why they cannot.
    pub unusable: BTreeMap<LinkName, UnusableLink>,
    /// The links by which the node's routes lead to the addresses that advertisements name.
    pub reach: BTreeMap<IpAddr, LinkName>,
    /// For each address that is delivered on this node itself: whether that works. An address that
    /// is not named here is delivered by somebody else (kube-proxy, a CNI), who is trusted.
    pub delivery: BTreeMap<IpAddr, Delivery>,
    /// The nodes that are known to live, this one included.
    pub members: BTreeSet<NodeName>,
}

/// One network link of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The layer 2 domain behind it.
    pub segment: Segment,
    /// Its addresses with their prefix lengths.
    pub networks: Vec<IpNet>,
    /// Administratively up, and with carrier.
    pub up: bool,
    /// Why nothing can be announced on it although it is up, in words for a person.
    pub broken: Option<String>,
}

/// A link that carries no announcements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnusableLink {
    /// Its addresses with their prefix lengths.
    pub networks: Vec<IpNet>,
    /// Why not.
    pub refusal: LinkRefusal,
}

/// Why a link carries no announcements. Prints as a sentence about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum LinkRefusal {
    /// The node's settings leave it out.
    Excluded,
    /// It is in the list of links that are never announced on.
    Listed {
        /// What in the list matches its name.
        expression: LinkExpression,
    },
    /// It is a part of another link, which speaks for it.
    Member {
        /// The bond, bridge or team.
        of: LinkName,
    },
    /// It has no neighbours that could be asked: no broadcast, no ARP, or no Ethernet address.
    NoNeighbours,
}

impl fmt::Display for LinkRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Excluded => f.write_str("the settings of this node exclude it"),
            Self::Listed { expression } => {
                write!(f, "the list of excluded links matches it with `{}`", expression.as_str())
            }
            Self::Member { of } => write!(f, "it is a member of {of}; use {of} instead"),
            Self::NoNeighbours => f.write_str("it is no Ethernet link with ARP"),
        }
    }
}

/// Whether this node can deliver what arrives for an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It can.
    Ready,
    /// It cannot; the text says why, for a person.
    Failed(String),
}

/// The name of a link, such as `eth0`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkName(Arc<str>);

impl LinkName {
    /// The link of this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LinkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
