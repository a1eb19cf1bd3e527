#![doc = include_str!("../README.md")]
//!
//! # Where to start
//!
//! Build each [`Pool`] with [`Pool::builder`], put them together in [`Pools`], and let an [`Allocator`] answer each
//! [`Request`] of an [`Owner`] with an [`Assignment`] or an [`AllocateError`]:
//!
//! - [`Allocator::restore`] first, for all that is known to be held;
//! - [`Allocator::allocate`] and [`Allocator::assign`], both idempotent, and [`Allocator::release`];
//! - [`Allocator::reconfigure`] puts other pools in place and lists every [`Change`];
//! - [`Allocator::assignment`], [`Allocator::holders`], [`Allocator::usage`], [`Allocator::explain`] and
//!   [`Allocator::what_if`] tell what is, and why;
//! - [`Allocator::snapshot`] and [`Allocator::from_snapshot`] write the state down and read it.
//!
//! # An address
//!
//! ```text
//!             allocate, assign, restore
//!   free ─────────────────────────────────► held
//!    ▲ ▲                                    │  ▲
//!    │ └──────────── release ───────────────┤  │ only its own owner
//!    │                                      ▼  │
//!    └── advance, forget ─────────────── retained        reserved: by configuration, likewise for its owners
//! ```

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
