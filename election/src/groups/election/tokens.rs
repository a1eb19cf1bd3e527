use vipcast_sans_io::Instant;

use super::{Blocked, GroupElection};
use crate::{Claim, Epoch, LeaseId, Token, groups::Group};

/// What comes out of it.
impl GroupElection {
    /// From who holds which group to who holds which address.
    pub(super) fn find_tokens(&mut self, now: Instant) {
        let before = core::mem::take(&mut self.claims);
        let tokens = core::mem::take(&mut self.tokens);
        let blocked = core::mem::take(&mut self.blocked);
        for (unit, contenders) in &self.candidates {
            let group = Group::of_address(unit.address, self.config.count());
            let Some(place) = self.places.get(usize::from(group.number)) else { continue };
            let Some(holding) = &place.holder else { continue };
            let holder = holding.node.clone();
            if !contenders.nodes.contains_key(&holder) {
                self.blocked.insert(unit.clone(), Blocked { group, holder });
                continue;
            }
            let epoch = Epoch(u64::from(holding.transitions));
            if place.tenure.is_some() {
                let lease = LeaseId(u32::from(group.number));
                self.tokens.insert(unit.clone(), Token { unit: unit.clone(), epoch, lease });
            }
            let claim = match before.get(unit) {
                Some(old) if old.holder == holder && old.epoch == Some(epoch) => old.clone(),
                _ => Claim { holder, epoch: Some(epoch), since: now },
            };
            self.claims.insert(unit.clone(), claim);
        }
        for (unit, token) in &self.tokens {
            if tokens.get(unit) != Some(token) {
                self.changed.insert(unit.clone());
            }
        }
        let gone = tokens.into_keys().filter(|unit| !self.tokens.contains_key(unit));
        self.changed.extend(gone);
        if self.claims != before || self.blocked != blocked {
            self.claims_version += 1;
        }
    }
}
