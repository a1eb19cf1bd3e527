mod acknowledge;
mod announce;
mod claim;
mod claims;
mod conflict;
mod events;
mod judge;
mod limit;
mod pace;

use alloc::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    vec::Vec,
};
use core::net::{IpAddr, Ipv6Addr};

use vipcast_sans_io::{Instant, Machine, TimerTable};

pub use self::{
    acknowledge::{Acknowledged, Acknowledgement},
    claim::{Claim, Frame, LeaseId, LinkId},
    events::Event,
};
use self::{
    acknowledge::{AskKey, Asking},
    claims::Claims,
    conflict::Check,
    events::Events,
    judge::Answer,
    limit::Limiter,
    pace::{Class, Form, Queue, What},
};
use crate::{
    Counters, MacAddr, ResponderConfig, Verdict, jitter::Jitter, lru::Lru, rate::Bucket,
    solicited_node,
};

/// Answers for the addresses that were granted to it, announces them, and learns who has heard it.
///
/// Every frame that names an address of ours needs a claim whose lease has not expired at the moment
/// when the frame is built.
#[derive(Debug)]
pub struct Responder {
    config: ResponderConfig,
    jitter: Jitter,
    /// Links that are up.
    links: BTreeMap<LinkId, Link>,
    settings: BTreeMap<LinkId, Settings>,
    claims: Claims,
    leases: BTreeMap<LeaseId, Lease>,
    /// Leases that were renewed since the time was last told.
    renewed: Vec<LeaseId>,
    askings: BTreeMap<AskKey, Asking>,
    checks: BTreeMap<Key, Check>,
    answers: VecDeque<Answer>,
    limiter: Limiter,
    timers: TimerTable<Timer>,
    /// How many tenures there were.
    tenures: u64,
    events: Events,
    counters: Counters,
}

type Key = (LinkId, IpAddr);

#[derive(Debug)]
struct Link {
    mac: MacAddr,
    pace: Bucket,
    queue: Queue,
    /// By the address that they asked for.
    requesters: Lru<(IpAddr, IpAddr), MacAddr>,
    /// Where gateways were seen.
    gateways: BTreeMap<IpAddr, MacAddr>,
}

/// What is said of a link, whether it is up or not.
#[derive(Debug, Default)]
struct Settings {
    /// This node is a router there.
    forwarding: bool,
    gateways: Vec<IpAddr>,
}

#[derive(Debug)]
struct Held {
    epoch: u64,
    /// The number of this tenure among all that this responder had. Epochs are the caller's, who may
    /// give one twice.
    tenure: u64,
    lease: LeaseId,
    /// Announcements that are not made yet, in the plain form and by reply.
    plain_left: u16,
    replies_left: u16,
    /// When the address was last defended.
    defended: Option<Instant>,
}

#[derive(Debug)]
struct Lease {
    not_after: Instant,
    /// When it would have ended. Set by a renewal, which is not told the time, until that is known:
    /// then it shows whether the lease had ended.
    renewed_from: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Announce(Key, Form),
    Ask(AskKey),
    Check(Key),
    /// The link may send again.
    Pace(LinkId),
}

impl Responder {
    /// A responder that holds nothing.
    #[must_use]
    pub fn new(config: ResponderConfig) -> Self {
        Self {
            jitter: Jitter::new(config.seed),
            limiter: Limiter::new(&config),
            config,
            links: BTreeMap::new(),
            settings: BTreeMap::new(),
            claims: Claims::default(),
            leases: BTreeMap::new(),
            renewed: Vec::new(),
            askings: BTreeMap::new(),
            checks: BTreeMap::new(),
            answers: VecDeque::new(),
            timers: TimerTable::new(),
            tenures: 0,
            events: Events::default(),
            counters: Counters::default(),
        }
    }

    /// The link is up and has this hardware address. Where that is news, the addresses that are
    /// claimed on it are announced again.
    pub fn set_link(&mut self, now: Instant, link: LinkId, mac: MacAddr) {
        self.on_time(now);
        match self.links.get_mut(&link) {
            Some(state) if state.mac == mac => return,
            Some(state) => state.mac = mac,
            None => {
                let state = Link {
                    mac,
                    pace: Bucket::default(),
                    queue: Queue::default(),
                    requesters: Lru::new(self.config.requesters),
                    gateways: BTreeMap::new(),
                };
                self.links.insert(link, state);
            }
        }
        self.claims_on(link).into_iter().for_each(|key| self.announce(key));
        self.restart_checks(link);
    }

    /// The link is gone or down: nothing is sent there. Its claims stay, for when it is back.
    pub fn remove_link(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.answers.retain(|answer| answer.link != link);
        self.timers.stop(&Timer::Pace(link));
        self.claims_on(link).into_iter().for_each(|key| self.stop_announcing(key));
        self.pause_checks(link);
    }

    /// Whether this node forwards packets that come in by the link. Its advertisements say so in the
    /// flag R, also when the link comes back; hosts drop a default router that denies it.
    pub fn set_forwarding(&mut self, link: LinkId, forwarding: bool) {
        self.settings.entry(link).or_default().forwarding = forwarding;
    }

