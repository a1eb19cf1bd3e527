//! Which address? Pools, requests and (soon) the allocator.

#![no_std]
#![forbid(unsafe_code)]
#![warn(
    clippy::std_instead_of_core,
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc
)]

extern crate alloc;

mod family;
mod owner;
mod request;
mod selector;

pub use family::{Families, Family};
pub use owner::{Owner, OwnerParseError};
pub use request::{Port, Protocol, Request};
pub use selector::{LabelSelector, Labels, Requirement};
