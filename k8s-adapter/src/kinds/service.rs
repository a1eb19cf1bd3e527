use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{Metadata, Texts, metadata::nullable};

/// `v1` `Service`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Service {
    /// Its metadata.
    pub metadata: Metadata,
    /// What it asks for.
    #[serde(default, deserialize_with = "nullable")]
    pub spec: ServiceSpec,
    /// What it has.
    #[serde(default, deserialize_with = "nullable")]
    pub status: ServiceStatus,
}

impl Service {
    /// The addresses that its status says it has, in order. Names, and texts that are no address, are
    /// passed over.
    #[must_use]
    pub fn held(&self) -> Vec<IpAddr> {
        let entries = self.status.load_balancer.ingress.iter();
        let mut addresses: Vec<IpAddr> = entries
            .filter_map(|entry| entry.ip.as_deref()?.parse::<IpAddr>().ok())
            .map(|address| address.to_canonical())
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses
    }
}

/// The `spec` of a [`Service`], as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    /// Only `LoadBalancer` is served.
    #[serde(rename = "type")]
    pub service_type: Option<String>,
    /// Whose service it is, if not everybody's.
    pub load_balancer_class: Option<String>,
    /// The address that it wants.
    #[serde(rename = "loadBalancerIP")]
    pub load_balancer_ip: Option<String>,
    /// `None` for a headless service. Other values mean nothing in a folder.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// As `clusterIP`.
    #[serde(default, deserialize_with = "nullable", rename = "clusterIPs")]
    pub cluster_ips: Vec<String>,
    /// `IPv4`, `IPv6`, the primary one first.
    #[serde(default, deserialize_with = "nullable")]
    pub ip_families: Vec<String>,
    /// `SingleStack`, `PreferDualStack` or `RequireDualStack`.
    pub ip_family_policy: Option<String>,
    /// `Cluster` or `Local`.
    pub external_traffic_policy: Option<String>,
    /// The ports.
    #[serde(default, deserialize_with = "nullable")]
    pub ports: Vec<ServicePort>,
    /// Which pods stand behind it.
    #[serde(default)]
    pub selector: Texts,
}

/// A port of a [`Service`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct ServicePort {
    /// The number, 1 to 65535.
    pub port: i64,
    /// `TCP` (the default), `UDP` or `SCTP`.
    pub protocol: Option<String>,
}

/// The `status` of a [`Service`], as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceStatus {
    /// Its addresses.
    #[serde(default, deserialize_with = "nullable")]
    pub load_balancer: LoadBalancerStatus,
    /// What is said about it; of a cluster's services only what vipcast says is kept.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// One thing that is said about an object.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Condition {
    /// What it is about.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// Why, in one word.
    #[serde(default, deserialize_with = "nullable")]
    pub reason: String,
    /// Why, for people.
    #[serde(default, deserialize_with = "nullable")]
    pub message: String,
    /// The generation of the object that it was said about.
    pub observed_generation: Option<i64>,
    /// When its status last changed, in RFC 3339 form.
    #[serde(default, deserialize_with = "nullable")]
    pub last_transition_time: String,
}

/// The `status.loadBalancer` of a [`Service`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct LoadBalancerStatus {
    /// Each an address or a name.
    #[serde(default, deserialize_with = "nullable")]
    pub ingress: Vec<LoadBalancerIngress>,
}

/// An address that a [`Service`] has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct LoadBalancerIngress {
    /// The address; none where the entry is a name.
    pub ip: Option<String>,
}
