use alloc::collections::BTreeSet;

use crate::{
    PeerId,
    wire::{Attributes, NextHop},
};

/// What goes out with a prefix. Equal announcements share their UPDATEs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Announcement {
    /// The attributes, as an internal neighbor sees them. To an external one go our AS in front of
    /// the path, and neither LOCAL_PREF nor what else may not leave the AS. NEXT_HOP is ignored: see
    /// `next_hop`.
    pub attributes: Attributes,
    /// How often our AS is in front of the path beyond the one time that it must be.
    pub prepend: u8,
    /// Where the prefix leads; `None` for ourselves, as each neighbor's configuration says.
    pub next_hop: Option<NextHop>,
    /// Who is told.
    pub audience: Audience,
}

impl Announcement {
    /// These attributes, to all neighbors, with ourselves as next hop.
    #[must_use]
    pub fn new(attributes: Attributes) -> Self {
        Self { attributes, ..Self::default() }
    }
}

/// Which neighbors are told of a prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// All.
    #[default]
    All,
    /// These.
    Only(BTreeSet<PeerId>),
}

impl Audience {
    pub(crate) fn includes(&self, peer: PeerId) -> bool {
        match self {
            Self::All => true,
            Self::Only(peers) => peers.contains(&peer),
        }
    }
}
