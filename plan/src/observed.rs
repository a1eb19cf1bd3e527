use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::{fmt, net::IpAddr};

use ipnet::IpNet;

use crate::{NodeName, Segment};

/// What one node sees of itself and of its peers. Reported by whoever owns the sockets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The links that can carry announcements.
    pub links: BTreeMap<LinkName, Link>,
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
