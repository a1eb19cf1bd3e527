use std::collections::BTreeSet;

use vipcast_ipam::{LabelSelector, Others, Pool, Priority, Requirement, Selection};
use vipcast_plan::{
    LinkName,
    intent::{L2Advertisement, PoolSelection},
};

use super::Faults;
use crate::{Problem, kinds};

/// The protocols, the one that is meant where none is given last.
const PROTOCOLS: &[&str] = &["layer2", "vip", "bgp"];

/// Its pool, and how that is announced; not at all on layer 2 where it is for BGP.
pub(super) fn translate(
    object: &kinds::Eip,
    faults: &mut Faults<'_>,
) -> Option<(Pool, Option<L2Advertisement>)> {
    let (spec, name) = (&object.spec, object.metadata.name.as_str());
    let range = range(object).map_err(|problem| faults.error("spec.address", problem)).ok();
    let layer2 = match spec.protocol.as_str() {
        "layer2" | "vip" => true,
        "" | "bgp" => false,
        other => {
            let problem = Problem::NotOneOf { value: other.to_owned(), allowed: PROTOCOLS };
            faults.error("spec.protocol", problem);
            false
        }
    };
    let priority = u32::try_from(spec.priority).unwrap_or_else(|_| {
        let problem = Problem::OutOfRange { value: spec.priority, min: 0, max: u32::MAX.into() };
        faults.error("spec.priority", problem);
        u32::MAX
    });
    faults.no_twins("spec.namespaces", &spec.namespaces, String::clone);
    let bound = !spec.namespaces.is_empty() || !spec.namespace_selector.is_empty();
    let mut builder = Pool::builder(name)
        .ranges(range)
        .labels(object.metadata.labels.to_map())
        .priority(Priority::zero_is_first(priority))
        .auto_assign(bound || object.is_default())
        .default_pool(object.is_default())
        .disabled(spec.disable)
        .share_explicit(true);
    if bound {
        builder = builder.selection(selection(spec));
    }
    let advertisement = layer2.then(|| advertisement(object, faults));
    let builder = faults.accept(builder)?;
    match builder.build() {
        Ok(pool) => Some((pool, advertisement)),
        Err(error) => {
            faults.error("spec.address", Problem::BadPool(error));
            None
        }
    }
}

/// The addresses of an Eip.
pub(crate) fn range(object: &kinds::Eip) -> Result<vipcast_ipam::AddressRange, Problem> {
    let text = &object.spec.address;
    if text.is_empty() { Err(Problem::Missing) } else { text.parse().map_err(Problem::BadRange) }
}

fn selection(spec: &kinds::EipSpec) -> Selection {
    let equal = spec.namespace_selector.iter();
    let requirements: Vec<_> =
        equal.map(|(key, value)| Requirement::In(key.clone(), vec![value.clone()])).collect();
    let selectors = (!requirements.is_empty()).then_some(LabelSelector { requirements });
    Selection {
        namespaces: spec.namespaces.iter().cloned().collect(),
        namespace_selectors: selectors.into_iter().collect(),
        others: Others::OnRequest,
        ..Selection::default()
    }
}

fn advertisement(object: &kinds::Eip, faults: &mut Faults<'_>) -> L2Advertisement {
    const FIELD: &str = "spec.interface";
    let name = object.metadata.name.clone();
    let mut advertisement = L2Advertisement {
        pools: PoolSelection::Some { names: BTreeSet::from([name.clone()]), selectors: Vec::new() },
        name,
        ..L2Advertisement::default()
    };
    match object.spec.interface.trim() {
        "" => faults.error(FIELD, Problem::Missing),
        link => match link.strip_prefix("can_reach:") {
            Some(address) => match address.trim().parse() {
                Ok(address) => _ = advertisement.reaching.insert(address),
                Err(_) => {
                    faults.error(FIELD, Problem::NotAnAddress { value: address.to_owned() });
                }
            },
            None => _ = advertisement.links.insert(LinkName::new(link)),
        },
    }
    advertisement
}
