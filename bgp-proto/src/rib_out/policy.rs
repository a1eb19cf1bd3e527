use alloc::vec::Vec;
use core::net::IpAddr;

use super::Announcement;
use crate::{
    PeerId,
    config::PeerConfig,
    fsm::Session,
    wire::{Attributes, Community, Family, NextHop, NlriField, Role},
};

/// What a neighbor may be told, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy<'a> {
    pub(crate) peer: PeerId,
    pub(crate) config: &'a PeerConfig,
    pub(crate) session: &'a Session,
    pub(crate) local: IpAddr,
    /// We are about to leave: everything is marked (RFC 8326).
    pub(crate) graceful_shutdown: bool,
}

/// LOCAL_PREF where none is set.
const DEFAULT_LOCAL_PREF: u32 = 100;

impl Policy<'_> {
    /// Whether the neighbor may be told at all.
    pub(super) fn permits(&self, family: Family, announcement: &Announcement) -> bool {
        announcement.audience.includes(self.peer)
            && self.next_hop(family, announcement).is_some()
            && !self.would_leak(announcement)
    }

    /// RFC 9234 §5: what is for customers only goes neither up nor sideways.
    fn would_leak(&self, announcement: &Announcement) -> bool {
        let up_or_sideways = matches!(
            self.session.role,
            Some(Role::Customer | Role::Peer | Role::RouteServerClient)
        );
        up_or_sideways && announcement.attributes.only_to_customer.is_some()
    }

    fn next_hop(&self, family: Family, announcement: &Announcement) -> Option<NextHop> {
        let extended = self.session.family(family).is_some_and(|agreed| agreed.extended_next_hop);
        match announcement.next_hop {
            None => self.config.next_hop(family, self.local, extended),
            Some(hop @ NextHop::V4(_)) => (family == Family::IPV4_UNICAST).then_some(hop),
            Some(hop) => (family != Family::IPV4_UNICAST || extended).then_some(hop),
        }
    }

    /// The encoded attributes towards this neighbor, and the field for the prefixes.
    pub(super) fn encode(
        &self,
        family: Family,
        announcement: &Announcement,
        block: &mut Vec<u8>,
    ) -> Option<NlriField> {
        block.clear();
        let next_hop = self.next_hop(family, announcement)?;
        let mut attributes = self.attributes(announcement);
        let field = match next_hop {
            NextHop::V4(address) => {
                attributes.next_hop = Some(address);
                NlriField::Nlri
            }
            hop @ NextHop::V6 { .. } => NlriField::MpReach { family, next_hop: hop },
        };
        attributes.encode(self.session.four_octet_as, block).ok()?;
        Some(field)
    }

    fn attributes(&self, announcement: &Announcement) -> Attributes {
        let mut attributes = announcement.attributes.clone();
        attributes.next_hop = None;
        let internal = self.session.is_internal();
        if self.graceful_shutdown && !attributes.communities.contains(&Community::GRACEFUL_SHUTDOWN)
        {
            attributes.communities.push(Community::GRACEFUL_SHUTDOWN);
        }
        if internal {
            // RFC 8326 §4.1: within the AS the lowest preference says the same.
            attributes.local_pref = match self.graceful_shutdown {
                true => Some(0),
                false => attributes.local_pref.or(Some(DEFAULT_LOCAL_PREF)),
            };
            return attributes;
        }
        let own =
            core::iter::repeat_n(self.session.local_as, usize::from(announcement.prepend) + 1);
        let path = own.chain(self.config.behind_local_as);
        attributes.as_path = path.chain(attributes.as_path).collect();
        // RFC 4271 §5.1.5, RFC 4456 §8.
        attributes.local_pref = None;
        attributes.originator_id = None;
        attributes.cluster_list.clear();
        // RFC 4360 §6.
        attributes.extended_communities.retain(|community| community.is_transitive());
        // RFC 9234 §5.
        let down_or_sideways =
            matches!(self.session.role, Some(Role::Provider | Role::Peer | Role::RouteServer));
        if down_or_sideways && attributes.only_to_customer.is_none() {
            attributes.only_to_customer = Some(self.session.local_as);
        }
        attributes
    }
}
