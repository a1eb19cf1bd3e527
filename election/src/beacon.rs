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
//! - **A move** with both alive is a hand-over: the holder names the successor and keeps on until it
//!   hears the successor's claim, so that there is no gap.
//!
//! What it cannot do: in a partition each side has an owner, and two nodes that do not hear each other
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
mod keys;
mod peer;
mod table;
pub mod wire;

pub use self::{
    config::{BeaconConfig, BeaconConfigError, BeaconSettings},
    counters::BeaconCounters,
    election::{BeaconElection, BeaconInput, BeaconTransmit, Notice},
    keys::{AuthMode, Key, KeyId, Keyring, KeyringError},
    peer::PeerStatus,
};

#[cfg(test)]
mod tests;
