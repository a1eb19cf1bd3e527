//! Runs the vipcast protocol machines on Linux: every socket, clock and task is here.
//!
//! Embed a whole node with [`Node`]: it takes [`Intent`](vipcast_plan::Intent)s from a channel,
//! elects, answers and announces, and publishes a [`Report`]. Or take its parts:
//!
//! - [`layer2`]: election and ARP, wired, on a thread of its own;
//! - [`agreement`]: a document that a majority of nodes keeps, on a tokio task;
//! - `bgp` (feature `bgp`, on by default): a BGP speaker over TCP, wired;
//! - [`driver`]: the one loop that runs any [`Machine`](vipcast_sans_io::Machine);
//! - [`delivery`]: service addresses on this machine itself;
//! - [`clock`]: the only reader of the system clock;
//! - [`os`]: raw frames, netlink, local addresses, the kernel guard; all of the `unsafe` code.
//!
//! ```text
//!  intents ─┐               ┌── candidates, table ──► layer 2 thread ──► the wire
//!  members ─┼─► Node::step ─┤                              │
//!  links  ──┘               └── addresses on lo            │
//!     ▲                                                    │
//!     └──────────── claims, links, conflicts ◄─────────────┘
//! ```
//!
//! What it is not: it knows nothing of Kubernetes, and does not say which address a service gets.

pub mod agreement;
mod apply;
#[cfg(feature = "bgp")]
pub mod bgp;
pub mod clock;
pub mod delivery;
pub mod driver;
pub mod layer2;
mod node;
pub mod os;
mod reach;
mod reports;
mod unguarded;

pub use node::{Deliver, HAND_OVER_WITHIN, Node, NodeConfig, Prober, SERVE_ON, StartError};
pub use reports::{Event, Report};
