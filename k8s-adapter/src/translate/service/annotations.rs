use std::net::IpAddr;

use vipcast_ipam::Family;

use super::Faults;
use crate::{Problem, kinds::Texts, positions};

/// The prefix of MetalLB's annotations, and the one that it had once.
const PREFIX: &str = "metallb.io/";
const OLD_PREFIX: &str = "metallb.universe.tf/";

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
    let pool = find(annotations, "address-pool", faults).map(|(_, value)| value.to_owned());
    let sharing_key =
        find(annotations, "allow-shared-ip", faults).map(|(_, value)| value.to_owned());
    let addresses = find(annotations, "loadBalancerIPs", faults)
        .map(|(field, value)| Addresses { addresses: addresses(value, &field, faults), field });
    Annotations { pool, addresses, sharing_key }
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
