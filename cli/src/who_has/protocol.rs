//! What is said over the socket: one line of JSON each way, then it is closed. Fields that are not
//! known are skipped; the version rises only when that is not enough.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

pub(super) const VERSION: u32 = 1;

/// No longer request is read.
pub(super) const LONGEST_REQUEST: u64 = 1_024;
/// No longer answer is read.
pub(super) const LONGEST_ANSWER: u64 = 1_024 * 1_024;

/// Who has this address?
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request {
    pub(super) version: u32,
    pub(super) who_has: IpAddr,
}

/// Who has it, on each segment; and why nobody, or not this node.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Answer {
    pub(super) version: u32,
    /// The node that answers.
    pub(super) node: String,
    pub(super) held: Vec<Held>,
    /// Why this node does not announce it.
    pub(super) withheld: Vec<Withheld>,
    /// Who assigns addresses, where nodes agree on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assigner: Option<Assigner>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Assigner {
    /// Who it is; without this nobody assigns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) node: Option<String>,
    /// How it stands, by a name that never changes.
    pub(super) standing: String,
    /// Whether the node that answers has a vote.
    pub(super) votes: bool,
    pub(super) text: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Held {
    pub(super) segment: String,
    pub(super) holder: String,
    /// The holder is the node that answers.
    pub(super) here: bool,
    /// For how long the node that answers has known this.
    pub(super) for_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) epoch: Option<u64>,
    /// When its lease ends if it is not renewed; only known of one's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease_ends_in_seconds: Option<f64>,
    /// Where it is announced; only known of one's own.
    pub(super) links: Vec<String>,
    /// Whom the holder asked from the address, and who answered.
    pub(super) neighbours: Vec<Neighbour>,
    /// Another host uses it too.
    pub(super) conflicts: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Neighbour {
    pub(super) address: Option<IpAddr>,
    pub(super) link: String,
    pub(super) gateway: bool,
    /// How soon it answered; without this it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answered_after_seconds: Option<f64>,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Withheld {
    pub(super) service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) segment: Option<String>,
    pub(super) reason: String,
    pub(super) text: String,
}
