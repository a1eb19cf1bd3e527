use alloc::{string::String, vec, vec::Vec};
use core::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use crate::{
    Asn, RouterId,
    wire::{
        AddPathMode, Afi, Capability, Family, GracefulRestart, GracefulRestartFamily,
        LongLivedFamily, MultiprotocolErrors, NextHop, Open, Role,
    },
};

/// The wanted session with one neighbor. [`PeerConfig::new`] is valid as it is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerConfig {
    /// The AS that we are in, as this neighbor sees it.
    pub local_as: Asn,
    /// The AS that stands behind `local_as` in the paths that we send, where `local_as` is borrowed
    /// from another AS during a migration. `None`: only `local_as` is seen.
    pub behind_local_as: Option<Asn>,
    /// The AS that the neighbor must be in.
    pub peer_as: PeerAs,
    /// Families to offer. A family is used when both sides offer it.
    pub families: Vec<Family>,
    /// How long the session lives without a message; the smaller of both sides' counts.
    pub hold_time: HoldTime,
    /// How long TCP may refuse our octets before the session is given up (RFC 9687).
    pub send_hold_time: SendHoldTime,
    /// When to dial again, and how long to stay idle after an error.
    pub retry: Retry,
    /// Wait for the neighbor to dial, and never dial.
    pub passive: bool,
    /// Wait so long for the neighbor's OPEN before ours is sent (RFC 4271 §8.1.3).
    pub delay_open: Option<Duration>,
    /// Tell the reason even of a connection on which we have not sent an OPEN (RFC 4271 §8.2.1.5).
    pub notify_without_open: bool,
    /// What we are to the neighbor (RFC 9234); towards a router usually [`Role::Customer`].
    pub role: Option<Role>,
    /// Refuse a neighbor that names no role, where `role` is set.
    pub strict_role: bool,
    /// Ask the neighbor to keep our routes while we restart (RFC 4724). `None`: only help it.
    pub graceful_restart: Option<RestartConfig>,
    /// Send several paths a prefix where the neighbor takes them (RFC 7911).
    pub add_path_send: bool,
    /// Take several paths a prefix (RFC 7911).
    pub add_path_receive: bool,
    /// Offer messages up to 65535 octets (RFC 8654).
    pub extended_messages: bool,
    /// Offer IPv4 prefixes with IPv6 next hops (RFC 8950), as on a link without IPv4 addresses.
    pub extended_next_hop: bool,
    /// Further capabilities to offer, as they are.
    pub capabilities: Vec<Capability>,
    /// What a malformed MP attribute from the neighbor costs.
    pub multiprotocol_errors: MultiprotocolErrors,
    /// The next hop of IPv4 prefixes; `None` for the local address of the connection.
    pub next_hop_v4: Option<NextHop>,
    /// The next hop of IPv6 prefixes; `None` for the local address of the connection. Over an IPv4
    /// connection there is none: without this nothing is announced.
    pub next_hop_v6: Option<NextHop>,
    /// Our link-local address on the link to the neighbor: sent beside a global IPv6 next hop
    /// (RFC 2545 §3).
    pub link_local: Option<Ipv6Addr>,
    /// Announce at most so many prefixes, so that the neighbor's own limit is never met.
    pub send_limit: Option<usize>,
    /// The text of a NOTIFICATION that says we were told to stop (RFC 9003).
    pub shutdown_text: String,
}

impl PeerConfig {
    /// A session in both unicast families, hold time 90 s, dialing and accepting.
    #[must_use]
    pub fn new(local_as: Asn, peer_as: impl Into<PeerAs>) -> Self {
        Self {
            local_as,
            behind_local_as: None,
            peer_as: peer_as.into(),
            families: vec![Family::IPV4_UNICAST, Family::IPV6_UNICAST],
            hold_time: HoldTime::default(),
            send_hold_time: SendHoldTime::default(),
            retry: Retry::default(),
            passive: false,
            delay_open: None,
            notify_without_open: false,
            role: None,
            strict_role: false,
            graceful_restart: None,
            add_path_send: false,
            add_path_receive: false,
            extended_messages: true,
            extended_next_hop: false,
            capabilities: Vec::new(),
            multiprotocol_errors: MultiprotocolErrors::default(),
            next_hop_v4: None,
            next_hop_v6: None,
            link_local: None,
            send_limit: None,
            shutdown_text: String::new(),
        }
    }

    /// The OPEN that we send. `restarted`: routes of a previous run may still be with the neighbor.
    #[must_use]
    pub fn open(&self, router_id: RouterId, restarted: bool) -> Open {
        let mut capabilities: Vec<Capability> =
            self.families.iter().map(|family| Capability::Multiprotocol(*family)).collect();
        capabilities.push(Capability::RouteRefresh);
        capabilities.push(Capability::EnhancedRouteRefresh);
        capabilities.push(Capability::FourOctetAs(self.local_as));
        if self.extended_messages {
            capabilities.push(Capability::ExtendedMessage);
        }
        if self.extended_next_hop && self.families.contains(&Family::IPV4_UNICAST) {
            let tuple = (Family::IPV4_UNICAST, Afi::IPV6);
            capabilities.push(Capability::ExtendedNextHop(vec![tuple]));
        }
        if let Some(mode) = self.add_path_mode() {
            let tuples = self.families.iter().map(|family| (*family, mode));
            capabilities.push(Capability::AddPath(tuples.collect()));
        }
        if let Some(role) = self.role {
            capabilities.push(Capability::Role(role));
        }
        self.push_graceful_restart(&mut capabilities, restarted);
        capabilities.extend(self.capabilities.iter().cloned());
        Open { asn: self.local_as, hold_time: self.hold_time.as_secs(), router_id, capabilities }
    }

