use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::{fmt, net::IpAddr};

use crate::{Families, Labels, Owner};

/// What an owner asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who asks.
    pub owner: Owner,
    /// Labels of the owner, for pools that select by them.
    pub labels: Labels,
    /// Labels of the owner's namespace, for pools that select by them.
    pub namespace_labels: Labels,
    /// Which families are wanted.
    pub families: Families,
    /// Exactly these addresses; empty for any.
    pub addresses: Vec<IpAddr>,
    /// From this pool alone, also if it does not assign by itself.
    pub pool: Option<String>,
    /// What the address is used for: owners that share one must not have a port in common.
    pub ports: BTreeSet<Port>,
    /// Consent to share: owners with equal keys may hold one address.
    pub sharing_key: Option<String>,
    /// Namespaces whose owners may hold an address together with this one; looked at only in pools that ask for consent.
    pub sharing_namespaces: BTreeSet<String>,
    /// What stands behind the address; sharers must have equal ones. Empty where any node serves.
    pub backend_key: String,
    /// How many addresses of each family; 1 as a rule, and 0 counts as 1.
    pub per_family: u16,
    /// The two families may come from two pools, also if the pools do not say so.
    pub two_pools: bool,
}

impl Request {
    /// A plain request: any address of these families.
    #[must_use]
    pub fn new(owner: Owner, families: Families) -> Self {
        Self {
            owner,
            labels: Labels::new(),
            namespace_labels: Labels::new(),
            families,
            addresses: Vec::new(),
            pool: None,
            ports: BTreeSet::new(),
            sharing_key: None,
            sharing_namespaces: BTreeSet::new(),
            backend_key: String::new(),
            per_family: 1,
            two_pools: false,
        }
    }
}

/// A transport protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
        })
    }
}

/// A port of a transport protocol. Written `TCP/80`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Port {
    /// The protocol.
    pub protocol: Protocol,
    /// The number.
    pub number: u16,
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.protocol, self.number)
    }
}
