//! In a cluster: objects come from the API server, addresses and status go back to it.
//!
//! [`connect`] makes the client, [`run_controller`] assigns addresses with it, [`run_speaker`] tells a node
//! what to announce, and [`crds`] are the kinds that they read and write. Types and decisions are those
//! of the folder form: the same structs, the same [`translate`](crate::translate()), the same allocator.

mod allowance;
mod backoff;
mod book;
mod client;
mod configuration_state;
mod controller;
mod crds;
mod events;
mod groups;
mod health;
mod lease_store;
mod object;
mod pace;
mod planner;
mod sight;
mod speaker;
#[cfg(test)]
mod tests;
mod time;
mod troubles;
mod watch;

pub use client::{ConnectError, connect};
pub use controller::{ControllerConfig, ControllerError, run_controller};
pub use crds::crds;
pub use groups::GroupLeases;
pub use health::Health;
pub use speaker::{SpeakerConfig, run_speaker};
