//! The links by which the kernel's routes lead to the addresses that advertisements name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use vipcast_plan::{Intent, LinkName};

use crate::{layer2::Layer2Report, os::netlink::RouteLookup};

/// How often routes are looked at again, where an advertisement asks for that.
pub(crate) const LOOK_AT_ROUTES: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Reach {
    routes: Option<RouteLookup>,
    known: BTreeMap<IpAddr, u32>,
}

impl Reach {
    /// The link to each address that an advertisement wants reached. One that cannot be looked up
    /// keeps its link.
    pub(crate) fn find(
        &mut self,
        intent: &Intent,
        layer2: &Layer2Report,
    ) -> BTreeMap<IpAddr, LinkName> {
        let wanted: BTreeSet<IpAddr> =
            intent.l2_advertisements.iter().flat_map(|advert| &advert.reaching).copied().collect();
        self.known.retain(|to, _| wanted.contains(to));
        if wanted.is_empty() {
            self.routes = None;
            return BTreeMap::new();
        }
        if self.routes.is_none() {
            self.routes = RouteLookup::open().ok();
        }
        for &to in &wanted {
            match self.routes.as_mut().map(|routes| routes.find(to, None)) {
                Some(Ok(Some(route))) if !route.local => _ = self.known.insert(to, route.link),
                Some(Ok(_)) => _ = self.known.remove(&to),
                Some(Err(_)) | None => {}
            }
        }
        let links = layer2.links.iter();
        let names: BTreeMap<u32, &LinkName> =
            links.map(|(name, state)| (state.index, name)).collect();
        let known = self.known.iter();
        known.filter_map(|(to, index)| Some((*to, LinkName::clone(names.get(index)?)))).collect()
    }

    /// Whether an advertisement wants anything reached.
    pub(crate) const fn is_asked(&self) -> bool {
        self.routes.is_some()
    }
}
