//! What the problems say: their sentences, their short names and their remedies.

use std::fmt;

use vipcast_ipam::Family;

use super::{Problem, SelectorFault};

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
            Self::TwoDefaults { other, place } => {
                write!(f, "{other} at {place} is the default pool already")
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
            Self::NoCounterpart { .. } => f.write_str("this annotation is not acted on"),
            Self::Overruled { by } => write!(f, "{by} counts in its place"),
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
            Self::TwoDefaults { .. } => "twoDefaults",
            Self::BadSelector { .. } => "badSelector",
            Self::Duplicate { .. } => "duplicate",
            Self::MixedNamespaces { .. } => "mixedNamespaces",
            Self::TwoRequests => "twoRequests",
            Self::TooManyAddresses { .. } => "tooManyAddresses",
            Self::WrongFamily { .. } => "wrongFamily",
            Self::FamilyConflict { .. } => "familyConflict",
            Self::DeprecatedAnnotation { .. } => "deprecatedAnnotation",
            Self::NoCounterpart { .. } => "noCounterpart",
            Self::Overruled { .. } => "overruled",
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
            Self::NoCounterpart { instead } => instead,
            Self::UnknownField { .. } | Self::Overruled { .. } => "remove it",
            Self::NoKind => "write both, such as `apiVersion: v1` and `kind: Service`",
            Self::NoName => "write metadata.name",
            Self::BadName { .. } => "use lower-case letters, digits, - and ., such as `my-service`",
            Self::PoolOverlap { .. } => "give each address to one pool",
            Self::TwoDefaults { .. } => "leave the annotation with one of them",
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
