//! Runs the vipcast protocol machines on Linux: every socket, clock and task is here.
//!
//! - [`clock`]: the only reader of the system clock;
//! - [`os`]: raw frames, netlink, local addresses, the kernel guard; all of the `unsafe` code.

pub mod clock;
pub mod os;
