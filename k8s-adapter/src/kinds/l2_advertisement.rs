use serde::{Deserialize, Serialize};

use super::{LabelSelector, Metadata, metadata::nullable};

/// `metallb.io/v1beta1` `L2Advertisement`: how addresses are announced on layer 2.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct L2Advertisement {
    /// Its metadata.
    pub metadata: Metadata,
    /// What it announces; nothing means every pool from every node.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: L2AdvertisementSpec,
}

/// The `spec` of an [`L2Advertisement`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "cluster",
    kube(
        group = "metallb.io",
        version = "v1beta1",
        kind = "L2Advertisement",
        root = "L2AdvertisementDefinition",
        namespaced,
        status = "L2AdvertisementStatus",
        doc = "How addresses of which pools are announced on layer 2."
    )
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(
        name = "IPAddressPools",
        type_ = "string",
        json_path = ".spec.ipAddressPools"
    ))
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(
        name = "IPAddressPool Selectors",
        type_ = "string",
        json_path = ".spec.ipAddressPoolSelectors"
    ))
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(name = "Interfaces", type_ = "string", json_path = ".spec.interfaces"))
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(
        name = "Node Selectors",
        type_ = "string",
        priority = 10,
        json_path = ".spec.nodeSelectors"
    ))
)]
#[serde(rename_all = "camelCase")]
pub struct L2AdvertisementSpec {
    /// Pools by name.
    #[serde(default, deserialize_with = "nullable", rename = "ipAddressPools")]
    pub ip_address_pools: Vec<String>,
    /// Pools by label.
    #[serde(default, deserialize_with = "nullable", rename = "ipAddressPoolSelectors")]
    pub ip_address_pool_selectors: Vec<LabelSelector>,
    /// The nodes that may announce.
    #[serde(default, deserialize_with = "nullable")]
    pub node_selectors: Vec<LabelSelector>,
    /// The links to announce on.
    #[serde(default, deserialize_with = "nullable")]
    pub interfaces: Vec<String>,
    /// The services that are covered.
    #[serde(default, deserialize_with = "nullable")]
    pub service_selectors: Vec<LabelSelector>,
    /// The nodes that are preferred.
    #[serde(default, deserialize_with = "nullable")]
    pub preferred_node_selectors: Vec<PreferredNode>,
}

/// The `status` of an [`L2Advertisement`] in a cluster: nothing.
#[cfg(feature = "cluster")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub struct L2AdvertisementStatus {}

/// A preference for the nodes that a selector matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(schemars::JsonSchema))]
pub struct PreferredNode {
    /// What it adds to a matching node's score, 1 to 100.
    #[cfg_attr(feature = "cluster", schemars(with = "i32", range(min = 1, max = 100)))]
    pub weight: i64,
    /// Which nodes it matches.
    pub preference: LabelSelector,
}
