use serde::Deserialize;

use super::Metadata;

/// `v1` `Namespace`, for its labels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Namespace {
    /// Its metadata.
    pub metadata: Metadata,
}
