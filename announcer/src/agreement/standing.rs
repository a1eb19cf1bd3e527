use std::{collections::BTreeSet, fmt};

use vipcast_election::NodeName;

/// Who leads an agreement, or why nobody does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Standing {
    /// Nothing is known yet.
    #[default]
    Starting,
    /// This node leads.
    Leads {
        /// This node.
        me: NodeName,
    },
    /// This node follows another.
    Follows {
        /// Who leads.
        leader: NodeName,
    },
    /// Enough members are heard; one of them will lead shortly.
    Electing,
    /// Not enough members are heard, or remember.
    NoMajority {
        /// Who votes.
        members: BTreeSet<NodeName>,
        /// Those of them that are heard and remember, with this node.
        heard: BTreeSet<NodeName>,
        /// Those that have lost their memory.
        forgotten: BTreeSet<NodeName>,
    },
    /// Nothing was ever agreed on: those that are to found a history have to be heard first, all of
    /// them.
    Founding {
        /// Who is not heard, or has part in an earlier history.
        missing: BTreeSet<NodeName>,
        /// Who names other founders.
        differ: BTreeSet<NodeName>,
    },
    /// Nothing was ever agreed on, and nobody is named to begin, though others are here.
    NobodyNamed {
        /// Who is heard.
        heard: BTreeSet<NodeName>,
    },
    /// Others have agreed on something else, from the beginning.
    OtherHistory,
    /// The ledger cannot be written.
    Unwritten {
        /// Why.
        why: String,
    },
}

impl Standing {
    /// Who leads.
    #[must_use]
    pub const fn leader(&self) -> Option<&NodeName> {
        match self {
            Self::Leads { me: leader } | Self::Follows { leader } => Some(leader),
            _ => None,
        }
    }

    /// Whether this node does.
    #[must_use]
    pub const fn leads(&self) -> bool {
        matches!(self, Self::Leads { .. })
    }

    /// Whether it is over shortly, as a rule.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Starting | Self::Electing => true,
            Self::Founding { missing, differ } => missing.is_empty() && differ.is_empty(),
            _ => false,
        }
    }

    /// A short name that never changes, for machines.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Leads { .. } => "leads",
            Self::Follows { .. } => "follows",
            Self::Electing => "electing",
            Self::NoMajority { .. } => "noMajority",
            Self::Founding { .. } => "founding",
            Self::NobodyNamed { .. } => "nobodyNamed",
            Self::OtherHistory => "otherHistory",
            Self::Unwritten { .. } => "unwritten",
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => f.write_str("this node has just started"),
            Self::Leads { me } => write!(f, "this node, {me}, assigns addresses"),
            Self::Follows { leader } => write!(f, "{leader} assigns addresses"),
            Self::Electing => f.write_str("a majority is here and is choosing who assigns"),
            Self::NoMajority { members, heard, forgotten } => {
                let all: BTreeSet<_> = heard.union(forgotten).cloned().collect();
                let silent: BTreeSet<_> = members.difference(&all).cloned().collect();
                write!(
                    f,
                    "NO MAJORITY: {} of the {} members must agree, and here are only {}",
                    members.len() / 2 + 1,
                    members.len(),
                    Names(heard)
                )?;
                if !silent.is_empty() {
                    write!(f, "; silent: {}", Names(&silent))?;
                }
                if !forgotten.is_empty() {
                    write!(f, "; have lost what was agreed: {}", Names(forgotten))?;
                }
                Ok(())
            }
            Self::Founding { missing, differ } if missing.is_empty() && differ.is_empty() => {
                f.write_str("nothing was agreed on yet; the founders are here and about to begin")
            }
            Self::Founding { missing, differ } => {
                f.write_str("nothing was agreed on yet, and all founders must be heard once")?;
                if !missing.is_empty() {
                    write!(f, "; not heard as one that begins: {}", Names(missing))?;
                }
                if !differ.is_empty() {
                    write!(f, "; names other founders than this node: {}", Names(differ))?;
                }
                Ok(())
            }
            Self::NobodyNamed { heard } => write!(
                f,
                "nothing was agreed on yet, and nobody is named to begin, though others are here \
                 ({}): give all nodes the same --founders",
                Names(heard)
            ),
            Self::OtherHistory => f.write_str(
                "TWO HISTORIES: other nodes were founded apart from this one, and neither believes the \
                 other; stop the nodes of one side, remove their agreed.NODE from the state folder, \
                 and start them again",
            ),
            Self::Unwritten { why } => {
                write!(f, "what is agreed cannot be written here, so this node agrees to nothing: {why}")
            }
        }
    }
}

struct Names<'a>(&'a BTreeSet<NodeName>);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, name) in self.0.iter().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{name}")?;
        }
        Ok(())
    }
}
