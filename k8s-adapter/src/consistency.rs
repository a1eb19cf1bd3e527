//! Objects that are each valid, but contradict each other.

use std::collections::BTreeMap;

use vipcast_ipam::AddressRange;

use crate::{
    Diagnostic, Manifest, Problem,
    kinds::{Key, Kind, Resource},
    positions,
    range::metallb_range,
    translate,
};

/// The objects that were served so far, by key. They stand against newcomers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Incumbents<'a> {
    objects: BTreeMap<&'a Key, &'a Manifest>,
}

impl<'a> Incumbents<'a> {
    pub(crate) fn new(objects: impl IntoIterator<Item = &'a Manifest>) -> Self {
        Self { objects: objects.into_iter().map(|object| (&object.key, object)).collect() }
    }

    /// Whether the object is served so far, just as it is.
    fn holds(&self, manifest: &Manifest) -> bool {
        self.objects.get(&manifest.key).is_some_and(|own| own.resource == manifest.resource)
    }

    fn metallb_namespace(&self) -> Option<(&'a str, &'a Manifest)> {
        self.objects.values().copied().find_map(metallb_namespace)
    }
}

/// Splits off what cannot stand beside the rest. What remains is in the order of its keys.
pub(crate) fn sort_out(
    manifests: Vec<Manifest>,
    incumbents: &Incumbents<'_>,
) -> (Vec<Manifest>, Vec<Diagnostic>) {
    let mut refusals = Vec::new();
    let single = refuse_twins(manifests, &mut refusals);
    let one_namespace = refuse_other_namespaces(single, incumbents, &mut refusals);
    let mut remaining = refuse_overlaps(one_namespace, incumbents, &mut refusals);
    remaining.sort_by(|a, b| a.key.cmp(&b.key));
    (remaining, refusals)
}

/// Two objects of one kind and name: nobody can say which is meant, so neither counts.
fn refuse_twins(manifests: Vec<Manifest>, refusals: &mut Vec<Diagnostic>) -> Vec<Manifest> {
    let mut by_key: BTreeMap<Key, Vec<Manifest>> = BTreeMap::new();
    for manifest in manifests {
        by_key.entry(manifest.key.clone()).or_default().push(manifest);
    }
    let mut single = Vec::new();
    for mut twins in by_key.into_values() {
        if let [first, others @ ..] = twins.as_slice()
            && let Some(second) = others.first()
        {
            let problem = Problem::Duplicate { other: second.place.clone() };
            refusals.push(first.error("", problem));
            for other in others {
                let problem = Problem::Duplicate { other: first.place.clone() };
                refusals.push(other.error("", problem));
            }
        } else {
            single.append(&mut twins);
        }
    }
    single
}

fn metallb_namespace(manifest: &Manifest) -> Option<(&str, &Manifest)> {
    let named = manifest.key.kind.is_metallb() && !manifest.key.namespace.is_empty();
    named.then_some((manifest.key.namespace.as_str(), manifest))
}

/// MetalLB's kinds are taken from one namespace, any: the one in use, else the first by name.
fn refuse_other_namespaces(
    manifests: Vec<Manifest>,
    incumbents: &Incumbents<'_>,
    refusals: &mut Vec<Diagnostic>,
) -> Vec<Manifest> {
    let mut namespaces: Vec<_> = manifests.iter().filter_map(metallb_namespace).collect();
    namespaces.sort_by_key(|(namespace, manifest)| (*namespace, &manifest.key));
    let in_use = incumbents.metallb_namespace().and_then(|(namespace, _)| {
        namespaces.iter().find(|(candidate, _)| *candidate == namespace)
    });
    let Some((used, example)) = in_use.or_else(|| namespaces.first()).copied() else {
        return manifests;
    };
    let (used, example) = (used.to_owned(), example.place.clone());
    let mut remaining = Vec::with_capacity(manifests.len());
    for manifest in manifests {
        match metallb_namespace(&manifest) {
            Some((this, _)) if this != used => {
                let (this, used, place) = (this.to_owned(), used.clone(), example.clone());
                let problem = Problem::MixedNamespaces { this, used, place };
                refusals.push(manifest.error("metadata.namespace", problem));
            }
            _ => remaining.push(manifest),
        }
    }
    remaining
}

/// Of pools that overlap, and of default pools, those that are served already stay; then the first by
/// name.
fn refuse_overlaps(
    manifests: Vec<Manifest>,
    incumbents: &Incumbents<'_>,
    refusals: &mut Vec<Diagnostic>,
) -> Vec<Manifest> {
    let (mut pools, mut remaining): (Vec<_>, Vec<_>) = manifests
        .into_iter()
        .partition(|manifest| matches!(manifest.key.kind, Kind::IpAddressPool | Kind::Eip));
    pools.sort_by_key(|pool| (!incumbents.holds(pool), pool.key.name.clone(), pool.key.clone()));
    let mut taken: Vec<(AddressRange, Manifest)> = Vec::new();
    let mut default: Option<Manifest> = None;
    for pool in pools {
        let own = ranges(&pool);
        // Two pools of one name, one with a namespace and one without, are one pool twice.
        let twin = taken.iter().map(|(_, other)| other).find(|o| o.key.name == pool.key.name);
        if let Some(other) = twin {
            refusals.push(pool.error("", Problem::Duplicate { other: other.place.clone() }));
            continue;
        }
        let clash = own.iter().find_map(|(at, range)| {
            let (other_range, other) = taken.iter().find(|(other, _)| other.overlaps(range))?;
            let problem = Problem::PoolOverlap {
                range: range.to_string(),
                other: other.key.name.clone(),
                other_range: other_range.to_string(),
                place: other.place.clone(),
            };
            Some((at.clone(), problem))
        });
        let is_default = matches!(&*pool.resource, Resource::Eip(eip) if eip.is_default());
        if let Some(other) = default.as_ref().filter(|_| is_default && clash.is_none()) {
            let problem =
                Problem::TwoDefaults { other: other.key.name.clone(), place: other.place.clone() };
            refusals.push(pool.error("metadata.annotations", problem));
            continue;
        }
        match clash {
            Some((field, problem)) => refusals.push(pool.error(&field, problem)),
            None => {
                if is_default {
                    default = Some(pool.clone());
                }
                taken.extend(own.into_iter().map(|(_, range)| (range, pool.clone())));
                remaining.push(pool);
            }
        }
    }
    remaining
}

/// The ranges of a pool with their fields; those that are none are left out.
fn ranges(manifest: &Manifest) -> Vec<(String, AddressRange)> {
    match &*manifest.resource {
        Resource::IpAddressPool(pool) => {
            let addresses = pool.spec.addresses.iter().enumerate();
            let field = |at| positions::index("spec.addresses", at);
            addresses
                .filter_map(|(at, text)| Some((field(at), metallb_range(text).ok()?)))
                .collect()
        }
        Resource::Eip(eip) => {
            let range = translate::eip::range(eip).ok();
            range.map(|range| ("spec.address".to_owned(), range)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}
