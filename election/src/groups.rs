//! Election by the records of a store, one for each *group* of addresses: never two holders.
//!
//! An address belongs to a [`Group`] by a fixed hash of the address alone, so that no two nodes can
//! differ in it, whatever else they know. For each group there is one record, for which nodes contend as
//! [`lease`](crate::lease) says; who holds it may announce the group's addresses, and of these it
//! announces those that it is a candidate for. So there is never a second owner, as long as clocks do not
//! run faster than others by more than `duration / hold`; and without the store there is none at all:
//! a holder that cannot renew falls silent after `hold`.
//!
//! What the groups cost: a holder writes each of its records every `retry`, so that the store takes
//! `groups / retry` writes a second at most, however many addresses and nodes there are. Of groups without
//! addresses no record is held. What they cannot do: where a holder is no candidate for an address of its
//! group, nobody announces that address ([`Blocked`]).
//!
//! - **Who takes what**: a free record is taken by the node that [`placement`](crate::placement) names, at
//!   once; the others wait a step each in their order, those first that may announce more of its
//!   addresses. Whoever has it keeps it. Differing views cost time, and never two owners.
//! - **Giving up**: a holder that may announce none of a group's addresses gives the record up, and one
//!   that [drains](GroupElection::drain) all of them.
//! - **The count of groups** is founded once, in a record of its own that is only ever made, never
//!   changed ([`GroupInput::Charter`]). Who finds another count there, or somebody's living record of
//!   another count, takes nothing ([`Standing::OtherCount`]): with another count an address could have
//!   two owners, each with a record of its own. To change the count, stop all nodes and delete the records.
//!
//! The records are followed, not asked for: the store tells what changes ([`GroupInput::Record`]), and is
//! asked for all of it again only where a write was refused. What is seen late is seen as newer than it
//! is, which makes a contender wait for longer, and a write on the strength of it is refused.
//!
//! ```text
//!             free, and this node's turn                     renewed every `retry`
//!   watching ──────────── write ─────────────► held ◄──────────────────────────────┐
//!      ▲                                        │ └────────────────────────────────┘
//!      └─ not renewed for `hold`: nothing held; no candidate any more, drained: given up
//! ```

mod config;
mod election;
mod group;
mod io;
mod turn;
mod view;

pub use config::GroupConfig;
pub use election::{Blocked, GroupElection};
pub use group::{Group, GroupCount};
pub use io::{GroupInput, GroupRequest, Records};
pub use view::Standing;
