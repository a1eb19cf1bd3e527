//! What was asked for: an immutable snapshot, parsed once, already valid.

mod advertisement;
mod node;
mod service;

use alloc::{collections::BTreeMap, vec::Vec};

use vipcast_ipam::{Owner, Pools};

use crate::{LinkExpression, NodeName};

pub use advertisement::{L2Advertisement, PoolSelection, Preference};
pub use node::Node;
pub use service::{Assignment, Endpoint, Endpoints, Service, TrafficPolicy};

/// The whole snapshot.
#[derive(Clone, Debug, Default)]
pub struct Intent {
    /// The address pools.
    pub pools: Pools,
    /// How addresses of which pools are announced on layer 2.
    pub l2_advertisements: Vec<L2Advertisement>,
    /// The links that are never announced on, in place of those that are left out by default; `None`
    /// where nothing is said.
    pub excluded_links: Option<Vec<LinkExpression>>,
    /// The services that want addresses, by namespace and name.
    pub services: BTreeMap<Owner, Service>,
    /// The nodes that have a manifest of their own. A node without one has its hostname label alone.
    pub nodes: BTreeMap<NodeName, Node>,
}

impl Intent {
    /// The node of this name; one that nothing describes has its hostname label alone.
    #[must_use]
    pub fn node(&self, name: &NodeName) -> Node {
        self.nodes.get(name).cloned().unwrap_or_else(|| Node::undescribed(name))
    }
}
