use alloc::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    vec::Vec,
};
use core::net::IpAddr;

use vipcast_sans_io::{Instant, Machine};

use super::{
    BeaconInput, BeaconTransmit, Notice,
    config::BeaconConfig,
    counters::BeaconCounters,
    domain::{Domain, Said},
    keys::Keyring,
    peer::PeerStatus,
    wire::{HardwareAddress, Refusal},
};
use crate::{
    Backend, Candidates, Claims, Contenders, Event, LeaseId, NodeName, Segment, Token, Unit,
};

/// Election among nodes that hear each other's beacons.
///
/// See the [module](super) for how it works.
#[derive(Debug)]
pub struct BeaconElection {
    config: Arc<BeaconConfig>,
    keyring: Keyring,
    draining: bool,
    /// In the order of their leases.
    domains: BTreeMap<Segment, (LeaseId, Domain)>,
    claims: Claims,
    claims_version: u64,
    tokens: BTreeMap<Unit, Token>,
    notices: BTreeSet<Notice>,
}

impl BeaconElection {
    /// A node that holds nothing, and has no link yet.
    #[must_use]
    pub fn new(config: BeaconConfig, keyring: Keyring) -> Self {
        Self {
            config: Arc::new(config),
            keyring,
            draining: false,
            domains: BTreeMap::new(),
            claims: Claims::new(),
            claims_version: 0,
            tokens: BTreeMap::new(),
            notices: BTreeSet::new(),
        }
    }

