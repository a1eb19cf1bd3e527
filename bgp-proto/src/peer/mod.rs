//! One neighbor: at most two connections, of which one survives.
//!
//! [`Peer`] joins a framer, the codec and a state machine for each connection, and resolves
//! collisions (RFC 4271 §6.8, RFC 6286 §2.3). It dials, greets, keeps the session alive, and ends it
//! with a reason. It holds no routes: [`Speaker`](crate::Speaker) gives it those to send, and what it
//! receives is handed to a callback and forgotten.

mod collision;
mod commands;
mod connection;
mod io;
mod machine;
mod receive;
mod restart;

pub use connection::ConnectionId;
pub use io::{Counters, PeerEvent, PeerInput, PeerTransmit};
pub use machine::Peer;
