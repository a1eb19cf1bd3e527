use serde::{Deserialize, Serialize};

use super::Metadata;

/// `v1` `Namespace`, for its labels.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Namespace {
    /// Its metadata.
    pub metadata: Metadata,
}
