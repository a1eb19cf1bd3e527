use std::{net::IpAddr, str::FromStr};

use regex::bytes::{Regex, RegexBuilder};

use crate::os::netlink::Link;

/// Which links may carry announcements, as far as their names and routes go.
///
/// By default all may but those that container runtimes, overlays and hypervisors make on a node.
#[derive(Clone, Debug)]
pub struct LinkFilter {
    /// Only links that one of these matches; all, if there is none.
    pub include: Vec<LinkPattern>,
    /// No links that one of these matches.
    pub exclude: Vec<LinkPattern>,
}

/// A description of links.
///
/// As text: `can_reach:` and an address; a regular expression, which matches anywhere in a name
/// unless it is tied down by `^` and `$`; or a mere name, if it consists of letters, digits, `-` and
/// `_` alone.
///
/// ```
/// use vipcast_announcer::layer2::LinkPattern;
///
/// assert_eq!("eth0".parse(), Ok(LinkPattern::Name("eth0".into())));
/// assert_eq!("can_reach:192.0.2.1".parse(), Ok(LinkPattern::CanReach([192, 0, 2, 1].into())));
/// let ethernet: LinkPattern = "^eth[0-9]+$".parse()?;
/// assert!(ethernet.matches_name("eth1") && !ethernet.matches_name("veth1"));
/// # Ok::<(), vipcast_announcer::layer2::LinkPatternError>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum LinkPattern {
    /// The link of this name.
    Name(String),
    /// Links whose names match.
    Matching(Regex),
    /// The link by which the kernel's routes lead to this address.
    CanReach(IpAddr),
}

/// A text that describes no links.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkPatternError {
    /// What follows `can_reach:` is no address.
    #[error("`{text}` is no address: write can_reach: and an IPv4 or IPv6 address")]
    Address {
        /// What was written there.
        text: String,
    },
    /// The regular expression cannot be read.
    #[error("neither a link's name nor a regular expression: {why}")]
    Expression {
        /// What is wrong with it.
        why: String,
    },
    /// There is nothing.
    #[error("an empty text describes no link")]
    Empty,
}

/// Links of container runtimes, overlays and hypervisors, and of MetalLB's default list.
const NOT_FOR_US: [&str; 13] = [
    "^docker",
    "^br-[0-9a-f]{12}$",
    "^cbr",
    "^dummy",
    "^virbr",
    "^lxc",
    "^veth",
    "^cali",
    "^tunl",
    "^flannel",
    "^kube-ipvs",
    "^cni",
    "^nodelocaldns",
];

impl Default for LinkFilter {
    fn default() -> Self {
        let exclude = NOT_FOR_US.iter().filter_map(|text| text.parse().ok());
        Self { include: Vec::new(), exclude: exclude.collect() }
    }
}

impl LinkFilter {
    /// Leaves out these too; where nothing but the default is left out, these in its place.
    #[must_use]
    pub fn without(&self, excluded: &[LinkPattern]) -> Self {
        let mut filter = self.clone();
        if filter.exclude == Self::default().exclude {
            filter.exclude.clear();
        }
        filter.exclude.extend(excluded.iter().cloned());
        filter
    }

    /// The addresses whose routes decide about links.
    pub(in crate::layer2) fn destinations(&self) -> impl Iterator<Item = IpAddr> {
        self.include.iter().chain(&self.exclude).filter_map(|pattern| match pattern {
            LinkPattern::CanReach(address) => Some(*address),
            _ => None,
        })
    }

    /// Whether the link may be used; `reach` knows the link by which each destination is reached.
    pub(in crate::layer2) fn admits(
        &self,
        link: &Link,
        reach: impl Fn(IpAddr) -> Option<u32>,
    ) -> bool {
        let matches = |pattern: &LinkPattern| match pattern {
            LinkPattern::CanReach(address) => reach(*address) == Some(link.index),
            other => other.matches_name(&link.name),
        };
        (self.include.is_empty() || self.include.iter().any(matches))
            && !self.exclude.iter().any(matches)
    }
}

impl LinkPattern {
    /// Links whose names the regular expression matches anywhere, whatever it consists of: as in
    /// MetalLB's lists, where `docker` stands for `docker0` too.
    ///
    /// # Errors
    /// [`LinkPatternError::Expression`]; [`LinkPatternError::Empty`], which would be all of them.
    pub fn matching(text: &str) -> Result<Self, LinkPatternError> {
        if text.is_empty() {
            return Err(LinkPatternError::Empty);
        }
        let wrong = |error: regex::Error| LinkPatternError::Expression { why: error.to_string() };
        // Names of links are bytes, and the tables of Unicode are large.
        RegexBuilder::new(text).unicode(false).build().map(Self::Matching).map_err(wrong)
    }

    /// Whether it describes links of this name. One that goes by routes says no.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Matching(expression) => expression.is_match(name.as_bytes()),
            Self::CanReach(_) => false,
        }
    }
}

impl FromStr for LinkPattern {
    type Err = LinkPatternError;

    fn from_str(text: &str) -> Result<Self, LinkPatternError> {
        if let Some(address) = text.strip_prefix("can_reach:") {
            let wrong = |_| LinkPatternError::Address { text: address.into() };
            return address.parse().map(Self::CanReach).map_err(wrong);
        }
        if text.is_empty() {
            return Err(LinkPatternError::Empty);
        }
        if text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return Ok(Self::Name(text.into()));
        }
        Self::matching(text)
    }
}

impl PartialEq for LinkPattern {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Name(one), Self::Name(other)) => one == other,
            (Self::Matching(one), Self::Matching(other)) => one.as_str() == other.as_str(),
            (Self::CanReach(one), Self::CanReach(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for LinkPattern {}

#[cfg(test)]
mod tests;
