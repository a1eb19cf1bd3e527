use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::net::IpAddr;

use vipcast_ipam::{LabelSelector, Labels};

use super::{Node, Service};
use crate::LinkName;

/// How addresses are announced on layer 2. Empty lists select everything; the selectors of one list
/// are alternatives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct L2Advertisement {
    /// Its name.
    pub name: String,
    /// The pools whose addresses it covers.
    pub pools: PoolSelection,
    /// The nodes that may announce.
    pub nodes: Vec<LabelSelector>,
    /// The links to announce on. Without any, and without an address in `reaching`: every usable one
    /// in whose network an address is.
    pub links: BTreeSet<LinkName>,
    /// The links by which the node's routes lead to these addresses, to announce on.
    pub reaching: BTreeSet<IpAddr>,
    /// The services it covers.
    pub services: Vec<LabelSelector>,
    /// Nodes that are preferred, with the weight that each selector adds.
    pub preferences: Vec<Preference>,
}

impl L2Advertisement {
    /// Whether it covers addresses of this pool.
    #[must_use]
    pub fn covers_pool(&self, name: &str, labels: &Labels) -> bool {
        self.pools.selects(name, labels)
    }

    /// Whether it covers this service.
    #[must_use]
    pub fn covers_service(&self, service: &Service) -> bool {
        any_or_empty(&self.services, service.labels())
    }

    /// Whether this node may announce by it.
    #[must_use]
    pub fn admits_node(&self, node: &Node) -> bool {
        any_or_empty(&self.nodes, &node.labels)
    }

    /// How much this node is preferred: the sum of the weights of the selectors that match it.
    #[must_use]
    pub fn score(&self, node: &Node) -> u32 {
        let matching = self.preferences.iter().filter(|p| p.selector.matches(&node.labels));
        matching.map(|preference| preference.weight).fold(0, u32::saturating_add)
    }
}

/// A preference for the nodes that a selector matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preference {
    /// What it adds to a matching node's score, 1 to 100.
    pub weight: u32,
    /// Which nodes it matches.
    pub selector: LabelSelector,
}

/// Which pools an advertisement covers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum PoolSelection {
    /// Every pool.
    #[default]
    All,
    /// Those with one of these names, and those that one of these selectors matches.
    Some {
        /// By name.
        names: BTreeSet<String>,
        /// By label.
        selectors: Vec<LabelSelector>,
    },
}

impl PoolSelection {
    /// Whether the pool of this name and these labels is selected.
    #[must_use]
    pub fn selects(&self, name: &str, labels: &Labels) -> bool {
        match self {
            Self::All => true,
            Self::Some { names, selectors } => {
                names.contains(name) || selectors.iter().any(|selector| selector.matches(labels))
            }
        }
    }
}

fn any_or_empty(selectors: &[LabelSelector], labels: &Labels) -> bool {
    selectors.is_empty() || selectors.iter().any(|selector| selector.matches(labels))
}
