//! Beacons as bytes.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+---------------+---------------+
//! |       magic: "VB"             |  version: 1   | signature: 0/1|
//! +-------------------------------+---------------+---------------+
//! |           key id              | type, length (2 octets), value, ...
//! +-------------------------------+-------------------------------
//! |  16 octets of HMAC-SHA-256 over all before, if signature is 1
//! +---------------------------------------------------------------
//! ```
//!
//! Numbers are in network order. Types that are not known are skipped, so that an older node reads
//! what a newer one sends; the version rises only when that is not enough.

#![deny(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation
)]

mod decode;
mod encode;
mod refusal;

use alloc::vec::Vec;
use core::{net::IpAddr, time::Duration};

use sha2::{Digest as _, Sha256};

pub(crate) use self::encode::item;
pub(super) use self::encode::{FAILING as FAILING_LEN, entry_len};
pub use self::refusal::{Refusal, TlvType};
use crate::{Epoch, NodeName, Segment, placement::Weight};

/// One datagram of a node on one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beacon {
    /// Who sends it.
    pub name: NodeName,
    /// Where it was meant to be heard.
    pub segment: SegmentTag,
    /// Which life of the sender this is. Rises with each start of the process.
    pub incarnation: u64,
    /// Rises with each datagram of this life on this segment.
    pub sequence: u64,
    /// How often the sender sends. In whole microseconds, from 1 ms to a minute.
    pub interval: Duration,
    /// How long the sender's tokens outlive its last beacon. In whole microseconds, at most ten
    /// minutes.
    pub token_life: Duration,
    /// The sender listens only, and claims nothing yet.
    pub starting: bool,
    /// The sender leaves, and takes nothing more.
    pub draining: bool,
    /// How much the sender takes beside others.
    pub weight: Weight,
    /// From which hardware addresses the sender answers ARP and ND on this segment.
    pub hardware: Vec<HardwareAddress>,
    /// Whom the sender hears.
    pub hears: Vec<LifeId>,
    /// What the sender's table amounts to, with the changes in this datagram.
    pub digest: TableDigest,
    /// Who should send a beacon at once.
    pub probes: Vec<LifeId>,
    /// Who should send its whole table.
    pub sync_wanted: Vec<LifeId>,
    /// What others hold, and do not answer for.
    pub failing: Vec<Failing>,
    /// Entries of the sender's table that have changed; `None` for those that are gone.
    pub changes: Vec<(IpAddr, Option<Entry>)>,
    /// A part of the sender's whole table.
    pub sync: Option<SyncRange>,
}

/// The address of a network card, as in an Ethernet header.
pub type HardwareAddress = [u8; 6];

/// What the sender has asked a holder for in vain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Failing {
    /// Who holds it.
    pub life: LifeId,
    /// The address; the unspecified address of a family for all that it holds in this family.
    pub address: IpAddr,
    /// How many answers in a row were missing. At least 1.
    pub failures: u8,
}

/// What a node says of one address.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Entry {
    /// It may hold it.
    pub stands: bool,
    /// It holds it.
    pub held: Option<Tenure>,
}

/// One node's time as holder of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// Its number. Below 2^63.
    pub epoch: Epoch,
    /// Who is asked to take the address over now.
    pub successor: Option<LifeId>,
    /// How long ago the address was moved voluntarily, for the last few times. In tenths of a
    /// second.
    pub moved: Vec<Duration>,
}

/// All entries of a table from one address on, up to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRange {
    /// The first address that is covered.
    pub first: IpAddr,
    /// The first that is covered no more; `None` for all that follow.
    pub end: Option<IpAddr>,
    /// The entries in this range, in order. What is not here is not in the table.
    pub entries: Vec<(IpAddr, Entry)>,
}

/// What a table amounts to. Equal tables have equal digests; ages of moves do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct TableDigest {
    /// How many entries it has.
    pub count: u16,
    /// Their hashes, added up.
    pub sum: u64,
}

/// One life of one node, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LifeId(pub u64);

/// The name of a segment, in short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentTag(pub u64);

impl Beacon {
    /// Which life of the sender this is.
    #[must_use]
    pub fn life(&self) -> LifeId {
        LifeId::of(&self.name, self.incarnation)
    }
}

impl LifeId {
    /// The first 8 octets of SHA-256 over the incarnation and the name.
    #[must_use]
    pub fn of(name: &NodeName, incarnation: u64) -> Self {
        Self(short(&incarnation.to_be_bytes(), name.as_str()))
    }
}

impl SegmentTag {
    /// The first 8 octets of SHA-256 over the name.
    #[must_use]
    pub fn of(segment: &Segment) -> Self {
        Self(short(b"segment", segment.as_str()))
    }
}

fn short(prefix: &[u8], text: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(prefix);
    hash.update(text);
    let digest: [u8; 32] = hash.finalize().into();
    digest.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
}

/// A truncated HMAC-SHA-256 (RFC 2104 §5).
pub(super) type Tag = [u8; TAG_LEN];

/// The longest datagram that is sent: it fits an Ethernet frame under any IP header.
pub const LONGEST_DATAGRAM: usize = 1_400;

pub(super) const TAG_LEN: usize = 16;
const MAGIC: [u8; 2] = *b"VB";
const VERSION: u8 = 1;
/// No more nodes are named in one list.
const MOST_LIVES: usize = 128;
/// No more hardware addresses of one node are told.
pub(super) const MOST_HARDWARE: usize = 8;
/// No more reports of what is not served are in one datagram.
const MOST_FAILING: usize = 64;
/// No more entries are in one datagram.
const MOST_ENTRIES: usize = 1_024;
const LONGEST_NAME: usize = 253;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(1);
const LONGEST_INTERVAL: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(600);
const HIGHEST_EPOCH: u64 = (1 << 63) - 1;
/// The unit in which ages of moves are told.
const TENTH: Duration = Duration::from_millis(100);

/// The bits of an entry's first octet.
mod bits {
    pub(super) const IPV6: u8 = 1;
    pub(super) const STANDS: u8 = 1 << 1;
    pub(super) const HELD: u8 = 1 << 2;
    pub(super) const SUCCESSOR: u8 = 1 << 3;
    pub(super) const GONE: u8 = 1 << 4;
    /// How many ages follow, in the three highest bits.
    pub(super) const AGES: u32 = 5;
}

/// The bits of the sender's state.
mod state {
    pub(super) const STARTING: u8 = 1;
    pub(super) const DRAINING: u8 = 1 << 1;
}

#[cfg(test)]
mod tests;
