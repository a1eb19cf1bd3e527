use std::collections::BTreeMap;

use vipcast_ipam::Owner;
use vipcast_plan::{
    NodeName,
    intent::{Endpoint, Endpoints},
};

use super::Faults;
use crate::{
    Manifest, Problem,
    kinds::{EndpointConditions, EndpointSlice, Resource},
};

/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The endpoints of every service that has a slice, merged over its slices.
pub(super) fn by_service(manifests: &[Manifest]) -> BTreeMap<Owner, Endpoints> {
    let mut merged: BTreeMap<Owner, Vec<Endpoint>> = BTreeMap::new();
    // One name a node, however many endpoints it has.
    let mut nodes: BTreeMap<&str, NodeName> = BTreeMap::new();
    for manifest in manifests {
        let Resource::EndpointSlice(slice) = &*manifest.resource else { continue };
        let Some(owner) = owner(slice) else { continue };
        // A slice of names, not addresses, still says that the service is known to have slices.
        let endpoints = merged.entry(owner).or_default();
        endpoints.extend(slice.endpoints.iter().map(|endpoint| {
            Endpoint {
                node: endpoint
                    .node_name
                    .as_deref()
                    .filter(|name| !name.is_empty())
                    .map(|name| nodes.entry(name).or_insert_with(|| NodeName::new(name)).clone()),
                usable: usable(endpoint.conditions),
            }
        }));
    }
    merged.into_iter().map(|(owner, endpoints)| (owner, Endpoints::Known(endpoints))).collect()
}

/// Ready, where unknown counts as ready; or not ready, but said to be serving still.
fn usable(conditions: EndpointConditions) -> bool {
    conditions.ready.unwrap_or(true) || conditions.serving.unwrap_or(false)
}

pub(super) fn check(slice: &EndpointSlice, faults: &mut Faults<'_>) {
    if owner(slice).is_none() {
        faults.warning("metadata.labels", Problem::NoServiceName);
    }
}

fn owner(slice: &EndpointSlice) -> Option<Owner> {
    let name = slice.metadata.labels.get(SERVICE_NAME).filter(|name| !name.is_empty())?;
    Some(Owner::new(slice.metadata.namespace(), name))
}
