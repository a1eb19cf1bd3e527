use serde::Deserialize;

use super::{LabelSelector, Metadata, metadata::nullable};

/// `metallb.io/v1beta1` `IPAddressPool`: addresses to hand out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct IpAddressPool {
    /// Its metadata.
    pub metadata: Metadata,
    /// What it holds.
    pub spec: IpAddressPoolSpec,
}

/// The `spec` of an [`IpAddressPool`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IpAddressPoolSpec {
    /// Each a CIDR, or `first-last`.
    #[serde(default, deserialize_with = "nullable")]
    pub addresses: Vec<String>,
    /// Whether services that do not name the pool get addresses of it; by default they do.
    pub auto_assign: Option<bool>,
    /// Whether IPv4 addresses that end with .0 or .255 are left out.
    #[serde(default, deserialize_with = "nullable", rename = "avoidBuggyIPs")]
    pub avoid_buggy_ips: bool,
    /// Which services may have addresses of it, and how soon it is tried.
    pub service_allocation: Option<ServiceAllocation>,
}

/// The `spec.serviceAllocation` of an [`IpAddressPool`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAllocation {
    /// The lower, the sooner; 0 is last.
    #[serde(default, deserialize_with = "nullable")]
    pub priority: i64,
    /// Services of these namespaces.
    #[serde(default, deserialize_with = "nullable")]
    pub namespaces: Vec<String>,
    /// Services of namespaces with such labels.
    #[serde(default, deserialize_with = "nullable")]
    pub namespace_selectors: Vec<LabelSelector>,
    /// Services with such labels.
    #[serde(default, deserialize_with = "nullable")]
    pub service_selectors: Vec<LabelSelector>,
}
