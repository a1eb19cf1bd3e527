use serde::{Deserialize, Serialize};

use super::{Metadata, metadata::nullable};

/// `v1` `Node`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Node {
    /// Its metadata.
    pub metadata: Metadata,
    /// How it is.
    #[serde(default, deserialize_with = "nullable")]
    pub status: NodeStatus,
}

/// The `status` of a [`Node`], as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct NodeStatus {
    /// Its conditions.
    #[serde(default, deserialize_with = "nullable")]
    pub conditions: Vec<NodeCondition>,
}

/// A condition of a [`Node`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct NodeCondition {
    /// Its name.
    #[serde(rename = "type")]
    pub condition_type: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
}
