//! Small real networks in namespaces.
#![forbid(unsafe_code)]
// Probes and captures measure real time; nothing here is replayed in virtual time.
#![allow(clippy::disallowed_methods)]

mod bridge;
mod capture;
mod enter;
mod error;
mod frame;
pub mod harness;
mod host;
mod http;
mod lab;
mod mac;
mod namespace;
mod neighbour;
mod netlink;
mod port;
mod probe;
mod process;
mod report;
mod server;
mod sysctl;
mod topology;

pub use bridge::{Bridge, BridgeOptions};
pub use capture::{Capture, Captured, Tap};
pub use enter::{Entered, enter};
pub use error::{EnterError, LabError, Result};
pub use frame::{Arp, Direction, Frame, NaFlags, Ndp};
pub use host::Host;
pub use http::Page;
pub use lab::Lab;
pub use mac::Mac;
pub use neighbour::{Neighbour, NeighbourState};
pub use port::Port;
pub use probe::{Probe, Probing};
pub use process::{Line, Process};
pub use report::{Answer, Outage, ProbeReport, Reign, Sample};
pub use server::Server;
pub use topology::{Node, Topology};
