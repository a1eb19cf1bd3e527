mod announce;
mod claim;
mod judge;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::net::{IpAddr, Ipv6Addr};

use vipcast_sans_io::{Instant, Machine, TimerTable};

pub use self::claim::{Claim, Event, Frame, LeaseId, LinkId};
use self::judge::Answer;
use crate::{Counters, MacAddr, ResponderConfig, Verdict, solicited_node};

/// Answers for the addresses that were granted to it, and announces them.
///
/// Every frame needs a claim whose lease has not expired at the moment when the frame is built.
#[derive(Debug)]
pub struct Responder {
    config: ResponderConfig,
    links: BTreeMap<LinkId, MacAddr>,
    /// Links on which this node is a router.
    forwarding: BTreeSet<LinkId>,
    claims: BTreeMap<Key, Held>,
    leases: BTreeMap<LeaseId, Instant>,
    timers: TimerTable<Key>,
    /// Addresses whose next announcement is due, with their tenure, in the order of the wire.
    due: VecDeque<(Key, u64)>,
    answers: VecDeque<Answer>,
    conflicts: BTreeMap<Key, MacAddr>,
    counters: Counters,
}

type Key = (LinkId, IpAddr);

#[derive(Debug)]
struct Held {
    epoch: u64,
    lease: LeaseId,
    announcements_left: u32,
    /// Stands in the queue of due announcements.
    queued: bool,
}

impl Responder {
    /// A responder that holds nothing.
    #[must_use]
    pub fn new(config: ResponderConfig) -> Self {
        Self {
            config,
            links: BTreeMap::new(),
            forwarding: BTreeSet::new(),
            claims: BTreeMap::new(),
            leases: BTreeMap::new(),
            timers: TimerTable::new(),
            due: VecDeque::new(),
            answers: VecDeque::new(),
            conflicts: BTreeMap::new(),
            counters: Counters::default(),
        }
    }

    /// The link is up and has this hardware address. Where that is news, the addresses that are
    /// claimed on it are announced again.
    pub fn set_link(&mut self, now: Instant, link: LinkId, mac: MacAddr) {
        self.on_time(now);
        if self.links.insert(link, mac) == Some(mac) {
            return;
        }
        let claimed: Vec<Key> = self.claims.keys().filter(|key| key.0 == link).copied().collect();
        claimed.into_iter().for_each(|key| self.announce(key));
    }

    /// The link is gone or down: nothing is sent there. Its claims stay, for when it is back.
    pub fn remove_link(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.answers.retain(|answer| answer.link != link);
    }

    /// Whether this node forwards packets that come in by the link. Its advertisements say so in the
    /// flag R, also when the link comes back; hosts drop a default router that denies it.
    pub fn set_forwarding(&mut self, link: LinkId, forwarding: bool) {
        if forwarding {
            self.forwarding.insert(link);
        } else {
            self.forwarding.remove(&link);
        }
    }

    /// Speak for an address from now on. Announced at once where the claim is new, or its epoch is.
    pub fn grant(&mut self, now: Instant, claim: Claim) {
        self.on_time(now);
        let key = (claim.link, claim.address);
        let Claim { epoch, lease, .. } = claim;
        match self.claims.get_mut(&key) {
            Some(held) if held.epoch == epoch => held.lease = lease,
            _ => {
                self.claims
                    .insert(key, Held { epoch, lease, announcements_left: 0, queued: false });
                self.announce(key);
            }
        }
    }

    /// Be silent about an address. Whether it was claimed.
    pub fn revoke(&mut self, link: LinkId, address: IpAddr) -> bool {
        let key = (link, address);
        self.timers.stop(&key);
        self.conflicts.remove(&key);
        self.claims.remove(&key).is_some()
    }

    /// Every claim under the lease may be used until `not_after`, and not at or after it.
    pub fn renew(&mut self, lease: LeaseId, not_after: Instant) {
        self.leases.insert(lease, not_after);
    }

    /// Takes a frame from the network. Due timers fire first.
    pub fn handle_frame(&mut self, now: Instant, frame: Frame<'_>) -> Verdict {
        self.on_time(now);
        let verdict = self.judge(now, frame).unwrap_or_else(Verdict::Refused);
        self.counters.count(verdict)
    }

    /// What was done so far.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The groups to be joined on each link, so that questions for the claimed IPv6 addresses come
    /// in. Several addresses may share one.
    #[must_use]
    pub fn wanted_groups(&self) -> BTreeSet<(LinkId, Ipv6Addr)> {
        let group = |&(link, address): &Key| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some((link, solicited_node(address))),
        };
        self.claims.keys().filter_map(group).collect()
    }

    /// The claims, in order, whether their leases have expired or not.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        self.claims.iter().map(|(&(link, address), held)| Claim {
            address,
            link,
            epoch: held.epoch,
            lease: held.lease,
        })
    }

    fn lease_holds(&self, now: Instant, held: &Held) -> bool {
        self.leases.get(&held.lease).is_some_and(|&not_after| now < not_after)
    }

    /// The hardware address to speak from, if the claim is good at `now`.
    fn voice(&self, now: Instant, key: Key) -> Option<MacAddr> {
        let held = self.claims.get(&key)?;
        self.links.get(&key.0).copied().filter(|_| self.lease_holds(now, held))
    }

    fn on_time(&mut self, now: Instant) {
        while let Some(key) = self.timers.pop_expired(now) {
            self.queue_announcement(key);
        }
    }

    fn is_router(&self, link: LinkId) -> bool {
        self.forwarding.contains(&link)
    }
}

impl Machine for Responder {
    type Input<'a> = Frame<'a>;
    type Transmit = LinkId;
    type Event = Event;

    fn handle_input(&mut self, now: Instant, frame: Frame<'_>) {
        self.handle_frame(now, frame);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        self.next_announcement(now, buf).or_else(|| self.next_answer(now, buf))
    }

    fn poll_event(&mut self) -> Option<Event> {
        let ((link, address), other) = self.conflicts.pop_first()?;
        Some(Event::Conflict { address, link, other })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

#[cfg(test)]
mod tests;
