//! Small real networks in namespaces.
#![forbid(unsafe_code)]
// Probes and captures measure real time; nothing here is replayed in virtual time.
#![allow(clippy::disallowed_methods)]

mod bridge;
mod enter;
mod error;
pub mod harness;
mod host;
mod http;
mod lab;
mod mac;
mod namespace;
mod neighbour;
mod netlink;
mod port;
mod process;
mod server;
mod sysctl;
mod topology;

pub use bridge::{Bridge, BridgeOptions};
pub use enter::{Entered, enter};
pub use error::{EnterError, LabError, Result};
pub use host::Host;
pub use http::Page;
pub use lab::Lab;
pub use mac::Mac;
pub use neighbour::{Neighbour, NeighbourState};
pub use port::Port;
pub use process::{Line, Process};
pub use server::Server;
pub use topology::{Node, Topology};
