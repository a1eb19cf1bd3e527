//! How does the LAN learn it? ARP and NDP frames, and a responder that answers only for what it holds.
//!
//! A [`Responder`] has a table of [`Claim`]s, each an address on a link under a lease. It answers
//! questions for those addresses, announces them when they are granted, asks the gateway from them
//! to learn that it has heard, and notices when somebody else uses them. **No frame names an address
//! of ours without a claim whose lease has not expired**: that is looked up when the frame is built,
//! not when it was asked for, so that nothing stale leaves after a pause.
//!
//! What it is not: it opens no socket, and does not decide who holds an address.
//!
//! ```text
//!            grant(claim)                              revoke, or lease over
//!  (silent) ──────────────► announcing, asking ─► answering ──────────────► (silent)
//!                           gateways and askers       │ ▲
//!                                                     ▼ │ each 60 s
//!                                                refresh, ask the gateway
//! ```
//!
//! ```
//! use vipcast_arp_ndp::{Claim, LeaseId, LinkId, MacAddr, Responder, ResponderConfig};
//! use vipcast_sans_io::{Instant, Machine};
//!
//! let (link, lease, now) = (LinkId(2), LeaseId(0), Instant::ZERO);
//! let mut responder = Responder::new(ResponderConfig::default());
//! responder.set_link(now, link, MacAddr([2, 0, 0, 0, 0, 1]));
//! responder.renew(lease, Instant::from_millis(1_000));
//! responder.grant(now, Claim { address: [192, 0, 2, 10].into(), link, epoch: 1, lease });
//!
//! let mut frame = Vec::new();
//! assert_eq!(responder.poll_transmit(now, &mut frame), Some(link));
//! assert_eq!(frame.len(), 42); // a gratuitous ARP request
//! ```

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod arp;
mod config;
mod counters;
mod ethernet;
mod jitter;
mod lru;
mod mac;
mod ndp;
mod rate;
mod responder;
mod verdict;

pub use arp::{ArpOperation, ArpPacket, ETHERNET_ARP_LEN};
pub use config::ResponderConfig;
pub use counters::Counters;
pub use mac::MacAddr;
pub use ndp::{NdpMessage, NeighborAdvertisement, NeighborSolicitation, solicited_node};
pub use rate::Rate;
pub use responder::{
    Acknowledged, Acknowledgement, Claim, Event, Frame, LeaseId, LinkId, Responder,
};
pub use verdict::{Refusal, Verdict};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