    /// The gateways of a link, of both families, whom its addresses ask when they are granted and
    /// then from time to time. Kept while the link is down. New ones are asked at once.
    pub fn set_gateways(&mut self, now: Instant, link: LinkId, gateways: &[IpAddr]) {
        self.on_time(now);
        let settings = self.settings.entry(link).or_default();
        let old = core::mem::replace(&mut settings.gateways, gateways.to_vec());
        if let Some(state) = self.links.get_mut(&link) {
            state.gateways.retain(|gateway, _| gateways.contains(gateway));
        }
        self.gateways_changed(link, &old, gateways);
    }

    /// Speak for an address from now on. Announced at once where the claim is new, or its epoch is.
    pub fn grant(&mut self, now: Instant, claim: Claim) {
        self.on_time(now);
        let Claim { address, link, epoch, lease } = claim;
        let key = (link, address);
        let old = self.claims.get(&key);
        let spoke = old.is_some_and(|old| self.lease_holds(now, old));
        match self.claims.get_mut(&key) {
            Some(held) if held.epoch == epoch => {
                // From a lease that had ended under one that may not have.
                if core::mem::replace(&mut held.lease, lease) != lease && !spoke {
                    self.announce(key);
                }
            }
            _ => {
                self.stop_check(link, address);
                self.events.forget_conflict(key);
                self.tenures += 1;
                let tenure = self.tenures;
                let held =
                    Held { epoch, tenure, lease, plain_left: 0, replies_left: 0, defended: None };
                self.claims.insert(key, held);
                self.announce(key);
            }
        }
    }

    /// Be silent about an address. Whether it was claimed.
    pub fn revoke(&mut self, link: LinkId, address: IpAddr) -> bool {
        let key = (link, address);
        let claimed = self.claims.remove(&key);
        if claimed {
            self.stop_announcing(key);
            self.events.forget_conflict(key);
        }
        claimed
    }

    /// Every claim under the lease may be used until `not_after`, and not at or after it. Where it
    /// is new, or had ended before, its addresses are announced as soon as time goes on.
    pub fn renew(&mut self, lease: LeaseId, not_after: Instant) {
        let unknown = Lease { not_after: Instant::ZERO, renewed_from: None };
        let state = self.leases.entry(lease).or_insert(unknown);
        let ended = core::mem::replace(&mut state.not_after, not_after);
        if state.renewed_from.is_none() {
            self.renewed.push(lease);
        }
        state.renewed_from = Some(state.renewed_from.map_or(ended, |end| end.min(ended)));
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

    /// The groups to be joined on each link, so that questions for the claimed IPv6 addresses, and
    /// probes for those that are checked, come in. Several addresses may share one.
    #[must_use]
    pub fn wanted_groups(&self) -> BTreeSet<(LinkId, Ipv6Addr)> {
        let group = |&(link, address): &Key| match address {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some((link, solicited_node(address))),
        };
        self.claims.keys().chain(self.checks.keys()).filter_map(group).collect()
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

    /// Entries in all tables that grow with what others send: bounded by the configuration, and by
    /// what the owner granted and asked for.
    #[must_use]
    pub fn remembered(&self) -> usize {
        let links = self.links.values().map(|link| link.requesters.len() + link.gateways.len());
        self.answers.len() + self.limiter.len() + self.events.len() + links.sum::<usize>()
    }

    fn claims_on(&self, link: LinkId) -> Vec<Key> {
        self.claims.keys().filter(|key| key.0 == link).copied().collect()
    }

    fn lease_holds(&self, now: Instant, held: &Held) -> bool {
        self.leases.get(&held.lease).is_some_and(|lease| now < lease.not_after)
    }

    /// The hardware address to speak from, if the claim is good at `now`.
    fn voice(&self, now: Instant, key: Key) -> Option<MacAddr> {
        let held = self.claims.get(&key)?;
        self.links.get(&key.0).map(|link| link.mac).filter(|_| self.lease_holds(now, held))
    }

    fn is_router(&self, link: LinkId) -> bool {
        self.settings.get(&link).is_some_and(|link| link.forwarding)
    }

    /// Announces what is under a lease that was renewed after its end. One that has ended is as good as
    /// one that never was: it is forgotten.
    fn note_renewals(&mut self, now: Instant) {
        if self.renewed.is_empty() {
            return;
        }
        while let Some(lease) = self.renewed.pop() {
            let ended = self.leases.get_mut(&lease).and_then(|state| state.renewed_from.take());
            if ended.is_some_and(|ended| ended <= now) {
                let under = self.claims.iter().filter(|(_, held)| held.lease == lease);
                let under: Vec<Key> = under.map(|(&key, _)| key).collect();
                under.into_iter().for_each(|key| self.announce(key));
            }
        }
        self.leases.retain(|_, lease| now < lease.not_after);
    }

    fn on_time(&mut self, now: Instant) {
        self.note_renewals(now);
        while let Some(timer) = self.timers.pop_expired(now) {
            match timer {
                Timer::Announce(key, form) => self.want(Class::Later, key, What::Announce(form)),
                Timer::Ask(key) => self.on_ask_timer(now, key),
                Timer::Check(key) => self.on_check_timer(key),
                // It is for those who drain: there is something to send again.
                Timer::Pace(_) => {}
            }
        }
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
        self.note_renewals(now);
        self.next_paced(now, buf).or_else(|| self.next_answer(now, buf))
    }

    fn poll_event(&mut self) -> Option<Event> {
        self.events.pop()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

#[cfg(test)]
mod tests;
