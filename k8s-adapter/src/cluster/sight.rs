//! What a speaker sees of the cluster, and what follows from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    sync::Arc,
};

use vipcast_ipam::{Family, Labels, Owner};
use vipcast_plan::{Intent, NodeName, intent::Assignment};

use super::{
    book::{Book, unreadable},
    object::Object,
    planner::{POOL_ANNOTATION, owner},
    watch::Change,
};
use crate::{
    Diagnostic, Manifest, Options, Translation,
    kinds::{Key, Kind, Resource, Texts},
    translate, validate,
};

/// The kinds that a speaker follows. OpenELB's `Eip` is none of them: it is read from a folder, to be
/// checked and to be moved from. In a cluster its status is where its own controller keeps who has
/// which address, and two who assign the same pool cannot both be right.
pub(crate) const FOLLOWED: [Kind; 6] = [
    Kind::IpAddressPool,
    Kind::L2Advertisement,
    Kind::ConfigMap,
    Kind::Node,
    Kind::EndpointSlice,
    Kind::Service,
];

/// The label by which a slice names its service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// All that is known.
#[derive(Debug)]
pub(crate) struct Sight {
    options: Options,
    book: Book,
    /// Services, slices and nodes, as they are used: the objects, and their uids.
    objects: BTreeMap<Key, (Arc<Resource>, Arc<str>)>,
    synced: BTreeSet<Kind>,
    findings: Vec<Diagnostic>,
}

