use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::Texts;

/// The metadata of an object, as far as it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Its name.
    #[serde(default, deserialize_with = "nullable")]
    pub name: String,
    /// Its namespace, if the manifest names one.
    pub namespace: Option<String>,
    /// Its labels.
    #[serde(default)]
    pub labels: Texts,
    /// Its annotations.
    #[serde(default)]
    pub annotations: Texts,
    /// When it was made, in RFC 3339 form: the older service is served first.
    pub creation_timestamp: Option<String>,
}

impl Metadata {
    /// The namespace of an object that names none.
    pub const DEFAULT_NAMESPACE: &'static str = "default";

    /// The namespace, `default` where none is named.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self.namespace.as_deref() {
            None | Some("") => Self::DEFAULT_NAMESPACE,
            Some(namespace) => namespace,
        }
    }
}

/// A value whose `null` means its default, as everywhere in Kubernetes.
pub(super) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A map of texts, in which `null` means an empty text.
pub(super) fn text_map<'de, D>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error>
where
    D: Deserializer<'de>,
{
    let map: BTreeMap<String, Option<String>> = nullable(deserializer)?;
    Ok(map.into_iter().map(|(key, value)| (key, value.unwrap_or_default())).collect())
}
