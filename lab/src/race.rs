//! The failover race: how long clients miss an address when its owner fails, for vipcast and its
//! rivals, on the same network and with the same faults.
//!
//! It measures; it is no test. A *cell* is a [`Contender`] and a [`Fault`], and has some runs. In each
//! run three nodes start anew with an address that was not used before, a client sends a datagram to it
//! each millisecond, and a newcomer that remembers nothing asks for it by ARP each 10 ms. Then the owner
//! fails in one way. Two kinds of witness say what came of it, and no log does: the client's probes, and
//! the frames on the bridge.
//!
//! | figure | what it is |
//! |---|---|
//! | outage | the longest time without an answer at the client, and its lost probes |
//! | newcomer | the longest time in which nobody answered the newcomer's ARP |
//! | moved | until the first frame in which another node owns the address |
//! | two owners | the time in which two nodes sent as the owner of the address: answers to ARP, gratuitous ARP, answers to probes |
//! | stale | ARP frames of a node in the second after it went on, while another one owned the address |
//!
//! Every finished run is a line of a file, also one that does not count: one in which the capture lost
//! frames, or the machine held the harness itself up for more than 50 ms, or which could not be set up.
//! Such a run is made again. So a race can be interrupted, and goes on where it was.

mod asker;
pub mod bgp;
mod cell;
mod contender;
mod fault;
mod judge;
mod lanes;
mod lines;
mod many;
mod options;
mod priority;
mod record;
pub mod respond;
mod run;
mod sieve;
mod table;
mod world;

pub use cell::Cell;
pub use contender::{Contender, Programs};
pub use fault::Fault;
pub use lanes::failover;
pub use options::{Form, Options, USAGE};
pub use record::{Figures, Record};
pub use run::once;
