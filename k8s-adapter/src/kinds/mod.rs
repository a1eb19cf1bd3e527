//! The kinds of objects that are read, one file a resource.
//!
//! The structs hold what vipcast acts on and nothing else. They mirror the manifests; what the
//! values mean is decided in [`translate`](crate::translate()).

mod config_map;
mod eip;
mod endpoint_slice;
mod fields;
#[allow(clippy::duplicated_attributes, reason = "printed columns have equal types")]
mod l2_advertisement;
mod label_selector;
mod metadata;
mod namespace;
mod node;
#[allow(clippy::duplicated_attributes, reason = "printed columns have equal types")]
mod pool;
mod service;
mod texts;

use std::fmt;

pub use config_map::ConfigMap;
pub use eip::{Eip, EipSpec};
pub use endpoint_slice::{EndpointConditions, EndpointSlice, SliceEndpoint};
pub use l2_advertisement::{L2Advertisement, L2AdvertisementSpec, PreferredNode};
pub use label_selector::{LabelSelector, LabelSelectorRequirement};
pub use metadata::Metadata;
pub use namespace::Namespace;
pub use node::{Node, NodeCondition, NodeStatus};
pub use pool::{IpAddressPool, IpAddressPoolSpec, ServiceAllocation};
pub use service::{
    Condition, LoadBalancerIngress, LoadBalancerStatus, Service, ServicePort, ServiceSpec,
    ServiceStatus,
};
pub use texts::Texts;

#[cfg(feature = "cluster")]
pub use {
    l2_advertisement::{L2AdvertisementDefinition, L2AdvertisementStatus},
    pool::{IpAddressPoolDefinition, IpAddressPoolStatus},
};

pub(crate) use fields::known_fields;

/// A kind that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `metallb.io/v1beta1` `IPAddressPool`.
    IpAddressPool,
    /// `metallb.io/v1beta1` `L2Advertisement`.
    L2Advertisement,
    /// `v1` `Service`.
    Service,
    /// `discovery.k8s.io/v1` `EndpointSlice`.
    EndpointSlice,
    /// `v1` `Node`.
    Node,
    /// `v1` `Namespace`.
    Namespace,
    /// `network.kubesphere.io/v1alpha2` `Eip`.
    Eip,
    /// `v1` `ConfigMap`.
    ConfigMap,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::IpAddressPool,
        Self::L2Advertisement,
        Self::Service,
        Self::EndpointSlice,
        Self::Node,
        Self::Namespace,
        Self::Eip,
        Self::ConfigMap,
    ];

    /// The name that `kind` has in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IpAddressPool => "IPAddressPool",
            Self::L2Advertisement => "L2Advertisement",
            Self::Service => "Service",
            Self::EndpointSlice => "EndpointSlice",
            Self::Node => "Node",
            Self::Namespace => "Namespace",
            Self::Eip => "Eip",
            Self::ConfigMap => "ConfigMap",
        }
    }

    /// The `apiVersion` that is read.
    #[must_use]
    pub const fn api_version(self) -> &'static str {
        match self {
            Self::IpAddressPool | Self::L2Advertisement => "metallb.io/v1beta1",
            Self::EndpointSlice => "discovery.k8s.io/v1",
            Self::Eip => "network.kubesphere.io/v1alpha2",
            Self::Service | Self::Node | Self::Namespace | Self::ConfigMap => "v1",
        }
    }

    /// Whether it is MetalLB's configuration, which is all taken from one namespace: its own kinds, and
    /// the one ConfigMap that is read.
    #[must_use]
    pub const fn is_metallb(self) -> bool {
        matches!(self, Self::IpAddressPool | Self::L2Advertisement | Self::ConfigMap)
    }

    /// Whether its objects live in a namespace.
    #[must_use]
    pub const fn is_namespaced(self) -> bool {
        !matches!(self, Self::Node | Self::Namespace | Self::Eip)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What tells one object from all others. Written `Kind namespace/name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; empty for kinds without one, and for MetalLB's where the manifest names none.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// One object of a kind that is read. Boxed, so that each takes its own size.
#[derive(Clone, Debug, PartialEq)]
pub enum Resource {
    /// A range of addresses.
    IpAddressPool(Box<IpAddressPool>),
    /// How addresses are announced on layer 2.
    L2Advertisement(Box<L2Advertisement>),
    /// A service.
    Service(Box<Service>),
    /// Endpoints of a service.
    EndpointSlice(Box<EndpointSlice>),
    /// A node.
    Node(Box<Node>),
    /// A namespace, for its labels.
    Namespace(Box<Namespace>),
    /// A pool of OpenELB's, and how it is announced.
    Eip(Box<Eip>),
    /// The links that are never announced on.
    ConfigMap(Box<ConfigMap>),
}

impl Resource {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::IpAddressPool(_) => Kind::IpAddressPool,
            Self::L2Advertisement(_) => Kind::L2Advertisement,
            Self::Service(_) => Kind::Service,
            Self::EndpointSlice(_) => Kind::EndpointSlice,
            Self::Node(_) => Kind::Node,
            Self::Namespace(_) => Kind::Namespace,
            Self::Eip(_) => Kind::Eip,
            Self::ConfigMap(_) => Kind::ConfigMap,
        }
    }

    /// Its metadata.
    #[must_use]
    pub const fn metadata(&self) -> &Metadata {
        match self {
            Self::IpAddressPool(object) => &object.metadata,
            Self::L2Advertisement(object) => &object.metadata,
            Self::Service(object) => &object.metadata,
            Self::EndpointSlice(object) => &object.metadata,
            Self::Node(object) => &object.metadata,
            Self::Namespace(object) => &object.metadata,
            Self::Eip(object) => &object.metadata,
            Self::ConfigMap(object) => &object.metadata,
        }
    }

    /// The object in JSON, as far as it is used, with its kind and version.
    #[cfg(feature = "cluster")]
    pub(crate) fn to_json(&self) -> serde_json::Value {
        // Structs with text for keys: nothing here can fail.
        let object = match self {
            Self::IpAddressPool(object) => serde_json::to_value(object),
            Self::L2Advertisement(object) => serde_json::to_value(object),
            Self::Service(object) => serde_json::to_value(object),
            Self::EndpointSlice(object) => serde_json::to_value(object),
            Self::Node(object) => serde_json::to_value(object),
            Self::Namespace(object) => serde_json::to_value(object),
            Self::Eip(object) => serde_json::to_value(object),
            Self::ConfigMap(object) => serde_json::to_value(object),
        };
        let mut object = object.unwrap_or_default();
        object["apiVersion"] = self.kind().api_version().into();
        object["kind"] = self.kind().name().into();
        object
    }

    /// What tells it from all others.
    #[must_use]
    pub fn key(&self) -> Key {
        let kind = self.kind();
        let metadata = self.metadata();
        let namespace = match (&metadata.namespace, kind) {
            (_, kind) if !kind.is_namespaced() => String::new(),
            (Some(namespace), _) if !namespace.is_empty() => namespace.clone(),
            (_, kind) if kind.is_metallb() => String::new(),
            _ => Metadata::DEFAULT_NAMESPACE.to_owned(),
        };
        Key { kind, namespace, name: metadata.name.clone() }
    }
}
