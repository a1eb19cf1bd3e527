#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod config;
pub mod fsm;
mod id;
pub mod peer;
mod rib_out;
mod rng;
pub mod speaker;
pub mod wire;

pub use config::{HoldTime, PeerAs, PeerConfig, RestartConfig, Retry, SendHoldTime};
pub use id::{Asn, RouterId};
pub use peer::{ConnectionId, Peer, PeerEvent, PeerInput, PeerTransmit};
pub use rib_out::{Aggregation, Announcement, Audience};
pub use speaker::{PeerId, Speaker, SpeakerEvent};
pub use vipcast_sans_io::{Instant, Machine};