    /// Takes a datagram from a link of the segment. Due timers fire first.
    ///
    /// # Errors
    /// Why it is not believed. It is counted, and changes nothing.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        segment: &Segment,
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        self.on_time(now);
        let Some((_, domain)) = self.domains.get_mut(segment) else {
            return Err(Refusal::UnknownSegment);
        };
        let verdict = domain.receive(now, bytes, &self.keyring);
        self.absorb(segment);
        verdict
    }

    /// Whether there is a link of the segment. With the first one the node listens, then claims;
    /// with the last all that it holds there is gone.
    pub fn set_link(&mut self, now: Instant, segment: &Segment, up: bool) {
        self.on_time(now);
        self.domain(segment).set_link(now, up);
        self.absorb(segment);
    }

    /// From which hardware addresses this node answers ARP and ND on a segment. Others are told, and
    /// so know its answers from a stranger's. The first eight count.
    pub fn set_hardware(&mut self, segment: &Segment, addresses: Vec<HardwareAddress>) {
        self.domain(segment).set_hardware(addresses);
    }

    /// The node that said it answers from this hardware address on the segment.
    #[must_use]
    pub fn node_at(&self, segment: &Segment, address: HardwareAddress) -> Option<&NodeName> {
        let (_, domain) = self.domains.get(segment)?;
        let mut peers = domain.peers();
        peers.find(|(_, peer)| peer.hardware.contains(&address)).map(|(name, _)| name)
    }

    /// The hardware addresses that a node said it answers from on the segment.
    #[must_use]
    pub fn hardware_of(&self, segment: &Segment, node: &NodeName) -> &[HardwareAddress] {
        let domain = self.domains.get(segment).map(|(_, domain)| domain);
        let mut peers = domain.into_iter().flat_map(|domain| domain.peers());
        peers.find(|(name, _)| *name == node).map_or(&[], |(_, peer)| &peer.hardware)
    }

    /// The other nodes, by segment; those too that were not heard lately, as long as they are
    /// remembered.
    pub fn peers(&self) -> impl Iterator<Item = PeerStatus<'_>> {
        self.domains.iter().flat_map(|(segment, (_, domain))| {
            domain.peers().map(move |(name, peer)| PeerStatus {
                segment,
                name,
                there: domain.is_up() && peer.is_there(),
                mutual: domain.is_up() && peer.is_mutual(),
                starting: peer.starting,
                draining: peer.draining,
                heard_at: peer.heard_at,
            })
        })
    }

    /// The segments on which this node is past listening, and does not leave: where it would claim.
    pub fn active_segments(&self) -> impl Iterator<Item = &Segment> {
        let active = self.domains.iter().filter(|(_, (_, domain))| domain.is_active());
        active.map(|(segment, _)| segment)
    }

    /// Rises whenever the [`claims`](Backend::claims) are others than before.
    #[must_use]
    pub const fn claims_version(&self) -> u64 {
        self.claims_version
    }

    /// The beacon of this segment that was built last did not leave the machine: nobody has heard it, so
    /// it has renewed no token. To be told before the next one is built, which is due sooner then: at a
    /// tenth of the interval.
    pub fn unsent(&mut self, now: Instant, segment: &Segment) {
        if let Some((_, domain)) = self.domains.get_mut(segment) {
            domain.unsent(now);
            self.absorb(segment);
        }
    }

    /// Sends and believes by these keys from now on.
    pub fn set_keyring(&mut self, keyring: Keyring) {
        self.keyring = keyring;
    }

    /// Hands over all that this node holds: successors are named, and announce first. What nobody
    /// takes is served on, until the process ends. There is no way back.
    pub fn drain(&mut self, now: Instant) {
        self.on_time(now);
        self.draining = true;
        let segments: Vec<Segment> = self.domains.keys().cloned().collect();
        for segment in segments {
            self.domain(&segment).drain(now);
            self.absorb(&segment);
        }
    }

    /// Whether it was told to drain, and holds nothing more.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.draining && self.tokens.is_empty()
    }

    /// The tokens that this node has. Each is bounded by the deadline of its lease.
    #[must_use]
    pub const fn tokens(&self) -> &BTreeMap<Unit, Token> {
        &self.tokens
    }

    /// The deadline of the lease of a segment; `None` without a link.
    #[must_use]
    pub fn not_after(&self, segment: &Segment) -> Option<Instant> {
        let (_, domain) = self.domains.get(segment)?;
        domain.is_up().then(|| domain.not_after())
    }

    /// What was done so far.
    #[must_use]
    pub fn counters(&self) -> BeaconCounters {
        let mut counters = BeaconCounters::default();
        self.domains.values().for_each(|(_, domain)| counters.add(&domain.counters));
        counters
    }

    /// The next thing that a person should look at. Each is told once until it was taken.
    pub fn poll_notice(&mut self) -> Option<Notice> {
        self.notices.pop_first()
    }

    /// How many nodes and addresses of others are remembered.
    #[must_use]
    pub fn footprint(&self) -> usize {
        self.domains.values().map(|(_, domain)| domain.footprint()).sum()
    }

    fn domain(&mut self, segment: &Segment) -> &mut Domain {
        let next = LeaseId(u32::try_from(self.domains.len()).unwrap_or(u32::MAX));
        let entry = self.domains.entry(segment.clone());
        let (_, domain) = entry.or_insert_with(|| {
            let mut domain = Domain::new(Arc::clone(&self.config), segment);
            if self.draining {
                domain.drain(Instant::ZERO);
            }
            (next, domain)
        });
        domain
    }

    fn on_time(&mut self, now: Instant) {
        let due = |domain: &Domain| domain.next_timeout().filter(|&at| at <= now);
        let due: Vec<Segment> = self
            .domains
            .iter()
            .filter(|(_, (_, domain))| due(domain).is_some())
            .map(|(segment, _)| segment.clone())
            .collect();
        for segment in due {
            self.domain(&segment).on_time(now);
            self.absorb(&segment);
        }
    }

    /// Takes over what has changed on a segment.
    fn absorb(&mut self, segment: &Segment) {
        let Some((lease, domain)) = self.domains.get_mut(segment) else { return };
        if core::mem::take(&mut domain.news.same_name) {
            self.notices.insert(Notice::SameName(segment.clone()));
        }
        let unit = |address: IpAddr| Unit { segment: segment.clone(), address };
        let foreign = core::mem::take(&mut domain.news.foreign);
        self.notices.extend(foreign.into_iter().map(|at| Notice::ForeignAnswer(unit(at))));
        let unserved = core::mem::take(&mut domain.news.unserved);
        self.notices.extend(unserved.into_iter().map(|at| Notice::NotServed(unit(at))));
        let restless = core::mem::take(&mut domain.news.restless);
        self.notices.extend(restless.into_iter().map(|at| Notice::Restless(unit(at))));
        for &at in &domain.news.changed {
            match domain.holding(at) {
                Some(epoch) => {
                    let token = Token { unit: unit(at), epoch, lease: *lease };
                    self.tokens.insert(unit(at), token);
                }
                None => _ = self.tokens.remove(&unit(at)),
            }
        }
        if core::mem::take(&mut domain.news.claims) {
            self.claims_version += 1;
            self.claims.retain(|unit, _| unit.segment != *segment);
            let claims = domain.claims.iter().map(|(at, claim)| (unit(*at), claim.clone()));
            self.claims.extend(claims);
        }
    }
}

