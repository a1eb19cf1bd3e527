//! Election among nodes that hear each other's heartbeats.
//!
//! Each node sends one beacon an interval on each segment, however many addresses there are. A
//! beacon says which node, in which life, hears whom; and what the node's table amounts to: which
//! addresses it may hold, and which it holds, in which epoch. Changes of the table travel with the
//! beacons at once and are repeated; who finds its copy different asks for all of it.
//!
//! ```text
//!                  hold over, nobody holds it, placed here
//!    listening ─────────────────────────────────────────────► holding
//!     ▲  ▲  ▲        or: another names this node successor     │ │ │
//!     │  │  └── fence: no beacon built for a token's life ─────┘ │ │
//!     │  └───── link lost ───────────────────────────────────────┘ │
//!   start                                                          │
//!    watching ◄──── a claim that outranks is heard ────────────────┘
//!
//!    a peer:   up ──── a beacon missed ───► suspect ──── silent to beacon, ARP and ND ───► down
//!               ▲                              │                                            │
//!               └───── heard, or answers ──────┴──────────────── heard ─────────────────────┘
//! ```
//!
//! - **Holding** needs beacons to be built: each renews the lease of all addresses of the segment.
//!   [`BeaconConfig::new`] refuses settings under which another could take over before tokens end.
//! - **A takeover** needs the old owner to be down, and not to be heard by any node that is heard
//!   here. [`placement`](crate::placement) says who it falls to. If that node does not claim within two
//!   intervals, the next in order does.
//! - **Two owners** that hear each other: the higher epoch stays, and announces again under a new one.
//!   Where only one hears the other, the one that hears yields, unless it is in touch with more nodes.
//! - **An owner that lives but does not answer** for its address is found by the others: the next node
//!   on a ring of names asks it, by ARP or ND, and so does a second one where answers are missing. If
//!   both miss three in a row, the owner gives the address up, and rests from it. Only the owner can do
//!   that, so that there are never two. Who hears no answers at all accuses nobody, and where no other
//!   node could do better nothing moves. See [`ServeProof`].
//! - **An owner that hears nobody** but is heard answers no client. When it says so, those who hear each
//!   other take what it holds; two intervals later, if it was not heard before. It goes on until it hears
//!   them.
//! - **A move** with both alive is a hand-over: the holder names the successor and keeps on until it
//!   hears the successor's claim, so that there is no gap.
//!
//! ```text
//!    an address that a peer holds, asked for:
//!
//!    served ── no answer ──► doubted, and told ── 2 more, and another node finds the same ──► given up
//!       ▲                         │                                                            │
//!       └──────── an answer ──────┴─ no heir, no other node answers, moved too often: kept     │
//!                                                                                              ▼
//!    free to take again ◄──── 60 s, doubling; or nobody else is left ───────────────────── resting
//! ```
//!
//! What it cannot do: of two nodes, one that hears nothing but is heard keeps what it holds: it may be the
//! other that is not heard. So does an owner of a version that does not know the report of what is not
//! served. In a partition each side has an owner, and two nodes that do not hear each other
//! at all while a third hears both may both claim what nobody held. A virtual machine that is stopped
//! together with its clock believes in its tokens until it hears the others. Who was not there cannot
//! know a replay: beacons of a life that ended before this node began are believed while they are
//! repeated.
//!
//! ```
//! use vipcast_election::{Backend, Contenders, Event, NodeName, Segment, Unit};
//! use vipcast_election::beacon::{BeaconConfig, BeaconElection, BeaconSettings, Keyring};
//! use vipcast_sans_io::{Instant, Machine};
//!
//! let (me, lan) = (NodeName::new("node-a"), Segment::new("lan"));
//! let unit = Unit { address: "192.0.2.10".parse().unwrap(), segment: lan.clone() };
//! let config = BeaconConfig::new(me.clone(), 1, BeaconSettings::default()).unwrap();
//!
//! let mut now = Instant::from_millis(5);
//! let mut election = BeaconElection::new(config, Keyring::insecure());
//! election.set_link(now, &lan, true);
//! election.set_candidates(now, [(unit.clone(), Contenders::equal([me], unit.address))].into());
//! let mut buf = Vec::new();
//! while election.tokens().is_empty() {
//!     while election.poll_transmit(now, &mut buf).is_some() { /* send buf to the others */ }
//!     now = election.poll_timeout().unwrap();
//!     election.handle_timeout(now);
//! }
//! // Alone: it listened for 400 ms, and then claimed.
//! assert_eq!(now, Instant::from_millis(405));
//! let Some(Event::Renewed { not_after, .. }) = election.poll_event() else { panic!() };
//! assert!(not_after > now);
//! assert!(matches!(election.poll_event(), Some(Event::Granted(token)) if token.unit == unit));
//! ```

mod config;
mod counters;
mod domain;
mod election;
pub(crate) mod envelope;
mod io;
mod keys;
mod peer;
mod proofs;
mod table;
pub mod wire;

pub use self::{
    config::{BeaconConfig, BeaconConfigError, BeaconSettings, ServeProof},
    counters::BeaconCounters,
    election::BeaconElection,
    io::{BeaconInput, BeaconTransmit, Notice},
    keys::{AuthMode, Key, KeyId, Keyring, KeyringError},
    peer::PeerStatus,
};

#[cfg(test)]
mod tests;
