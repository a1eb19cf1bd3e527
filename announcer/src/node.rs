//! One node, whole: everything that announcing needs, wired. Give it intents, and read its reports.

mod prober;
mod runner;

use std::{collections::BTreeSet, io, net::IpAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
use vipcast_election as election;
use vipcast_plan::{Intent, NodeName};

use crate::{
    delivery::{KernelSilence, LocalServing, LocalServingError, sweep_guard},
    layer2::{Control, Layer2, Layer2Config},
    os::{InstanceLock, LockError},
    reports::Report,
};

pub use prober::Prober;
use runner::{Elected, Runner};

/// A running node.
///
/// It follows two channels, the intents and the living nodes, and applies every change by itself. A
/// closed channel means that nothing changes any more, not that anything ends.
#[derive(Debug)]
pub struct Node {
    reports: watch::Receiver<Arc<Report>>,
    control: Control,
    prober: Prober,
    swept: Vec<IpAddr>,
    swept_guard: bool,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), LocalServingError>>,
}

/// What a node is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Its name, which must differ from every other node's.
    pub name: NodeName,
    /// Who delivers what arrives for a service address.
    pub deliver: Deliver,
    /// Keep the kernel from answering ARP for service addresses that somebody else has put on this
    /// machine, as kube-proxy does in its IPVS mode. [`Deliver::Local`] does so of itself.
    pub guard: bool,
    /// The layer 2 thread.
    pub layer2: Layer2Config,
}

/// Who delivers what arrives for a service address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deliver {
    /// Somebody else: kube-proxy, a CNI, the administrator.
    #[default]
    None,
    /// This machine: each address is put on `lo` before the node may hold it.
    Local,
}

/// Why a node does not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// One node at most runs in a network namespace.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Addresses cannot be put on this machine, or its kernel not be kept silent about them.
    #[error("local delivery and the kernel guard cannot be set up: {0}")]
    Delivery(#[from] LocalServingError),
    /// The layer 2 thread cannot be started.
    #[error("the layer 2 thread cannot be started: {0}")]
    Layer2(#[source] io::Error),
}

/// How long a node that stops waits for others to take what it holds.
pub const HAND_OVER_WITHIN: Duration = Duration::from_secs(2);

/// How long a node that has handed over delivers what still arrives: clients move one after the
/// other.
pub const SERVE_ON: Duration = Duration::from_secs(1);

impl NodeConfig {
    /// The defaults for a node of this name.
    #[must_use]
    pub fn new(name: NodeName) -> Self {
        let layer2 = Layer2Config::new(election::NodeName::new(name.as_str()));
        Self { name, deliver: Deliver::None, guard: false, layer2 }
    }
}

impl Node {
    /// Starts a node in the network namespace of the calling thread. Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: NodeConfig,
        intents: watch::Receiver<Arc<Intent>>,
        members: watch::Receiver<BTreeSet<NodeName>>,
    ) -> Result<Self, StartError> {
        // Before orphans are swept: they may be another instance's.
        let lock = InstanceLock::acquire()?;
        let mut swept_guard = false;
        let (serving, swept) = match config.deliver {
            Deliver::Local => {
                let (serving, swept) = LocalServing::open()?;
                (Some(serving), swept)
            }
            Deliver::None if config.guard => (None, Vec::new()),
            Deliver::None => {
                let swept = sweep_guard()?;
                swept_guard = swept.is_some();
                (None, swept.unwrap_or_default())
            }
        };
        let silence = match config.deliver {
            Deliver::None if config.guard => Some(KernelSilence::open()?),
            _ => None,
        };
        let election = &config.layer2.election;
        let elected = Elected {
            finds_members: election.finds_members(),
            stands_for_itself: election.stands_for_itself(),
        };
        let layer2 = Layer2::start(config.layer2).map_err(StartError::Layer2)?;
        let control = layer2.control();
        let (ask, asked) = mpsc::channel(1);
        let (sender, reports) = watch::channel(Arc::default());
        let (stop, stopped) = oneshot::channel();
        let runner = Runner::new(config.name, elected, layer2, serving, silence, sender);
        let task = tokio::spawn(runner.run(intents, members, asked, stopped, lock));
        Ok(Self { reports, control, prober: Prober::new(ask), swept, swept_guard, stop, task })
    }

    /// The latest report. Receivers see every state that lasts, and may miss those in between.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Arc<Report>> {
        self.reports.clone()
    }

    /// Asks the network whether addresses are in use.
    #[must_use]
    pub fn prober(&self) -> Prober {
        self.prober.clone()
    }

    /// Reads counters and changes keys, also after the node has stopped.
    #[must_use]
    pub fn control(&self) -> Control {
        self.control.clone()
    }

    /// The addresses of a killed run that were found on this machine at the start, and removed.
    #[must_use]
    pub fn swept(&self) -> &[IpAddr] {
        &self.swept
    }

    /// Whether the kernel guard of a killed run was found at the start, and removed: this one wants
    /// none.
    #[must_use]
    pub const fn swept_guard(&self) -> bool {
        self.swept_guard
    }

    /// Hands over what others can take, where nodes elect by beacons; gives its leases up, where there are
    /// such; falls silent; and takes away what was set on this machine. Takes up to [`HAND_OVER_WITHIN`]
    /// and [`SERVE_ON`].
    ///
    /// # Errors
    /// When the kernel refuses to take something back; the next start sweeps it.
    pub async fn stop(self) -> Result<(), LocalServingError> {
        // A task that is gone already has nothing to be told.
        let _ = self.stop.send(());
        match self.task.await {
            Ok(result) => result,
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
}
