//! The world in virtual time: what happens to protocol machines on a faulty network.
//!
//! - [`Network`]: nodes on layer 2 segments, with latency, loss, duplication and reordering, one-way
//!   cuts, partitions, pauses, stalls, crashes, and a clock for each node. One seed fixes all.
//!   Packets go to one node or to all; reliable byte streams stand in for TCP.
//! - [`Schedule`]: faults as data, drawn at random within [`Bounds`].
//! - [`Exploration`]: one scenario under many seeds. A failing seed prints itself, can be replayed
//!   (`VIPCAST_SIM_SEED`), and its schedule shrinks to the faults that matter.
//! - [`Transcript`]: what happened, comparable whole; [`Recorded`] writes one for any machine under
//!   any driver.
//! - [`contract`]: the test kit that every machine passes.
//!
//! What it is not: a model of any protocol, of Ethernet or of IP. Packets are bytes; a node sees the
//! link by which they came. It knows nothing but [`vipcast_sans_io`].
//!
//! # Example
//!
//! Two machines that greet each other every 300 ms and give the other up after 900 ms of silence.
//! One direction is cut; virtual time makes the moment of detection exact.
//!
//! ```
//! use std::time::Duration;
//! use vipcast_sans_io::{Instant, Machine, TimerTable};
//! use vipcast_sim::{Config, Fault, Link, Network, Route, Wired};
//!
//! #[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
//! enum Timer { Greet, Silence }
//!
//! struct Greeter { timers: TimerTable<Timer>, greet: bool, down: bool }
//!
//! impl Greeter {
//!     fn new(now: Instant) -> Self {
//!         let mut timers = TimerTable::new();
//!         timers.set(Timer::Greet, now);
//!         Self { timers, greet: false, down: false }
//!     }
//! }
//!
//! impl Machine for Greeter {
//!     type Input<'a> = &'a [u8];
//!     type Transmit = ();
//!     type Event = &'static str;
//!
//!     fn handle_input(&mut self, now: Instant, _: &[u8]) {
//!         self.handle_timeout(now);
//!         self.timers.set(Timer::Silence, now + Duration::from_millis(900));
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         while let Some(timer) = self.timers.pop_expired(now) {
//!             match timer {
//!                 Timer::Greet => {
//!                     self.greet = true;
//!                     self.timers.set(Timer::Greet, now + Duration::from_millis(300));
//!                 }
//!                 Timer::Silence => self.down = true,
//!             }
//!         }
//!     }
//!     fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<()> {
//!         buf.clear();
//!         buf.extend_from_slice(b"hello");
//!         std::mem::take(&mut self.greet).then_some(())
//!     }
//!     fn poll_event(&mut self) -> Option<&'static str> {
//!         std::mem::take(&mut self.down).then_some("down")
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.timers.next_timeout()
//!     }
//! }
//!
//! let mut net = Network::new(1, Config::exact(Duration::from_millis(1)));
//! let lan = net.add_segment();
//! let greeter = |boot: vipcast_sim::Boot| {
//!     Wired::new(Greeter::new(boot.now), |packet| packet.bytes, |()| Route::broadcast(Link(0)))
//! };
//! let a = net.add_node("a", &[lan], greeter);
//! let b = net.add_node("b", &[lan], greeter);
//!
//! net.run_until(Instant::from_millis(1_000));
//! net.begin(&Fault::Cut { segment: lan, from: a, to: b });
//! net.run_until(Instant::from_millis(5_000));
//!
//! // The last greeting left at 900 ms and arrived at 901 ms. Only the deaf side notices.
//! let events = net.take_events();
//! assert_eq!(events.len(), 1);
//! assert_eq!((events[0].node, events[0].event), (b, "down"));
//! assert_eq!(events[0].at, Instant::from_millis(1_801));
//! ```

#![forbid(unsafe_code)]

pub mod contract;

mod clock;
mod config;
mod counts;
mod explore;
mod fault;
mod network;
mod node;
mod recorded;
mod rng;
mod schedule;
mod segment;
mod shrink;
mod stream;
mod transcript;

pub use clock::Clock;
pub use config::Config;
pub use counts::Counts;
pub use explore::{Exploration, Explored, Failure};
pub use fault::Fault;
pub use network::{Network, Reported, Topology};
pub use node::{Arrival, Boot, Node, NodeId, Packet, Route, Wired};
pub use recorded::Recorded;
pub use rng::{Chance, Rng};
pub use schedule::{Bounds, Schedule, TimedFault};
pub use segment::{Link, Quality, SegmentId};
pub use stream::{StreamAction, StreamId};
pub use transcript::{Difference, DropReason, Record, Transcript, What};
