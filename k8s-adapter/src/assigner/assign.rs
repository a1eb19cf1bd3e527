use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vipcast_ipam::{self as ipam, Allocator, Families, Family, Lost, Owner, Request};
use vipcast_plan::intent::{Assignment, Service};

use super::Outcome;
use crate::Translation;

/// Gives every service of `translation` its addresses, and says what became of each.
///
/// What was written down is restored before anything is handed out, then what the objects' own
/// status says; then services are served in their [order](Translation::order), the older first. So
/// no address moves that is still valid, and the answer depends on the arguments alone, not on how
/// they came about.
pub fn assign(
    translation: &mut Translation,
    recorded: &BTreeMap<Owner, Assignment>,
) -> (BTreeMap<Owner, Assignment>, Vec<Outcome>) {
    assign_around(translation, recorded, &BTreeSet::new())
}

/// As [`assign`], but nobody who does not have them already gets one of the addresses `taken`.
pub(super) fn assign_around(
    translation: &mut Translation,
    recorded: &BTreeMap<Owner, Assignment>,
    taken: &BTreeSet<IpAddr>,
) -> (BTreeMap<Owner, Assignment>, Vec<Outcome>) {
    let mut allocator = Allocator::new(translation.intent.pools.clone());
    let services = &mut translation.intent.services;
    let mut lost: BTreeMap<&Owner, Vec<Lost>> = BTreeMap::new();
    let (written, unwritten): (Vec<&Owner>, Vec<&Owner>) =
        translation.order.iter().partition(|owner| recorded.contains_key(owner));
    for owner in written {
        if let (Some(service), Some(before)) = (services.get(owner), recorded.get(owner)) {
            let addresses: Vec<IpAddr> = before.addresses.iter().map(|(a, _)| *a).collect();
            lost.insert(owner, allocator.restore(&service.request, &addresses).lost);
        }
    }
    for owner in unwritten {
        if let (Some(service), Some(held)) = (services.get(owner), translation.held.get(owner)) {
            // A status is no promise of ours: what it says that cannot be kept is not lost.
            allocator.restore(&service.request, held);
        }
    }

    for address in taken {
        occupy(&mut allocator, services, *address);
    }

    let mut assigned = BTreeMap::new();
    let mut outcomes = Vec::new();
    for owner in &translation.order {
        let Some(service) = services.get_mut(owner) else { continue };
        let before = recorded.get(owner);
        let now = match allocator.allocate(&service.request) {
            Ok(assignment) => Some(paired(&assignment)),
            Err(why) => {
                outcomes.push(Outcome::Refused { service: owner.clone(), why });
                allocator.assignment(owner).as_ref().map(paired)
            }
        };
        service.assignment.clone_from(&now);
        assigned.extend(now.clone().map(|now| (owner.clone(), now)));
        let lost = lost.remove(owner).unwrap_or_default();
        outcomes.extend(compare(owner, before, now, lost));
    }
    for (owner, before) in recorded {
        if !services.contains_key(owner) {
            let (service, before) = (owner.clone(), before.clone());
            outcomes.push(Outcome::Cleared { service, before, lost: Vec::new() });
        }
    }
    (assigned, outcomes)
}

/// Gives an address to a stand-in, who looks to its pool like one of those that might get it.
fn occupy(allocator: &mut Allocator, services: &BTreeMap<Owner, Service>, address: IpAddr) {
    if !allocator.holders(address).is_empty() {
        return;
    }
    let Some(pool) = allocator.pools().containing(address) else { return };
    let Some(like) = services.values().find(|service| pool.permits(&service.request)) else {
        return;
    };
    let owner = Owner::new(like.request.owner.namespace(), format!("(in use: {address})"));
    let stand_in = Request {
        labels: like.request.labels.clone(),
        namespace_labels: like.request.namespace_labels.clone(),
        ..Request::new(owner, Families::Single(Family::of(address)))
    };
    allocator.restore(&stand_in, &[address]);
}

fn compare(
    service: &Owner,
    before: Option<&Assignment>,
    now: Option<Assignment>,
    lost: Vec<Lost>,
) -> Option<Outcome> {
    let service = service.clone();
    Some(match (before.cloned(), now) {
        (None, None) => return None,
        (None, Some(assignment)) => Outcome::Assigned { service, assignment },
        (Some(before), None) => Outcome::Cleared { service, before, lost },
        (Some(before), Some(after)) if before == after => {
            Outcome::Kept { service, assignment: after }
        }
        (Some(before), Some(after)) => Outcome::Changed { service, before, after, lost },
    })
}

fn paired(assignment: &ipam::Assignment) -> Assignment {
    let pools = assignment.pools.iter().map(|pool| pool.to_string());
    Assignment { addresses: assignment.addresses.iter().copied().zip(pools).collect() }
}
