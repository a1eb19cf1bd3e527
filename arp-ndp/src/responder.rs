use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::net::{IpAddr, Ipv4Addr};

use vipcast_sans_io::{Instant, Machine, TimerTable};

use crate::{ArpOperation, ArpPacket, Counters, MacAddr, Refusal, ResponderConfig, Verdict};

/// Answers for the addresses that were granted to it, and announces them.
///
/// Every frame needs a claim whose lease has not expired at the moment when the frame is built.
#[derive(Debug)]
pub struct Responder {
    config: ResponderConfig,
    links: BTreeMap<LinkId, MacAddr>,
    claims: BTreeMap<Key, Held>,
    leases: BTreeMap<LeaseId, Instant>,
    timers: TimerTable<Key>,
    /// Addresses whose next announcement is due, with their tenure, in the order of the wire.
    due: VecDeque<(Key, u64)>,
    answers: VecDeque<Answer>,
    conflicts: BTreeMap<Key, MacAddr>,
    counters: Counters,
}

/// Names a link: its interface index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(pub u32);

/// Names a lease, whose deadline bounds every claim under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(pub u32);

/// The right to speak for an address on a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The address.
    pub address: IpAddr,
    /// The link to answer and announce on.
    pub link: LinkId,
    /// Which tenure this is: a claim with another epoch is announced anew.
    pub epoch: u64,
    /// The lease that bounds it.
    pub lease: LeaseId,
}

/// A frame that came in.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// The link it came in by.
    pub link: LinkId,
    /// The VLAN that the kernel stripped from it, if it was tagged. 0 is a priority tag alone.
    pub vlan: Option<u16>,
    /// The frame, from the destination address on.
    pub bytes: &'a [u8],
}

/// Something that the owner of the responder should know. Coalesced by address and link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Another host uses an address of ours (RFC 5227 §2.4).
    Conflict {
        /// The address.
        address: IpAddr,
        /// Where it was seen.
        link: LinkId,
        /// The hardware address of the other host, the last one if there were several.
        other: MacAddr,
    },
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

/// What an answer is built from, when its turn comes.
#[derive(Debug)]
struct Answer {
    link: LinkId,
    /// The tenure in which the question came: an answer is not carried into another.
    epoch: u64,
    question: ArpPacket,
}

