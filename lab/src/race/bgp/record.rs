use serde::{Deserialize, Serialize};

use super::{contender::Sender, receiver::Receiver};

/// One run: a line of the file. Times are in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// Who sent.
    pub sender: Sender,
    /// Who received.
    pub receiver: Receiver,
    /// How many prefixes.
    pub routes: u32,
    /// Why it does not count, if it does not.
    pub void: Option<String>,
    /// Until the first prefixes were read (raw receiver).
    pub first: f64,
    /// Until 99 of 100 were read (raw receiver).
    pub p99: f64,
    /// Until the last was there.
    pub last: f64,
    /// In how many UPDATEs they came (raw receiver).
    pub updates: u32,
    /// Seconds of processor time that the sender has used, from its start; none of the raw sender.
    pub cpu: Option<f64>,
    /// The most memory that it held, in MiB.
    pub rss: Option<f64>,
}
