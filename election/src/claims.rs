use alloc::collections::BTreeMap;

use vipcast_sans_io::Instant;

use crate::{Epoch, NodeName, Unit};

/// Who holds what: the answer to "who has it?".
pub type Claims = BTreeMap<Unit, Claim>;

/// One node's hold on one unit, as this node knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The node that holds the unit.
    pub holder: NodeName,
    /// Its tenure, where it is known: the static backend knows only its own.
    pub epoch: Option<Epoch>,
    /// Since when this node has known it, on its own clock.
    pub since: Instant,
}
