use alloc::vec::Vec;
use core::time::Duration;

use crate::{
    Asn, RouterId,
    config::{PeerAs, PeerConfig},
    wire::{
        AddPathMode, Afi, AttributeType, Capability, DecodeContext, Family, FamilyContext,
        GracefulRestart, MAX_EXTENDED_MESSAGE_LEN, MAX_MESSAGE_LEN, Open, OpenError, PathAttribute,
        Role, Update,
    },
};

/// What both OPENs together allow.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Session {
    /// Our AS in this session.
    pub local_as: Asn,
    /// The neighbor's AS.
    pub peer_as: Asn,
    /// The neighbor's identifier.
    pub peer_id: RouterId,
    /// The smaller of both hold times; zero for none.
    pub hold_time: Duration,
    /// The families that both sides offered.
    pub families: Vec<SessionFamily>,
    /// Both sides have four-octet AS numbers.
    pub four_octet_as: bool,
    /// The longest message that we may send.
    pub max_message_len: usize,
    /// The neighbor answers ROUTE-REFRESH.
    pub route_refresh: bool,
    /// Both sides bracket the answer to a ROUTE-REFRESH (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// What the neighbor said about its restart; `None` where it cannot.
    pub graceful_restart: Option<GracefulRestart>,
    /// Our role, where the neighbor's is its opposite (RFC 9234).
    pub role: Option<Role>,
    pub(crate) context: DecodeContext,
}

/// One family of a [`Session`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionFamily {
    /// The family.
    pub family: Family,
    /// We put a path identifier in front of each prefix.
    pub add_path_send: bool,
    /// The neighbor puts a path identifier in front of each prefix.
    pub add_path_receive: bool,
    /// IPv4 prefixes may have IPv6 next hops.
    pub extended_next_hop: bool,
}

impl Session {
    /// Whether the neighbor is in our AS.
    #[must_use]
    pub fn is_internal(&self) -> bool {
        self.local_as == self.peer_as
    }

    /// How a family is used; `None` if it is not.
    #[must_use]
    pub fn family(&self, family: Family) -> Option<&SessionFamily> {
        self.families.iter().find(|agreed| agreed.family == family)
    }

    /// Whether a NOTIFICATION, but for a Hard Reset, leaves routes in place (RFC 8538 §4).
    #[must_use]
    pub fn survives_notification(&self) -> bool {
        self.graceful_restart.as_ref().is_some_and(|restart| restart.notification)
    }

    /// Whether a received route has leaked: it came up to us, or sideways, though it was to go down
    /// only (RFC 9234 §5).
    #[must_use]
    pub fn has_leaked(&self, update: &Update<'_>) -> bool {
        let Some(PathAttribute::OnlyToCustomer(asn)) =
            update.attribute(AttributeType::ONLY_TO_CUSTOMER)
        else {
            return false;
        };
        match self.role {
            Some(Role::Provider | Role::RouteServer) => true,
            Some(Role::Peer) => asn != self.peer_as,
            _ => false,
        }
    }
}

