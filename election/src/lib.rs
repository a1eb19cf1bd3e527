//! Which node? Decides who holds each service address, and hands out tokens that expire.
//!
//! The [`Unit`] of election is an address on a segment: liveness on one segment says nothing about
//! another. What comes out is a [`Token`] for each unit that this node holds, and a table of
//! [`Claim`]s that says who holds the rest. **A token is worth nothing after its lease**: whoever
//! announces looks up the deadline for every frame, so that a node that hangs, sleeps or is cut off
//! fences itself.
//!
//! - [`Backend`] is what all ways of electing have in common.
//! - [`beacon`] finds out by heartbeats who lives, and elects among those: the usual choice.
//! - [`register`] keeps what must not be decided twice: a document that a majority agrees on.
//! - [`StaticElection`] takes the list of living nodes as given, and picks by [`rendezvous`].
//! - [`groups`] holds groups of addresses by records in a store: the choice where two holders must never
//!   be, and seconds without one may.
//! - [`lease`] contends for one such record.
//! - [`placement`] says which node for which address: pure functions.
//!
//! What it is not: it opens no socket, and knows neither ARP nor BGP. With beacons the choice in a
//! partition is availability: each side has its owner, and after it one of them yields.
//!
//! The static backend as a diagram; that of the other is in its module.
//!
//! ```text
//!              set_candidates, members                gap in the clock longer than a token's life
//!   (nothing) ─────────────────────────► held ──────────────────────────────► fenced
//!       ▲                                 │  ▲                                   │
//!       └──── chosen no more: Revoked ────┘  └── after a pause, a higher epoch ──┘
//! ```
//!
//! ```
//! use vipcast_election::{Backend, Contenders, Event, NodeName, Segment, StaticConfig, StaticElection, Unit};
//! use vipcast_sans_io::{Instant, Machine};
//!
//! let me = NodeName::new("node-a");
//! let unit = Unit { address: "192.0.2.10".parse().unwrap(), segment: Segment::new("lan") };
//! let now = Instant::from_millis(1);
//!
//! let mut election = StaticElection::new(StaticConfig::new(me.clone()));
//! election.set_candidates(now, [(unit.clone(), Contenders::equal([me], unit.address))].into());
//!
//! let Some(Event::Renewed { lease, not_after }) = election.poll_event() else { panic!() };
//! let Some(Event::Granted(token)) = election.poll_event() else { panic!() };
//! assert_eq!((token.unit, token.lease), (unit, lease));
//! assert!(not_after > now);
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod backend;
pub mod beacon;
mod claims;
mod fixed;
pub mod groups;
pub mod lease;
pub mod placement;
mod reader;
pub mod register;
pub mod rendezvous;
mod token;
mod unit;

pub use backend::{Backend, Candidates, Contenders, Event};
pub use claims::{Claim, Claims};
pub use fixed::{StaticConfig, StaticConfigError, StaticElection};
pub use token::{Epoch, LeaseId, Token};
pub use unit::{NodeName, Segment, Unit};
