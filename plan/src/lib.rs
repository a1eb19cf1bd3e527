//! What should each node announce, and why not?
//!
//! Two pure functions over one immutable snapshot:
//!
//! ```text
//! Intent ──► candidates(intent, observed) ──► election ──► claims ─┐
//!    └─────► plan(intent, observed, me, claims) ◄──────────────────┘ ──► Plan
//! ```
//!
//! - An [`Intent`] is everything that was asked for: pools, advertisements, services with their
//!   endpoints and addresses, nodes. Plain types, already valid; nothing of Kubernetes is in it.
//! - [`Observed`] is what one node sees of itself: its links, and whether it can deliver.
//! - [`candidates`] says who may hold each address on each segment. Election picks one of them.
//! - [`plan`] says what *this* node announces, on which links, and for everything that it does not
//!   announce the named [`Reason`] why not. All gates live here, in one place, in order.
//!
//! What it is not: it does no I/O, reads no clock, elects nobody and knows no protocol.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod candidates;
pub mod intent;
mod link_expression;
mod observed;
mod plan;
mod reason;
mod unit;

pub use candidates::{Candidates, Eligible, candidates};
pub use intent::Intent;
pub use link_expression::{LinkExpression, LinkExpressionError};
pub use observed::{Delivery, Link, LinkName, LinkRefusal, Observed, UnusableLink};
pub use plan::{Announcement, Holder, Plan, Withheld, plan};
pub use reason::Reason;
pub use unit::{NodeName, Segment, Unit};
