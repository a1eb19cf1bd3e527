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

/// A list of names as prose.
struct List<'a>(&'a [&'a str]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            let separator = match position {
                0 => "",
                last if last + 1 == self.0.len() => " or ",
                _ => ", ",
            };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { why } => write!(f, "cannot be read: {why}"),
            Self::NotText => f.write_str("is not UTF-8 text"),
            Self::Malformed { why } => f.write_str(why),
            Self::NoKind => f.write_str("apiVersion or kind is missing"),
            Self::NoName => f.write_str("the object has no name"),
            Self::BadName { name } => write!(f, "`{name}` is no name"),
            Self::UnknownKind { api_version, kind, .. } => {
                write!(f, "kind {kind} of {api_version} is not read; skipped")
            }
            Self::NotYetSupported { kind } => {
                write!(f, "kind {kind} is not yet supported; skipped")
            }
            Self::UnknownVersion { found, .. } => write!(f, "version {found} is not read"),
            Self::UnknownField { name, .. } => write!(f, "there is no field `{name}`"),
            Self::Missing => f.write_str("must be given"),
            Self::NotOneOf { value, .. } => write!(f, "`{value}` is not allowed here"),
            Self::OutOfRange { value, min, max } => {
                write!(f, "{value} is out of range; {min} to {max} are allowed")
            }
            Self::Repeated { value } => write!(f, "`{value}` is given twice"),
            Self::NotAnAddress { value } => write!(f, "`{value}` is not an IP address"),
            Self::BadRange(error) => error.fmt(f),
            Self::LoneAddress { address } => write!(f, "{address} has no prefix length"),
            Self::BadPool(error) => error.fmt(f),
            Self::PoolOverlap { range, other, other_range, place } => {
                write!(f, "{range} overlaps {other_range} of pool {other} at {place}")
            }
            Self::BadSelector { operator, why } => match why {
                SelectorFault::UnknownOperator => write!(f, "there is no operator `{operator}`"),
                SelectorFault::ValuesMissing => write!(f, "operator {operator} needs values"),
                SelectorFault::ValuesForbidden => write!(f, "operator {operator} takes no values"),
            },
            Self::Duplicate { other } => write!(f, "the same object also stands at {other}"),
            Self::MixedNamespaces { this, used, place } => {
                write!(f, "it is in namespace {this}, but {place} is in namespace {used}")
            }
            Self::TwoRequests => f.write_str("spec.loadBalancerIP is set as well"),
            Self::TooManyAddresses { value } => {
                write!(f, "`{value}` is more than one address of each family")
            }
            Self::WrongFamily { address, only } => {
                write!(f, "{address} is asked for, but the service is {only} only")
            }
            Self::FamilyConflict { policy, families } => {
                write!(f, "{policy} does not go with {families} ipFamilies")
            }
            Self::DeprecatedAnnotation { .. } => f.write_str("this prefix is deprecated"),
            Self::Headless => f.write_str("the service is headless (clusterIP None); not served"),
            Self::ForeignClass { class: Some(class) } => {
                write!(f, "the service is of load balancer class {class}; left to it")
            }
            Self::ForeignClass { class: None } => {
                f.write_str("the service has no load balancer class; left to others")
            }
            Self::UnknownPool { pool, .. } | Self::UnknownAdvertisedPool { pool, .. } => {
                write!(f, "there is no pool `{pool}`")
            }
            Self::NotServed(error) => error.fmt(f),
            Self::NotAdvertised { pool } => write!(f, "no L2Advertisement covers pool {pool}"),
            Self::NoServiceName => f.write_str("the endpoints belong to no service"),
            Self::Stale { why } => write!(f, "its last valid state is served, because {why}"),
        }
    }
}

