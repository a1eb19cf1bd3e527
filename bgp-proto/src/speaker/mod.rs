//! All neighbors, and the table that they are told of.
//!
//! [`Speaker`] is the machine that a driver runs: it owns a [`Peer`](crate::Peer) for each neighbor and
//! what is announced. Commands are its methods; inputs, transmits and events carry the [`PeerId`].

mod commands;
mod entry;
mod io;
mod machine;

pub use io::{PeerId, SpeakerEvent};
pub use machine::Speaker;
