use alloc::vec::Vec;
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Key, LinkId, Responder};
use crate::{ArpPacket, NeighborAdvertisement};

impl Responder {
    /// Starts the announcements of an address from the first.
    pub(super) fn announce(&mut self, key: Key) {
        let Some(held) = self.claims.get_mut(&key) else {
            return;
        };
        held.announcements_left = match key.1 {
            IpAddr::V4(_) => self.config.announcements,
            IpAddr::V6(_) => self.config.advertisements,
        };
        self.timers.stop(&key);
        self.queue_announcement(key);
    }

    pub(super) fn queue_announcement(&mut self, key: Key) {
        let Some(held) = self.claims.get_mut(&key) else {
            return;
        };
        if !core::mem::replace(&mut held.queued, true) {
            self.due.push_back((key, held.epoch));
        }
    }

    pub(super) fn next_announcement(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        while let Some((key, epoch)) = self.due.pop_front() {
            let (link, address) = key;
            let voice = self.voice(now, key);
            let router = self.is_router(link);
            let Some(held) = self.claims.get_mut(&key).filter(|held| held.epoch == epoch) else {
                continue;
            };
            held.queued = false;
            let Some(mac) = voice else {
                continue;
            };
            let interval = match address {
                IpAddr::V4(address) => {
                    ArpPacket::announcement(address, mac).encode(buf);
                    self.config.announce_interval
                }
                IpAddr::V6(address) => {
                    NeighborAdvertisement::announcement(address, mac, router).encode(buf);
                    self.config.advertise_interval
                }
            };
            held.announcements_left = held.announcements_left.saturating_sub(1);
            if held.announcements_left > 0 {
                self.timers.set(key, now + interval);
            }
            self.counters.announcements_sent += 1;
            return Some(link);
        }
        None
    }
}
