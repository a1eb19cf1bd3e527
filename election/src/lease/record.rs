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
