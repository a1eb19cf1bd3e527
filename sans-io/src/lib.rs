//! The vocabulary that every vipcast protocol core shares.
//!
//! A protocol core is a state machine that reads no clock, opens no socket and starts no task. It is
//! given the time, is told what the network said, and is asked what to send. This crate names those
//! five verbs once, so that one driver and one simulator serve every protocol:
//!
//! - [`Machine`]: the trait, and the contract behind it;
//! - [`Instant`]: a point in time that the driver hands in;
//! - [`TimerTable`]: all the deadlines of one machine.
//!
//! What it is not: an executor, a channel, a codec. It imports nothing, and seldom changes.
//!
//! ```
//! use core::{convert::Infallible, time::Duration};
//! use vipcast_sans_io::{Instant, Machine, TimerTable};
//!
//! /// Reports an alarm when nothing was heard for a second.
//! struct Watchdog {
//!     timers: TimerTable<()>,
//!     alarm: bool,
//! }
//!
//! impl Machine for Watchdog {
//!     type Input<'a> = &'a [u8];
//!     type Transmit = Infallible;
//!     type Event = &'static str;
//!
//!     fn handle_input(&mut self, now: Instant, _: &[u8]) {
//!         self.handle_timeout(now); // due timers fire before input is believed
//!         self.timers.set((), now + Duration::from_secs(1));
//!     }
//!     fn handle_timeout(&mut self, now: Instant) {
//!         while self.timers.pop_expired(now).is_some() {
//!             self.alarm = true;
//!         }
//!     }
//!     fn poll_transmit(&mut self, _: Instant, _: &mut Vec<u8>) -> Option<Infallible> {
//!         None
//!     }
//!     fn poll_event(&mut self) -> Option<&'static str> {
//!         core::mem::take(&mut self.alarm).then_some("silence")
//!     }
//!     fn poll_timeout(&self) -> Option<Instant> {
//!         self.timers.next_timeout()
//!     }
//! }
//!
//! let start = Instant::ZERO;
//! let mut dog = Watchdog { timers: TimerTable::new(), alarm: false };
//! dog.handle_input(start, b"hello");
//! assert_eq!(dog.poll_timeout(), Some(start + Duration::from_secs(1)));
//! dog.handle_timeout(start + Duration::from_secs(1));
//! assert_eq!(dog.poll_event(), Some("silence"));
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod machine;
mod time;
mod timers;

pub use machine::Machine;
pub use time::Instant;
pub use timers::TimerTable;
