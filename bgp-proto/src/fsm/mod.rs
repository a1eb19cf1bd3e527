//! The state machine of one connection: RFC 4271 §8, with RFC 6608, RFC 9687 and BFD.
//!
//! ```text
//!            start                     passive start
//!  Idle ───────────────► Connect    Idle ───────────► Active
//!    ▲                    │  ▲ ConnectRetryTimer        │
//!    │ error, stop        │  └──────────────────────────┤
//!    │                    │ TCP is up: OPEN             │ TCP is up: OPEN
//!    │                    ▼                             ▼
//!    ├──────────────── OpenSent ◄───────────────────────┘
//!    │                    │ OPEN received: KEEPALIVE
//!    ├──────────────── OpenConfirm
//!    │                    │ KEEPALIVE received
//!    └──────────────── Established
//! ```
//!
//! [`Fsm::handle`] takes one [`Event`] and answers with [`Effects`]: what to send, to dial, to drop.
//! Deadlines stay inside. Sockets, octets and the second connection are the business of
//! [`Peer`](crate::Peer); this layer is public for those who bring their own.

mod backoff;
mod event;
mod negotiate;
mod state;
mod terms;
mod timers;
mod transition;

pub(crate) use backoff::Backoff;
pub use event::Event;
pub(crate) use negotiate::negotiate;
pub use negotiate::{Session, SessionFamily};
pub use state::{DownReason, State, Timer};
pub use terms::{Effects, FsmConfig};
pub use transition::Fsm;
