use super::{
    Allocator, choose::Ask, ledger::Claim, reconfigure::assignment, settle::missing_family,
};
use crate::{Explanation, PoolExplanation, PoolVerdict, Request, address::Address};

impl Allocator {
    /// What [`allocate`](Self::allocate) would answer, and why each pool would or would not serve the request.
    #[must_use]
    pub fn explain(&self, request: &Request) -> Explanation {
        let found = self.ledger.find_all(request);
        let decision = self.decide(request, found);
        let outcome = decision.map(|decision| {
            let addresses = decision.into_addresses();
            let missing = missing_family(request, &addresses);
            assignment(&self.pools, &addresses, missing)
        });
        let ask = Ask {
            request,
            claim: Claim::of(request, found),
            held: found.slot.map_or(&[], |slot| self.ledger.record(slot).addresses()),
            kept: &[],
        };
        let verdict = |pool| {
            let here = |at: &Address| self.pools.number_containing(*at) == Some(pool);
            let all = outcome.as_ref().map_or(&[][..], |assigned| &assigned.addresses);
            let addresses = all.iter().copied().filter(|at| here(&(*at).into()));
            let addresses: alloc::vec::Vec<_> = addresses.collect();
            if !addresses.is_empty() {
                return PoolVerdict::Chosen { addresses };
            }
            match self.refusal(&ask, pool) {
                Some(why) => PoolVerdict::Refused { why },
                None => PoolVerdict::NotNeeded,
            }
        };
        let pools = self.order(&ask).into_iter().map(|pool| PoolExplanation {
            pool: self.pools.name(pool).clone(),
            verdict: verdict(pool),
        });
        Explanation { pools: pools.collect(), outcome }
    }
}
