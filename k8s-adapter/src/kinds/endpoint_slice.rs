use serde::{Deserialize, Serialize};

use super::{Metadata, metadata::nullable};

/// `discovery.k8s.io/v1` `EndpointSlice`: some of the endpoints of a service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EndpointSlice {
    /// Its metadata; the label `kubernetes.io/service-name` names the service.
    pub metadata: Metadata,
    /// `IPv4`, `IPv6` or `FQDN`.
    #[serde(default, deserialize_with = "nullable")]
    pub address_type: String,
    /// The endpoints.
    #[serde(default, deserialize_with = "nullable")]
    pub endpoints: Vec<SliceEndpoint>,
}

/// An endpoint of an [`EndpointSlice`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SliceEndpoint {
    /// Whether it can take traffic.
    #[serde(default, deserialize_with = "nullable")]
    pub conditions: EndpointConditions,
    /// The node it is on.
    pub node_name: Option<String>,
}

/// The conditions of a [`SliceEndpoint`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct EndpointConditions {
    /// Ready for traffic; unknown counts as yes.
    pub ready: Option<bool>,
    /// Able to serve, ready or not: true of a pod that ends but still answers.
    pub serving: Option<bool>,
}
