use alloc::vec::Vec;
use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vipcast_sans_io::Instant;

use super::{
    Key, LinkId, Responder, Timer,
    pace::{Class, What, Work},
};
use crate::{ArpPacket, MacAddr, NeighborSolicitation};

/// Whether a neighbour knows where an address is. A neighbour that is asked *from* the address
/// learns it before it answers, so its answer is the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acknowledgement {
    /// Who was asked.
    pub neighbour: IpAddr,
    /// Whether it is a gateway, and not one who asked for the address before.
    pub gateway: bool,
    /// What it said, this tenure.
    pub answer: Acknowledged,
}

/// What a neighbour answered to the question from an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// Nothing so far.
    Waiting,
    /// It answered, this long after it was first asked.
    After(Duration),
    /// It did not answer the last questions.
    Silent,
}

/// The questions from one address to one neighbour.
#[derive(Debug)]
pub(super) struct Asking {
    /// The tenure in which it is asked.
    epoch: u64,
    gateway: bool,
    answer: Acknowledged,
    /// An answer is waited for.
    open: bool,
    /// Questions of this round, and when the first of them left.
    sent: usize,
    started: Instant,
    /// When the address last spoke to this neighbour.
    spoke: Instant,
    mac: Option<MacAddr>,
}

/// A link, an address of ours, and the neighbour that is asked from it.
pub(super) type AskKey = (LinkId, IpAddr, IpAddr);

/// Questions that go to the neighbour alone before all are asked: it may have moved.
const UNICAST_QUESTIONS: usize = 2;

const LEAST: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const GREATEST: IpAddr = IpAddr::V6(Ipv6Addr::from_bits(u128::MAX));

impl Responder {
    /// Which neighbours are asked from an address, and what they answered.
    pub fn acknowledgements(
        &self,
        link: LinkId,
        address: IpAddr,
    ) -> impl Iterator<Item = Acknowledgement> {
        let range = (link, address, LEAST)..=(link, address, GREATEST);
        self.askings.range(range).map(|(&(_, _, neighbour), asking)| Acknowledgement {
            neighbour,
            gateway: asking.gateway,
            answer: asking.answer,
        })
    }

    pub(super) fn ask_gateways(&mut self, key: Key) {
        let Some(settings) = self.settings.get(&key.0) else {
            return;
        };
        let same = |gateway: &&IpAddr| gateway.is_ipv4() == key.1.is_ipv4();
        let gateways: Vec<IpAddr> = settings.gateways.iter().filter(same).copied().collect();
        for gateway in gateways {
            self.ask(key, gateway, true, None);
        }
    }

    /// Asks those who lately asked for the address, the last ones first.
    pub(super) fn ask_requesters(&mut self, key: Key) {
        let Some(link) = self.links.get(&key.0) else {
            return;
        };
        let asked = link.requesters.range((key.1, LEAST)..=(key.1, GREATEST));
        let mut asked: Vec<_> = asked.map(|((_, who), &mac, used)| (used, who, mac)).collect();
        asked.sort_unstable_by(|left, right| right.cmp(left));
        for (_, who, mac) in asked.into_iter().take(self.config.ask_requesters) {
            if !self.askings.contains_key(&(key.0, key.1, who)) {
                self.ask(key, who, false, Some(mac));
            }
        }
    }

    fn ask(&mut self, key: Key, neighbour: IpAddr, gateway: bool, mac: Option<MacAddr>) {
        let Some(held) = self.claims.get(&key) else {
            return;
        };
        // An address does not ask for itself.
        if neighbour == key.1 {
            return;
        }
        let known = self.links.get(&key.0).and_then(|link| link.gateways.get(&neighbour));
        let asking = Asking {
            epoch: held.epoch,
            gateway,
            answer: Acknowledged::Waiting,
            open: true,
            sent: 0,
            started: Instant::ZERO,
            spoke: Instant::ZERO,
            mac: mac.or_else(|| known.copied()),
        };
        let ask_key = (key.0, key.1, neighbour);
        self.timers.stop(&Timer::Ask(ask_key));
        self.askings.insert(ask_key, asking);
        let class = if gateway { Class::First } else { Class::Later };
        self.want(class, key, What::Ask(neighbour));
    }

    pub(super) fn stop_asking(&mut self, (link, address): Key) {
        let range = (link, address, LEAST)..=(link, address, GREATEST);
        let keys: Vec<AskKey> = self.askings.range(range).map(|(&key, _)| key).collect();
        for key in keys {
            self.stop_asking_one(key);
        }
    }

    fn stop_asking_one(&mut self, key: AskKey) {
        let (link, address, neighbour) = key;
        self.askings.remove(&key);
        self.timers.stop(&Timer::Ask(key));
        self.events.forget_asking(key);
        if let Some(state) = self.links.get_mut(&link) {
            state.queue.remove(Work { key: (link, address), what: What::Ask(neighbour) });
        }
    }

    /// The gateways of a link have changed: who is new is asked, who is gone no more.
    pub(super) fn gateways_changed(&mut self, link: LinkId, old: &[IpAddr], new: &[IpAddr]) {
        let gone = |(_, _, neighbour): &AskKey| !new.contains(neighbour);
        let from = (link, LEAST, LEAST)..=(link, GREATEST, GREATEST);
        let gone: Vec<AskKey> = self
            .askings
            .range(from)
            .filter(|(key, asking)| asking.gateway && gone(key))
            .map(|(&key, _)| key)
            .collect();
        for key in gone {
            self.stop_asking_one(key);
        }
        for gateway in new.iter().filter(|gateway| !old.contains(gateway)) {
            for key in self.claims_on(link) {
                if key.1.is_ipv4() == gateway.is_ipv4() {
                    self.ask(key, *gateway, true, None);
                }
            }
        }
    }

