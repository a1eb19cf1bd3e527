//! Layer 2, on a thread of its own: election and responder, wired.
//!
//! A token becomes a claim here, and nowhere else. What may be claimed where is a static table that
//! is handed in; inside, tokens alone switch its entries on and off, so that no takeover waits for a
//! plan, a queue or a reconcile loop.

mod alarms;
mod beacons;
mod connects;
mod control;
mod elector;
mod handshake;
mod host;
mod leases;
mod links;
mod moderation;
mod outgoing;
mod outlets;
mod report;
mod sockets;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;
use vipcast_arp_ndp::ResponderConfig;
use vipcast_election::{
    Candidates, NodeName, StaticConfig, Unit,
    beacon::{BeaconConfig, BeaconCounters, Keyring},
    groups::{GroupConfig, GroupInput, GroupRequest},
    register::RegisterTransmit,
};
use vipcast_plan::{LinkExpression, LinkName};

use self::leases::Leases;
use crate::os::Waker;

pub use alarms::{Alarm, Raised};
pub use beacons::{BEACON_GROUP_V4, BEACON_GROUP_V6, BeaconTransport};
pub use connects::TcpPorts;
pub use control::Control;
pub use elector::Election;
pub use links::{LinkFilter, LinkPattern, LinkPatternError, LinkState, segment_of};
pub use report::{Check, Checks, ConflictSeen, Heard, Layer2Report, NodeSeen};
pub use vipcast_arp_ndp::{Counters, Rate};

/// Which links each unit may be announced on: for most the same, kept once.
pub type Table = BTreeMap<Unit, Arc<BTreeSet<LinkName>>>;

/// The layer 2 thread. It ends, and is silent, when this is dropped.
///
/// Commands are coalesced: only the latest table, candidates and members count, so that a slow
/// thread never has a queue of them.
#[derive(Debug)]
pub struct Layer2 {
    shared: Arc<Shared>,
    reports: watch::Receiver<Arc<Layer2Report>>,
    thread: Option<JoinHandle<()>>,
    check_round: u64,
}

/// How the thread behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Layer2Config {
    /// This node.
    pub me: NodeName,
    /// How the holder of each address is found.
    pub election: Election,
    /// How beacons travel. Who takes no part in them listens for those of others.
    pub beacons: BeaconTransport,
    /// How addresses are announced.
    pub responder: ResponderConfig,
    /// Which links may be used.
    pub links: LinkFilter,
    /// A lateness of the loop beyond this is a gap in its clock: what queued up meanwhile is
    /// dropped. Not longer than a token's life.
    pub gap: Duration,
}

impl Layer2Config {
    /// The defaults for a node.
    #[must_use]
    pub fn new(me: NodeName) -> Self {
        let mut responder = ResponderConfig::default();
        // Nodes that draw the same jitter would speak at the same moments.
        let mut hasher = DefaultHasher::new();
        me.as_str().hash(&mut hasher);
        responder.seed = hasher.finish();
        let election = StaticConfig::new(me.clone());
        Self {
            me,
            gap: election.life(),
            election: Election::Static(election),
            beacons: BeaconTransport::default(),
            responder,
            links: LinkFilter::default(),
        }
    }

    /// Finds out by beacons who lives, and places addresses among those as MetalLB does.
    pub fn place_by_hash(&mut self, config: BeaconConfig, keyring: Keyring) {
        self.gap = config.settings().token_life;
        self.election = Election::Hash { config: Box::new(config), keyring };
    }

    /// Holds groups of addresses by the records of a store, which is asked through `store`.
    pub fn hold_groups(
        &mut self,
        config: GroupConfig,
        store: tokio::sync::mpsc::Sender<GroupRequest>,
    ) {
        self.gap = config.lease().hold();
        self.election = Election::Groups { config: Box::new(config), store };
    }

    /// Elects by beacons, instead of from a list.
    pub fn elect_by_beacons(&mut self, config: BeaconConfig, keyring: Keyring) {
        self.gap = config.settings().token_life;
        self.election = Election::Beacon { config: Box::new(config), keyring };
    }
}

/// What the thread and its handle share.
#[derive(Debug)]
struct Shared {
    pending: Mutex<Pending>,
    responder: Mutex<Counters>,
    sockets: Mutex<SocketCounters>,
    beacons: Mutex<BeaconCounters>,
    leases: Mutex<Leases>,
    /// What is believed; of no use where there are no beacons.
    keyring: watch::Sender<Keyring>,
    waker: Waker,
}

/// Commands that the thread has not seen yet.
#[derive(Debug, Default)]
struct Pending {
    table: Option<Arc<Table>>,
    ports: Option<Arc<TcpPorts>>,
    /// What is left out beside the configuration, if that has changed.
    excluded: Option<Option<Vec<LinkExpression>>>,
    candidates: Option<Candidates>,
    members: Option<BTreeSet<NodeName>>,
    checks: Option<(u64, BTreeSet<IpAddr>)>,
    keyring: Option<Keyring>,
    /// Whom datagrams of the agreement are for.
    agreement: Option<tokio::sync::mpsc::Sender<Vec<u8>>>,
    /// What the agreement sends.
    agreed: VecDeque<(RegisterTransmit, Vec<u8>)>,
    /// What the store of the groups says.
    told: VecDeque<GroupInput>,
    drain: bool,
    stop: bool,
    #[cfg(test)]
    panic: bool,
    /// For so long the thread is stopped in the midst of its work.
    #[cfg(test)]
    stall: Duration,
}

