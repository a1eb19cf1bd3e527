//! Without a cluster: a folder of manifests, a state folder and a list of living nodes become what a
//! node is to do.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::sleep,
};
use vipcast_announcer::clock::Clock;
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
#[derive(Debug)]
pub struct Standalone {
    intents: watch::Receiver<Arc<Intent>>,
    members: watch::Receiver<BTreeSet<NodeName>>,
    events: mpsc::Receiver<StandaloneEvent>,
    task: JoinHandle<()>,
    _follows: Vec<Follow>,
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
    /// The state was corrupt, and was set aside here.
    SetAside(PathBuf),
}

/// How soon a lock that another process holds is tried again: nobody tells when it comes free.
const TRY_LOCK_EVERY: Duration = Duration::from_secs(1);

/// Events that may wait for whoever prints them.
const EVENTS: usize = 1024;

impl Standalone {
    /// Starts to follow. Needs a tokio runtime.
    ///
    /// Returns once the folder was read for the first time, so that the first intent is there.
    ///
    /// # Errors
    /// [`StandaloneError`]. What is wrong in manifests is no error here but an event.
    pub async fn start(config: StandaloneConfig) -> Result<Self, StandaloneError> {
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

        let (intents_sender, intents) = watch::channel(Arc::default());
        let (members_sender, members) = watch::channel(BTreeSet::new());
        let runner = Runner {
            assigner: Assigner::new(folder.clone(), config.lost_state),
            folder,
            config,
            told: BTreeMap::new(),
            told_alive: None,
            told_fault: fault.clone(),
            assigning: None,
            stored: None,
            intents: intents_sender,
            members: members_sender,
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
        let task = tokio::spawn(runner.run(snapshots, living, assignments));
        let mut started = Self { intents, members, events, task, _follows: follows };
        let _ = started.intents.changed().await;
        Ok(started)
    }

    /// What is asked for, with addresses.
    #[must_use]
    pub fn intents(&self) -> watch::Receiver<Arc<Intent>> {
        self.intents.clone()
    }

    /// The nodes that live.
    #[must_use]
    pub fn members(&self) -> watch::Receiver<BTreeSet<NodeName>> {
        self.members.clone()
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
    intents: watch::Sender<Arc<Intent>>,
    members: watch::Sender<BTreeSet<NodeName>>,
    events: mpsc::Sender<StandaloneEvent>,
}

impl Runner {
    async fn run(
        mut self,
        mut snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
        mut living: watch::Receiver<Alive>,
        mut assignments: watch::Receiver<()>,
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
        self.intents.send_replace(Arc::new(intent));
        self.members.send_if_modified(|told| {
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
                "the written assignments were corrupt: they are set aside as {}, and addresses are \
                 assigned anew",
                path.display()
            ),
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
