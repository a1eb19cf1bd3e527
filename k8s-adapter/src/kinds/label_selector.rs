use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::metadata::{nullable, text_map};

/// Selects by labels: everything in both lists must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "cluster", schemars(extend("x-kubernetes-map-type" = "atomic")))]
#[serde(rename_all = "camelCase")]
pub struct LabelSelector {
    /// Labels that must have these values.
    #[serde(default, deserialize_with = "text_map")]
    pub match_labels: BTreeMap<String, String>,
    /// Further conditions.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(feature = "cluster", schemars(extend("x-kubernetes-list-type" = "atomic")))]
    pub match_expressions: Vec<LabelSelectorRequirement>,
}

/// One condition of a [`LabelSelector`].
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[cfg_attr(feature = "cluster", derive(schemars::JsonSchema))]
pub struct LabelSelectorRequirement {
    /// The label.
    pub key: String,
    /// `In`, `NotIn`, `Exists` or `DoesNotExist`.
    pub operator: String,
    /// The values, for `In` and `NotIn`.
    #[serde(default, deserialize_with = "nullable")]
    #[cfg_attr(feature = "cluster", schemars(extend("x-kubernetes-list-type" = "atomic")))]
    pub values: Vec<String>,
}
