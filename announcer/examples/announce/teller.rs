use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use vipcast_announcer::bgp::{
    BgpEvent, BgpReport, Neighbor,
    proto::{
        Announcement, PeerConfig, PeerId,
        fsm::Session,
        wire::{Family, NextHop},
    },
};

use crate::{routes::Routes, say};

/// Says what happens.
pub(crate) struct Teller {
    sessions: BTreeMap<SocketAddr, PeerConfig>,
    known: Arc<BgpReport>,
    /// What was said last of a neighbor that cannot be reached.
    trouble: BTreeMap<PeerId, String>,
}

impl Teller {
    pub(crate) fn new(neighbors: &[Neighbor]) -> Self {
        let sessions = neighbors.iter().map(|n| (n.remote, n.session.clone())).collect();
        Self { sessions, known: Arc::default(), trouble: BTreeMap::new() }
    }

    /// Says what is new in a report.
    pub(crate) fn tell(&mut self, report: &Arc<BgpReport>, routes: &Routes) {
        for event in report.events_since(&self.known) {
            match &event {
                BgpEvent::Failed { peer, .. } => {
                    // It is tried again each second: once is enough.
                    let text = format!("{event}; trying on");
                    if self.trouble.get(peer) != Some(&text) {
                        say(format_args!("{text}"));
                        self.trouble.insert(*peer, text);
                    }
                }
                BgpEvent::Established { peer, .. } => {
                    self.trouble.remove(peer);
                    say(format_args!("{event}"));
                }
                BgpEvent::Announced { peer, remote, took } => {
                    let session = report.peers.get(peer).and_then(|peer| peer.session.as_deref());
                    let (told, untold) = self.count(*remote, session, routes);
                    say(format_args!("{remote}: announced {told} in {took:.1?}"));
                    if untold > 0 {
                        say(format_args!(
                            "{remote}: not announced: {untold}, of a family that the session does not \
                             carry, or without a next hop (see --next-hop)"
                        ));
                    }
                }
                BgpEvent::Strangers { .. } => {
                    let total = report.strangers;
                    say(format_args!("{event}, {total} in all"));
                }
                _ => say(format_args!("{event}")),
            }
        }
        self.known = Arc::clone(report);
    }

    /// How many routes a session carries, and how many not.
    fn count(
        &self,
        remote: SocketAddr,
        session: Option<&Session>,
        routes: &Routes,
    ) -> (usize, usize) {
        let (Some(config), Some(session)) = (self.sessions.get(&remote), session) else {
            return (0, 0);
        };
        let carried = routes
            .iter()
            .filter(|(prefix, with)| carries(session, config, remote.ip(), prefix, with))
            .count();
        (carried, routes.iter().count() - carried)
    }
}

/// Whether a session takes a prefix: its family, and a next hop for it.
fn carries(
    session: &Session,
    config: &PeerConfig,
    remote: IpAddr,
    prefix: &IpNet,
    with: &Announcement,
) -> bool {
    let ipv4 = prefix.addr().is_ipv4();
    let family = if ipv4 { Family::IPV4_UNICAST } else { Family::IPV6_UNICAST };
    let Some(agreed) = session.family(family) else { return false };
    let configured = if ipv4 { config.next_hop_v4 } else { config.next_hop_v6 };
    let hop_is_ipv4 = match with.next_hop.or(configured) {
        Some(hop) => matches!(hop, NextHop::V4(_)),
        None => remote.is_ipv4(),
    };
    // RFC 8950: an IPv6 next hop for IPv4 prefixes where both sides agreed.
    if ipv4 { hop_is_ipv4 || agreed.extended_next_hop } else { !hop_is_ipv4 }
}
