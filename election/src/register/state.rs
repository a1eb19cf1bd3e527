//! What a node knows, and what it does now. The modules beside this one each change a part of it.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use vipcast_sans_io::{Instant, TimerTable};

use super::{
    Ballot, Stamp, VoterId,
    config::RegisterConfig,
    document::{Changes, Document, Key},
    message::{Status, Want},
    store::Store,
};
use crate::{
    NodeName,
    beacon::{Keyring, wire::Refusal},
};

/// One node's part in the agreement. See the [module](super).
#[derive(Debug)]
pub struct Register {
    pub(super) config: RegisterConfig,
    pub(super) keyring: Keyring,
    pub(super) store: Store,
    pub(super) role: Role,
    /// The highest round that was heard of.
    pub(super) round: u64,
    pub(super) leader: Option<Leader>,
    /// No other is helped to lead before.
    pub(super) loyal_until: Instant,
    pub(super) began: Instant,
    /// Counts beats of this node's own, while it follows.
    pub(super) beats: u64,
    pub(super) heard: BTreeMap<VoterId, Heard>,
    pub(super) blanks: BTreeMap<NodeName, Blank>,
    pub(super) copying: Option<Copying>,
    pub(super) outbox: Outbox,
    pub(super) timers: TimerTable<Timer>,
    pub(super) news: News,
    pub(super) counters: RegisterCounters,
}

/// Whom this node follows.
#[derive(Clone, Debug)]
pub(super) struct Leader {
    pub(super) ballot: Ballot,
    pub(super) name: NodeName,
    pub(super) tick: u64,
}

/// What another node has said last.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) name: NodeName,
    pub(super) status: Status,
    /// The last beat of this leader that it has answered.
    pub(super) echo: u64,
}

/// A node without history.
#[derive(Clone, Debug)]
pub(super) struct Blank {
    pub(super) voter: VoterId,
    pub(super) list: u64,
    pub(super) at: Instant,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Outbox {
    /// To all, under this node's own ballot.
    pub(super) lead: bool,
    /// What is asked for while copying.
    pub(super) ask: bool,
    /// That this node has no history.
    pub(super) hello: bool,
    pub(super) answers: BTreeMap<VoterId, Answer>,
    pub(super) wants: BTreeMap<VoterId, (NodeName, Want)>,
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) name: NodeName,
    pub(super) echo: Option<u64>,
    pub(super) willing: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct News {
    pub(super) token: bool,
    pub(super) agreed: bool,
    pub(super) changes: Changes,
    pub(super) blanks: BTreeSet<(NodeName, VoterId)>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    Fence,
    Beat,
    Copy,
    Campaign,
}

/// What happened. Coalesced; the state can be read at any time.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterEvent {
    /// This node leads until then: it knows all that was agreed, and may propose.
    Leading {
        /// The deadline of the token.
        not_after: Instant,
    },
    /// This node leads no more. What it proposed last may be agreed or not.
    Lost,
    /// The document was changed.
    Agreed {
        /// Its version now.
        version: u64,
        /// The entries that are others than when this was told last.
        changes: Changes,
    },
    /// A node without a vote is there, and could be [admitted](Register::admit); where a member has its
    /// name, that one's memory is lost, and it should be [dismissed](Register::dismiss) first.
    Blank {
        /// Who.
        name: NodeName,
        /// Its memory.
        voter: VoterId,
    },
}

/// Whom a datagram is for. All may hear it: who is not meant passes over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterTransmit {
    /// All nodes.
    All,
    /// This one.
    To(NodeName),
}

/// What a [`Register`] has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegisterCounters {
    /// Datagrams that were built, and their octets.
    pub sent: u64,
    /// Octets of those.
    pub sent_octets: u64,
    /// Datagrams that were believed.
    pub heard: u64,
    /// Datagrams that were refused, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Attempts to lead.
    pub campaigns: u64,
    /// Those that succeeded.
    pub elected: u64,
    /// Documents that were copied in parts.
    pub copies: u64,
    /// Changes that came with a beat.
    pub deltas: u64,
}

#[derive(Debug)]
pub(super) enum Role {
    /// Or waiting for somebody to follow.
    Following,
    /// Would others help?
    Asking {
        willing: BTreeSet<VoterId>,
        since: Instant,
    },
    Preparing(Preparing),
    Leading(Leading),
}

#[derive(Debug)]
pub(super) struct Preparing {
    pub(super) since: Instant,
    /// What each had accepted when it promised.
    pub(super) promises: BTreeMap<VoterId, Stamp>,
    /// The latest of that, copied.
    pub(super) chosen: Option<(Stamp, Document)>,
}

#[derive(Debug, Default)]
pub(super) struct Leading {
    /// Counts beats.
    pub(super) tick: u64,
    /// When the last few were sent.
    pub(super) sent: BTreeMap<u64, Instant>,
    /// A majority has accepted under this ballot, so that nothing is unknown.
    pub(super) ready: bool,
    pub(super) not_after: Option<Instant>,
    /// Who voted before a change of members that is not agreed yet.
    pub(super) guard: BTreeSet<VoterId>,
    /// The last change, and what it was made to.
    pub(super) delta: Option<(Stamp, Changes)>,
}

/// A copy that is being made.
#[derive(Debug)]
pub(super) struct Copying {
    pub(super) name: NodeName,
    pub(super) from: VoterId,
    pub(super) stamp: Stamp,
    pub(super) document: Document,
    /// What its buckets will amount to; empty until that was told.
    pub(super) sums: Vec<u64>,
    /// Which bucket is copied, and how far.
    pub(super) at: (u8, Key),
    /// For how many questions in a row no answer came.
    pub(super) vain: u32,
}
