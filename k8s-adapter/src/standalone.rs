//! Without a cluster: a folder of manifests, a state folder and a list of living nodes become what a
//! node is to do.

mod agree;
mod event;
mod runner;

use std::{collections::BTreeSet, net::IpAddr, path::PathBuf, sync::Arc};

use async_trait::async_trait;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};
use vipcast_announcer::{Prober, agreement::Agreement, clock::Clock};
use vipcast_plan::{Intent, NodeName};

pub use agree::agree;
pub use event::StandaloneEvent;
use runner::Runner;

use crate::{
    Alive, Options,
    assigner::LostState,
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
    /// The file of living nodes. Without one, this node is alone, unless they are
    /// [elected](Self::elected).
    pub alive: Option<PathBuf>,
    /// The nodes find out by themselves who lives. Without an [agreement](Self::agreement) the one
    /// that gets the lock in the state folder assigns, which all nodes must share then.
    pub elected: bool,
    /// How nodes with state folders of their own agree on who has which address: see [`agree`].
    pub agreement: Option<Agreement>,
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
            elected: false,
            agreement: None,
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

#[cfg(feature = "cluster")]
impl Feed {
    /// What is asked for, and who lives, from now on.
    pub(crate) fn publish(&self, intent: Intent, members: BTreeSet<NodeName>) {
        self.members.send_if_modified(|before| {
            let differs = *before != members;
            *before = members;
            differs
        });
        self.intents.send_replace(Arc::new(intent));
    }
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
        let mut follows = vec![Follow::manifests(
            &config.manifests,
            config.options.clone(),
            before,
            Timing::default(),
            Clock::now,
            move |snapshot| _ = manifests.send_replace(Some(Arc::new(snapshot))),
        )?];
        if config.agreement.is_none() {
            follows.push(folder.follow_assignments(move |_| written.send_replace(()))?);
        }
        if let Some(file) = &config.alive {
            follows.push(Follow::alive(file, move |alive| _ = list.send_replace(alive))?);
        }

        let mut intents = feed.intents.subscribe();
        let (probed, probes) = mpsc::channel(1);
        let alone = config.alive.is_none();
        let mut runner = Runner::new(config, folder, feed, prober, probed, event_sender);
        if let Some(fault) = fault {
            runner.tell_fault(fault).await;
        }
        // The thread that reads the folder delivers something, be it that there is nothing.
        let _ = snapshots.wait_for(Option::is_some).await;
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
