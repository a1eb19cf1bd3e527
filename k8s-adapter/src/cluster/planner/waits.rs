//! Whose write must come after another's.

use std::{collections::BTreeSet, net::IpAddr};

use vipcast_ipam::Owner;

use super::{Planner, Verdict};

impl Planner {
    /// The status of a service says that it has these.
    pub(super) fn say(&mut self, name: &Owner, held: &[IpAddr]) {
        for address in held {
            self.says.entry(*address).or_default().insert(name.clone());
        }
    }

    /// It says so no more.
    pub(super) fn unsay(&mut self, name: &Owner, held: &[IpAddr]) {
        for address in held {
            if let Some(owners) = self.says.get_mut(address) {
                owners.remove(name);
                if owners.is_empty() {
                    self.says.remove(address);
                }
            }
        }
    }

    /// Whether a service is to have what another's status still says is its own: were this controller
    /// killed between the two writes, both would have it. Who change places with each other do not
    /// wait: one of them must be first.
    pub(super) fn waits(&self, owner: &Owner) -> bool {
        let mut passed = BTreeSet::from([owner]);
        let mut at = owner;
        while let Some(other) = self.waits_for(at) {
            if !passed.insert(other) {
                return other != owner;
            }
            at = other;
        }
        at != owner
    }

    fn waits_for(&self, owner: &Owner) -> Option<&Owner> {
        let entry = self.services.get(owner)?;
        let Verdict::Assigned(assignment) = &entry.verdict else { return None };
        let new = assignment.addresses.iter().filter(|address| !entry.held.contains(address));
        let mut said = new.filter_map(|address| Some((address, self.says.get(address)?)));
        said.find_map(|(address, owners)| {
            owners.iter().find(|other| {
                let has = self.allocator.as_ref().and_then(|a| a.assignment(other));
                let keeps = has.is_some_and(|has| has.addresses.contains(address));
                *other != owner && !keeps && self.dirty.contains(*other)
            })
        })
    }
}
