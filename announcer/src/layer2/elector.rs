use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::mpsc;
use vipcast_election::{
    Backend, Candidates, Claims, NodeName, Segment, StaticConfig, StaticElection, Token, Unit,
    beacon::{BeaconConfig, BeaconCounters, BeaconElection, Keyring},
    groups::{Blocked, GroupConfig, GroupElection, GroupInput, GroupRequest, Standing},
};
use vipcast_sans_io::{Instant, Machine};

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
    /// By MetalLB's order, among nodes that hear each other's beacons. Nothing but that order decides:
    /// a node that returns takes back what it had, and nodes that see different nodes alive may both
    /// hold an address. A MetalLB that runs beside it counts only its own members.
    Hash {
        /// This node, and how often it says that it lives.
        config: Box<BeaconConfig>,
        /// What is believed.
        keyring: Keyring,
    },
    /// By the records of a store, one for each group of addresses: never two owners, and none where the
    /// store is out of reach.
    Groups {
        /// This node, and how it contends.
        config: Box<GroupConfig>,
        /// Takes what the store is asked. What it says comes by [`Control::tell`](super::Control::tell).
        store: mpsc::Sender<GroupRequest>,
    },
}

impl Election {
    /// Whether the living nodes are found out, and not given.
    #[must_use]
    pub const fn finds_members(&self) -> bool {
        matches!(self, Self::Beacon { .. } | Self::Hash { .. })
    }

    /// Whether a node itself says what it may hold, and needs not be in a list to be.
    #[must_use]
    pub const fn stands_for_itself(&self) -> bool {
        !matches!(self, Self::Static(_))
    }

    /// Whether holders are asked for TCP connections, to see whether they serve.
    pub(super) fn proves_by_tcp(&self) -> bool {
        let Self::Beacon { config, .. } = self else { return false };
        config.settings().serve_proof.as_ref().is_some_and(|proof| proof.connect)
    }

    /// What is believed at first.
    pub(super) fn keyring(&self) -> Keyring {
        match self {
            Self::Static(_) | Self::Groups { .. } => Keyring::insecure(),
            Self::Beacon { keyring, .. } | Self::Hash { keyring, .. } => keyring.clone(),
        }
    }
}

/// The elector that runs.
pub(super) enum Elector {
    Static(Box<StaticElection>),
    Beacon(Box<BeaconElection>),
    Hash(Box<Hash>),
    Groups(Box<Groups>),
}

/// Nodes contend for records, and what the store is asked goes out here.
pub(super) struct Groups {
    pub(super) election: GroupElection,
    pub(super) store: mpsc::Sender<GroupRequest>,
}

impl Elector {
    pub(super) fn new(election: Election) -> Self {
        match election {
            Election::Static(config) => Self::Static(Box::new(StaticElection::new(config))),
            Election::Beacon { config, keyring } => {
                Self::Beacon(Box::new(BeaconElection::new(*config, keyring)))
            }
            Election::Hash { config, keyring } => Self::Hash(Box::new(Hash::new(*config, keyring))),
            Election::Groups { config, store } => {
                Self::Groups(Box::new(Groups { election: GroupElection::new(*config), store }))
            }
        }
    }

    /// The machine that speaks by beacons, where there is one.
    pub(super) fn beacons(&self) -> Option<&BeaconElection> {
        match self {
            Self::Static(_) | Self::Groups(_) => None,
            Self::Beacon(election) => Some(election),
            Self::Hash(hash) => Some(&hash.peers),
        }
    }

    pub(super) fn beacons_mut(&mut self) -> Option<&mut BeaconElection> {
        match self {
            Self::Static(_) | Self::Groups(_) => None,
            Self::Beacon(election) => Some(election),
            Self::Hash(hash) => Some(&mut hash.peers),
        }
    }

    pub(super) fn tokens(&self) -> &BTreeMap<Unit, Token> {
        match self {
            Self::Static(election) => election.tokens(),
            Self::Beacon(election) => election.tokens(),
            Self::Hash(hash) => hash.order.tokens(),
            Self::Groups(groups) => groups.election.tokens(),
        }
    }

    pub(super) fn claims(&self) -> &Claims {
        match self {
            Self::Static(election) => election.claims(),
            Self::Beacon(election) => election.claims(),
            Self::Hash(hash) => hash.order.claims(),
            Self::Groups(groups) => groups.election.claims(),
        }
    }

    /// Rises with changes of the claims that come without a command and without a token.
    pub(super) fn claims_version(&self) -> u64 {
        match self {
            Self::Static(_) => 0,
            Self::Beacon(election) => election.claims_version(),
            Self::Hash(hash) => hash.version,
            Self::Groups(groups) => groups.election.claims_version(),
        }
    }

