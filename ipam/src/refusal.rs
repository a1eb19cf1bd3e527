use alloc::string::String;
use core::fmt;

use crate::{Family, Owner, Port};

/// Why one pool does not serve a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "reason", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum PoolRefusal {
    /// Nothing new is handed out.
    #[error("it is disabled")]
    Disabled,
    /// Its selection does not match the owner, and it refuses all others.
    #[error("its selection does not match {owner}")]
    NotSelected {
        /// The owner.
        owner: Owner,
    },
    /// It serves only those that ask for it.
    #[error("it is not assigned automatically; ask for it by name")]
    OnRequestOnly,
    /// The request asks for another pool.
    #[error("pool {wanted} was asked for")]
    OtherPoolWanted {
        /// The pool that was asked for.
        wanted: String,
    },
    /// It has no addresses of a wanted family.
    #[error("it has no {family} addresses")]
    NoRange {
        /// The family.
        family: Family,
    },
    /// Its addresses of a wanted family are not enough.
    #[error(
        "its {capacity} {family} addresses are used up ({in_use} in use, {kept} kept for others)"
    )]
    Full {
        /// The family.
        family: Family,
        /// How many addresses it hands out.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
        capacity: u128,
        /// How many are held.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
        in_use: u128,
        /// How many are kept for owners that do not hold them now.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::decimal::serialize"))]
        kept: u128,
    },
    /// The namespace holds as many addresses of the pool as it may.
    #[error("namespace {namespace} holds {used} of the {limit} addresses that it may have here")]
    Quota {
        /// The namespace.
        namespace: String,
        /// How many it may hold.
        limit: u64,
        /// How many it holds.
        used: u64,
    },
}

/// Why two owners cannot hold one address together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(
    feature = "serde",
    serde(tag = "reason", rename_all = "camelCase", rename_all_fields = "camelCase")
)]
#[non_exhaustive]
pub enum SharingRefusal {
    /// The request has no sharing key.
    NoKey,
    /// The holder has no sharing key, or another one.
    OtherKey,
    /// The backend keys differ.
    OtherBackend,
    /// Both use a port.
    PortInUse {
        /// The port.
        port: Port,
    },
    /// They are in different namespaces and one side has not agreed.
    NoConsent,
}

impl fmt::Display for SharingRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey => f.write_str("the request has no sharing key"),
            Self::OtherKey => f.write_str("the sharing keys differ"),
            Self::OtherBackend => f.write_str("what stands behind the address differs"),
            Self::PortInUse { port } => write!(f, "both use port {port}"),
            Self::NoConsent => f.write_str("the two namespaces have not both agreed to share"),
        }
    }
}
