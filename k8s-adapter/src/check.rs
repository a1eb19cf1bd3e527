//! Everything that is wrong with a folder, also what only shows when all of it is seen together.

use std::{collections::BTreeMap, path::Path};

use vipcast_ipam::{AllocateError, Owner};

use crate::{
    Diagnostic, Manifest, Options, Problem, Severity,
    assigner::{Outcome, assign},
    folder,
    kinds::{Key, Kind, Resource},
    positions,
    reader::closest,
};

/// Checks a folder of manifests: every finding, by file and line. The folder is fine if none of them
/// is an error.
///
/// Stricter than running: a field that no schema has is an error here.
#[must_use]
pub fn check(dir: &Path, options: &Options) -> Vec<Diagnostic> {
    let snapshot = folder::read(dir, options);
    let mut translation = snapshot.translate(options);
    let mut findings = snapshot.diagnostics.clone();
    findings.append(&mut translation.diagnostics);
    for finding in &mut findings {
        if matches!(finding.problem, Problem::UnknownField { .. }) {
            finding.severity = Severity::Error;
        }
    }

    let find = |kind: Kind, matches: &dyn Fn(&Key) -> bool| {
        snapshot.manifests.iter().find(|m| m.key.kind == kind && matches(&m.key))
    };
    let pools: Vec<&str> = translation.intent.pools.iter().map(|pool| pool.name()).collect();
    advertised_pools(&snapshot.manifests, &pools, &mut findings);
    for pool in &translation.intent.pools {
        let advertisements = &translation.intent.l2_advertisements;
        let covered = advertisements.iter().any(|a| a.covers_pool(pool.name(), pool.labels()));
        let manifest = find(Kind::IpAddressPool, &|key| key.name == pool.name());
        if let Some(manifest) = manifest.filter(|_| !covered) {
            let problem = Problem::NotAdvertised { pool: pool.name().to_owned() };
            findings.push(manifest.diagnose(Severity::Warning, "", problem));
        }
    }
    let pools: Vec<String> = pools.into_iter().map(str::to_owned).collect();
    let (_, outcomes) = assign(&mut translation, &BTreeMap::new());
    for outcome in outcomes {
        let Outcome::Refused { service, why } = outcome else { continue };
        let is_it = |key: &Key| Owner::new(key.namespace.as_str(), key.name.as_str()) == service;
        if let Some(manifest) = find(Kind::Service, &is_it) {
            findings.push(refusal(manifest, why, &pools));
        }
    }
    findings.sort_by(|a, b| (&a.place, &a.field).cmp(&(&b.place, &b.field)));
    findings.dedup();
    findings
}

/// Names of pools that there are not, in advertisements. The pool may come later.
fn advertised_pools(manifests: &[Manifest], pools: &[&str], findings: &mut Vec<Diagnostic>) {
    for manifest in manifests {
        let Resource::L2Advertisement(advertisement) = &*manifest.resource else { continue };
        for (at, name) in advertisement.spec.ip_address_pools.iter().enumerate() {
            if !pools.contains(&name.as_str()) {
                let field = positions::index("spec.ipAddressPools", at);
                let similar = closest(name, pools.iter().copied()).map(str::to_owned);
                let problem = Problem::UnknownAdvertisedPool { pool: name.clone(), similar };
                findings.push(manifest.diagnose(Severity::Warning, &field, problem));
            }
        }
    }
}

/// A service that the pools would give nothing, at the field that is to blame.
fn refusal(manifest: &Manifest, why: AllocateError, pools: &[String]) -> Diagnostic {
    let Resource::Service(service) = &*manifest.resource else {
        return manifest.error("", Problem::NotServed(why));
    };
    let annotation = |name: &str| {
        ["metallb.io/", "metallb.universe.tf/"]
            .into_iter()
            .map(|prefix| format!("{prefix}{name}"))
            .find(|key| service.metadata.annotations.contains_key(key))
            .map(|key| positions::join("metadata.annotations", &key))
    };
    let by_number = || {
        annotation("loadBalancerIPs").or_else(|| {
            service.spec.load_balancer_ip.is_some().then(|| "spec.loadBalancerIP".to_owned())
        })
    };
    let field = match &why {
        AllocateError::UnknownPool { .. } => annotation("address-pool"),
        AllocateError::PoolRefused { .. } => annotation("address-pool").or_else(by_number),
        AllocateError::NoPool | AllocateError::NoPoolFits { .. } => None,
        _ => by_number(),
    };
    let problem = match why {
        AllocateError::UnknownPool { pool } => {
            let similar = closest(&pool, pools.iter().cloned());
            Problem::UnknownPool { pool, similar }
        }
        why => Problem::NotServed(why),
    };
    manifest.error(&field.unwrap_or_default(), problem)
}

#[cfg(test)]
mod tests;
