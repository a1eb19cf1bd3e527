use std::collections::{BTreeMap, BTreeSet};

use vipcast_election::{
    Backend, Candidates, Claims, NodeName, Segment, StaticConfig, StaticElection, Token, Unit,
    beacon::{BeaconConfig, BeaconCounters, BeaconElection, Keyring},
};
use vipcast_sans_io::Instant;

/// How the holder of each address is found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Election {
    /// Among the living nodes of a list that is [given](super::Layer2::set_members).
    Static(StaticConfig),
    /// Among nodes that hear each other's beacons.
    Beacon {
        /// This node, and how it elects.
        config: Box<BeaconConfig>,
        /// What is believed.
        keyring: Keyring,
    },
}

impl Election {
    /// Whether the living nodes are found out, and not given.
    #[must_use]
    pub const fn finds_members(&self) -> bool {
        matches!(self, Self::Beacon { .. })
    }
}

/// The elector that runs.
pub(super) enum Elector {
    Static(Box<StaticElection>),
    Beacon(Box<BeaconElection>),
}

impl Elector {
    pub(super) fn new(election: Election) -> Self {
        match election {
            Election::Static(config) => Self::Static(Box::new(StaticElection::new(config))),
            Election::Beacon { config, keyring } => {
                Self::Beacon(Box::new(BeaconElection::new(*config, keyring)))
            }
        }
    }

    pub(super) fn tokens(&self) -> &BTreeMap<Unit, Token> {
        match self {
            Self::Static(election) => election.tokens(),
            Self::Beacon(election) => election.tokens(),
        }
    }

    pub(super) fn claims(&self) -> &Claims {
        match self {
            Self::Static(election) => election.claims(),
            Self::Beacon(election) => election.claims(),
        }
    }

    /// Rises with changes of the claims that come without a command and without a token.
    pub(super) fn claims_version(&self) -> u64 {
        match self {
            Self::Static(_) => 0,
            Self::Beacon(election) => election.claims_version(),
        }
    }

    pub(super) fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        match self {
            Self::Static(election) => election.set_candidates(now, candidates),
            Self::Beacon(election) => election.set_candidates(now, candidates),
        }
    }

    /// Who lives, where that is not found out.
    pub(super) fn set_members(&mut self, now: Instant, members: BTreeSet<NodeName>) {
        if let Self::Static(election) = self {
            election.set_members(now, members);
        }
    }

    pub(super) fn set_link(&mut self, now: Instant, segment: &Segment, up: bool) {
        if let Self::Beacon(election) = self {
            election.set_link(now, segment, up);
        }
    }

    pub(super) fn set_keyring(&mut self, keyring: Keyring) {
        if let Self::Beacon(election) = self {
            election.set_keyring(keyring);
        }
    }

    /// Hands over what it can. A list knows no successors.
    pub(super) fn drain(&mut self, now: Instant) {
        if let Self::Beacon(election) = self {
            election.drain(now);
        }
    }

    pub(super) fn counters(&self) -> BeaconCounters {
        match self {
            Self::Static(_) => BeaconCounters::default(),
            Self::Beacon(election) => election.counters(),
        }
    }
}