impl Backend for BeaconElection {
    fn set_candidates(&mut self, now: Instant, candidates: Candidates) {
        self.on_time(now);
        let mut split: BTreeMap<Segment, BTreeMap<IpAddr, Contenders>> =
            self.domains.keys().map(|segment| (segment.clone(), BTreeMap::new())).collect();
        for (unit, contenders) in candidates {
            split.entry(unit.segment).or_default().insert(unit.address, contenders);
        }
        for (segment, candidates) in split {
            self.domain(&segment).set_candidates(now, candidates);
            self.absorb(&segment);
        }
    }

    fn claims(&self) -> &Claims {
        &self.claims
    }
}

impl Machine for BeaconElection {
    type Input<'a> = BeaconInput<'a>;
    type Transmit = BeaconTransmit;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, input: BeaconInput<'_>) {
        match input {
            // Refusals are counted.
            BeaconInput::Datagram { segment, bytes } => {
                _ = self.handle_datagram(now, segment, bytes);
            }
            BeaconInput::Answer { unit, by } => {
                self.on_time(now);
                if let Some((_, domain)) = self.domains.get_mut(&unit.segment) {
                    domain.answered(now, unit.address, by);
                    domain.settle(now);
                    self.absorb(&unit.segment);
                }
            }
            BeaconInput::Connected { unit, by } => {
                self.on_time(now);
                if let Some((_, domain)) = self.domains.get_mut(&unit.segment) {
                    domain.proved(now, unit.address, by);
                    self.absorb(&unit.segment);
                }
            }
            BeaconInput::Link { segment, up } => self.set_link(now, segment, up),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<BeaconTransmit> {
        let segments: Vec<Segment> = self.domains.keys().cloned().collect();
        for segment in segments {
            let (_, domain) = self.domains.get_mut(&segment)?;
            let said = domain.say(now, &self.keyring, buf);
            self.absorb(&segment);
            match said {
                None => {}
                Some(Said::Beacon) => return Some(BeaconTransmit::Beacon(segment)),
                Some(Said::Ask(address, owner)) => {
                    return Some(BeaconTransmit::Ask { unit: Unit { segment, address }, owner });
                }
                Some(Said::Prove(address, owner)) => {
                    return Some(BeaconTransmit::Prove { unit: Unit { segment, address }, owner });
                }
            }
        }
        None
    }

    fn poll_event(&mut self) -> Option<Event> {
        for (segment, (lease, domain)) in &mut self.domains {
            if core::mem::take(&mut domain.news.renewed) && domain.holds_any() {
                return Some(Event::Renewed { lease: *lease, not_after: domain.not_after() });
            }
            if let Some(address) = domain.news.changed.pop_first() {
                let unit = Unit { segment: segment.clone(), address };
                return Some(match self.tokens.get(&unit) {
                    Some(token) => Event::Granted(token.clone()),
                    None => Event::Revoked(unit),
                });
            }
        }
        None
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.domains.values().filter_map(|(_, domain)| domain.next_timeout()).min()
    }
}