impl Responder {
    /// A responder that holds nothing.
    #[must_use]
    pub fn new(config: ResponderConfig) -> Self {
        Self {
            config,
            links: BTreeMap::new(),
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
        let claimed: Vec<Key> = self
            .claims
            .keys()
            .filter(|key| key.0 == link)
            .copied()
            .collect();
        claimed.into_iter().for_each(|key| self.announce(key));
    }

    /// The link is gone or down: nothing is sent there. Its claims stay, for when it is back.
    pub fn remove_link(&mut self, link: LinkId) {
        self.links.remove(&link);
        self.answers.retain(|answer| answer.link != link);
    }

    /// Speak for an address from now on. Announced at once where the claim is new, or its epoch is.
    pub fn grant(&mut self, now: Instant, claim: Claim) {
        self.on_time(now);
        let key = (claim.link, claim.address);
        let Claim { epoch, lease, .. } = claim;
        match self.claims.get_mut(&key) {
            Some(held) if held.epoch == epoch => held.lease = lease,
            _ => {
                self.claims.insert(
                    key,
                    Held {
                        epoch,
                        lease,
                        announcements_left: 0,
                        queued: false,
                    },
                );
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

    /// The claims, in order, whether their leases have expired or not.
    pub fn claims(&self) -> impl Iterator<Item = Claim> {
        self.claims.iter().map(|(&(link, address), held)| Claim {
            address,
            link,
            epoch: held.epoch,
            lease: held.lease,
        })
    }

    /// The checks are ordered so that junk costs little, and that what we do not hold is not judged
    /// any further.
    fn judge(&mut self, now: Instant, frame: Frame<'_>) -> Result<Verdict, Refusal> {
        let mac = *self.links.get(&frame.link).ok_or(Refusal::UnknownLink)?;
        if frame.vlan.is_some_and(|vlan| vlan != 0) {
            return Err(Refusal::VlanTagged);
        }
        let packet = ArpPacket::decode(frame.bytes)?;
        if packet.source == mac || packet.sender_mac == mac {
            return Err(Refusal::FromUs);
        }
        if let Some(verdict) = self.conflict(now, frame.link, &packet) {
            return Ok(verdict);
        }
        let key = (frame.link, IpAddr::V4(packet.target));
        let Some(held) = self.claims.get(&key) else {
            return Ok(Verdict::NotForUs);
        };
        if packet.operation != ArpOperation::Request {
            return Ok(Verdict::NotForUs);
        }
        if !packet.destination.is_broadcast() && packet.destination != mac {
            return Err(Refusal::NotAddressedToUs);
        }
        if !packet.source.is_unicast() || !packet.sender_mac.is_unicast() {
            return Err(Refusal::SenderMac);
        }
        if !may_ask(packet.sender) {
            return Err(Refusal::SenderAddress);
        }
        if !self.lease_holds(now, held) {
            return Err(Refusal::LeaseExpired);
        }
        if self.answers.len() >= self.config.answer_queue {
            return Err(Refusal::QueueFull);
        }
        let answer = Answer {
            link: frame.link,
            epoch: held.epoch,
            question: packet,
        };
        self.answers.push_back(answer);
        Ok(Verdict::Answered)
    }

    /// Another host that names an address of ours as its own (RFC 5227 §2.4). A probe names none.
    fn conflict(&mut self, now: Instant, link: LinkId, packet: &ArpPacket) -> Option<Verdict> {
        let key = (link, IpAddr::V4(packet.sender));
        let held = self.claims.get(&key)?;
        if self.lease_holds(now, held) {
            self.conflicts.insert(key, packet.sender_mac);
        }
        Some(Verdict::Conflict)
    }

    fn lease_holds(&self, now: Instant, held: &Held) -> bool {
        self.leases
            .get(&held.lease)
            .is_some_and(|&not_after| now < not_after)
    }

    /// The hardware address to speak from, if the claim is good at `now`.
    fn voice(&self, now: Instant, key: Key) -> Option<MacAddr> {
        let held = self.claims.get(&key)?;
        self.links
            .get(&key.0)
            .copied()
            .filter(|_| self.lease_holds(now, held))
    }

    /// Starts the announcements of an address from the first.
    fn announce(&mut self, key: Key) {
        let Some(held) = self.claims.get_mut(&key) else {
            return;
        };
        held.announcements_left = self.config.announcements;
        self.timers.stop(&key);
        self.queue_announcement(key);
    }

    fn queue_announcement(&mut self, key: Key) {
        let Some(held) = self.claims.get_mut(&key) else {
            return;
        };
        if !core::mem::replace(&mut held.queued, true) {
            self.due.push_back((key, held.epoch));
        }
    }

    fn on_time(&mut self, now: Instant) {
        while let Some(key) = self.timers.pop_expired(now) {
            self.queue_announcement(key);
        }
    }

    fn next_announcement(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        while let Some((key, epoch)) = self.due.pop_front() {
            let voice = self.voice(now, key);
            let Some(held) = self.claims.get_mut(&key).filter(|held| held.epoch == epoch) else {
                continue;
            };
            held.queued = false;
            let (Some(mac), IpAddr::V4(address)) = (voice, key.1) else {
                continue;
            };
            held.announcements_left = held.announcements_left.saturating_sub(1);
            if held.announcements_left > 0 {
                self.timers.set(key, now + self.config.announce_interval);
            }
            ArpPacket::announcement(address, mac).encode(buf);
            self.counters.announcements_sent += 1;
            return Some(key.0);
        }
        None
    }

    fn next_answer(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        while let Some(Answer {
            link,
            epoch,
            question,
        }) = self.answers.pop_front()
        {
            let key = (link, IpAddr::V4(question.target));
            let current = self
                .claims
                .get(&key)
                .is_some_and(|held| held.epoch == epoch);
            let Some(mac) = self.voice(now, key).filter(|_| current) else {
                self.counters.stale_answers += 1;
                continue;
            };
            ArpPacket::reply(&question, mac).encode(buf);
            self.counters.replies_sent += 1;
            return Some(link);
        }
        None
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
        self.next_announcement(now, buf)
            .or_else(|| self.next_answer(now, buf))
    }

    fn poll_event(&mut self) -> Option<Event> {
        let ((link, address), other) = self.conflicts.pop_first()?;
        Some(Event::Conflict {
            address,
            link,
            other,
        })
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

/// Whether an answer may go to this sender. Zero is a probe, which is answered (RFC 5227 §2.5).
const fn may_ask(sender: Ipv4Addr) -> bool {
    !sender.is_multicast() && !sender.is_broadcast() && !sender.is_loopback()
}

#[cfg(test)]
mod tests;