impl Layer2 {
    /// Starts the thread in the network namespace of the calling one. It holds nothing yet.
    ///
    /// # Errors
    /// The kernel's: no epoll, timer or netlink socket to be had, or no thread. That a packet socket
    /// cannot be opened is told in the report: other links may still work.
    pub fn start(config: Layer2Config) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            pending: Mutex::default(),
            responder: Mutex::default(),
            sockets: Mutex::default(),
            beacons: Mutex::default(),
            leases: Mutex::default(),
            keyring: watch::Sender::new(config.election.keyring()),
            waker: Waker::new()?,
        });
        let (sender, reports) = watch::channel(Arc::default());
        let (started, result) = mpsc::sync_channel(1);
        let theirs = Arc::clone(&shared);
        // The host is made on its thread: what epoll fills in may not move to another.
        let serve = move || match host::Host::new(config, theirs, sender) {
            Ok(host) => {
                let _ = started.send(Ok(()));
                host.run();
            }
            Err(error) => _ = started.send(Err(error)),
        };
        let thread = std::thread::Builder::new().name("layer2".into()).spawn(serve)?;
        result.recv().map_err(io::Error::other)??;
        Ok(Self { shared, reports, thread: Some(thread), check_round: 0 })
    }

    /// Which links each unit may be announced on, from now on.
    pub fn set_table(&self, table: impl Into<Arc<Table>>) {
        self.command(|pending| pending.table = Some(table.into()));
    }

    /// Where each address can be seen to be served by TCP, from now on; of use only where the election
    /// asks for such [proofs](vipcast_election::beacon::ServeProof::connect). An address that is not
    /// named is proved by ARP or ND.
    pub fn set_tcp_ports(&self, ports: impl Into<Arc<TcpPorts>>) {
        self.command(|pending| pending.ports = Some(ports.into()));
    }

    /// Links that are left out from now on, beside those of the configuration, or in place of its
    /// default; `None` for the configuration alone.
    pub fn set_excluded_links(&self, excluded: Option<Vec<LinkExpression>>) {
        self.command(|pending| pending.excluded = Some(excluded));
    }

    /// Who may hold which unit, from now on.
    pub fn set_candidates(&self, candidates: Candidates) {
        self.command(|pending| pending.candidates = Some(candidates));
    }

    /// The nodes that live, from now on; where they are not found out.
    pub fn set_members(&self, members: BTreeSet<NodeName>) {
        self.command(|pending| pending.members = Some(members));
    }

    /// Hands over what others can take: successors are named, and announce first. The report tells
    /// when it is [done](Layer2Report::drained). There is no way back.
    pub fn drain(&self) {
        self.command(|pending| pending.drain = true);
    }

    /// Asks the network whether anybody uses these addresses, in place of those that were checked
    /// before. The report's [`checks`](Layer2Report::checks) of the round that is returned have the
    /// answers. For addresses that nobody has announced yet: it takes most of a second, and claims
    /// nothing.
    pub fn check(&mut self, addresses: BTreeSet<IpAddr>) -> u64 {
        self.check_round += 1;
        let round = self.check_round;
        self.command(|pending| pending.checks = Some((round, addresses)));
        round
    }

    /// The latest report; it changes with the state, not with every frame.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Arc<Layer2Report>> {
        self.reports.clone()
    }

    /// For what does not need this handle, which may have moved elsewhere.
    #[must_use]
    pub fn control(&self) -> Control {
        Control { shared: Arc::clone(&self.shared) }
    }

    fn command(&self, change: impl FnOnce(&mut Pending)) {
        self.shared.command(change);
    }
}

impl Shared {
    fn command(&self, change: impl FnOnce(&mut Pending)) {
        change(&mut lock(&self.pending));
        // An eventfd refuses only when it is full, and then the thread is woken anyway.
        let _ = self.waker.wake();
    }
}

/// What became of frames at the packet sockets of all links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SocketCounters {
    /// Frames that passed the filter and were read, or wait to be.
    pub frames: u64,
    /// Frames that passed the filter and found the receive queue full.
    pub dropped: u64,
    /// Frames that were built and not sent: a lease had ended meanwhile, or the loop's own clock had a
    /// gap.
    pub withheld: u64,
}

impl Drop for Layer2 {
    fn drop(&mut self) {
        self.command(|pending| pending.stop = true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has ended the process already.
            let _ = thread.join();
        }
    }
}

/// A poisoned lock guards plain data, which is as good as before.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A claim of the responder, by what it is about.
type ClaimKey = (u32, IpAddr);

#[cfg(test)]
mod tests;
