use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use vipcast_bgp_proto::{
    Instant, PeerId,
    fsm::{DownReason, Session, State},
    peer::Counters,
    wire::Family,
};

/// How a speaker stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BgpReport {
    /// The neighbors, in the order of their coming.
    pub peers: BTreeMap<PeerId, Arc<PeerReport>>,
    /// How many routes are announced.
    pub routes: usize,
    /// How many connections of others than neighbors were closed at once.
    pub strangers: u64,
}

/// How one neighbor stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerReport {
    /// Where it is dialed.
    pub remote: SocketAddr,
    /// Where the session stands.
    pub state: State,
    /// Since when it stands there.
    pub since: Instant,
    /// What was agreed; `None` unless Established.
    pub session: Option<Arc<Session>>,
    /// The families of which the neighbor was told everything, in this session.
    pub announced: BTreeSet<Family>,
    /// When TCP had taken everything there was to tell, with each End-of-RIB; `None` until then.
    pub announced_at: Option<Instant>,
    /// Prefixes are held back: the neighbor's limit is reached.
    pub limited: bool,
    /// How many sessions were lost.
    pub losses: u64,
    /// The last of them.
    pub last_loss: Option<Loss>,
    /// How many attempts have failed.
    pub failures: u64,
    /// The last of them.
    pub last_failure: Option<Loss>,
    /// Why the last dial failed, as the kernel said; `None` after one that has not.
    pub dial_error: Option<String>,
    /// What was counted since the neighbor was added.
    pub counters: Counters,
}

/// The end of a session, or of an attempt to have one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loss {
    /// When.
    pub at: Instant,
    /// Why; prints in the words of the RFC.
    pub reason: DownReason,
}

impl PeerReport {
    pub(super) fn new(remote: SocketAddr, now: Instant) -> Self {
        Self {
            remote,
            state: State::Idle,
            since: now,
            session: None,
            announced: BTreeSet::new(),
            announced_at: None,
            limited: false,
            losses: 0,
            last_loss: None,
            failures: 0,
            last_failure: None,
            dial_error: None,
            counters: Counters::default(),
        }
    }

    /// Whether the neighbor was told of all families that both sides offered.
    pub(super) fn is_told(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let typed = [Family::IPV4_UNICAST, Family::IPV6_UNICAST];
            let mut agreed = session.families.iter().map(|agreed| agreed.family);
            agreed.all(|family| !typed.contains(&family) || self.announced.contains(&family))
        })
    }
}
