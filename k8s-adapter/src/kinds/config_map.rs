use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Metadata, metadata::text_map};

/// `v1` `ConfigMap`. Of all that there may be, one is acted on: MetalLB's list of the links that are
/// never announced on.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ConfigMap {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its texts.
    #[serde(default, deserialize_with = "text_map")]
    pub data: BTreeMap<String, String>,
}

impl ConfigMap {
    /// The name of the one that is acted on.
    pub const EXCLUDED_LINKS: &'static str = "metallb-excludel2";
    /// The key under which it has its list.
    pub const EXCLUDED_LINKS_KEY: &'static str = "excludel2.yaml";
}
