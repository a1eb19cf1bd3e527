//! In a cluster: objects come from the API server, addresses and status go back to it.
//!
//! [`connect`] makes the client, [`run_controller`] assigns addresses with it, and [`crds`] are the
//! kinds that it reads. Types and decisions are those of the folder form: the same structs, the same
//! [`translate`](crate::translate()), the same allocator.

mod backoff;
mod book;
mod client;
mod controller;
mod crds;
mod events;
mod health;
mod lease_store;
mod object;
mod pace;
mod planner;
#[cfg(test)]
mod tests;
mod time;
mod watch;

pub use client::{ConnectError, connect};
pub use controller::{ControllerConfig, ControllerError, run_controller};
pub use crds::crds;
pub use health::Health;
