//! Links, addresses and routes of the calling thread's network namespace, over netlink.

pub(super) mod address;
mod error;
mod link;
pub(super) mod message;
mod route;
pub(super) mod socket;
mod watch;

pub use address::LinkAddress;
pub use error::NetlinkError;
pub use link::{Link, Snapshot};
pub use route::{Route, RouteLookup};
pub use watch::LinkWatch;

pub(super) use socket::NetlinkSocket;
