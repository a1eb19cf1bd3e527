use alloc::vec::Vec;

use super::Allocator;
use crate::{Assignment, Difference, Owner};

impl Allocator {
    /// Does `operations` to a copy, and says what would differ afterwards, by owner.
    ///
    /// The copy shares all names with the original; its cost is a few machine words for each assignment.
    ///
    /// ```
    /// # use vipcast_ipam::{Allocator, Families, Family, Owner, Pool, Pools, Request};
    /// # let pool = Pool::builder("lan").range("10.0.0.0/30".parse()?).build()?;
    /// # let allocator = Allocator::new(Pools::new(vec![pool])?);
    /// let request = Request::new(Owner::new("default", "web"), Families::Single(Family::V4));
    /// let (answer, differences) = allocator.what_if(|copy| copy.allocate(&request));
    /// assert_eq!(differences[0].after, Some(answer?));
    /// assert!(allocator.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn what_if<R>(&self, operations: impl FnOnce(&mut Self) -> R) -> (R, Vec<Difference>) {
        let mut copy = self.clone();
        let result = operations(&mut copy);
        (result, self.differences(&copy))
    }

    /// What differs between this state and a later one, by owner.
    #[must_use]
    pub fn differences(&self, later: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |owner: &Owner, before: Option<Assignment>, after| {
            if before != after {
                differences.push(Difference { owner: owner.clone(), before, after });
            }
        };
        for (slot, record) in self.ledger.records() {
            compare(&record.owner, Some(self.view(slot)), later.assignment(&record.owner));
        }
        for (slot, record) in later.ledger.records() {
            if self.ledger.find(&record.owner).is_none() {
                compare(&record.owner, None, Some(later.view(slot)));
            }
        }
        differences.sort_unstable_by(|a, b| a.owner.cmp(&b.owner));
        differences
    }
}
