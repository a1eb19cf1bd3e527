//! Without a cluster: a folder of manifests, a state folder and a list of living nodes become what a
//! node is to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};
use vipcast_announcer::{Prober, clock::Clock};
use vipcast_plan::{Intent, NodeName};

use crate::{
    Alive, Diagnostic, Options, Translation,
    assigner::{Assigner, LostState, Outcome, Turn},
    folder::{Follow, FollowError, Snapshot, Timing},
    state::{StateError, StateFolder},
};

/// Where everything is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StandaloneConfig {
    /// The folder of manifests.
    pub manifests: PathBuf,
    /// The state folder, which several nodes may share.
    pub state: PathBuf,
    /// This node.
    pub node: NodeName,
    /// The file of living nodes. Without one, this node is alone.
    pub alive: Option<PathBuf>,
    /// How manifests are read.
    pub options: Options,
    /// What to do when the written assignments are lost.
    pub lost_state: LostState,
}

impl StandaloneConfig {
    /// A node alone.
    #[must_use]
    pub fn new(
        manifests: impl Into<PathBuf>,
        state: impl Into<PathBuf>,
        node: impl Into<Arc<str>>,
    ) -> Self {
        Self {
            manifests: manifests.into(),
            state: state.into(),
            node: NodeName::new(node),
            alive: None,
            options: Options::default(),
            lost_state: LostState::default(),
        }
    }
}

/// Follows the folders and the file, assigns where this node is the one to, and publishes what a
/// [`Node`](vipcast_announcer::Node) follows. It ends when this is dropped.
///
/// ```no_run
/// use std::sync::Arc;
/// use vipcast_announcer::{Node, NodeConfig};
/// use vipcast_k8s_adapter::{Standalone, StandaloneConfig, feed};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let config = StandaloneConfig::new("manifests/", "state/", "node-a");
/// let (feed, intents, members) = feed();
/// let node = Node::start(NodeConfig::new(config.node.clone()), intents, members)?;
/// let mut standalone = Standalone::start(config, feed, Arc::new(node.prober())).await?;
/// while let Some(event) = standalone.event().await {
///     println!("{event}");
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Standalone {
    events: mpsc::Receiver<StandaloneEvent>,
    task: JoinHandle<()>,
    _follows: Vec<Follow>,
}

/// What a [`Standalone`] publishes into.
#[derive(Debug)]
pub struct Feed {
    intents: watch::Sender<Arc<Intent>>,
    members: watch::Sender<BTreeSet<NodeName>>,
}

/// A feed with its ends: what is asked for, with addresses, and the nodes that live. Nothing and
/// nobody at first.
#[must_use]
pub fn feed() -> (Feed, watch::Receiver<Arc<Intent>>, watch::Receiver<BTreeSet<NodeName>>) {
    let (intents, intents_end) = watch::channel(Arc::default());
    let (members, members_end) = watch::channel(BTreeSet::new());
    (Feed { intents, members }, intents_end, members_end)
}

/// Asks the network who uses an address.
#[async_trait]
pub trait InUse: Send + Sync {
    /// Those of the addresses that somebody uses; `None` if nobody can be asked any more.
    async fn in_use(&self, addresses: BTreeSet<IpAddr>) -> Option<BTreeSet<IpAddr>>;
}

