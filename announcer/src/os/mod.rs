//! The operating system, Linux only: what the layer 2 thread and the composition root need of it.
//!
//! Everything here is synchronous and non-blocking, for one thread that waits in a [`Poller`]:
//!
//! - [`PacketSocket`]: ARP or ND frames of one link, filtered in the kernel;
//! - [`HandshakeSocket`]: the answers to TCP handshakes that were begun in frames of our own;
//! - [`NeighbourSocket`]: UDP among the neighbours on one link;
//! - [`Poller`], [`Timer`], [`Waker`]: epoll, a timer that counts suspend, a wake-up from other
//!   threads;
//! - [`GroupMemberships`]: IPv6 multicast groups, joined by MLD;
//! - [`netlink`]: links and their addresses, read and watched;
//! - [`LocalDelivery`]: service addresses on `lo`, tagged as ours;
//! - [`Guard`]: keeps the kernel from answering ARP for them;
//! - [`InstanceLock`]: one instance per network namespace;
//! - [`AbortOnUnwind`]: a panic ends the process, whatever the embedder's profile says.
//!
//! Sockets belong to the network namespace of the thread that opens them.

mod abort;
mod datagram;
mod delivery;
mod event;
mod filter;
mod groups;
mod guard;
mod handshake;
mod lock;
pub mod netlink;
mod nftables;
mod packet;
mod ring;
mod sys;

pub use abort::AbortOnUnwind;
pub use datagram::NeighbourSocket;
pub use delivery::{ADDRESS_LABEL, ADDRESS_PROTOCOL, Added, DeliveryError, LocalDelivery};
pub use event::{Poller, Timer, Waker};
pub use filter::FrameKind;
pub use groups::{GroupMemberships, Membership};
pub use guard::{Guard, GuardError};
pub use handshake::{HandshakeSocket, ReservedPort};
pub use lock::{InstanceLock, LockError};
pub use packet::{FrameBatch, PacketSocket, PacketType, Received, SendBatch, Sent, Statistics};