/// Checks the neighbor's OPEN against what is wanted (RFC 4271 §6.2), and says what follows.
pub(crate) fn negotiate(
    config: &PeerConfig,
    router_id: RouterId,
    open: &Open,
) -> Result<Session, OpenError> {
    let accepted = match config.peer_as {
        PeerAs::Is(asn) => open.asn == asn,
        PeerAs::External => open.asn != config.local_as,
        PeerAs::Internal => open.asn == config.local_as,
    };
    if !accepted {
        return Err(OpenError::BadPeerAs(open.asn));
    }
    let internal = open.asn == config.local_as;
    // RFC 6286 §2.2.
    if internal && open.router_id == router_id {
        return Err(OpenError::BadIdentifier);
    }
    let role = check_role(config, open, internal)?;
    let has = |wanted: &Capability| open.capabilities.contains(wanted);
    let four_octet_as =
        open.capabilities.iter().any(|capability| matches!(capability, Capability::FourOctetAs(_)));
    // The last of several counts (RFC 4724 §3).
    let graceful_restart = open.capabilities.iter().rev().find_map(|capability| match capability {
        Capability::GracefulRestart(restart) => Some(restart.clone()),
        _ => None,
    });
    let families = families(config, open);
    let context = DecodeContext {
        four_octet_as,
        internal,
        families: families
            .iter()
            .map(|agreed| FamilyContext {
                family: agreed.family,
                add_path: agreed.add_path_receive,
                extended_next_hop: agreed.extended_next_hop,
            })
            .collect(),
        multiprotocol_errors: config.multiprotocol_errors,
    };
    Ok(Session {
        local_as: config.local_as,
        peer_as: open.asn,
        peer_id: open.router_id,
        hold_time: Duration::from_secs(config.hold_time.as_secs().min(open.hold_time).into()),
        families,
        four_octet_as,
        max_message_len: if config.extended_messages && has(&Capability::ExtendedMessage) {
            MAX_EXTENDED_MESSAGE_LEN
        } else {
            MAX_MESSAGE_LEN
        },
        route_refresh: has(&Capability::RouteRefresh),
        enhanced_route_refresh: has(&Capability::EnhancedRouteRefresh),
        graceful_restart,
        role,
        context,
    })
}

/// RFC 9234 §4.2: our role, if the neighbor has the opposite one. Only between two ASes.
fn check_role(config: &PeerConfig, open: &Open, internal: bool) -> Result<Option<Role>, OpenError> {
    let Some(ours) = config.role.filter(|_| !internal) else {
        return Ok(None);
    };
    let mut named = None;
    for capability in &open.capabilities {
        if let Capability::Role(theirs) = capability {
            if *theirs != ours.opposite() {
                return Err(OpenError::RoleMismatch);
            }
            named = Some(ours);
        }
    }
    if named.is_none() && config.strict_role {
        return Err(OpenError::RoleMismatch);
    }
    // A local role holds even if the neighbor is silent.
    Ok(Some(ours))
}

/// The families of both sides, in our order. Without the capability it is IPv4 unicast alone
/// (RFC 4760 §8).
fn families(config: &PeerConfig, open: &Open) -> Vec<SessionFamily> {
    let mut theirs = open
        .capabilities
        .iter()
        .filter_map(|capability| match capability {
            Capability::Multiprotocol(family) => Some(*family),
            _ => None,
        })
        .peekable();
    let implied = theirs.peek().is_none().then_some(Family::IPV4_UNICAST);
    let theirs: Vec<Family> = theirs.chain(implied).collect();
    let add_path = |family: Family| -> Option<AddPathMode> {
        open.capabilities.iter().find_map(|capability| match capability {
            Capability::AddPath(list) => {
                list.iter().find(|(of, _)| *of == family).map(|(_, mode)| *mode)
            }
            _ => None,
        })
    };
    let extended_next_hop = |family: Family| {
        let wanted = (family, Afi::IPV6);
        let offered = |capability: &Capability| match capability {
            Capability::ExtendedNextHop(list) => list.contains(&wanted),
            _ => false,
        };
        config.extended_next_hop
            && family == Family::IPV4_UNICAST
            && open.capabilities.iter().any(offered)
    };
    let mut families: Vec<SessionFamily> = Vec::new();
    for &family in &config.families {
        if !theirs.contains(&family) || families.iter().any(|agreed| agreed.family == family) {
            continue;
        }
        let mode = add_path(family);
        families.push(SessionFamily {
            family,
            add_path_send: config.add_path_send && mode.is_some_and(AddPathMode::receives),
            add_path_receive: config.add_path_receive && mode.is_some_and(AddPathMode::sends),
            extended_next_hop: extended_next_hop(family),
        });
    }
    families
}