    pub(super) fn build_question(
        &mut self,
        now: Instant,
        key: Key,
        neighbour: IpAddr,
        buf: &mut Vec<u8>,
    ) -> Option<()> {
        let mac = self.voice(now, key)?;
        let epoch = self.claims.get(&key)?.epoch;
        let ask_key = (key.0, key.1, neighbour);
        let asking = self.askings.get_mut(&ask_key)?;
        if !asking.open || asking.epoch != epoch {
            return None;
        }
        let known = asking.mac.filter(|_| asking.sent < UNICAST_QUESTIONS);
        match (key.1, neighbour) {
            (IpAddr::V4(address), IpAddr::V4(neighbour)) => {
                ArpPacket::question(address, mac, neighbour, known).encode(buf);
            }
            (IpAddr::V6(address), IpAddr::V6(neighbour)) => {
                NeighborSolicitation::question(address, mac, neighbour, known).encode(buf);
            }
            _ => return None,
        }
        if asking.sent == 0 {
            asking.started = now;
        }
        asking.spoke = now;
        let before = asking.sent.checked_sub(1).and_then(|at| self.config.ask_again.get(at));
        let next = self.config.ask_again.get(asking.sent);
        asking.sent += 1;
        let wait = next.map_or(self.config.ask_timeout, |next| {
            next.saturating_sub(before.copied().unwrap_or_default())
        });
        self.timers.set(Timer::Ask(ask_key), now + wait);
        self.counters.questions_sent += 1;
        Some(())
    }

    /// The neighbour has not answered in time, or it is time to ask a gateway again.
    pub(super) fn on_ask_timer(&mut self, now: Instant, ask_key: AskKey) {
        let (link, address, neighbour) = ask_key;
        let key = (link, address);
        let holds = self.claims.get(&key).is_some_and(|held| self.lease_holds(now, held));
        let Some(asking) = self.askings.get_mut(&ask_key).filter(|_| holds) else {
            // All is asked anew when the lease is renewed.
            return;
        };
        if asking.open && asking.sent > self.config.ask_again.len() {
            asking.open = false;
            asking.answer = Acknowledged::Silent;
            if asking.gateway {
                self.counters.unanswered += 1;
                self.events.unanswered(ask_key);
            }
            self.ask_again_later(now, ask_key);
            return;
        }
        if !asking.open {
            let silent_since = asking.spoke;
            let due = self
                .config
                .ask_gateway_every
                .map(|every| silent_since + every.saturating_mul(9) / 10);
            if due.is_some_and(|due| due > now) {
                self.ask_again_later(silent_since, ask_key);
                return;
            }
            (asking.open, asking.sent) = (true, 0);
        }
        self.want(Class::Later, key, What::Ask(neighbour));
    }

    fn ask_again_later(&mut self, from: Instant, key: AskKey) {
        let Some(every) = self.config.ask_gateway_every else {
            return;
        };
        if self.askings.get(&key).is_some_and(|asking| asking.gateway) {
            self.timers.set(Timer::Ask(key), from + self.jitter.spread(every));
        }
    }

    /// A neighbour answered an address of ours. It counts once, if that neighbour was asked, from
    /// this address, in this tenure, and has not answered before.
    pub(super) fn acknowledge(
        &mut self,
        now: Instant,
        key: Key,
        neighbour: IpAddr,
        mac: MacAddr,
    ) -> bool {
        let Some(held) = self.claims.get(&key).filter(|held| self.lease_holds(now, held)) else {
            return false;
        };
        let ask_key = (key.0, key.1, neighbour);
        let epoch = held.epoch;
        let Some(asking) = self.askings.get_mut(&ask_key) else {
            return false;
        };
        if !asking.open || asking.sent == 0 || asking.epoch != epoch {
            return false;
        }
        let after = now.saturating_duration_since(asking.started);
        let news = !matches!(asking.answer, Acknowledged::After(_));
        if news {
            asking.answer = Acknowledged::After(after);
            self.events.acknowledged(ask_key, asking.gateway, after);
        }
        (asking.open, asking.mac) = (false, Some(mac));
        let gateway = asking.gateway;
        self.counters.acknowledged += 1;
        self.timers.stop(&Timer::Ask(ask_key));
        if let Some(link) = self.links.get_mut(&key.0) {
            link.queue.remove(Work { key, what: What::Ask(neighbour) });
            if gateway {
                link.gateways.insert(neighbour, mac);
            }
        }
        self.ask_again_later(now, ask_key);
        true
    }

    /// Somebody asked for an address. Who asks while it is elsewhere is asked when it comes here.
    pub(super) fn note_question(
        &mut self,
        link: LinkId,
        target: IpAddr,
        who: IpAddr,
        mac: MacAddr,
        ours: bool,
    ) {
        let gateway = self.is_gateway(link, who);
        let Some(link) = self.links.get_mut(&link) else {
            return;
        };
        if gateway {
            link.gateways.insert(who, mac);
        } else if !ours
            && !who.is_unspecified()
            && let Some(known) = link.requesters.touch((target, who), || mac)
        {
            *known = mac;
        }
    }

    /// An address of ours answered somebody, who now knows it.
    pub(super) fn note_answer(&mut self, now: Instant, key: Key, to: IpAddr) {
        if self.is_gateway(key.0, to)
            && let Some(asking) = self.askings.get_mut(&(key.0, key.1, to))
        {
            asking.spoke = now;
        }
    }

    fn is_gateway(&self, link: LinkId, who: IpAddr) -> bool {
        self.settings.get(&link).is_some_and(|link| link.gateways.contains(&who))
    }
}
