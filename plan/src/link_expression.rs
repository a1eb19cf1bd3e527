use alloc::string::{String, ToString};
use core::{cmp::Ordering, str::FromStr};

use regex::bytes::{Regex, RegexBuilder};

/// A regular expression for the names of links, which matches anywhere in a name unless it is tied down
/// by `^` and `$`: `docker` stands for `docker0` too.
///
/// ```
/// use vipcast_plan::LinkExpression;
///
/// let containers: LinkExpression = "^veth".parse()?;
/// assert!(containers.matches("veth0a") && !containers.matches("eth0"));
/// # Ok::<(), vipcast_plan::LinkExpressionError>(())
/// ```
#[derive(Clone, Debug)]
pub struct LinkExpression(Regex);

/// A text that is no expression for names of links.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkExpressionError {
    /// There is nothing, which would match every link.
    #[error("an empty text describes no link")]
    Empty,
    /// It cannot be read.
    #[error("no regular expression: {why}")]
    Malformed {
        /// What is wrong with it.
        why: String,
    },
}

impl LinkExpression {
    /// Whether it matches the name of a link.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(name.as_bytes())
    }

    /// The expression as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl FromStr for LinkExpression {
    type Err = LinkExpressionError;

    fn from_str(text: &str) -> Result<Self, LinkExpressionError> {
        if text.is_empty() {
            return Err(LinkExpressionError::Empty);
        }
        let wrong = |error: regex::Error| LinkExpressionError::Malformed { why: error.to_string() };
        // Names of links are bytes, and the tables of Unicode are large.
        RegexBuilder::new(text).unicode(false).build().map(Self).map_err(wrong)
    }
}

impl PartialEq for LinkExpression {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for LinkExpression {}

impl PartialOrd for LinkExpression {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for LinkExpression {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_describes_no_link_is_refused_and_says_why() {
        assert_eq!("".parse::<LinkExpression>(), Err(LinkExpressionError::Empty));
        let error = "eth(".parse::<LinkExpression>().unwrap_err();
        assert!(matches!(error, LinkExpressionError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("unclosed group"), "{error}");
    }
}
