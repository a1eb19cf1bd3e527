//! Objects become an [`Intent`]: pure, and total. What is refused is said, and stops nothing else.

mod advertisement;
pub(crate) mod eip;
mod endpoints;
mod excluded;
mod faults;
mod node;
mod pool;
mod selector;
mod service;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vipcast_ipam::{Labels, Owner, Pools};
use vipcast_plan::{Intent, NodeName};

use crate::{
    Diagnostic, Manifest,
    consistency::{self, Incumbents},
    kinds::Resource,
};
use faults::Faults;

/// How objects are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Serve the services of this `loadBalancerClass` and no others; nothing for those without a
    /// class and no others.
    pub load_balancer_class: Option<String>,
    /// The objects are a cluster's: what a service's families are is what its cluster addresses
    /// are, and a service without any is not served.
    pub in_cluster: bool,
}

/// What objects mean.
#[derive(Clone, Debug, Default)]
pub struct Translation {
    /// The snapshot. No service in it has an assignment yet.
    pub intent: Intent,
    /// The services in the order in which they are to be given addresses: the older first (by
    /// `creationTimestamp`, those without one last), then by namespace and name.
    pub order: Vec<Owner>,
    /// The addresses that the objects' `status` says the services have.
    pub held: BTreeMap<Owner, Vec<IpAddr>>,
    /// What was refused, and what is worth knowing.
    pub diagnostics: Vec<Diagnostic>,
}

/// Translates objects.
///
/// Objects that contradict each other are sorted out first: of pools that overlap the first by name
/// stays, an object that stands in two places counts as none, and of MetalLB's kinds those of one
/// namespace count.
#[must_use]
pub fn translate(manifests: &[Manifest], options: &Options) -> Translation {
    let (manifests, diagnostics) =
        consistency::sort_out(manifests.to_vec(), &Incumbents::default());
    let mut out = Translation { diagnostics, ..Translation::default() };
    let namespaces = namespace_labels(&manifests);
    let endpoints = endpoints::by_service(&manifests);
    let mut pools = Vec::new();
    let mut aged: BTreeSet<(bool, String, Owner)> = BTreeSet::new();
    for manifest in &manifests {
        let mut faults = Faults::new(manifest, &mut out.diagnostics);
        match &*manifest.resource {
            Resource::IpAddressPool(object) => pools.extend(pool::translate(object, &mut faults)),
            Resource::L2Advertisement(object) => {
                let translated = advertisement::translate(object, &mut faults);
                out.intent.l2_advertisements.extend(translated);
            }
            Resource::Service(object) => {
                let Some(mut translated) = service::translate(object, options, &mut faults) else {
                    continue;
                };
                let owner = translated.service.request.owner.clone();
                translated.service.request.namespace_labels =
                    labels_in(&namespaces, owner.namespace());
                if let Some(endpoints) = endpoints.get(&owner) {
                    translated.service.endpoints = endpoints.clone();
                }
                let created = object.metadata.creation_timestamp.clone();
                aged.insert((created.is_none(), created.unwrap_or_default(), owner.clone()));
                if !translated.held.is_empty() {
                    out.held.insert(owner.clone(), translated.held);
                }
                out.intent.services.insert(owner, translated.service);
            }
            Resource::EndpointSlice(object) => endpoints::check(object, &mut faults),
            Resource::Node(object) => {
                let name = NodeName::new(object.metadata.name.as_str());
                out.intent.nodes.insert(name, node::translate(object));
            }
            Resource::Namespace(_) => {}
            Resource::Eip(object) => {
                if let Some((pool, advertisement)) = eip::translate(object, &mut faults) {
                    pools.push(pool);
                    out.intent.l2_advertisements.extend(advertisement);
                }
            }
            Resource::ConfigMap(object) => {
                if let Some(links) = excluded::translate(object, &mut faults) {
                    out.intent.excluded_links.get_or_insert_default().extend(links);
                }
            }
        }
    }
    // Overlaps, twins and second defaults were sorted out above.
    out.intent.pools = Pools::new(pools).unwrap_or_default();
    out.order = aged.into_iter().map(|(_, _, owner)| owner).collect();
    out
}

/// A service by itself: what it asks for, where it is ours and valid, and what its status says that
/// it has. Nothing is known of its endpoints.
#[cfg(feature = "cluster")]
pub(crate) fn service(
    manifest: &Manifest,
    options: &Options,
    namespace_labels: Labels,
) -> (Option<(vipcast_plan::intent::Service, Vec<IpAddr>)>, Vec<Diagnostic>) {
    let mut diagnostics = Vec::new();
    let Resource::Service(object) = &*manifest.resource else { return (None, diagnostics) };
    let mut faults = Faults::new(manifest, &mut diagnostics);
    let translated = service::translate(object, options, &mut faults).map(|mut translated| {
        translated.service.request.namespace_labels = namespace_labels;
        (translated.service, translated.held)
    });
    (translated, diagnostics)
}

/// The pools of these objects. Those that are not valid, or contradict each other, must have been
/// [sorted out](consistency::sort_out).
#[cfg(feature = "cluster")]
pub(crate) fn pools(manifests: &[Manifest]) -> Pools {
    let mut unheard = Vec::new();
    let pools = manifests.iter().filter_map(|manifest| match &*manifest.resource {
        Resource::IpAddressPool(object) => {
            pool::translate(object, &mut Faults::new(manifest, &mut unheard))
        }
        _ => None,
    });
    Pools::new(pools.collect()).unwrap_or_default()
}

/// What is wrong with one object by itself, whatever the others are.
#[must_use]
pub fn validate(manifest: &Manifest, options: &Options) -> Vec<Diagnostic> {
    let mut out = Vec::new();
    let mut faults = Faults::new(manifest, &mut out);
    match &*manifest.resource {
        Resource::IpAddressPool(object) => drop(pool::translate(object, &mut faults)),
        Resource::L2Advertisement(object) => drop(advertisement::translate(object, &mut faults)),
        Resource::Service(object) => drop(service::translate(object, options, &mut faults)),
        Resource::EndpointSlice(object) => endpoints::check(object, &mut faults),
        Resource::Eip(object) => drop(eip::translate(object, &mut faults)),
        Resource::ConfigMap(object) => drop(excluded::translate(object, &mut faults)),
        Resource::Node(_) | Resource::Namespace(_) => {}
    }
    out
}

/// The label that every namespace has.
const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

fn bare_namespace(name: &str) -> Labels {
    [(NAMESPACE_NAME.to_owned(), name.to_owned())].into()
}

/// The labels of a namespace; of one that is not described, those that every one has.
pub(crate) fn labels_in(described: &BTreeMap<&str, Labels>, name: &str) -> Labels {
    described.get(name).cloned().unwrap_or_else(|| bare_namespace(name))
}

/// The labels of every namespace that is described.
pub(crate) fn namespace_labels(manifests: &[Manifest]) -> BTreeMap<&str, Labels> {
    let namespaces = manifests.iter().filter_map(|manifest| match &*manifest.resource {
        Resource::Namespace(namespace) => Some(&namespace.metadata),
        _ => None,
    });
    namespaces
        .map(|metadata| {
            let mut labels = bare_namespace(&metadata.name);
            labels.extend(metadata.labels.to_map());
            (metadata.name.as_str(), labels)
        })
        .collect()
}

#[cfg(test)]
mod tests;
