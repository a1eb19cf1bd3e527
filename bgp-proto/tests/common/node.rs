//! What stands at the two ends of [`Net`](super::net::Net): a speaker, or a router that remembers.

#![allow(dead_code, reason = "each test file uses a part")]

use std::collections::BTreeMap;

use ipnet::IpNet;
use vipcast_bgp_proto::{
    Asn, ConnectionId, Instant, Machine, Peer, PeerConfig, PeerId, PeerInput, PeerTransmit,
    RouterId, Speaker, SpeakerEvent,
    wire::{Attributes, Family, NextHop, PathId, Update, Verdict},
};

use super::net::{Net, Node};

/// A neighbor that keeps what it is told.
pub(crate) struct Router {
    pub(crate) peer: Peer,
    pub(crate) rib: BTreeMap<(IpNet, PathId), (Attributes, NextHop)>,
    pub(crate) updates: usize,
    pub(crate) announced: usize,
    pub(crate) withdrawn: usize,
    pub(crate) ended: Vec<Family>,
}

impl Router {
    pub(crate) fn new(config: PeerConfig) -> Self {
        let id = RouterId::new(0xC000_0202).unwrap();
        Self {
            peer: Peer::new(config, id, 99),
            rib: BTreeMap::new(),
            updates: 0,
            announced: 0,
            withdrawn: 0,
            ended: vec![],
        }
    }

    pub(crate) fn forget_counts(&mut self) {
        (self.updates, self.announced, self.withdrawn) = (0, 0, 0);
        self.ended.clear();
    }

    fn on_update(
        rib: &mut BTreeMap<(IpNet, PathId), (Attributes, NextHop)>,
        update: &Update<'_>,
    ) -> (usize, usize) {
        assert_eq!(update.verdict(), Verdict::Accept, "{:?}", update.error());
        let fields = [
            !update.withdrawn().is_empty(),
            !update.nlri().is_empty(),
            update.mp_reach().is_some(),
            update.mp_unreach().is_some(),
        ];
        assert!(fields.iter().filter(|field| **field).count() <= 1, "RFC 7606 §5.1");
        let (mut announced, mut withdrawn) = (0, 0);
        for (path, prefix) in update.unreachable().flat_map(|nlri| nlri.prefixes()) {
            rib.remove(&(prefix, path));
            withdrawn += 1;
        }
        let mut attributes = Attributes::from_update(update);
        let hop = match (attributes.next_hop.take(), update.mp_reach()) {
            (_, Some(reach)) => reach.next_hop(),
            (Some(address), None) => Some(NextHop::V4(address)),
            (None, None) => None,
        };
        for (path, prefix) in update.reachable().flat_map(|nlri| nlri.prefixes()) {
            rib.insert((prefix, path), (attributes.clone(), hop.unwrap()));
            announced += 1;
        }
        (announced, withdrawn)
    }
}

pub(crate) enum End {
    Speaker(Box<Speaker>, PeerId),
    Router(Box<Router>),
}

impl Node for End {
    fn name_connection(&mut self) -> ConnectionId {
        match self {
            Self::Speaker(speaker, peer) => speaker.next_connection(*peer).unwrap(),
            Self::Router(router) => router.peer.next_connection(),
        }
    }

    fn input(&mut self, now: Instant, input: PeerInput<'_>) {
        match self {
            Self::Speaker(speaker, peer) => speaker.handle_input(now, (*peer, input)),
            Self::Router(router) => {
                let Router { peer, rib, updates, announced, withdrawn, ended } = &mut **router;
                peer.handle_input_with(now, input, &mut |_, update| {
                    *updates += 1;
                    let (more, less) = Router::on_update(rib, update);
                    *announced += more;
                    *withdrawn += less;
                    ended.extend(update.end_of_rib());
                });
                // A session's routes end with it.
                if peer.session().is_none() {
                    rib.clear();
                }
            }
        }
    }

    fn timeout(&mut self, now: Instant) {
        match self {
            Self::Speaker(speaker, _) => speaker.handle_timeout(now),
            Self::Router(router) => {
                router.peer.handle_timeout(now);
                if router.peer.session().is_none() {
                    router.rib.clear();
                }
            }
        }
    }

    fn transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<PeerTransmit> {
        match self {
            Self::Speaker(speaker, peer) => {
                let (to, transmit) = speaker.poll_transmit(now, buf)?;
                assert_eq!(to, *peer);
                Some(transmit)
            }
            Self::Router(router) => router.peer.poll_transmit(now, buf),
        }
    }

    fn next(&self) -> Option<Instant> {
        match self {
            Self::Speaker(speaker, _) => speaker.poll_timeout(),
            Self::Router(router) => router.peer.poll_timeout(),
        }
    }
}

/// A speaker in AS 65001 at one end, a router at the other.
pub(crate) type World = Net<End>;

pub(crate) fn world(ours: PeerConfig, theirs: PeerConfig) -> World {
    let now = Instant::from_millis(1_000);
    let mut speaker = Speaker::new(RouterId::new(0xC000_0201).unwrap(), 7);
    let peer = speaker.add_peer(now, ours);
    let mut router = Router::new(theirs);
    router.peer.start(now);
    Net::new([End::Speaker(Box::new(speaker), peer), End::Router(Box::new(router))])
}

/// External, both dialing; IPv6 has a next hop.
pub(crate) fn external_pair() -> (PeerConfig, PeerConfig) {
    let mut ours = PeerConfig::new(Asn(65001), Asn(65002));
    ours.next_hop_v6 = Some("2001:db8::1".parse::<std::net::IpAddr>().unwrap().into());
    (ours, PeerConfig::new(Asn(65002), Asn(65001)))
}

pub(crate) fn external_world() -> World {
    let (ours, theirs) = external_pair();
    world(ours, theirs)
}

impl World {
    pub(crate) fn speaker(&mut self) -> &mut Speaker {
        match &mut self.nodes[0] {
            End::Speaker(speaker, _) => speaker,
            End::Router(_) => unreachable!(),
        }
    }

    pub(crate) fn peer_id(&self) -> PeerId {
        match &self.nodes[0] {
            End::Speaker(_, peer) => *peer,
            End::Router(_) => unreachable!(),
        }
    }

    pub(crate) fn router(&mut self) -> &mut Router {
        match &mut self.nodes[1] {
            End::Router(router) => router,
            End::Speaker(..) => unreachable!(),
        }
    }

    pub(crate) fn events(&mut self) -> Vec<SpeakerEvent> {
        let speaker = self.speaker();
        std::iter::from_fn(|| speaker.poll_event()).map(|(_, event)| event).collect()
    }

    /// The prefixes that the router knows, as text.
    pub(crate) fn known(&mut self) -> Vec<String> {
        self.router().rib.keys().map(|(prefix, _)| prefix.to_string()).collect()
    }
}
