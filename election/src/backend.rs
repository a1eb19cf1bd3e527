use alloc::{collections::BTreeMap, sync::Arc};
use core::net::IpAddr;

use vipcast_sans_io::{Instant, Machine};

use crate::{Claims, LeaseId, NodeName, Token, Unit};

/// A way of electing. All that its host needs: candidates in, tokens and claims out.
pub trait Backend: Machine<Event = Event> {
    /// Who may hold which unit, from now on. Units that are no longer named are given up.
    fn set_candidates(&mut self, now: Instant, candidates: Candidates);

    /// Who holds what, as far as this node knows.
    fn claims(&self) -> &Claims;
}

/// The nodes that may hold each unit.
pub type Candidates = BTreeMap<Unit, Contenders>;

/// The nodes that may hold one unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contenders {
    /// Each with its score: a higher one is preferred. Most units have the same, which may then be kept
    /// once.
    pub nodes: Arc<BTreeMap<NodeName, u32>>,
    /// The address to place the unit by. Units of one group go to one node where all may hold them.
    pub group: IpAddr,
}

impl Contenders {
    /// These nodes, none preferred.
    #[must_use]
    pub fn equal(nodes: impl IntoIterator<Item = NodeName>, group: IpAddr) -> Self {
        Self { nodes: Arc::new(nodes.into_iter().map(|node| (node, 0)).collect()), group }
    }
}

/// What changed for this node. Coalesced: only the latest state of a unit or a lease is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The lease now lasts until `not_after`, and with it every token under it.
    Renewed {
        /// Which lease.
        lease: LeaseId,
        /// Its new deadline.
        not_after: Instant,
    },
    /// The unit may be announced.
    Granted(Token),
    /// The unit may no longer be announced.
    Revoked(Unit),
}
