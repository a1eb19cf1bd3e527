use vipcast_ipam::{Pool, Priority, Selection};

use super::{Faults, selector};
use crate::{Problem, kinds, positions, range::metallb_range};

pub(super) fn translate(object: &kinds::IpAddressPool, faults: &mut Faults<'_>) -> Option<Pool> {
    let spec = &object.spec;
    let mut ranges = Vec::new();
    for (at, text) in spec.addresses.iter().enumerate() {
        let field = positions::index("spec.addresses", at);
        match metallb_range(text) {
            Ok(range) => ranges.push(range),
            Err(problem) => faults.error(&field, problem),
        }
    }
    let mut builder = Pool::builder(object.metadata.name.as_str())
        .ranges(ranges)
        .labels(object.metadata.labels.to_map())
        .auto_assign(spec.auto_assign.unwrap_or(true))
        .avoid_buggy_ips(spec.avoid_buggy_ips);
    if let Some(allocation) = &spec.service_allocation {
        let (priority, selection) = service_allocation(allocation, faults);
        builder = builder.priority(priority).selection(selection);
    }
    if spec.addresses.is_empty() {
        faults.error("spec.addresses", Problem::Missing);
    }
    let builder = faults.accept(builder)?;
    match builder.build() {
        Ok(pool) => Some(pool),
        Err(error) => {
            faults.error("spec.addresses", Problem::BadPool(error));
            None
        }
    }
}

fn service_allocation(
    allocation: &kinds::ServiceAllocation,
    faults: &mut Faults<'_>,
) -> (Priority, Selection) {
    let field = "spec.serviceAllocation";
    // Kubernetes has signed 32-bit integers here. A negative one sorts before all others.
    let priority = match allocation.priority {
        value @ 0..=0x7fff_ffff => Priority::zero_is_last(u32::try_from(value).unwrap_or(u32::MAX)),
        value => {
            let problem = Problem::OutOfRange { value, min: 0, max: i64::from(i32::MAX) };
            faults.error("spec.serviceAllocation.priority", problem);
            Priority::LAST
        }
    };
    let namespaces = positions::join(field, "namespaces");
    faults.no_twins(&namespaces, &allocation.namespaces, String::clone);
    let mut selectors = |list: &[kinds::LabelSelector], name: &str| {
        selector::translate_all(list, &positions::join(field, name), faults)
    };
    let selection = Selection {
        namespaces: allocation.namespaces.iter().cloned().collect(),
        namespace_selectors: selectors(&allocation.namespace_selectors, "namespaceSelectors"),
        owner_selectors: selectors(&allocation.service_selectors, "serviceSelectors"),
        ..Selection::default()
    };
    (priority, selection)
}
