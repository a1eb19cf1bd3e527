use alloc::vec::Vec;
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{
    Key, LinkId, Responder, Timer,
    pace::{Class, What},
};
use crate::{ArpPacket, MacAddr, NeighborSolicitation};

/// The search for another host that uses an address.
#[derive(Debug, Default)]
pub(super) struct Check {
    probes: u32,
}

impl Responder {
    /// Asks whether anybody uses an address, before the first claim to it: [`Event::InUse`] or
    /// [`Event::Free`] follows, within a second on an idle link. Probes claim nothing, so this needs
    /// no lease (RFC 5227 §2.1.1, RFC 4862 §5.4.2).
    ///
    /// Never in a takeover: it takes time, and the old owner may answer. Where the link is down, the
    /// check waits for it. Does nothing, and returns `false`, where the address is claimed.
    ///
    /// [`Event::InUse`]: crate::Event::InUse
    /// [`Event::Free`]: crate::Event::Free
    pub fn check(&mut self, now: Instant, address: IpAddr, link: LinkId) -> bool {
        self.on_time(now);
        let key = (link, address);
        if self.claims.contains(&key) {
            return false;
        }
        self.stop_check(link, address);
        self.checks.insert(key, Check::default());
        self.want(Class::Later, key, What::Probe);
        true
    }

    /// Ends a check without a verdict; a claim does so too. Whether there was one.
    pub fn stop_check(&mut self, link: LinkId, address: IpAddr) -> bool {
        let key = (link, address);
        self.events.forget_check(key);
        self.end_check(key)
    }

    fn end_check(&mut self, key: Key) -> bool {
        self.timers.stop(&Timer::Check(key));
        self.checks.remove(&key).is_some()
    }

    fn checks_on(&self, link: LinkId) -> Vec<Key> {
        self.checks.keys().filter(|key| key.0 == link).copied().collect()
    }

    /// The link is down: silence there says nothing.
    pub(super) fn pause_checks(&mut self, link: LinkId) {
        for key in self.checks_on(link) {
            self.timers.stop(&Timer::Check(key));
        }
    }

    /// The link is up, or is another than before.
    pub(super) fn restart_checks(&mut self, link: LinkId) {
        for key in self.checks_on(link) {
            self.timers.stop(&Timer::Check(key));
            self.checks.insert(key, Check::default());
            self.want(Class::Later, key, What::Probe);
        }
    }

    pub(super) fn build_probe(&mut self, now: Instant, key: Key, buf: &mut Vec<u8>) -> Option<()> {
        let mac = self.links.get(&key.0)?.mac;
        let check = self.checks.get_mut(&key)?;
        match key.1 {
            IpAddr::V4(address) => ArpPacket::probe(address, mac).encode(buf),
            IpAddr::V6(address) => NeighborSolicitation::probe(address, mac).encode(buf),
        }
        check.probes += 1;
        self.timers.set(Timer::Check(key), now + self.config.check_interval);
        self.counters.probes_sent += 1;
        Some(())
    }

    pub(super) fn on_check_timer(&mut self, key: Key) {
        let Some(check) = self.checks.get(&key) else {
            return;
        };
        if check.probes < self.config.check_probes {
            self.want(Class::Later, key, What::Probe);
        } else {
            self.end_check(key);
            self.events.checked(key, None);
        }
    }

    /// Whether the frame shows another host with an address that is checked, or one that checks it
    /// too (RFC 5227 §2.1.1).
    pub(super) fn found_in_use(&mut self, key: Key, by: MacAddr) -> bool {
        let checked = self.end_check(key);
        if checked {
            self.events.checked(key, Some(by));
        }
        checked
    }

    /// Whether another host names an address of ours as its own (RFC 5227 §2.4, RFC 4862 §5.4.4).
    /// Who probes names none: that is a question, and the answer settles it.
    ///
    /// The address is kept and defended, as §2.4 (c) has it: by one announcement in each
    /// `DEFEND_INTERVAL`, however many frames there are.
    pub(super) fn conflict(&mut self, now: Instant, key: Key, other: MacAddr) -> bool {
        let Some(held) = self.claims.get(&key) else {
            return false;
        };
        if !self.lease_holds(now, held) {
            return true;
        }
        self.events.conflict(key, other);
        let interval = self.config.defend_interval;
        let Some(held) = self.claims.get_mut(&key) else {
            return true;
        };
        if held.defended.is_none_or(|last| now >= last + interval) {
            held.defended = Some(now);
            self.want(Class::First, key, What::Defend);
        }
        true
    }
}
