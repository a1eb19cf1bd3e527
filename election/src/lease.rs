//! Election by one shared record: whoever wrote its name into it last, and in time, is the holder.
//!
//! The record lies in a store that accepts a write only if the record is still the one that the
//! writer read (a Kubernetes Lease, by its `resourceVersion`). The rules are those of Kubernetes'
//! own clients, so that both can contend for one record; the times in the record are for people, and
//! nobody compares the clocks of two machines:
//!
//! - A contender notes, by its own clock, when it first **saw** the record as it is. It may take it
//!   once that is the record's `duration` ago, or at once where its holder gave it up.
//! - A holder counts from when it **sent** the write that was accepted, and for less time
//!   ([`LeaseConfig::hold`]) than the record's `duration`.
//!
//! - A record that was **deleted** ends nobody's right to act. Who had seen it before waits for
//!   `duration` from when it saw it gone, or made anew; the holder alone may write it at once.
//!
//! So a holder has stopped before a contender begins, as long as no clock runs faster than another
//! by more than `duration / hold`. One case is left: a contender that is started between the deletion
//! and the holder's next renewal cannot know that there was a record, and takes what it finds. The old
//! holder ends when its renewal is refused, after about [`LeaseConfig::retry`], or, if it cannot reach
//! the store, after [`LeaseConfig::hold`]: nobody should delete the record of a running election. What a holder decided before is still fenced by the store: the
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
mod io;
mod machine;
mod record;

pub use config::{LeaseConfig, LeaseConfigError};
pub use io::{LeaseEvent, LeaseInput, LeaseRequest, Tenure};
pub use machine::LeaseElection;
pub use record::{LeaseRecord, RecordVersion};