    fn push_graceful_restart(&self, capabilities: &mut Vec<Capability>, restarted: bool) {
        let Some(restart) = &self.graceful_restart else {
            // A mere helper: no families, and nothing to wait for.
            capabilities.push(Capability::GracefulRestart(GracefulRestart {
                restarted,
                notification: true,
                restart_time: Duration::ZERO,
                families: Vec::new(),
            }));
            return;
        };
        let kept = |family: &Family| GracefulRestartFamily {
            family: *family,
            forwarding: restart.forwarding_preserved,
        };
        capabilities.push(Capability::GracefulRestart(GracefulRestart {
            restarted,
            notification: true,
            restart_time: restart.restart_time,
            families: self.families.iter().map(kept).collect(),
        }));
        if let Some(stale_time) = restart.long_lived {
            let kept = |family: &Family| LongLivedFamily {
                family: *family,
                forwarding: restart.forwarding_preserved,
                stale_time,
            };
            let families = self.families.iter().map(kept).collect();
            capabilities.push(Capability::LongLivedGracefulRestart(families));
        }
    }

    const fn add_path_mode(&self) -> Option<AddPathMode> {
        match (self.add_path_send, self.add_path_receive) {
            (true, true) => Some(AddPathMode::Both),
            (true, false) => Some(AddPathMode::Send),
            (false, true) => Some(AddPathMode::Receive),
            (false, false) => None,
        }
    }

    /// Our next hop for a family on a connection with this local address; `None` if there is none.
    pub(crate) fn next_hop(
        &self,
        family: Family,
        local: IpAddr,
        extended: bool,
    ) -> Option<NextHop> {
        let own = match (family.afi, local) {
            (Afi::IPV4, IpAddr::V4(address)) => Some(NextHop::V4(address)),
            (Afi::IPV4 | Afi::IPV6, IpAddr::V6(address)) => Some(self.beside_link_local(address)),
            _ => None,
        };
        let configured = match family.afi {
            Afi::IPV4 => self.next_hop_v4,
            _ => self.next_hop_v6,
        };
        configured.or(own).filter(|hop| match (family.afi, hop) {
            (Afi::IPV4, NextHop::V4(_)) => true,
            // RFC 8950 §4: only where both sides agreed.
            (Afi::IPV4, NextHop::V6 { .. }) => extended,
            (_, hop) => matches!(hop, NextHop::V6 { .. }),
        })
    }

    fn beside_link_local(&self, global: Ipv6Addr) -> NextHop {
        NextHop::V6 { global, link_local: self.link_local.filter(|address| *address != global) }
    }
}

/// Which AS the neighbor may be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerAs {
    /// This one.
    Is(Asn),
    /// Any but ours.
    External,
    /// Ours.
    Internal,
}

impl From<Asn> for PeerAs {
    fn from(asn: Asn) -> Self {
        Self::Is(asn)
    }
}

/// A hold time as the RFC allows it: zero for never, or at least three seconds (RFC 4271 §4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HoldTime(u16);

impl HoldTime {
    /// No hold timer and no KEEPALIVEs.
    pub const NEVER: Self = Self(0);

    /// So many seconds; `None` for 1 and 2.
    #[must_use]
    pub const fn from_secs(seconds: u16) -> Option<Self> {
        match seconds {
            1 | 2 => None,
            seconds => Some(Self(seconds)),
        }
    }

    /// The seconds.
    #[must_use]
    pub const fn as_secs(self) -> u16 {
        self.0
    }
}

impl Default for HoldTime {
    /// 90 s, as RFC 4271 §10 suggests.
    fn default() -> Self {
        Self(90)
    }
}

/// How long a message may wait for TCP to take it (RFC 9687).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SendHoldTime {
    /// Twice the negotiated hold time, and at least eight minutes: what the RFC suggests.
    #[default]
    Suggested,
    /// So long; where it does not exceed the negotiated hold time, a second longer than that.
    Is(Duration),
    /// For ever.
    Never,
}

/// When an attempt that failed is repeated. Each wait is drawn from 75 to 100 % (RFC 4271 §10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The first waits.
    pub first: Duration,
    /// How many waits are so short; each one after them is twice the one before.
    pub steady: u32,
    /// No wait is longer.
    pub max: Duration,
}

impl Default for Retry {
    /// Ten times one second, then up to a minute.
    fn default() -> Self {
        Self { first: Duration::from_secs(1), steady: 10, max: Duration::from_secs(60) }
    }
}

/// What we ask of the neighbor for the time of our restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartConfig {
    /// How long it is to keep our routes without a session: at most 4095 s.
    pub restart_time: Duration,
    /// Our traffic flows while we restart, since another does the forwarding.
    pub forwarding_preserved: bool,
    /// How much longer it is to keep them as a last resort (RFC 9494).
    pub long_lived: Option<Duration>,
}

impl Default for RestartConfig {
    /// Two minutes, forwarding preserved.
    fn default() -> Self {
        Self {
            restart_time: Duration::from_secs(120),
            forwarding_preserved: true,
            long_lived: None,
        }
    }
}
