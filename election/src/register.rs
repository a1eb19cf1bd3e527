//! Agreement: a document that a majority of nodes keeps, and one node changes at a time.
//!
//! Election among those who hear each other ([`beacon`](crate::beacon)) has an owner on each side of a
//! partition. For handing out addresses that is not good enough: the same one would be given to two
//! services. So what was assigned is kept in a [`Document`] that changes only when a majority of its
//! members has written the change down. Without a majority nothing new is agreed, and what was agreed
//! can be read everywhere.
//!
//! ```text
//!            all founders heard, none has a history        a leader of a history is heard
//!   blank ────────────────────────────────────► (leads)   blank ───────────────────────► follows
//!
//!            no leader for a while     a majority is willing     a majority has promised, and
//!   follows ──────────────────► asks ──────────────────► prepares ──────────────────────► leads
//!      ▲                          │    the latest that any of them accepted was copied     │
//!      └── a leader is heard ─────┴────── a higher ballot is promised ─────────────────────┘
//! ```
//!
//! It is one register in the manner of Paxos. A ballot is prepared once for as long as its node leads;
//! each change has a [stamp](Stamp) of ballot and sequence. A node accepts what comes under the
//! highest ballot that it has promised. What a majority has accepted is agreed for good: whoever
//! leads next asks a majority first, and goes on from the latest stamp among them.
//!
//! - **Safety needs no clock.** Timers choose who tries to lead; ballots decide. The token of
//!   [`RegisterEvent::Leading`], like all tokens, is only as good as the rates of the clocks.
//! - **Nothing is sent that was not written down.** [`Register::poll_persist`] gives bytes to keep;
//!   until [`Register::persisted`] says that they are safe, [`poll_transmit`] gives nothing.
//! - **Members** change one at a time: [`Register::admit`], [`Register::dismiss`]. A node whose
//!   memory was lost comes back under another [`VoterId`], and votes only when it was admitted anew.
//! - **The first members** are named: [`RegisterConfig::founders`]. All of them have to be heard once.
//! - **Everybody else** follows: each node that hears the datagrams has the document, if a little later.
//!
//! Datagrams are signed like beacons and may share their port: [`is_ours`] tells them apart. Copies that
//! differ are made equal in parts: sums of 64 buckets show where they differ.
//!
//! What it cannot do: agree while half of its members are away, or go on where the disks of a majority
//! are lost; then found a new history. Who replays datagrams can delay an election, and nothing else.
//!
//! ```
//! use vipcast_election::{NodeName, beacon::Keyring};
//! use vipcast_election::register::{Changes, Register, RegisterConfig, RegisterEvent, RegisterSettings, VoterId};
//! use vipcast_sans_io::{Instant, Machine};
//!
//! let me = NodeName::new("node-a");
//! let config = RegisterConfig::new(me.clone(), [me], RegisterSettings::default()).unwrap();
//! let mut now = Instant::from_millis(1);
//! let mut register = Register::new(now, VoterId(7), config, Keyring::insecure());
//! let mut disk = Vec::new();
//! let mut run = |register: &mut Register, now: &mut Instant| {
//!     while let Some(persist) = register.poll_persist() {
//!         if persist.replace { disk.clear() }
//!         disk.extend(persist.bytes);
//!         register.persisted(*now, persist.ticket);
//!     }
//!     while register.poll_transmit(*now, &mut Vec::new()).is_some() {}
//!     *now = register.poll_timeout().unwrap();
//!     register.handle_timeout(*now);
//! };
//! while register.leads(now).is_none() {
//!     run(&mut register, &mut now);
//! }
//! let changes = Changes::from([(b"default/web".to_vec(), Some(b"192.0.2.1".to_vec()))]);
//! register.propose(now, changes).unwrap();
//! while register.document().version() < 1 {
//!     run(&mut register, &mut now);
//! }
//! assert_eq!(register.document().get(b"default/web"), Some(&b"192.0.2.1"[..]));
//! ```
//!
//! [`poll_transmit`]: vipcast_sans_io::Machine::poll_transmit

mod codec;
mod config;
mod copying;
mod document;
mod founding;
mod hear;
mod lead;
mod message;
mod propose;
mod replica;
mod say;
mod state;
mod store;

pub use self::{
    config::{RegisterConfig, RegisterConfigError, RegisterSettings},
    document::{Changes, Document, Key},
    founding::Founding,
    propose::ProposeError,
    state::{Register, RegisterCounters, RegisterEvent, RegisterTransmit},
    store::{Persist, RestoreError},
};

use crate::beacon::{Keyring, wire::Refusal};

/// Names one memory of one node: a node that has lost what it kept is another voter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoterId(pub u64);

/// Names the history of a document, from its founding on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HistoryId(pub u64);

/// One attempt to lead. A higher one beats a lower one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ballot {
    /// Counts attempts. Rises.
    pub round: u64,
    /// Who tries.
    pub voter: VoterId,
}

/// One state of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Under which ballot it was made.
    pub ballot: Ballot,
    /// Which one of that ballot.
    pub sequence: u64,
}

impl Ballot {
    /// Below all others.
    pub const NONE: Self = Self { round: 0, voter: VoterId(0) };
}

impl Stamp {
    /// Before all others.
    pub const NONE: Self = Self { ballot: Ballot::NONE, sequence: 0 };
}

/// Whether a datagram is one of these, by its first octets.
#[must_use]
pub fn is_ours(bytes: &[u8]) -> bool {
    bytes.starts_with(&message::MAGIC)
}

/// Whether a datagram is signed as the keyring wants, so that only what is need be queued.
///
/// # Errors
/// Why it would not be believed, whatever it says.
pub fn verify(bytes: &[u8], keyring: &Keyring) -> Result<(), Refusal> {
    message::verify(bytes, keyring)
}

#[cfg(test)]
mod tests;
