//! A BGP speaker without sockets (being written).

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::std_instead_of_core, clippy::alloc_instead_of_core, clippy::std_instead_of_alloc)]

extern crate alloc;

mod id;
pub mod wire;

pub use id::{Asn, RouterId};
