//! Small real networks in namespaces: nodes, a client, a router, joined by bridges; with captures,
//! faults and probes.
//!
//! A lab is made of the real kernel: real ARP, real neighbour tables, real TCP. It needs Linux and
//! nothing else: no root, no `ip`, `nft` or `unshare` program. All that it makes lives in
//! namespaces of its own, so that it leaves the machine as it was, however it ends, and any number
//! of labs run side by side.
//!
//! What it is not: a simulator. Time here is real, and runs differ; what can be tested in virtual
//! time is better tested there.
//!
//! ```text
//!  your process outside ──signals──► PID 1 (reaps) ──► your main(), after enter()
//!  waits for the exit code               │               ├─ thread in host node-a ── its processes
//!                                        │               ├─ thread in host client
//!   when PID 1 ends, the kernel kills ◄──┘               ├─ thread in bridge lan ── veth ports
//!   all of it and removes every interface                └─ captures, probes, servers
//! ```
//!
//! # How to use it
//! 1. Call [`enter()`] first in `main` (in a test file, [`harness::main`] does).
//! 2. Build: [`Topology`] has what most tests want; or [`Lab`], [`Lab::add_host`],
//!    [`Lab::add_bridge`], [`Lab::connect`].
//! 3. Run programs with [`Host::spawn`], code with [`Host::run`], a server with
//!    [`Host::serve_name`]; say anything with [`Host::send_frame`].
//!    Routers that speak BGP: [`Bird`], [`Gobgp`].
//! 4. Look: [`Lab::capture`], [`Probe`], [`Host::neighbour`], [`Host::fetch`].
//! 5. Break it: [`Port::unplug`], [`Port::cut`], [`Port::cut_in`], [`Port::cut_out`], and
//!    [`Port::heal`].
//!
//! Nothing here sleeps, but for the [`race`] and where a router's command line must be asked again:
//! every `wait_for` returns as soon as what it waits for happens, and fails with a sentence that says
//! what was seen instead.
//!
//! ```no_run
//! use std::{error::Error, time::Duration};
//! use vipcast_lab::{Probe, Topology, enter};
//!
//! fn main() -> Result<(), Box<dyn Error>> {
//!     enter()?;
//!     let net = Topology::new("takeover", 2)?;
//!     let (a, b) = (&net.nodes[0], &net.nodes[1]);
//!     let _servers = (a.serve_name(80)?, b.serve_name(80)?);
//!     let capture = net.lab.capture(&net.lan)?;
//!
//!     a.add_address("lo", "172.18.0.10/32".parse()?)?;
//!     let probing = Probe::udp("172.18.0.10:80".parse()?).start(&net.client)?;
//!     probing.wait_for_answer_by("node-a", Duration::from_secs(5))?;
//!     a.port.cut()?;
//!     b.add_address("lo", "172.18.0.10/32".parse()?)?;
//!     net.client.flush_neighbours()?;
//!     probing.wait_for_answer_by("node-b", Duration::from_secs(5))?;
//!
//!     println!("{}", probing.stop());
//!     println!("{} frames on the LAN", capture.stop()?.frames.len());
//!     Ok(())
//! }
//! ```
//!
//! # Debugging a lab
//! `VIPCAST_LAB_KEEP=/tmp` keeps each lab's folder, captures included, under /tmp. `cargo run -p
//! vipcast-lab -- shell node-a` opens a shell on a host of a fresh network; `-- check` says whether
//! labs work on this machine.

#![forbid(unsafe_code)]
// Probes and captures measure real time; nothing here is replayed in virtual time.
#![allow(clippy::disallowed_methods)]

mod bridge;
mod capture;
mod cluster;
mod enter;
mod error;
mod frame;
pub mod harness;
mod host;
mod http;
mod inject;
#[cfg(feature = "kube")]
pub mod kube;
mod lab;
mod lock;
mod mac;
mod namespace;
mod neighbour;
mod netlink;
mod notation;
mod port;
mod port_record;
mod probe;
mod process;
pub mod race;
mod report;
mod router;
mod server;
mod sysctl;
mod topology;

pub use bridge::{Bridge, BridgeOptions};
pub use capture::{Capture, Captured, Tap};
pub use cluster::{Cluster, example, vipcast};
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
pub use router::{Bird, Gobgp};
pub use server::Server;
pub use topology::{Node, Topology};
