//! Agreement among nodes, driven: a document that a majority keeps, over the beacons' sockets.
//!
//! The machine is [`Register`]; here are its task, its way to the wire through the layer 2 thread, and
//! the thread that writes to its [`Ledger`]. Nothing is sent before it is kept.
//!
//! ```text
//!  layer 2 thread ──signed datagrams──► task ──bytes──► ledger's thread
//!        ▲                              │  ▲               │
//!        └──────────what it sends───────┘  └────kept───────┘
//! ```

mod silence;
mod standing;
mod task;
mod writer;

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, Hash as _, Hasher as _, RandomState},
    io,
    sync::Arc,
};

use tokio::sync::{mpsc, oneshot, watch};
use vipcast_election::{
    NodeName,
    beacon::Keyring,
    register::{
        Changes, Document, ProposeError, Register, RegisterConfig, RegisterTransmit, RestoreError,
        VoterId,
    },
};

pub use standing::Standing;

use self::{
    task::{Patience, Task},
    writer::Writer,
};
use crate::{Node, Report, clock::Clock};

/// Where a node keeps what it must not forget. Called on a thread of its own, and again with the same
/// bytes after an error, until it succeeds.
pub trait Ledger: Send + 'static {
    /// Puts bytes behind those that are kept, for good: on return they outlive a loss of power. What
    /// a failed try left is not kept.
    ///
    /// # Errors
    /// The system's.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Puts bytes in place of all that is kept, in one step.
    ///
    /// # Errors
    /// The system's.
    fn replace(&mut self, bytes: &[u8]) -> io::Result<()>;
}

/// A running agreement. It ends when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Agreement {
    views: watch::Receiver<Arc<Agreed>>,
    proposals: mpsc::Sender<Proposal>,
}

/// What one node knows of the agreement.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Agreed {
    /// Who leads, or why nobody.
    pub standing: Standing,
    /// What was agreed, as far as this node knows; where it leads, all of it.
    pub document: Arc<Document>,
    /// Where this node leads: the members that are not known to have all of it.
    pub behind: BTreeSet<NodeName>,
    /// Whether this node has a vote, with the memory that it has now.
    pub votes: bool,
}

/// Why a change was not begun. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The document was changed meanwhile.
    #[error("what was agreed has changed meanwhile: look again")]
    Stale,
    /// This node is not the one to.
    #[error("{0}")]
    Standing(Standing),
    /// The machine's reason.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The task has ended.
    #[error("the agreement has ended")]
    Ended,
}

#[derive(Debug)]
struct Proposal {
    version: u64,
    changes: Changes,
    answer: oneshot::Sender<Result<(), ChangeError>>,
}

/// Sends a datagram, which may be lost.
type SendDatagram = dyn Fn(RegisterTransmit, &[u8]) + Send;

/// The way to the other nodes.
struct Wire {
    inbox: mpsc::Receiver<Vec<u8>>,
    send: Box<SendDatagram>,
    keyring: watch::Receiver<Keyring>,
}

/// Datagrams that may wait for the task.
const INBOX: usize = 256;

/// Proposals that may wait; nobody makes more than one at a time.
const PROPOSALS: usize = 4;

impl Agreed {
    /// What is known, for whoever has it from elsewhere.
    #[must_use]
    pub const fn new(
        standing: Standing,
        document: Arc<Document>,
        behind: BTreeSet<NodeName>,
        votes: bool,
    ) -> Self {
        Self { standing, document, behind, votes }
    }
}

/// A number for a memory that begins now, which was never used before.
#[must_use]
pub fn fresh_voter(me: &NodeName) -> VoterId {
    // Its keys are random.
    let mut hasher = RandomState::new().build_hasher();
    me.as_str().hash(&mut hasher);
    Clock::unix_micros().hash(&mut hasher);
    VoterId(hasher.finish().max(1))
}

impl Agreement {
    /// Starts to agree with other nodes that elect by beacons, by the same keys.
    ///
    /// The founders that `config` names are admitted later, too, by a node that leads; a member that
    /// nobody names and that is silent for long is dismissed. Where `config` names nobody, a node that
    /// hears no other founds alone.
    ///
    /// `kept` is what the ledger has; `voter` names this memory if
    /// that is nothing, and must never have been used before.
    ///
    /// # Errors
    /// What was kept is damaged: then it must be taken for lost.
    pub fn start(
        config: RegisterConfig,
        voter: VoterId,
        kept: &[u8],
        ledger: impl Ledger,
        node: &Node,
    ) -> Result<Self, RestoreError> {
        let control = node.control();
        let (datagrams, inbox) = mpsc::channel(INBOX);
        let keyring = control.agree(datagrams);
        let send = move |to, bytes: &[u8]| control.send_agreement(to, bytes);
        let wire = Wire { inbox, send: Box::new(send), keyring };
        Self::over(config, Patience::default(), voter, kept, ledger, wire, node.reports())
    }

    fn over(
        config: RegisterConfig,
        patience: Patience,
        voter: VoterId,
        kept: &[u8],
        ledger: impl Ledger,
        wire: Wire,
        reports: watch::Receiver<Arc<Report>>,
    ) -> Result<Self, RestoreError> {
        let keyring = wire.keyring.borrow().clone();
        let machine = Register::restore(Clock::now(), voter, kept, config.clone(), keyring)?;
        let document = Arc::new(machine.document().clone());
        let view = Agreed::new(Standing::Starting, document, BTreeSet::new(), false);
        let (sender, views) = watch::channel(Arc::new(view));
        let (proposals, asked) = mpsc::channel(PROPOSALS);
        let writer = Writer::start(ledger);
        let task = Task::new(machine, config, patience, writer, wire, sender);
        tokio::spawn(task.run(asked, reports));
        Ok(Self { views, proposals })
    }

    /// What is known. Receivers see every state that lasts.
    #[must_use]
    pub fn views(&self) -> watch::Receiver<Arc<Agreed>> {
        self.views.clone()
    }

    /// Begins to change the document, if it still has this version. When it is agreed, the document
    /// has the changes; where this node ceases to lead before that, it may have them later, or never.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn propose(&self, version: u64, changes: Changes) -> Result<(), ChangeError> {
        let (answer, answered) = oneshot::channel();
        let proposal = Proposal { version, changes, answer };
        self.proposals.send(proposal).await.map_err(|_| ChangeError::Ended)?;
        answered.await.map_err(|_| ChangeError::Ended)?
    }
}

#[cfg(test)]
mod tests;