    pub(super) fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        match self {
            Self::Static(election) => election.set_candidates(now, candidates),
            Self::Beacon(election) => election.set_candidates(now, candidates),
            Self::Hash(hash) => hash.set_candidates(now, candidates),
            Self::Groups(groups) => groups.election.set_candidates(now, candidates),
        }
    }

    /// Who lives, where that is not found out.
    pub(super) fn set_members(&mut self, now: Instant, members: BTreeSet<NodeName>) {
        if let Self::Static(election) = self {
            election.set_members(now, members);
        }
    }

    pub(super) fn set_link(&mut self, now: Instant, segment: &Segment, up: bool) {
        if let Some(election) = self.beacons_mut() {
            election.set_link(now, segment, up);
        }
    }

    pub(super) fn set_keyring(&mut self, keyring: Keyring) {
        if let Some(election) = self.beacons_mut() {
            election.set_keyring(keyring);
        }
    }

    /// Hands over what it can. A list knows no successors.
    pub(super) fn drain(&mut self, now: Instant) {
        if let Self::Groups(groups) = self {
            groups.election.drain(now);
        }
        if let Some(election) = self.beacons_mut() {
            election.drain(now);
        }
    }

    pub(super) fn is_drained(&self) -> bool {
        match self {
            Self::Static(_) => false,
            Self::Beacon(election) => election.is_drained(),
            Self::Hash(hash) => hash.peers.is_drained() && hash.order.tokens().is_empty(),
            Self::Groups(groups) => groups.election.is_drained(),
        }
    }

    /// Takes what the store of the groups is asked.
    pub(super) fn store(&self) -> Option<mpsc::Sender<GroupRequest>> {
        let Self::Groups(groups) = self else { return None };
        Some(groups.store.clone())
    }

    /// What the store of the groups says.
    pub(super) fn tell(&mut self, now: Instant, input: GroupInput) {
        if let Self::Groups(groups) = self {
            groups.election.handle_input(now, input);
        }
    }

    /// What nobody announces because its holder may not, where there are groups; and whether this node
    /// takes part.
    pub(super) fn groups(&self, now: Instant) -> Option<(&BTreeMap<Unit, Blocked>, Standing)> {
        let Self::Groups(groups) = self else { return None };
        Some((groups.election.blocked(), groups.election.standing(now)))
    }

    pub(super) fn counters(&self) -> BeaconCounters {
        self.beacons().map(BeaconElection::counters).unwrap_or_default()
    }
}

/// Beacons say who lives on each segment, and a fixed order who of them holds what.
pub(super) struct Hash {
    me: NodeName,
    /// It stands for nothing, and only hears and is heard.
    pub(super) peers: BeaconElection,
    pub(super) order: StaticElection,
    wanted: Candidates,
    living: BTreeMap<Segment, BTreeSet<NodeName>>,
    version: u64,
}

impl Hash {
    fn new(config: BeaconConfig, keyring: Keyring) -> Self {
        let me = config.me().clone();
        // Who is silent is taken for dead by the beacons' clock, so its tokens go by it too.
        let life = config.settings().token_life.max(StaticConfig::SHORTEST_LIFE);
        let order = StaticConfig::new(me.clone());
        // Only what is shorter than the shortest is refused.
        let order = order.token_life(life).expect("it is as long as it must be");
        Self {
            order: StaticElection::new(order),
            peers: BeaconElection::new(config, keyring),
            me,
            wanted: Candidates::new(),
            living: BTreeMap::new(),
            version: 0,
        }
    }

    fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        self.wanted = candidates;
        self.place(now);
    }

    /// Follows who lives.
    pub(super) fn follow(&mut self, now: Instant) {
        let mut living: BTreeMap<Segment, BTreeSet<NodeName>> = BTreeMap::new();
        for peer in self.peers.peers().filter(|peer| peer.there && !peer.starting && !peer.draining)
        {
            living.entry(peer.segment.clone()).or_default().insert(peer.name.clone());
        }
        for segment in self.peers.active_segments() {
            living.entry(segment.clone()).or_default().insert(self.me.clone());
        }
        if self.living != living {
            self.living = living;
            self.place(now);
        }
    }

    fn place(&mut self, now: Instant) {
        let nobody = BTreeSet::new();
        let mut candidates = self.wanted.clone();
        for (unit, contenders) in &mut candidates {
            let living = self.living.get(&unit.segment).unwrap_or(&nobody);
            if contenders.nodes.keys().any(|node| !living.contains(node)) {
                Arc::make_mut(&mut contenders.nodes).retain(|node, _| living.contains(node));
            }
        }
        let all = self.living.values().flatten().chain([&self.me]).cloned().collect();
        self.order.set_members(now, all);
        self.order.set_candidates(now, candidates);
        self.version += 1;
    }
}
