//! Does what an owner holds still suit it?

use alloc::vec::Vec;

use super::Allocator;
use crate::{Families, Family, Labels, Lost, LostReason, Others, address::Address};

/// Who holds, and what it wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holder<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) labels: &'a Labels,
    pub(crate) namespace_labels: &'a Labels,
    pub(crate) two_pools: bool,
    /// Which families and how many addresses of each; unknown when only the pools have changed.
    pub(crate) shape: Option<(Families, u16)>,
}

impl Allocator {
    /// Parts addresses into those that the pools and the shape allow, and the others. Who else holds them is not looked at.
    pub(crate) fn fit(
        &self,
        holder: Holder<'_>,
        addresses: &[Address],
    ) -> (Vec<Address>, Vec<Lost>) {
        let mut kept: Vec<Address> = Vec::with_capacity(addresses.len());
        let mut lost = Vec::new();
        for address in by_preference(holder, addresses) {
            match self.misfit(holder, address, &kept) {
                None => kept.push(address),
                Some(why) => lost.push(Lost { address: address.into(), why }),
            }
        }
        (kept, lost)
    }

    fn misfit(&self, holder: Holder<'_>, address: Address, kept: &[Address]) -> Option<LostReason> {
        let Some(number) = self.pools.number_containing(address) else {
            return Some(LostReason::OutsidePools);
        };
        let pool = self.pools.pool(number);
        let name = || self.pools.name(number).clone();
        if self.pools.segment_of(address).is_none() {
            let why = pool.unusable(address.into());
            return Some(LostReason::Unusable { pool: name(), why });
        }
        let selection = pool.selection().filter(|selection| selection.others == Others::Refused);
        let (labels, around) = (holder.labels, holder.namespace_labels);
        if selection.is_some_and(|s| !s.matches_labels(holder.namespace, labels, around)) {
            return Some(LostReason::NotPermitted { pool: name() });
        }
        let family = address.family();
        if let Some((families, per_family)) = holder.shape {
            let same = kept.iter().filter(|other| other.family() == family).count();
            if !families.includes(family) || same >= usize::from(per_family.max(1)) {
                return Some(LostReason::NotWanted);
            }
        }
        let beside = |other: &&Address| {
            self.pools.number_containing(**other).is_some_and(|theirs| {
                let both =
                    pool.dual_with_other_pools() && self.pools.pool(theirs).dual_with_other_pools();
                theirs == number || (other.family() != family && (holder.two_pools || both))
            })
        };
        if !kept.iter().all(|other| beside(&other)) {
            return Some(LostReason::AnotherPool { pool: name() });
        }
        None
    }
}

/// The addresses in the order in which they are kept: the primary family first.
fn by_preference(holder: Holder<'_>, addresses: &[Address]) -> impl Iterator<Item = Address> {
    let first = match holder.shape {
        Some((Families::PreferDual { primary } | Families::Single(primary), _)) => primary,
        _ => Family::V4,
    };
    let of = |family| addresses.iter().copied().filter(move |at| at.family() == family);
    of(first).chain(of(first.other()))
}