impl Problem {
    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "unreadable",
            Self::NotText => "notText",
            Self::Malformed { .. } => "malformed",
            Self::NoKind => "noKind",
            Self::NoName => "noName",
            Self::BadName { .. } => "badName",
            Self::UnknownKind { .. } => "unknownKind",
            Self::NotYetSupported { .. } => "notYetSupported",
            Self::UnknownVersion { .. } => "unknownVersion",
            Self::UnknownField { .. } => "unknownField",
            Self::Missing => "missing",
            Self::NotOneOf { .. } => "notOneOf",
            Self::OutOfRange { .. } => "outOfRange",
            Self::Repeated { .. } => "repeated",
            Self::NotAnAddress { .. } => "notAnAddress",
            Self::BadRange(_) => "badRange",
            Self::LoneAddress { .. } => "loneAddress",
            Self::BadPool(_) => "badPool",
            Self::PoolOverlap { .. } => "poolOverlap",
            Self::BadSelector { .. } => "badSelector",
            Self::Duplicate { .. } => "duplicate",
            Self::MixedNamespaces { .. } => "mixedNamespaces",
            Self::TwoRequests => "twoRequests",
            Self::TooManyAddresses { .. } => "tooManyAddresses",
            Self::WrongFamily { .. } => "wrongFamily",
            Self::FamilyConflict { .. } => "familyConflict",
            Self::DeprecatedAnnotation { .. } => "deprecatedAnnotation",
            Self::Headless => "headless",
            Self::ForeignClass { .. } => "foreignClass",
            Self::UnknownPool { .. } => "unknownPool",
            Self::UnknownAdvertisedPool { .. } => "unknownAdvertisedPool",
            Self::NotServed(_) => "notServed",
            Self::NotAdvertised { .. } => "notAdvertised",
            Self::NoServiceName => "noServiceName",
            Self::Stale { .. } => "stale",
        }
    }

    /// What to do about it, where there is something to advise.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::UnknownKind { similar: Some(similar), .. } => {
                return Some(format!("did you mean {similar}?"));
            }
            Self::UnknownField { similar: Some(similar), .. } => {
                return Some(format!("did you mean `{similar}`?"));
            }
            Self::UnknownPool { similar: Some(similar), .. }
            | Self::UnknownAdvertisedPool { similar: Some(similar), .. } => {
                return Some(format!("did you mean `{similar}`?"));
            }
            Self::UnknownVersion { expected, .. } => return Some(format!("write {expected}")),
            Self::NotOneOf { allowed, .. } => return Some(format!("write {}", List(allowed))),
            Self::LoneAddress { address } => {
                let length = if address.is_ipv4() { 32 } else { 128 };
                return Some(format!("write {address}/{length}"));
            }
            Self::WrongFamily { address, .. } => {
                let family = Family::of(*address);
                return Some(format!(
                    "list {family} in spec.ipFamilies, or ask for another address"
                ));
            }
            Self::DeprecatedAnnotation { instead } => return Some(format!("write {instead}")),
            Self::UnknownField { .. } => "remove it",
            Self::NoKind => "write both, such as `apiVersion: v1` and `kind: Service`",
            Self::NoName => "write metadata.name",
            Self::BadName { .. } => "use lower-case letters, digits, - and ., such as `my-service`",
            Self::PoolOverlap { .. } => "give each address to one pool",
            Self::Duplicate { .. } => "remove one of the two",
            Self::MixedNamespaces { .. } => "put all of MetalLB's kinds into one namespace",
            Self::TwoRequests => "keep one of the two",
            Self::TooManyAddresses { .. } => "ask for at most one IPv4 and one IPv6 address",
            Self::FamilyConflict { .. } => {
                "list one family, or write PreferDualStack or RequireDualStack"
            }
            Self::UnknownPool { .. } => "add the pool, or remove the annotation",
            Self::UnknownAdvertisedPool { .. } => "add the pool, or remove its name",
            Self::NotAdvertised { .. } => "add an L2Advertisement, or its addresses reach nobody",
            Self::NoServiceName => "add the label kubernetes.io/service-name",
            _ => return None,
        };
        Some(text.to_owned())
    }
}