impl Sight {
    pub(crate) fn new(options: Options) -> Self {
        Self {
            options: Options { in_cluster: true, ..options },
            book: Book::default(),
            objects: BTreeMap::new(),
            synced: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// Whether everything was listed.
    pub(crate) fn is_complete(&self) -> bool {
        FOLLOWED.iter().all(|kind| self.synced.contains(kind))
    }

    /// Takes note of a change, and says whether anything may follow from it.
    pub(crate) fn note(&mut self, change: Change) -> bool {
        match change {
            Change::Reset { kind, objects, .. } => {
                let first = self.synced.insert(kind);
                if kind.is_metallb() {
                    return self.book.reset(|key| key.kind == kind, objects) || first;
                }
                let there: BTreeSet<Key> = objects.iter().map(|o| o.key.clone()).collect();
                let before = self.objects.len();
                self.objects.retain(|key, _| key.kind != kind || there.contains(key));
                let mut changed = self.objects.len() != before;
                for object in objects {
                    changed |= self.apply(object);
                }
                changed || first
            }
            Change::Applied(object) if object.key.kind.is_metallb() => self.book.apply(object),
            Change::Applied(object) => self.apply(object),
            Change::Deleted(object) if object.key.kind.is_metallb() => {
                self.book.remove(&object.key)
            }
            Change::Deleted(object) => self.objects.remove(&object.key).is_some(),
            Change::Cut(_) | Change::Trouble(..) => false,
        }
    }

    fn apply(&mut self, object: Object) -> bool {
        let manifest = match object.content {
            Ok(manifest) => self.mended(manifest),
            Err(why) => {
                self.findings.push(unreadable(&object.key, &why));
                match object.remains {
                    Some(remains) if !self.objects.contains_key(&object.key) => remains,
                    // Its last state stays.
                    _ => return false,
                }
            }
        };
        let resource = pared(manifest.resource);
        let known = self.objects.get(&object.key);
        if known.is_some_and(|(known, _)| *known == resource) {
            return false;
        }
        self.objects.insert(object.key, (resource, object.uid));
        true
    }

    /// A service whose wishes are not valid keeps its address, and so is announced: the wishes are
    /// the controller's to judge.
    fn mended(&mut self, manifest: Manifest) -> Manifest {
        let Resource::Service(service) = &*manifest.resource else { return manifest };
        let found = validate(&manifest, &self.options);
        if !found.iter().any(Diagnostic::is_error) {
            return manifest;
        }
        self.findings.extend(found.into_iter().filter(Diagnostic::is_error));
        let mut plain = service.clone();
        plain.metadata.annotations.retain(|name, _| name == POOL_ANNOTATION);
        plain.spec.load_balancer_ip = None;
        Manifest::of_cluster(Resource::Service(plain))
    }

    /// The objects that count.
    pub(crate) fn manifests(&mut self) -> Vec<Manifest> {
        self.book.turn(&self.options);
        self.findings.extend(self.book.findings().iter().cloned());
        let serves = |resource: &Resource| match resource {
            // Most services are none of ours, and most slices are theirs.
            Resource::EndpointSlice(slice) => {
                let name = slice.metadata.labels.get(SERVICE_NAME).unwrap_or_default().to_owned();
                let namespace = slice.metadata.namespace().to_owned();
                self.objects.contains_key(&Key { kind: Kind::Service, namespace, name })
            }
            _ => true,
        };
        let objects = self.objects.values().map(|(resource, _)| resource);
        let objects = objects.filter(|resource| serves(resource));
        let objects = objects.map(|resource| Manifest::of_cluster(Arc::clone(resource)));
        self.book.accepted().cloned().chain(objects).collect()
    }

    /// Whether pools are there that cannot count.
    pub(crate) const fn is_doubtful(&self) -> bool {
        self.book.incomplete()
    }

    /// What was found in the pools and advertisements.
    pub(crate) fn configuration_findings(&self) -> &[Diagnostic] {
        self.book.findings()
    }

    /// The uid of a node.
    pub(crate) fn node_uid(&self, node: &NodeName) -> Option<&Arc<str>> {
        let name = node.as_str().to_owned();
        let key = Key { kind: Kind::Node, namespace: String::new(), name };
        self.objects.get(&key).map(|(_, uid)| uid)
    }

    /// The uid of a service.
    pub(crate) fn uid(&self, service: &Owner) -> Option<&Arc<str>> {
        let (namespace, name) = (service.namespace().to_owned(), service.name().to_owned());
        let key = Key { kind: Kind::Service, namespace, name };
        self.objects.get(&key).map(|(_, uid)| uid)
    }

    pub(crate) fn take_findings(&mut self) -> Vec<Diagnostic> {
        std::mem::take(&mut self.findings)
    }
}

/// The object without what only the controller reads: there are thousands of them on every node.
fn pared(mut resource: Arc<Resource>) -> Arc<Resource> {
    if let Resource::Service(service) = Arc::make_mut(&mut resource) {
        service.metadata.creation_timestamp = None;
        service.status.conditions = Vec::new();
        let spec = &mut service.spec;
        // What the families are, the cluster addresses say.
        spec.ip_families = Vec::new();
        if spec.cluster_ips.is_empty() {
            spec.cluster_ips.extend(spec.cluster_ip.take());
        }
        spec.cluster_ip = None;
        if spec.external_traffic_policy.as_deref() != Some("Local") {
            spec.selector = Texts::default();
        }
    }
    resource
}

/// What these objects ask for, with the addresses that the services' own status says they have: who
/// wrote it there has assigned them.
///
/// Where pools are `doubtful`, an address that is in none of them counts as of the pool that the
/// service's annotation names.
pub(crate) fn intent(manifests: &[Manifest], options: &Options, doubtful: bool) -> Intent {
    let options = Options { in_cluster: true, ..options.clone() };
    let Translation { mut intent, held, .. } = translate(manifests, &options);
    // The labels of namespaces are for choosing a pool. Collected anew, the map has no room to spare.
    intent.services = std::mem::take(&mut intent.services)
        .into_iter()
        .map(|(owner, mut service)| {
            service.request.namespace_labels = Labels::new();
            (owner, service)
        })
        .collect();
    let mut named: BTreeMap<Owner, &str> = BTreeMap::new();
    if doubtful {
        for manifest in manifests {
            let annotations = &manifest.resource.metadata().annotations;
            if let Some(pool) = annotations.get(POOL_ANNOTATION) {
                named.insert(owner(&manifest.key), pool);
            }
        }
    }
    for (service, addresses) in held {
        let pool = |address: IpAddr| match intent.pools.containing(address) {
            Some(pool) => Some(pool.name().to_owned()),
            None => named.get(&service).map(|pool| (*pool).to_owned()),
        };
        let mut addresses: Vec<(IpAddr, String)> =
            addresses.into_iter().filter_map(|address| Some((address, pool(address)?))).collect();
        addresses.sort_by_key(|(address, _)| (Family::of(*address), *address));
        if let Some(service) = intent.services.get_mut(&service)
            && !addresses.is_empty()
        {
            service.assignment = Some(Assignment { addresses });
        }
    }
    intent
}

/// The nodes that count as alive where no heartbeats say so: those that the cluster does not call
/// dead.
pub(crate) fn members(manifests: &[Manifest]) -> BTreeSet<NodeName> {
    let nodes = manifests.iter().filter_map(|manifest| match &*manifest.resource {
        Resource::Node(node) => Some(node),
        _ => None,
    });
    let alive = nodes.filter(|node| {
        let mut conditions = node.status.conditions.iter();
        conditions.all(|c| c.condition_type != "Ready" || c.status == "True")
    });
    alive.map(|node| NodeName::new(node.metadata.name.as_str())).collect()
}

#[cfg(test)]
mod tests;
