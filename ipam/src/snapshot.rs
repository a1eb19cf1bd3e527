use alloc::{collections::BTreeSet, string::String, vec::Vec};
use core::net::IpAddr;

use crate::{Family, Labels, Owner, Port};

/// The state of an [`Allocator`](crate::Allocator), without its pools. Two allocators in one state have equal snapshots,
/// whatever led there.
///
/// With the feature `serde` it can be written down. A snapshot of an earlier version is read; one of a later version is
/// refused. Version 1 was owners and addresses alone.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub struct Snapshot {
    pub(crate) version: u32,
    /// By owner.
    pub(crate) assignments: Vec<Entry>,
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) clock: u64,
    /// By address.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) retained: Vec<Waiting>,
    /// Freed longest ago first.
    #[cfg_attr(feature = "serde", serde(default))]
    pub(crate) freed: Vec<IpAddr>,
}

/// The version that is written, and the newest that is read.
pub(crate) const VERSION: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub(crate) struct Entry {
    pub(crate) owner: Owner,
    pub(crate) addresses: Vec<IpAddr>,
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub(crate) terms: Option<EntryTerms>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub(crate) struct EntryTerms {
    pub(crate) labels: Labels,
    pub(crate) namespace_labels: Labels,
    pub(crate) two_pools: bool,
    pub(crate) sharing: Option<EntrySharing>,
    pub(crate) missing: Option<Family>,
    pub(crate) was_dual: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub(crate) struct EntrySharing {
    pub(crate) key: String,
    pub(crate) backend: String,
    pub(crate) ports: BTreeSet<Port>,
    pub(crate) namespaces: BTreeSet<String>,
}

/// An address that waits for its former owner.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "camelCase"))]
pub(crate) struct Waiting {
    pub(crate) address: IpAddr,
    pub(crate) owner: Owner,
    pub(crate) until: u64,
}

impl Snapshot {
    /// The version of the form in which it is written.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Who held what, by owner.
    pub fn assignments(&self) -> impl Iterator<Item = (&Owner, &[IpAddr])> {
        let entries = self.assignments.iter();
        entries.map(|entry| (&entry.owner, entry.addresses.as_slice()))
    }
}
