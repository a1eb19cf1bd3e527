use serde::{Deserialize, Serialize};

use super::{
    Metadata,
    metadata::{nullable, text_map},
};

/// `network.kubesphere.io/v1alpha2` `Eip`, of OpenELB: addresses to hand out, and how they are announced.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Eip {
    /// Its metadata.
    pub metadata: Metadata,
    /// What it holds.
    pub spec: EipSpec,
}

/// The `spec` of an [`Eip`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EipSpec {
    /// One address, a CIDR, `first-last`, or an IPv4 address with a mask.
    #[serde(default, deserialize_with = "nullable")]
    pub address: String,
    /// `layer2`, `vip` or `bgp`; nothing is `bgp`.
    #[serde(default, deserialize_with = "nullable")]
    pub protocol: String,
    /// The link to announce on: its name, or `can_reach:` and an address that its route leads to.
    #[serde(default, deserialize_with = "nullable")]
    pub interface: String,
    /// Nothing new is handed out.
    #[serde(default, deserialize_with = "nullable")]
    pub disable: bool,
    /// The lower, the sooner.
    #[serde(default, deserialize_with = "nullable")]
    pub priority: i64,
    /// The namespaces that are served without asking for it.
    #[serde(default, deserialize_with = "nullable")]
    pub namespaces: Vec<String>,
    /// The labels of further ones.
    #[serde(default, deserialize_with = "text_map")]
    pub namespace_selector: std::collections::BTreeMap<String, String>,
}

impl Eip {
    /// The annotation of the one that serves whoever no other does.
    pub const DEFAULT: &'static str = "eip.openelb.kubesphere.io/is-default-eip";

    /// Whether it serves whoever no other does.
    #[must_use]
    pub fn is_default(&self) -> bool {
        self.metadata.annotations.get(Self::DEFAULT).is_some_and(|value| value == "true")
    }
}
