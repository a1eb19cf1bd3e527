use std::net::IpAddr;

use vipcast_ipam::Family;

use super::Faults;
use crate::{Problem, kinds::Texts, positions};

/// The prefix of MetalLB's annotations, and the one that it had once.
const PREFIX: &str = "metallb.io/";
const OLD_PREFIX: &str = "metallb.universe.tf/";

/// OpenELB's annotation for a pool, by the name of its `Eip`, and that for an address.
const EIP: &str = "eip.openelb.kubesphere.io/v1alpha2";
const ADDRESS: &str = "eip.openelb.kubesphere.io/v1alpha1";

/// OpenELB's annotations that stand for nothing here, and what to do about each.
const NO_COUNTERPART: [(&str, &str); 3] = [
    (
        "protocol.openelb.kubesphere.io/v1alpha1",
        "remove it; the pool of the address says how it is announced",
    ),
    (
        "layer2.openelb.kubesphere.io/v1alpha1",
        "remove it; the pool of the address says how it is announced",
    ),
    (
        "node-proxy.openelb.kubesphere.io/type",
        "remove it; the service gets an address of a pool, and no ports of nodes",
    ),
];

/// What a service asks for by annotation.
pub(super) struct Annotations {
    /// `address-pool`.
    pub(super) pool: Option<String>,
    /// `loadBalancerIPs`.
    pub(super) addresses: Option<Addresses>,
    /// `allow-shared-ip`.
    pub(super) sharing_key: Option<String>,
}

/// Addresses, and the field that asks for them.
pub(super) struct Addresses {
    pub(super) addresses: Vec<IpAddr>,
    pub(super) field: String,
}

pub(super) fn read(annotations: &Texts, faults: &mut Faults<'_>) -> Annotations {
    let pool = find(annotations, "address-pool", faults);
    let pool = or_openelbs(annotations, EIP, "metallb.io/address-pool", pool, faults);
    let sharing_key =
        find(annotations, "allow-shared-ip", faults).map(|(_, value)| value.to_owned());
    let asked = find(annotations, "loadBalancerIPs", faults);
    let asked = or_openelbs(annotations, ADDRESS, "metallb.io/loadBalancerIPs", asked, faults);
    let addresses = asked
        .map(|(field, value)| Addresses { addresses: addresses(value, &field, faults), field });
    for (key, instead) in NO_COUNTERPART {
        if annotations.get(key).is_some() {
            let field = positions::join("metadata.annotations", key);
            faults.warning(&field, Problem::NoCounterpart { instead });
        }
    }
    Annotations { pool: pool.map(|(_, value)| value.to_owned()), addresses, sharing_key }
}

/// What MetalLB's annotation says; else what OpenELB's for the same does. That both say the same is how
/// a service is moved.
fn or_openelbs<'a>(
    annotations: &'a Texts,
    key: &str,
    metallbs: &'static str,
    found: Option<(String, &'a str)>,
    faults: &mut Faults<'_>,
) -> Option<(String, &'a str)> {
    let value = annotations.get(key).map(str::trim).filter(|value| !value.is_empty());
    let field = positions::join("metadata.annotations", key);
    match (found, value) {
        (Some((own, counts)), Some(value)) if counts != value => {
            faults.warning(&field, Problem::Overruled { by: metallbs });
            Some((own, counts))
        }
        (None, value) => value.map(|value| (field, value)),
        (found, _) => found,
    }
}

/// The value of an annotation and its field; an empty one counts as none. The present prefix wins
/// over the old one, whose use is reported either way.
fn find<'a>(
    annotations: &'a Texts,
    name: &str,
    faults: &mut Faults<'_>,
) -> Option<(String, &'a str)> {
    let look_up = |prefix: &str| {
        let key = format!("{prefix}{name}");
        let value = annotations.get(&key)?.trim();
        Some((positions::join("metadata.annotations", &key), value))
    };
    let old = look_up(OLD_PREFIX);
    if let Some((field, _)) = &old {
        let instead = format!("{PREFIX}{name}");
        faults.warning(field, Problem::DeprecatedAnnotation { instead });
    }
    look_up(PREFIX).or(old).filter(|(_, value)| !value.is_empty())
}

/// A list of at most two addresses, of different families.
fn addresses(value: &str, field: &str, faults: &mut Faults<'_>) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = Vec::new();
    for text in value.split(',').map(str::trim) {
        let Ok(address) = text.parse::<IpAddr>() else {
            faults.error(field, Problem::NotAnAddress { value: text.to_owned() });
            return Vec::new();
        };
        let address = address.to_canonical();
        if addresses.iter().any(|other| Family::of(*other) == Family::of(address)) {
            faults.error(field, Problem::TooManyAddresses { value: value.to_owned() });
            return Vec::new();
        }
        addresses.push(address);
    }
    addresses
}
