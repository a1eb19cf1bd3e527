//! Election by one shared record: whoever wrote its name into it last, and in time, is the holder.
//!
//! The record lies in a store that accepts a write only if the record is still the one that the
//! writer read (a Kubernetes Lease, by its `resourceVersion`). The rules are those of Kubernetes'
//! own clients, so that both can contend for one record; the times in the record are for people, and
//! nobody compares the clocks of two machines:
//!
//! - A contender notes, by its own clock, when it first **saw** the record as it is. It may take it
//!   once that is the record's `duration` ago, or at once where the record names no holder.
//! - A holder counts from when it **sent** the write that was accepted, and for less time
//!   ([`LeaseConfig::hold`]) than the record's `duration`.
//!
//! So a holder has stopped before a contender begins, as long as no clock runs faster than another
//! by more than `duration / hold`. What a holder decided before is still fenced by the store: the
//! record's `transitions` count the tenures.
//!
//! ```text
//!              the record is free, or unchanged for its duration
//!   waiting ─────────────── write ──────────────► held ──┐ renew every `retry`
//!      ▲                      │                    │ ▲   │
//!      │      refused, or no answer in time        │ └───┘
//!      └──────────────────────┴────────────────────┘ not renewed for `hold`; step_down
//! ```

mod config;
mod machine;
mod record;

pub use config::{LeaseConfig, LeaseConfigError};
pub use machine::{LeaseElection, LeaseEvent, LeaseInput, LeaseRequest, Tenure};
pub use record::{LeaseRecord, RecordVersion};
