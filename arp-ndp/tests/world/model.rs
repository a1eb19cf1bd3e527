use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use vipcast_arp_ndp::{
    ArpOperation, ArpPacket, LeaseId, LinkId, MacAddr, NdpMessage, NeighborAdvertisement,
};
use vipcast_sans_io::Instant;

use super::{Flaw, Question, Stimulus, our_mac};

/// What is true of a responder, by what was done to it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    /// How long a question may wait.
    pub(crate) gap: Duration,
    pub(crate) links: BTreeMap<LinkId, MacAddr>,
    pub(crate) claims: BTreeMap<(LinkId, IpAddr), (u64, LeaseId)>,
    pub(crate) leases: BTreeMap<LeaseId, Instant>,
    pub(crate) checks: BTreeSet<(LinkId, IpAddr)>,
    /// Good questions that may still be answered: link, target, and the asker's address.
    pub(crate) asked: Vec<(Instant, LinkId, IpAddr, IpAddr)>,
    /// Addresses that must be announced as soon as they may speak.
    pub(crate) owed: BTreeSet<(LinkId, IpAddr)>,
}

impl Model {
    pub(crate) fn new(gap: Duration) -> Self {
        Self {
            gap,
            links: BTreeMap::new(),
            claims: BTreeMap::new(),
            leases: BTreeMap::new(),
            checks: BTreeSet::new(),
            asked: Vec::new(),
            owed: BTreeSet::new(),
        }
    }

    pub(crate) fn apply(&mut self, now: Instant, stimulus: &Stimulus) {
        match *stimulus {
            Stimulus::Question(ref question) if self.is_good(question) => {
                self.asked.push((now, question.link, question.target, question.sender()));
            }
            Stimulus::Grant(claim) => {
                let key = (claim.link, claim.address);
                self.checks.remove(&key);
                let new = (claim.epoch, claim.lease);
                let moved = self.claims.get(&key).is_some_and(|old| *old != new);
                if moved && !self.may_speak(now, key) {
                    self.owed.insert(key);
                }
                let old = self.claims.insert(key, new);
                if old.is_none_or(|old| old.0 != new.0) {
                    // A question to another tenure is not answered in this one.
                    self.asked.retain(|&(_, link, target, _)| (link, target) != key);
                    self.owed.insert(key);
                }
            }
            Stimulus::Revoke(link, address) => {
                self.claims.remove(&(link, address));
                self.owed.remove(&(link, address));
            }
            Stimulus::Renew(lease, life) => {
                let lapsed = self.leases.insert(lease, now + life).is_none_or(|old| old <= now);
                if lapsed {
                    let under = self.claims.iter().filter(|(_, held)| held.1 == lease);
                    self.owed.extend(under.map(|(&key, _)| key));
                }
            }
            Stimulus::SetLink(link, mac) => {
                let news = self.links.insert(link, mac) != Some(mac);
                if news {
                    self.owed.extend(self.claims.keys().filter(|key| key.0 == link));
                }
            }
            Stimulus::RemoveLink(link) => {
                self.links.remove(&link);
                self.asked.retain(|asked| asked.1 != link);
            }
            Stimulus::Check(link, address) if !self.claims.contains_key(&(link, address)) => {
                self.checks.insert((link, address));
            }
            _ => {}
        }
    }

    /// Whether nothing is wrong with a question.
    pub(crate) fn is_good(&self, question: &Question) -> bool {
        // Once the link has another address, its first one is anybody's. In a probe for duplicates
        // it is wrong all the same.
        let first = our_mac(question.link, false);
        let not_ours = self.links.get(&question.link) != Some(&first);
        let solicits = question.probe && question.target.is_ipv6();
        question.flaw.is_none() || question.flaw == Some(Flaw::ClaimedOurs) && not_ours && !solicits
    }

    pub(crate) fn may_speak(&self, now: Instant, key: (LinkId, IpAddr)) -> bool {
        let Some((_, lease)) = self.claims.get(&key) else { return false };
        self.links.contains_key(&key.0) && self.leases.get(lease).is_some_and(|&end| now < end)
    }

    /// What is wrong with a frame that left at `now`.
    pub(crate) fn wrong(
        &mut self,
        now: Instant,
        link: LinkId,
        bytes: &[u8],
    ) -> Option<&'static str> {
        let source = MacAddr(bytes[6..12].try_into().unwrap());
        if self.links.get(&link) != Some(&source) {
            return Some("not from the link's address");
        }
        let (speaker, heard, plain) = match (ArpPacket::decode(bytes), NdpMessage::decode(bytes)) {
            (Ok(packet), _) if packet.is_probe() => {
                return self.wrong_probe((link, packet.target.into()));
            }
            (_, Ok(NdpMessage::Solicitation(packet))) if packet.is_probe() => {
                return self.wrong_probe((link, packet.target.into()));
            }
            (Ok(packet), _) => {
                let unicast =
                    packet.operation == ArpOperation::Reply && packet.sender != packet.target;
                let heard = unicast.then_some(IpAddr::V4(packet.target));
                let plain = packet == ArpPacket::announcement(packet.sender, source);
                (IpAddr::V4(packet.sender), heard, plain)
            }
            (_, Ok(NdpMessage::Solicitation(packet))) => (IpAddr::V6(packet.from), None, false),
            (_, Ok(NdpMessage::Advertisement(packet))) => {
                let routers =
                    NeighborAdvertisement::to_routers(packet.target, source, packet.router);
                let overrides = packet.overriding || packet == routers;
                if packet.from != packet.target || !overrides || packet.target_mac.is_none() {
                    return Some("not the advertisement of an owner");
                }
                let heard = packet.solicited.then_some(IpAddr::V6(packet.to));
                (IpAddr::V6(packet.target), heard, heard.is_none() && packet != routers)
            }
            (Err(_), Err(_)) => return Some("unreadable"),
        };
        let key = (link, speaker);
        if !self.may_speak(now, key) {
            return Some("without a claim, or after its lease");
        }
        if plain {
            self.owed.remove(&key);
        }
        let to = heard?;
        let fresh = |asked: &(Instant, LinkId, IpAddr, IpAddr)| {
            asked.1 == link && asked.2 == speaker && asked.3 == to && now <= asked.0 + self.gap
        };
        match self.asked.iter().position(fresh) {
            Some(at) => _ = self.asked.remove(at),
            None => return Some("an answer to no question"),
        }
        None
    }

    fn wrong_probe(&self, key: (LinkId, IpAddr)) -> Option<&'static str> {
        (!self.checks.contains(&key)).then_some("a probe that nobody wants")
    }
}
