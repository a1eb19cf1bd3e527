//! BGP over TCP: runs a [`Speaker`](proto::Speaker), dials, accepts, and reports.
//!
//! One task owns the speaker and every socket. It reads and writes without waiting, straight from the
//! speaker's buffer, and what it waits for (a dial, octets, room in a socket, a last word that is on
//! its way) is a future of its own. So a neighbor that is unreachable, frozen, or never reads delays
//! no other: nothing is ever awaited for it alone. What is kept for a neighbor is bounded: one batch
//! that TCP has not taken, less than one message that has not come whole, a few last words.
//!
//! ```text
//!  commands ─────────► ┌──────────────┐ ── try_write ──► TCP
//!                      │ task: pump   │ ◄─ try_read ─── TCP
//!  reports ◄────────── │ (Speaker)    │
//!                      └──────▲───────┘
//!          readable, writable, dialed, accepted, lingered
//! ```
//!
//! A dial is ended by the speaker's ConnectRetryTimer and by nothing else: each second at first, so
//! that a path that has healed is found at once and not when the kernel repeats its SYN.
//!
//! ```
//! use std::sync::Arc;
//! use vipcast_announcer::bgp::{
//!     Bgp, BgpConfig, Neighbor, RouteChange,
//!     proto::{Announcement, Asn, PeerConfig, RouterId},
//! };
//!
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! let router_id = RouterId::from_addr("10.0.0.1".parse()?).ok_or("not zero")?;
//! let bgp = Bgp::start(BgpConfig::new(router_id))?;
//! let session = PeerConfig::new(Asn(65001), Asn(65002));
//! bgp.add_peer(Neighbor::new("10.0.0.254:179".parse()?, session)).await?;
//! let vip = RouteChange::Announce("192.0.2.10/32".parse()?, Arc::new(Announcement::default()));
//! bgp.change(vec![vip]).await?;
//! let mut reports = bgp.reports();
//! reports.wait_for(|report| report.peers.values().all(|peer| peer.announced_at.is_some())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! What it is not: it does not say what is announced, keeps no received route, and has no MD5 yet.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinHandle,
};
pub use vipcast_bgp_proto as proto;
use vipcast_bgp_proto::PeerId;

mod config;
mod connection;
mod events;
mod listener;
mod report;
mod reporter;
mod sockets;
mod task;

pub use config::{BgpConfig, Neighbor, RouteChange};
pub use events::BgpEvent;
pub use report::{BgpReport, Loss, PeerReport};

use listener::Listener;
use task::{Command, Task};

/// A running speaker. Dropped, it says Cease to every neighbor, and ends.
#[derive(Debug)]
pub struct Bgp {
    commands: mpsc::Sender<Command>,
    reports: watch::Receiver<Arc<BgpReport>>,
    listening: Vec<SocketAddr>,
    task: JoinHandle<()>,
}

/// Why a speaker does not start. Nothing is left behind.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartBgpError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// The task is gone: it was told to leave, or its runtime was shut down. Nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the speaker has left, or its runtime was shut down: start another one")]
pub struct SpeakerGone;

/// How many commands may wait.
const COMMANDS: usize = 64;

impl Bgp {
    /// Starts a speaker without neighbors and routes, in the network namespace of the calling thread.
    /// Needs a tokio runtime with I/O and time.
    ///
    /// # Errors
    /// [`StartBgpError`].
    pub fn start(config: BgpConfig) -> Result<Self, StartBgpError> {
        let mut listeners = Vec::new();
        for &address in &config.listen {
            let opened = Listener::open(address);
            listeners.push(opened.map_err(|source| StartBgpError::Listen { address, source })?);
        }
        let listening = listeners.iter().map(Listener::address).collect();
        let (commands, inbox) = mpsc::channel(COMMANDS);
        let (sender, reports) = watch::channel(Arc::default());
        let task = Task::new(&config, listeners, inbox, sender);
        Ok(Self { commands, reports, listening, task: tokio::spawn(task.run()) })
    }

    /// The latest report. Receivers see every state that lasts, and may miss those in between; counters
    /// of a session are at most a second old.
    #[must_use]
    pub fn reports(&self) -> watch::Receiver<Arc<BgpReport>> {
        self.reports.clone()
    }

    /// Where it listens: port 0 of the configuration is a real one here.
    #[must_use]
    pub fn listening(&self) -> &[SocketAddr] {
        &self.listening
    }

    /// Adds a neighbor, and wants the session at once. The report has it when this returns.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn add_peer(&self, neighbor: Neighbor) -> Result<PeerId, SpeakerGone> {
        let (answer, answered) = oneshot::channel();
        self.send(Command::Add(Box::new(neighbor), answer)).await?;
        answered.await.map_err(|_| SpeakerGone)
    }

    /// Removes a neighbor: Cease, Peer De-configured. An unknown one is no error.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn remove_peer(&self, peer: PeerId) -> Result<(), SpeakerGone> {
        self.send(Command::Remove(peer)).await
    }

    /// Ends the session with a neighbor, which stays idle: Cease, Administrative Shutdown.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn stop_peer(&self, peer: PeerId) -> Result<(), SpeakerGone> {
        self.send(Command::Stop(peer)).await
    }

    /// Wants the session with a neighbor that was stopped.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn start_peer(&self, peer: PeerId) -> Result<(), SpeakerGone> {
        self.send(Command::Start(peer)).await
    }

    /// Ends the session with a neighbor, and begins it anew: Cease, Administrative Reset.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn reset_peer(&self, peer: PeerId) -> Result<(), SpeakerGone> {
        self.send(Command::Reset(peer)).await
    }

    /// Announces and withdraws. All changes of one call are packed together; what makes no difference
    /// is not sent.
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn change(&self, changes: Vec<RouteChange>) -> Result<(), SpeakerGone> {
        self.send(Command::Change(changes)).await
    }

    /// Begins to leave: marks all routes with the community of RFC 8326, and after `wait` says Cease,
    /// Administrative Shutdown, to every neighbor. Called again, the new wait counts. See
    /// [`ended`](Self::ended).
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn drain(&self, wait: Duration) -> Result<(), SpeakerGone> {
        self.send(Command::Drain(wait)).await
    }

    /// Leaves for a successor: closes without a word, so that neighbors that help with a graceful
    /// restart keep the routes (RFC 4724). See [`ended`](Self::ended).
    ///
    /// # Errors
    /// [`SpeakerGone`].
    pub async fn handover(&self) -> Result<(), SpeakerGone> {
        self.send(Command::Handover).await
    }

    /// Waits until the last words are out, after [`drain`](Self::drain) or
    /// [`handover`](Self::handover). Without either, it leaves with a Cease at once.
    pub async fn ended(self) {
        let Self { commands, task, .. } = self;
        drop(commands);
        // Aborted with its runtime: then it has ended, too.
        let _ = task.await;
    }

    async fn send(&self, command: Command) -> Result<(), SpeakerGone> {
        self.commands.send(command).await.map_err(|_| SpeakerGone)
    }
}
