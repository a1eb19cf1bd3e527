//! Which address? Pools of addresses, and who holds which.
//!
//! Build each [`Pool`] with [`Pool::builder`], put them together in [`Pools`], and let an [`Allocator`] answer each
//! [`Request`] of an [`Owner`] with an [`Assignment`] or a typed refusal:
//!
//! - [`Allocator::restore`] first, for all that is known to be held;
//! - [`Allocator::allocate`] and [`Allocator::assign`] give an [`Assignment`] or an [`AllocateError`], and are idempotent;
//! - [`Allocator::release`] takes it back;
//! - [`Allocator::reconfigure`] puts other pools in place and lists every [`Change`];
//! - [`Allocator::assignment`], [`Allocator::assignments`], [`Allocator::usage`], [`Allocator::explain`],
//!   [`Allocator::what_if`] and [`Allocator::snapshot`] tell what is, and why.
//!
//! Plain data: no time, no I/O. The result is a function of the pools, of what is assigned and of what is kept, never of the
//! order in which a map is walked.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod address;
mod allocator;
mod assignment;
#[cfg(feature = "serde")]
mod decimal;
mod error;
mod explanation;
mod family;
mod hash;
mod owner;
mod policy;
mod pool;
mod pools;
mod range;
mod refusal;
mod request;
mod segment;
mod selector;
mod snapshot;

pub use allocator::Allocator;
pub use assignment::{
    Assignment, Change, Difference, Lost, LostReason, PoolUsage, Restored, Usage,
};
pub use error::{AllocateError, PoolError, PoolsError, SnapshotError};
pub use explanation::{Explanation, PoolExplanation, PoolVerdict};
pub use family::{Families, Family};
pub use owner::{Owner, OwnerParseError};
pub use policy::{CrossNamespace, Others, Priority, Reuse, Selection};
pub use pool::{Pool, PoolBuilder};
pub use pools::Pools;
pub use range::{AddressRange, RangeParseError};
pub use refusal::{PoolRefusal, SharingRefusal};
pub use request::{Port, Protocol, Request};
pub use segment::UnusableReason;
pub use selector::{LabelSelector, Labels, Requirement};
pub use snapshot::Snapshot;
