use alloc::string::ToString;

use vipcast_ipam::Labels;

use crate::NodeName;

/// A node, as far as announcing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// Its labels.
    pub labels: Labels,
    /// It carries the label `node.kubernetes.io/exclude-from-external-load-balancers`.
    pub excluded: bool,
    /// Its condition `NetworkUnavailable` is true.
    pub network_unavailable: bool,
}

impl Node {
    /// A node that no manifest describes: it has its `kubernetes.io/hostname` label alone.
    #[must_use]
    pub fn undescribed(name: &NodeName) -> Self {
        let hostname = ("kubernetes.io/hostname".to_string(), name.to_string());
        Self { labels: [hostname].into(), ..Self::default() }
    }
}