#[async_trait]
impl InUse for Prober {
    async fn in_use(&self, addresses: BTreeSet<IpAddr>) -> Option<BTreeSet<IpAddr>> {
        Self::in_use(self, addresses).await
    }
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StandaloneError {
    /// The state folder.
    #[error(transparent)]
    State(#[from] StateError),
    /// A folder or the file cannot be followed.
    #[error(transparent)]
    Follow(#[from] FollowError),
}

/// Something to tell a person.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum StandaloneEvent {
    /// Something was found in a manifest.
    Found(Diagnostic),
    /// Something that was found is no longer so.
    Mended(Diagnostic),
    /// What became of a service's addresses.
    Outcome(Outcome),
    /// This node assigns from now on, or no longer.
    Assigning(bool),
    /// The living nodes, or why the earlier list is kept.
    Alive(Alive),
    /// The state cannot be read or written: nothing new is assigned, what is stays.
    StateFault(String),
    /// The state was corrupt, and a copy of it was set aside here.
    SetAside(PathBuf),
    /// After a loss of state, the network is asked who uses these addresses.
    Probing(Vec<IpAddr>),
    /// After a loss of state, somebody was found with this address: it is not handed out.
    Occupied(IpAddr),
}

/// How soon a lock that another process holds is tried again: nobody tells when it comes free.
const TRY_LOCK_EVERY: Duration = Duration::from_secs(1);

/// Events that may wait for whoever prints them.
const EVENTS: usize = 1024;

impl Standalone {
    /// Starts to follow, and publishes into `feed`. Needs a tokio runtime.
    ///
    /// After a loss of state it asks `prober` before it hands out an address that somebody may hold.
    /// Returns once the folder was read for the first time, so that the first intent is there.
    ///
    /// # Errors
    /// [`StandaloneError`]. What is wrong in manifests is no error here but an event.
    pub async fn start(
        config: StandaloneConfig,
        feed: Feed,
        prober: Arc<dyn InUse>,
    ) -> Result<Self, StandaloneError> {
        let folder = StateFolder::open(&config.state, config.node.as_str())?;
        let (event_sender, events) = mpsc::channel(EVENTS);
        // A copy that cannot be read is no reason to stay down: the folder itself will tell.
        let (before, fault) = match folder.load_manifests() {
            Ok(snapshot) => (snapshot, None),
            Err(error) => (Snapshot::default(), Some(error.to_string())),
        };

        let (manifests, mut snapshots) = watch::channel(None);
        let (list, living) = watch::channel(Alive::default());
        let (written, assignments) = watch::channel(());
        let mut follows = vec![
            Follow::manifests(
                &config.manifests,
                config.options.clone(),
                before,
                Timing::default(),
                Clock::now,
                move |snapshot| _ = manifests.send_replace(Some(Arc::new(snapshot))),
            )?,
            folder.follow_assignments(move |_| written.send_replace(()))?,
        ];
        if let Some(file) = &config.alive {
            follows.push(Follow::alive(file, move |alive| _ = list.send_replace(alive))?);
        }

        let mut intents = feed.intents.subscribe();
        let (probed, probes) = mpsc::channel(1);
        let runner = Runner {
            assigner: Assigner::new(folder.clone(), config.lost_state),
            folder,
            config,
            told: BTreeMap::new(),
            told_alive: None,
            told_fault: fault.clone(),
            assigning: None,
            stored: None,
            prober,
            probing: BTreeSet::new(),
            probed,
            feed,
            events: event_sender,
        };
        if let Some(fault) = fault {
            runner.tell(StandaloneEvent::StateFault(fault)).await;
        }
        // The thread that reads the folder delivers something, be it that there is nothing.
        let _ = snapshots.wait_for(Option::is_some).await;
        let alone = runner.config.alive.is_none();
        let mut first = living.clone();
        if !alone {
            let _ = first.wait_for(|alive| *alive != Alive::default()).await;
        }
        let task = tokio::spawn(runner.run(snapshots, living, assignments, probes));
        let _ = intents.changed().await;
        Ok(Self { events, task, _follows: follows })
    }

    /// The next event; `None` when there will be none.
    pub async fn event(&mut self) -> Option<StandaloneEvent> {
        self.events.recv().await
    }
}

impl Drop for Standalone {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Runner {
    config: StandaloneConfig,
    folder: StateFolder,
    assigner: Assigner,
    /// What was told of the manifests and still holds, by its text.
    told: BTreeMap<String, Diagnostic>,
    told_alive: Option<Alive>,
    told_fault: Option<String>,
    assigning: Option<bool>,
    /// The snapshot whose copy is in the state folder.
    stored: Option<Arc<Snapshot>>,
    prober: Arc<dyn InUse>,
    /// What the network is being asked for.
    probing: BTreeSet<IpAddr>,
    probed: mpsc::Sender<BTreeSet<IpAddr>>,
    feed: Feed,
    events: mpsc::Sender<StandaloneEvent>,
}

impl Runner {
    async fn run(
        mut self,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
        mut living: watch::Receiver<Alive>,
        mut assignments: watch::Receiver<()>,
        mut probes: mpsc::Receiver<BTreeSet<IpAddr>>,
    ) {
        loop {
            let snapshot = snapshots.borrow_and_update().clone().unwrap_or_default();
            let alive = living.borrow_and_update().clone();
            assignments.mark_unchanged();
            let waits_for_lock = self.step(&snapshot, alive).await;
            tokio::select! {
                Ok(()) = snapshots.changed() => {}
                Ok(()) = living.changed() => {}
                Ok(()) = assignments.changed() => {}
                Some(in_use) = probes.recv() => self.note(&in_use).await,
                () = sleep(TRY_LOCK_EVERY), if waits_for_lock => {}
                else => return,
            }
        }
    }

    /// Applies what is true now. Whether it should assign, but another process holds the lock.
    async fn step(&mut self, snapshot: &Arc<Snapshot>, alive: Alive) -> bool {
        let me = &self.config.node;
        let (members, may_assign) = match &self.config.alive {
            None => ([me.clone()].into(), true),
            Some(_) => (alive.nodes.iter().cloned().collect(), alive.assigner() == Some(me)),
        };
        let mut translation = snapshot.translate(&self.config.options);
        let turn = self.assigner.turn(&mut translation, may_assign);
        // Act first, tell later: whoever listens may be slow.
        let Translation { intent, diagnostics, .. } = translation;
        self.feed.intents.send_replace(Arc::new(intent));
        self.feed.members.send_if_modified(|told| {
            let news = *told != members;
            *told = members;
            news
        });
        self.tell_found(snapshot, &diagnostics).await;
        self.store(snapshot).await;
        let assigning = self.tell_turn(turn).await;
        if self.config.alive.is_some() && self.told_alive.as_ref() != Some(&alive) {
            self.told_alive = Some(alive.clone());
            self.tell(StandaloneEvent::Alive(alive)).await;
        }
        may_assign && !assigning
    }

    /// Lets the network be asked, one question at a time.
    async fn probe(&mut self, addresses: Vec<IpAddr>) {
        if addresses.is_empty() || !self.probing.is_empty() {
            return;
        }
        self.probing = addresses.iter().copied().collect();
        let (prober, question) = (Arc::clone(&self.prober), self.probing.clone());
        let answer = self.probed.clone();
        tokio::spawn(async move {
            if let Some(in_use) = prober.in_use(question).await {
                // Whoever asked may have ended.
                let _ = answer.send(in_use).await;
            }
        });
        self.tell(StandaloneEvent::Probing(addresses)).await;
    }

    /// Takes note of what the network answered.
    async fn note(&mut self, in_use: &BTreeSet<IpAddr>) {
        for address in std::mem::take(&mut self.probing) {
            let answered = in_use.contains(&address);
            self.assigner.probed(address, answered);
            if answered {
                self.tell(StandaloneEvent::Occupied(address)).await;
            }
        }
    }

    /// Keeps a copy of what was accepted, to serve when the folder cannot be read after a restart.
    async fn store(&mut self, snapshot: &Arc<Snapshot>) {
        if self.stored.as_ref() == Some(snapshot) || snapshot.folder.is_none() {
            return;
        }
        match self.folder.store_manifests(snapshot) {
            Ok(()) => self.stored = Some(Arc::clone(snapshot)),
            Err(error) => self.tell_fault(error.to_string()).await,
        }
    }

    async fn tell_found(&mut self, snapshot: &Snapshot, translated: &[Diagnostic]) {
        let found = snapshot.diagnostics.iter().chain(translated);
        let now: BTreeMap<String, Diagnostic> =
            found.map(|diagnostic| (diagnostic.to_string(), diagnostic.clone())).collect();
        let before = std::mem::replace(&mut self.told, now.clone());
        for (_, mended) in before.iter().filter(|(text, _)| !now.contains_key(*text)) {
            self.tell(StandaloneEvent::Mended(mended.clone())).await;
        }
        for (text, found) in now {
            if !before.contains_key(&text) {
                self.tell(StandaloneEvent::Found(found)).await;
            }
        }
    }

    /// Whether this node assigns.
    async fn tell_turn(&mut self, turn: Result<Turn, StateError>) -> bool {
        let turn = match turn {
            Ok(turn) => {
                self.told_fault = None;
                turn
            }
            Err(error) => {
                self.tell_fault(error.to_string()).await;
                Turn::default()
            }
        };
        if let Some(path) = turn.set_aside {
            self.tell(StandaloneEvent::SetAside(path)).await;
        }
        if self.assigning.replace(turn.assigning) != Some(turn.assigning) {
            self.tell(StandaloneEvent::Assigning(turn.assigning)).await;
        }
        for outcome in turn.outcomes {
            self.tell(StandaloneEvent::Outcome(outcome)).await;
        }
        self.probe(turn.probe).await;
        turn.assigning
    }

    async fn tell_fault(&mut self, fault: String) {
        if self.told_fault.as_ref() != Some(&fault) {
            self.told_fault = Some(fault.clone());
            self.tell(StandaloneEvent::StateFault(fault)).await;
        }
    }

    async fn tell(&self, event: StandaloneEvent) {
        // Nobody listens any more: nothing is lost that anybody wants.
        let _ = self.events.send(event).await;
    }
}

impl StandaloneEvent {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Mended(_) => "mended",
            Self::Outcome(outcome) => outcome.name(),
            Self::Assigning(_) => "assigning",
            Self::Alive(_) => "alive",
            Self::StateFault(_) => "stateFault",
            Self::SetAside(_) => "setAside",
            Self::Probing(_) => "probing",
            Self::Occupied(_) => "occupied",
        }
    }
}

impl fmt::Display for StandaloneEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Found(diagnostic) => diagnostic.fmt(f),
            Self::Mended(diagnostic) => write!(f, "no longer so: {diagnostic}"),
            Self::Outcome(outcome) => outcome.fmt(f),
            Self::Assigning(true) => f.write_str("this node assigns addresses"),
            Self::Assigning(false) => {
                f.write_str("another node assigns addresses; this one follows")
            }
            Self::Alive(Alive { nodes, stale: None }) => {
                write!(f, "living nodes: {}", Names(nodes))
            }
            Self::Alive(Alive { nodes, stale: Some(fault) }) => {
                write!(f, "{fault}; the last list stays: {}", Names(nodes))
            }
            Self::StateFault(fault) => {
                write!(f, "{fault}; nothing new is assigned, and what is assigned stays")
            }
            Self::SetAside(path) => write!(
                f,
                "THE WRITTEN ASSIGNMENTS WERE CORRUPT: a copy is set aside as {}; what could be read \
                 of it stays, and other addresses are handed out only after nobody answered for them",
                path.display()
            ),
            Self::Probing(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "asking the network who uses {}", addresses.join(", "))
            }
            Self::Occupied(address) => {
                write!(f, "another host uses {address}: it is not handed out")
            }
        }
    }
}

struct Names<'a>(&'a [NodeName]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (position, name) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
