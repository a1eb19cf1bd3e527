use alloc::{collections::BTreeSet, string::String, vec::Vec};

use crate::{LabelSelector, Labels, Request};

/// The turn of a pool among others: a lower one is tried first; equal ones by the name of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u64);

impl Priority {
    /// Before all others.
    pub const FIRST: Self = Self(0);
    /// After all others. What a pool has that says nothing.
    pub const LAST: Self = Self(u64::MAX);

    /// The order in which 0 comes first, as OpenELB counts.
    #[must_use]
    pub const fn zero_is_first(number: u32) -> Self {
        Self(number as u64)
    }

    /// The order in which 0 stands for "unset" and comes last, as MetalLB counts.
    #[must_use]
    pub const fn zero_is_last(number: u32) -> Self {
        match number {
            0 => Self::LAST,
            number => Self(number as u64),
        }
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::LAST
    }
}

/// Whom a pool is meant for.
///
/// An owner matches when its namespace is named or selected, where anything is said about namespaces, and its labels
/// are selected, where anything is said about labels. A selection that says nothing matches every owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Namespaces by name.
    pub namespaces: BTreeSet<String>,
    /// Namespaces by label; one that matches is enough.
    pub namespace_selectors: Vec<LabelSelector>,
    /// Owners by label; one that matches is enough.
    pub owner_selectors: Vec<LabelSelector>,
    /// What becomes of the others.
    pub others: Others,
}

/// What a pool with a selection means for owners that do not match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Others {
    /// They never get an address from it, not even by asking for it.
    #[default]
    Refused,
    /// They get one by asking for the pool or the address, or if it is the default pool.
    OnRequest,
}

impl Selection {
    /// Whether the owner of `request` matches.
    #[must_use]
    pub fn matches(&self, request: &Request) -> bool {
        let namespace = request.owner.namespace();
        self.matches_labels(namespace, &request.labels, &request.namespace_labels)
    }

    pub(crate) fn matches_labels(&self, namespace: &str, owner: &Labels, around: &Labels) -> bool {
        self.matches_namespace(namespace, around)
            && (self.owner_selectors.is_empty()
                || self.owner_selectors.iter().any(|s| s.matches(owner)))
    }

    fn matches_namespace(&self, namespace: &str, labels: &Labels) -> bool {
        (self.namespaces.is_empty() && self.namespace_selectors.is_empty())
            || self.namespaces.contains(namespace)
            || self.namespace_selectors.iter().any(|s| s.matches(labels))
    }
}

/// Which of the free addresses of a pool is handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reuse {
    /// The lowest, range by range in the order written.
    #[default]
    LowestFree,
    /// The lowest that was never freed; when there is none, the one that was freed longest ago.
    LeastRecentlyFreed,
    /// The first free one at or after a place that follows from the owner's name alone, so that an owner tends to get
    /// the same address again.
    HashOfName,
}

/// Who may hold one address together across namespaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CrossNamespace {
    /// Equal sharing keys are enough, as in MetalLB.
    #[default]
    Allowed,
    /// Each side must also name the other's namespace in [`Request::sharing_namespaces`].
    WithConsent,
}
