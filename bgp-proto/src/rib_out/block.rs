use alloc::vec::Vec;

use super::{policy::Policy, set_id::SetId, table::Sets};
use crate::wire::{Family, NlriField};

/// Encoded attributes of one set, for the neighbor whose messages are being written.
#[derive(Clone, Debug, Default)]
pub(super) struct Block {
    set: Option<(Family, SetId)>,
    field: Option<NlriField>,
    bytes: Vec<u8>,
}

impl Block {
    pub(super) fn forget(&mut self) {
        self.set = None;
    }

    /// The field and the attributes; `None` where the set is not for this neighbor.
    pub(super) fn load(
        &mut self,
        family: Family,
        set: SetId,
        sets: &Sets,
        policy: &Policy<'_>,
    ) -> Option<(NlriField, &[u8])> {
        if self.set != Some((family, set)) {
            self.set = Some((family, set));
            self.field = sets
                .get(set)
                .filter(|announcement| policy.permits(family, announcement))
                .and_then(|announcement| policy.encode(family, announcement, &mut self.bytes));
        }
        self.field.map(|field| (field, &self.bytes[..]))
    }
}
