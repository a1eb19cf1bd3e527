use serde::{Deserialize, Serialize};

use super::{LabelSelector, Metadata, metadata::nullable};

/// `metallb.io/v1beta1` `IPAddressPool`: addresses to hand out.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct IpAddressPool {
    /// Its metadata.
    pub metadata: Metadata,
    /// What it holds.
    pub spec: IpAddressPoolSpec,
}

/// The `spec` of an [`IpAddressPool`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(kube::CustomResource, schemars::JsonSchema))]
#[cfg_attr(
    feature = "cluster",
    kube(
        group = "metallb.io",
        version = "v1beta1",
        kind = "IPAddressPool",
        root = "IpAddressPoolDefinition",
        namespaced,
        status = "IpAddressPoolStatus",
        doc = "Addresses to hand out to services of type LoadBalancer."
    )
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(name = "Auto Assign", type_ = "boolean", json_path = ".spec.autoAssign"))
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(
        name = "Avoid Buggy IPs",
        type_ = "boolean",
        json_path = ".spec.avoidBuggyIPs"
    ))
)]
#[cfg_attr(
    feature = "cluster",
    kube(printcolumn(name = "Addresses", type_ = "string", json_path = ".spec.addresses"))
)]
#[serde(rename_all = "camelCase")]
pub struct IpAddressPoolSpec {
    /// Each a CIDR, or `first-last`.
    #[serde(default, deserialize_with = "nullable")]
    pub addresses: Vec<String>,
    /// Whether services that do not name the pool get addresses of it; by default they do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "cluster", schemars(extend("default" = true)))]
    pub auto_assign: Option<bool>,
    /// Whether IPv4 addresses that end with .0 or .255 are left out.
    #[serde(default, deserialize_with = "nullable", rename = "avoidBuggyIPs")]
    pub avoid_buggy_ips: bool,
    /// Which services may have addresses of it, and how soon it is tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_allocation: Option<ServiceAllocation>,
}

/// An integer of no declared width.
#[cfg(feature = "cluster")]
struct Integer;

#[cfg(feature = "cluster")]
impl schemars::JsonSchema for Integer {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Integer".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "integer" })
    }
}

/// The `status` of an [`IpAddressPool`] in a cluster. vipcast leaves it alone: a write for each
/// address that is handed out is what it is meant to spare.
#[cfg(feature = "cluster")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, schemars::JsonSchema)]
pub struct IpAddressPoolStatus {
    /// IPv4 addresses that are handed out.
    #[serde(rename = "assignedIPv4")]
    pub assigned_ipv4: i64,
    /// IPv6 addresses that are handed out.
    #[serde(rename = "assignedIPv6")]
    pub assigned_ipv6: i64,
    /// IPv4 addresses that are free.
    #[serde(rename = "availableIPv4")]
    pub available_ipv4: i64,
    /// IPv6 addresses that are free.
    #[serde(rename = "availableIPv6")]
    pub available_ipv6: i64,
}

/// The `spec.serviceAllocation` of an [`IpAddressPool`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct ServiceAllocation {
    /// The lower, the sooner; 0 is last.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(feature = "cluster", schemars(with = "Integer"))]
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
