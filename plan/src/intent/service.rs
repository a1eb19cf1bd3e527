use alloc::{string::String, vec::Vec};
use core::net::IpAddr;

use vipcast_ipam::{Labels, Protocol, Request};

use crate::NodeName;

/// A service that wants to be reached from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// What it asks of the pools; its owner is the service's namespace and name.
    pub request: Request,
    /// Which nodes may take its traffic.
    pub traffic_policy: TrafficPolicy,
    /// What stands behind it.
    pub endpoints: Endpoints,
    /// What the pools gave it; `None` while it waits.
    pub assignment: Option<Assignment>,
}

impl Service {
    /// The labels of the service, which advertisements select by.
    #[must_use]
    pub const fn labels(&self) -> &Labels {
        &self.request.labels
    }

    /// Its lowest TCP port, if it has any.
    #[must_use]
    pub fn tcp_port(&self) -> Option<u16> {
        let tcp = self.request.ports.iter().filter(|port| port.protocol == Protocol::Tcp);
        tcp.map(|port| port.number).min()
    }
}

/// The addresses of a service and the pool they are from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The addresses, IPv4 first, each with the name of its pool.
    pub addresses: Vec<(IpAddr, String)>,
}

/// Which nodes may take the traffic of a service (`externalTrafficPolicy`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// Any node; it forwards to wherever an endpoint is.
    #[default]
    Cluster,
    /// Only nodes with a usable endpoint of their own; the client's address is kept.
    Local,
}

/// What is known of a service's endpoints.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoints {
    /// Nothing describes them: no gate.
    #[default]
    Unknown,
    /// These, merged over all slices.
    Known(Vec<Endpoint>),
}

/// One endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The node it is on, where that is known.
    pub node: Option<NodeName>,
    /// Ready, or not ready but still serving.
    pub usable: bool,
}

impl Endpoints {
    /// Whether traffic for the service would reach anybody. Unknown counts as yes.
    #[must_use]
    pub fn any_usable(&self) -> bool {
        match self {
            Self::Unknown => true,
            Self::Known(endpoints) => endpoints.iter().any(|endpoint| endpoint.usable),
        }
    }

    /// Whether `node` has a usable endpoint of its own. Unknown counts as yes.
    #[must_use]
    pub fn usable_on(&self, node: &NodeName) -> bool {
        match self {
            Self::Unknown => true,
            Self::Known(endpoints) => endpoints
                .iter()
                .any(|endpoint| endpoint.usable && endpoint.node.as_ref() == Some(node)),
        }
    }
}
