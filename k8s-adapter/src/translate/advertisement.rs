use std::collections::BTreeSet;

use vipcast_plan::{
    LinkName,
    intent::{L2Advertisement, PoolSelection, Preference},
};

use super::{Faults, selector};
use crate::{Problem, kinds, positions};

pub(super) fn translate(
    object: &kinds::L2Advertisement,
    faults: &mut Faults<'_>,
) -> Option<L2Advertisement> {
    let spec = &object.spec;
    faults.no_twins("spec.ipAddressPools", &spec.ip_address_pools, String::clone);
    let pool_selectors = selector::translate_all(
        &spec.ip_address_pool_selectors,
        "spec.ipAddressPoolSelectors",
        faults,
    );
    let pools = if spec.ip_address_pools.is_empty() && pool_selectors.is_empty() {
        PoolSelection::All
    } else {
        PoolSelection::Some {
            names: spec.ip_address_pools.iter().cloned().collect(),
            selectors: pool_selectors,
        }
    };
    let nodes = selector::translate_all(&spec.node_selectors, "spec.nodeSelectors", faults);
    let services =
        selector::translate_all(&spec.service_selectors, "spec.serviceSelectors", faults);
    for (at, link) in spec.interfaces.iter().enumerate() {
        if link.is_empty() {
            faults.error(&positions::index("spec.interfaces", at), Problem::Missing);
        }
    }
    let mut preferences = Vec::new();
    for (at, preferred) in spec.preferred_node_selectors.iter().enumerate() {
        let field = positions::index("spec.preferredNodeSelectors", at);
        let selector = selector::translate(
            &preferred.preference,
            &positions::join(&field, "preference"),
            faults,
        );
        match u32::try_from(preferred.weight) {
            Ok(weight @ 1..=100) => preferences.push(Preference { weight, selector }),
            _ => {
                let problem = Problem::OutOfRange { value: preferred.weight, min: 1, max: 100 };
                faults.error(&positions::join(&field, "weight"), problem);
            }
        }
    }
    faults.accept(L2Advertisement {
        name: object.metadata.name.clone(),
        pools,
        nodes,
        reaching: BTreeSet::new(),
        links: spec.interfaces.iter().map(|link| LinkName::new(link.as_str())).collect(),
        services,
        preferences,
    })
}
