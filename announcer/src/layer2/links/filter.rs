use std::{net::IpAddr, str::FromStr};

use vipcast_plan::{LinkExpression, LinkExpressionError, LinkRefusal};

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
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkPattern {
    /// The link of this name.
    Name(String),
    /// Links whose names match.
    Matching(LinkExpression),
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
    /// What of it counts beside a list of links that are never announced on: such a list stands in
    /// place of what is left out by default.
    #[must_use]
    pub fn beside_a_list(&self) -> Self {
        let mut filter = self.clone();
        if filter.exclude == Self::default().exclude {
            filter.exclude.clear();
        }
        filter
    }

    /// The addresses whose routes decide about links.
    pub(in crate::layer2) fn destinations(&self) -> impl Iterator<Item = IpAddr> {
        self.include.iter().chain(&self.exclude).filter_map(|pattern| match pattern {
            LinkPattern::CanReach(address) => Some(*address),
            _ => None,
        })
    }

    /// Why the link may not be used, if it may not; `listed` are never announced on, and `reach` knows
    /// the link by which each destination is reached.
    pub(in crate::layer2) fn refusal(
        &self,
        listed: &[LinkExpression],
        link: &Link,
        reach: impl Fn(IpAddr) -> Option<u32>,
    ) -> Option<LinkRefusal> {
        let matches = |pattern: &LinkPattern| match pattern {
            LinkPattern::CanReach(address) => reach(*address) == Some(link.index),
            other => other.matches_name(&link.name),
        };
        let included = self.include.is_empty() || self.include.iter().any(matches);
        if !included || self.exclude.iter().any(matches) {
            return Some(LinkRefusal::Excluded);
        }
        let expression = listed.iter().find(|listed| listed.matches(&link.name))?.clone();
        Some(LinkRefusal::Listed { expression })
    }
}

impl LinkPattern {
    /// Whether it describes links of this name. One that goes by routes says no.
    #[must_use]
    pub fn matches_name(&self, name: &str) -> bool {
        match self {
            Self::Name(wanted) => wanted == name,
            Self::Matching(expression) => expression.matches(name),
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
        text.parse().map(Self::Matching).map_err(|error| match error {
            LinkExpressionError::Empty => LinkPatternError::Empty,
            other => LinkPatternError::Expression { why: other.to_string() },
        })
    }
}

#[cfg(test)]
mod tests;
