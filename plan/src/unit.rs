use alloc::{string::ToString, sync::Arc};
use core::{fmt, net::IpAddr};

use ipnet::IpNet;

/// The name of a node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName(Arc<str>);

impl NodeName {
    /// The node of this name.
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

impl fmt::Display for NodeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A named layer 2 domain: nodes on one segment hear each other's broadcasts.
///
/// By default it is named by the network of the links that lead to it, so that `eth0` on one node
/// and `ens3` on another are one segment when both are in `192.0.2.0/24`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segment(Arc<str>);

impl Segment {
    /// The segment of this name.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The segment of a link with these addresses: its lowest global IPv4 network, else its lowest
    /// global IPv6 network. An address without a network (/32, /128) says nothing of who else is
    /// there, nor does a link-local one; `None` where no others are left.
    #[must_use]
    pub fn of_networks(networks: &[IpNet]) -> Option<Self> {
        networks
            .iter()
            .filter(|network| network.prefix_len() < network.max_prefix_len())
            .filter(|network| match network.addr() {
                IpAddr::V4(address) => !address.is_link_local(),
                IpAddr::V6(address) => !address.is_unicast_link_local(),
            })
            .map(IpNet::trunc)
            .min()
            .map(|network| Self::new(network.to_string()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is elected: one address on one segment. Each unit has one holder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unit {
    /// The service address.
    pub address: IpAddr,
    /// Where it is announced.
    pub segment: Segment,
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.address, self.segment)
    }
}
