use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use vipcast_ipam::Owner;

use super::{StateError, StateFolder};

impl StateFolder {
    /// Who was announced by this node last; nothing where that cannot be read: it is only for not
    /// telling the same again.
    pub(crate) fn load_announced(&self) -> BTreeMap<IpAddr, Box<[Owner]>> {
        let bytes = self.read(&self.dir.join(self.announced_name())).ok().flatten();
        let texts: BTreeMap<IpAddr, BTreeSet<String>> =
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let owners =
            |texts: BTreeSet<String>| texts.iter().filter_map(|t| t.parse().ok()).collect();
        texts.into_iter().map(|(address, texts)| (address, owners(texts))).collect()
    }

    /// Writes down who is announced by this node.
    pub(crate) fn store_announced(
        &self,
        announced: &BTreeMap<IpAddr, Box<[Owner]>>,
    ) -> Result<(), StateError> {
        let texts: BTreeMap<IpAddr, Vec<String>> = announced
            .iter()
            .map(|(address, owners)| (*address, owners.iter().map(ToString::to_string).collect()))
            .collect();
        // Strings in a map with string keys: nothing here can fail.
        self.write(&self.announced_name(), &serde_json::to_vec(&texts).unwrap_or_default())
    }

    fn announced_name(&self) -> String {
        self.manifests_name().replacen("manifests", "announced", 1)
    }
}
