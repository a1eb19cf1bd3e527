use alloc::vec::Vec;
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{
    Key, Responder, Timer,
    pace::{Class, Form, What},
};
use crate::{ArpPacket, NeighborAdvertisement};

impl Responder {
    /// Tells the LAN of an address from the first: the gateways and those who asked for it are asked
    /// from it, and it is announced.
    pub(super) fn announce(&mut self, key: Key) {
        let config = &self.config;
        let Some(held) = self.claims.get_mut(&key) else {
            return;
        };
        (held.plain_left, held.replies_left) = match key.1 {
            IpAddr::V4(_) => (count(config.announcements), count(config.replies)),
            IpAddr::V6(_) => (count(config.advertisements), 0),
        };
        let (plain, replies) = (held.plain_left > 0, held.replies_left > 0);
        self.stop_announcing(key);
        // The gateway first: it stands for all who are not on the link.
        self.ask_gateways(key);
        if plain {
            self.want(Class::First, key, What::Announce(Form::Plain));
        }
        if replies {
            self.want(Class::Later, key, What::Announce(Form::Reply));
        }
        if plain && key.1.is_ipv6() {
            self.want(Class::Later, key, What::Announce(Form::Routers));
        }
        self.ask_requesters(key);
    }

    pub(super) fn stop_announcing(&mut self, key: Key) {
        for form in [Form::Plain, Form::Reply] {
            self.timers.stop(&Timer::Announce(key, form));
        }
        self.stop_asking(key);
        if let Some(link) = self.links.get_mut(&key.0) {
            link.queue.forget(key);
            if link.queue.is_empty() {
                self.timers.stop(&Timer::Pace(key.0));
            }
        }
    }

    pub(super) fn build_announcement(
        &mut self,
        now: Instant,
        key: Key,
        form: Form,
        buf: &mut Vec<u8>,
    ) -> Option<()> {
        self.encode_announcement(now, key, form, buf)?;
        self.counters.announcements_sent += 1;
        let held = self.claims.get_mut(&key)?;
        let (left, interval) = match (form, key.1) {
            (Form::Plain, IpAddr::V4(_)) => (&mut held.plain_left, self.config.announce_interval),
            (Form::Plain, IpAddr::V6(_)) => (&mut held.plain_left, self.config.advertise_interval),
            (Form::Reply, _) => (&mut held.replies_left, self.config.reply_interval),
            // Once.
            (Form::Routers, _) => return Some(()),
        };
        *left = left.saturating_sub(1);
        let next = if *left > 0 {
            Some(interval)
        } else if form == Form::Plain {
            self.config.refresh.map(|refresh| self.jitter.spread(refresh))
        } else {
            None
        };
        if let Some(next) = next {
            self.timers.set(Timer::Announce(key, form), now + next);
        }
        Some(())
    }

    /// One more announcement, which changes nothing of the others.
    pub(super) fn build_defence(
        &mut self,
        now: Instant,
        key: Key,
        buf: &mut Vec<u8>,
    ) -> Option<()> {
        self.encode_announcement(now, key, Form::Plain, buf)?;
        self.counters.defences_sent += 1;
        Some(())
    }

    fn encode_announcement(
        &self,
        now: Instant,
        key: Key,
        form: Form,
        buf: &mut Vec<u8>,
    ) -> Option<()> {
        let mac = self.voice(now, key)?;
        match (key.1, form) {
            (IpAddr::V4(_), Form::Routers) => return None,
            (IpAddr::V4(address), Form::Plain) => ArpPacket::announcement(address, mac).encode(buf),
            (IpAddr::V4(address), Form::Reply) => {
                ArpPacket::gratuitous_reply(address, mac).encode(buf);
            }
            (IpAddr::V6(address), Form::Routers) => {
                NeighborAdvertisement::to_routers(address, mac, self.is_router(key.0)).encode(buf);
            }
            (IpAddr::V6(address), _) => {
                NeighborAdvertisement::announcement(address, mac, self.is_router(key.0))
                    .encode(buf);
            }
        }
        Some(())
    }
}

/// So many and more are as good as no end.
fn count(times: u32) -> u16 {
    u16::try_from(times).unwrap_or(u16::MAX)
}
