mod text;

use std::{fmt, net::IpAddr};

use vipcast_ipam::{AllocateError, Family, PoolError, RangeParseError};

use crate::Place;

/// What can be wrong with a manifest. Prints as a sentence; [`hint`](Self::hint) says what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The file or the folder cannot be read.
    Unreadable {
        /// What the system said.
        why: String,
    },
    /// The file is not UTF-8.
    NotText,
    /// The document is not valid YAML or JSON, or a value has the wrong type.
    Malformed {
        /// What the parser said.
        why: String,
    },
    /// The object says nothing about its kind.
    NoKind,
    /// The object has no name.
    NoName,
    /// A name that Kubernetes does not take.
    BadName {
        /// The name.
        name: String,
    },
    /// A kind that is not read, skipped.
    UnknownKind {
        /// Its `apiVersion`.
        api_version: String,
        /// Its `kind`.
        kind: String,
        /// A kind that is read and has a similar name.
        similar: Option<&'static str>,
    },
    /// A kind of MetalLB's that is not acted on yet, skipped.
    NotYetSupported {
        /// Its `kind`.
        kind: String,
    },
    /// A kind that is read, in a version that is not.
    UnknownVersion {
        /// The version that the object has.
        found: String,
        /// The version that is read.
        expected: &'static str,
    },
    /// A field that the schema does not have.
    UnknownField {
        /// Its name.
        name: String,
        /// A field that the schema has there, with a similar name.
        similar: Option<&'static str>,
    },
    /// A field that must be there is not, or is empty.
    Missing,
    /// A value that is none of the allowed ones.
    NotOneOf {
        /// The value.
        value: String,
        /// The allowed ones.
        allowed: &'static [&'static str],
    },
    /// A number that is out of range.
    OutOfRange {
        /// The number.
        value: i64,
        /// The lowest allowed.
        min: i64,
        /// The highest allowed.
        max: i64,
    },
    /// A list holds the same entry twice.
    Repeated {
        /// The entry.
        value: String,
    },
    /// A text that is no address.
    NotAnAddress {
        /// The text.
        value: String,
    },
    /// An entry of a pool that is no range of addresses.
    BadRange(RangeParseError),
    /// An entry of a pool that is an address without a prefix length.
    LoneAddress {
        /// The address.
        address: IpAddr,
    },
    /// The pool as a whole is not valid.
    BadPool(PoolError),
    /// Two pools have an address in common.
    PoolOverlap {
        /// The range of this pool.
        range: String,
        /// The other pool.
        other: String,
        /// The range of the other pool.
        other_range: String,
        /// Where the other pool stands.
        place: Place,
    },
    /// Another pool is the default one already.
    TwoDefaults {
        /// The other pool.
        other: String,
        /// Where the other pool stands.
        place: Place,
    },
    /// A label selector that means nothing.
    BadSelector {
        /// The operator.
        operator: String,
        /// What is wrong with it.
        why: SelectorFault,
    },
    /// Another object has the same kind and name.
    Duplicate {
        /// Where the other one stands.
        other: Place,
    },
    /// MetalLB's kinds are spread over several namespaces.
    MixedNamespaces {
        /// The namespace of this object.
        this: String,
        /// The namespace that is used.
        used: String,
        /// Where an object of the namespace that is used stands.
        place: Place,
    },
    /// The service asks for addresses both by `spec.loadBalancerIP` and by annotation.
    TwoRequests,
    /// More than one address of a family, or more than two addresses, is asked for.
    TooManyAddresses {
        /// The text.
        value: String,
    },
    /// An address is asked for whose family the service does not have.
    WrongFamily {
        /// The address.
        address: IpAddr,
        /// The only family that the service has.
        only: Family,
    },
    /// A family policy that contradicts the families.
    FamilyConflict {
        /// The policy.
        policy: String,
        /// How many families are listed.
        families: usize,
    },
    /// An annotation with MetalLB's old prefix.
    DeprecatedAnnotation {
        /// Its present name.
        instead: String,
    },
    /// An annotation of OpenELB's that stands for nothing here.
    NoCounterpart {
        /// What decides in its place.
        instead: &'static str,
    },
    /// An annotation of OpenELB's is overruled by MetalLB's for the same.
    Overruled {
        /// The one that counts.
        by: &'static str,
    },
    /// The service is headless.
    Headless,
    /// The service belongs to another load balancer.
    ForeignClass {
        /// Its class, `None` where it has none.
        class: Option<String>,
    },
    /// The service asks for a pool that there is not.
    UnknownPool {
        /// The pool.
        pool: String,
        /// A pool with a similar name.
        similar: Option<String>,
    },
    /// The advertisement names a pool that there is not.
    UnknownAdvertisedPool {
        /// The pool.
        pool: String,
        /// A pool with a similar name.
        similar: Option<String>,
    },
    /// The pools as they are would give the service nothing.
    NotServed(AllocateError),
    /// No advertisement covers the pool, so that its addresses would reach nobody.
    NotAdvertised {
        /// The pool.
        pool: String,
    },
    /// The endpoints belong to no service.
    NoServiceName,
    /// The last valid state of the object is served in place of what stands in the folder.
    Stale {
        /// Why the folder's own state is not used.
        why: StaleReason,
    },
}

/// What is wrong with a condition of a label selector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectorFault {
    /// There is no such operator.
    UnknownOperator,
    /// The operator needs values and has none.
    ValuesMissing,
    /// The operator takes no values and has some.
    ValuesForbidden,
}

/// Why an object's last valid state is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum StaleReason {
    /// Its new state is not valid, or its file holds something that is not.
    Invalid,
    /// Its file cannot be read.
    FileUnreadable,
    /// The folder cannot be read, or is another one without any manifest.
    FolderUnreadable,
    /// It stands in two places.
    Duplicate,
}

impl fmt::Display for StaleReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid => "what the file holds now is not valid",
            Self::FileUnreadable => "its file cannot be read",
            Self::FolderUnreadable => "the folder of manifests cannot be read",
            Self::Duplicate => "it stands in two places",
        })
    }
}
