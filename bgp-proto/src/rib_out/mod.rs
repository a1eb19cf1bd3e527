//! What is announced: one table for all neighbors.
//!
//! Equal attributes are stored once ([`Announcement`] is interned as a set), and the prefixes of a set
//! lie side by side in wire form. A neighbor has no copy of the table: it has a cursor into it, a
//! position in the log of changes, and a small window of changes that are being packed. So memory is
//! O(routes + neighbors), and a change costs the same however many neighbors there are.
//!
//! The log holds each changed prefix once, at the place of its last change: a neighbor that was slow
//! is told how things are, not how they came about. Entries that all neighbors have passed are gone.

mod action;
mod aggregate;
mod announcement;
mod block;
mod changes;
mod cursor;
mod family;
mod log;
mod outbound;
mod policy;
mod set_id;
mod table;

pub use aggregate::Aggregation;
pub use announcement::{Announcement, Audience};
pub(crate) use outbound::{Outbound, Written};
pub(crate) use policy::Policy;
pub(crate) use table::Table;
