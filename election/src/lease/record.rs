use alloc::sync::Arc;
use core::time::Duration;

use crate::NodeName;

/// What the store holds, as far as it decides.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseRecord {
    /// Who holds it; `None` once it was given up.
    pub holder: Option<NodeName>,
    /// How long the record must have stayed as it is before another may take it.
    pub duration: Duration,
    /// How often the holder changed.
    pub transitions: u32,
}

impl LeaseRecord {
    /// How long a record says that it lasts whose holder gave it up: what Kubernetes' own clients write.
    pub(super) const GIVEN_UP: Duration = Duration::from_secs(1);

    /// Whether its holder gave it up: it names nobody, and says so on purpose. One that was only just
    /// made names nobody either, and no duration.
    #[must_use]
    pub fn is_given_up(&self) -> bool {
        self.holder.is_none() && !self.duration.is_zero() && self.duration <= Self::GIVEN_UP
    }
}

/// The store's mark of one state of the record. Only whether two are equal means anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RecordVersion(Arc<str>);

impl RecordVersion {
    /// The mark that the store calls `text`.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// As the store calls it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
