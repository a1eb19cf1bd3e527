use alloc::{collections::BTreeMap, vec::Vec};
use core::net::IpAddr;

use vipcast_sans_io::Instant;

use super::{Key, LinkId, Responder, Timer};

/// A frame that we want to send on our own account. What it says is found when it is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Work {
    pub(super) key: Key,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Probe,
    Defend,
    Announce(Form),
    Ask(IpAddr),
}

/// How an address is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// By a request, or in IPv6 by an unsolicited advertisement.
    Plain,
    /// By a reply. IPv4 alone.
    Reply,
    /// To routers that do not know the address yet. IPv6 alone.
    Routers,
}

/// What goes before what: no address is announced again before each was announced once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The first announcement of an address, and its question to the gateway.
    First,
    /// All else.
    Later,
}

/// What waits for its turn on one link: by class, then in the order in which it was wanted. The same
/// work waits once.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pushed: u64,
    order: BTreeMap<Place, Work>,
    places: BTreeMap<Work, Place>,
}

type Place = (Class, u64);

impl Queue {
    pub(super) fn push(&mut self, class: Class, work: Work) {
        let place = (class, self.pushed);
        match self.places.get(&work).copied() {
            Some(old) if old < place => return,
            Some(old) => _ = self.order.remove(&old),
            None => {}
        }
        self.pushed += 1;
        self.places.insert(work, place);
        self.order.insert(place, work);
    }

    fn pop(&mut self) -> Option<Work> {
        let (_, work) = self.order.pop_first()?;
        self.places.remove(&work);
        Some(work)
    }

    /// Forgets all that was wanted for an address.
    pub(super) fn forget(&mut self, key: Key) {
        let from = Work { key, what: What::Probe };
        let works = self.places.range(from..).map(|(&work, _)| work);
        let works: Vec<Work> = works.take_while(|work| work.key == key).collect();
        for work in works {
            self.remove(work);
        }
    }

    pub(super) fn remove(&mut self, work: Work) {
        if let Some(place) = self.places.remove(&work) {
            self.order.remove(&place);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}

impl Responder {
    /// Wants a frame sent. Where the link is down there is no queue: all is announced anew when it
    /// is up.
    pub(super) fn want(&mut self, class: Class, key: Key, what: What) {
        if let Some(link) = self.links.get_mut(&key.0) {
            link.queue.push(class, Work { key, what });
        }
    }

    /// Builds the next frame that the pace of its link lets go.
    pub(super) fn next_paced(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LinkId> {
        let rate = self.config.pace;
        let mut from = LinkId(0);
        loop {
            let mut links = self.links.range_mut(from..);
            let (&id, link) = links.find(|(_, link)| !link.queue.is_empty())?;
            let ready = link.pace.ready_at(rate);
            if ready > now {
                let timer = Timer::Pace(id);
                if self.timers.deadline(&timer) != Some(ready) {
                    self.timers.set(timer, ready);
                }
                from = LinkId(id.0.checked_add(1)?);
                continue;
            }
            let work = link.queue.pop()?;
            if self.build(now, work, buf) {
                self.links.get_mut(&id)?.pace.take(now, rate);
                return Some(id);
            }
        }
    }

    /// Writes the frame, if it is still wanted and true. Whether it is.
    fn build(&mut self, now: Instant, Work { key, what }: Work, buf: &mut Vec<u8>) -> bool {
        match what {
            What::Probe => self.build_probe(now, key, buf),
            What::Defend => self.build_defence(now, key, buf),
            What::Announce(form) => self.build_announcement(now, key, form, buf),
            What::Ask(neighbour) => self.build_question(now, key, neighbour, buf),
        }
        .is_some()
    }
}
