use std::{sync::Arc, time::Duration};

use vipcast_sans_io::Instant;

use super::{Network, Occurrence, Parcel, Reported};
use crate::{Arrival, Boot, DropReason, Link, Node, NodeId, Packet, Route, What};

impl<N: Node> Network<N> {
    /// Lets all happen until `until`, included; then it is `until`.
    ///
    /// # Panics
    ///
    /// If a node never stops sending, or wakes again and again at one instant.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
    }

    /// As [`run_until`](Self::run_until), for this long from now.
    pub fn run_for(&mut self, duration: Duration) {
        self.run_until(self.now + duration);
    }

    /// As [`run_until`](Self::run_until), asking after each step whether all is well.
    ///
    /// # Errors
    ///
    /// The first refusal of `invariant`, with the world stopped at that moment.
    pub fn run_while<E>(
        &mut self,
        until: Instant,
        mut invariant: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        while self.step(until) {
            invariant(self)?;
        }
        invariant(self)
    }

    /// Lets the next thing happen, if it happens by `until`: one fault, arrival or wake-up. Otherwise
    /// moves the time to `until`. Whether something happened.
    pub fn step(&mut self, until: Instant) -> bool {
        let queued = self.queue.first_key_value().map(|(&(at, _), _)| at);
        let woken = self.wakes.first().copied();
        let timer_first = match (queued, woken) {
            (Some(queued), Some((at, _))) => at < queued,
            (None, Some(_)) => true,
            _ => false,
        };
        if timer_first {
            let Some((at, node)) = woken.filter(|&(at, _)| at <= until) else {
                return self.idle(until);
            };
            self.advance(at);
            self.restless += 1;
            assert!(
                self.restless < RESTLESS,
                "{} wakes again and again at {:?}: handle_timeout must move poll_timeout on",
                self.name(node),
                self.now
            );
            self.wakes.remove(&(at, node));
            self.hosts[usize::from(node.0)].wake = None;
            self.settle(node);
            return true;
        }
        if queued.is_none_or(|at| at > until) {
            return self.idle(until);
        }
        if let Some(((at, _), occurrence)) = self.queue.pop_first() {
            self.advance(at);
            match occurrence {
                Occurrence::Start(node) => self.settle(node),
                Occurrence::Arrive(node, parcel) => self.arrive(node, parcel),
                Occurrence::Begin(fault) => self.begin(&fault),
                Occurrence::End(fault) => self.end(&fault),
                Occurrence::Open { name, link, end } => self.open(name, link, end),
                Occurrence::Retry { name, connection } => self.retry(name, connection),
            }
        }
        true
    }

    fn idle(&mut self, until: Instant) -> bool {
        self.advance(until);
        false
    }

    fn advance(&mut self, at: Instant) {
        if at > self.now {
            self.now = at;
            self.restless = 0;
        }
    }

    /// Makes the node, for the first time or anew.
    pub(super) fn boot(&mut self, node: NodeId) {
        let host = &mut self.hosts[usize::from(node.0)];
        let boot = Boot {
            node,
            now: host.clock.local(self.now),
            life: host.life,
            seed: host.rng.next_u64(),
        };
        host.life += 1;
        host.node = Some((host.factory)(boot));
        // Made in the middle of a pause, it stops at once.
        self.counts.pauses += u64::from(host.paused > 0);
        self.record(node, || What::Boot { life: boot.life });
        self.cause(self.now, Occurrence::Start(node));
        // A new process reads the state of its links.
        let depths = self.hosts[usize::from(node.0)].unplugged.clone();
        for (link, _) in (0..).map(Link).zip(depths).filter(|&(_, depth)| depth > 0) {
            let parcel = Parcel::Carrier { link, up: false };
            self.cause(self.now, Occurrence::Arrive(node, parcel));
        }
    }

    pub(super) fn arrive(&mut self, node: NodeId, parcel: Parcel) {
        let host = &mut self.hosts[usize::from(node.0)];
        let packet = matches!(parcel, Parcel::Packet { .. });
        if host.node.is_none() {
            if packet {
                self.drop_for(node, node, DropReason::Down);
            } else {
                self.hand_over(node, &parcel);
            }
        } else if host.paused > 0 {
            let full = host.inbox.len() >= self.config.receive_buffer;
            if full && packet {
                self.drop_for(node, node, DropReason::Overflow);
            } else {
                host.inbox.push_back(parcel);
            }
        } else {
            self.hand_over(node, &parcel);
            self.settle(node);
        }
    }

    pub(super) fn hand_over(&mut self, node: NodeId, parcel: &Parcel) {
        let arrival = match parcel {
            Parcel::Packet { link, from, bytes } => {
                self.counts.received += 1;
                let sender = Arc::clone(&self.hosts[usize::from(from.0)].name);
                self.record(node, || What::Received {
                    link: *link,
                    from: sender,
                    bytes: bytes.to_vec(),
                });
                Arrival::Packet(Packet { link: *link, from: *from, bytes })
            }
            &Parcel::Carrier { link, up } => {
                self.record(node, || What::Carrier { link, up });
                Arrival::Carrier { link, up }
            }
            &Parcel::Stream { connection, stream, ref what } => {
                return self.hand_over_stream(node, connection, stream, what);
            }
        };
        let host = &mut self.hosts[usize::from(node.0)];
        let local = host.clock.local(self.now);
        if let Some(inner) = &mut host.node {
            inner.handle(local, arrival);
        }
    }

    /// Serves the node until nothing moves, and asks when it wants to wake.
    pub(super) fn settle(&mut self, node: NodeId) {
        for _ in 0..ENDLESS {
            self.fire(node);
            if !self.serve(node) {
                return self.schedule_wake(node);
            }
        }
        panic!("{} never stops: what is polled must come to None", self.name(node));
    }

    /// Fires timers that are due.
    fn fire(&mut self, node: NodeId) {
        let host = &mut self.hosts[usize::from(node.0)];
        let local = host.clock.local(self.now);
        let Some(inner) = host.node.as_mut().filter(|_| host.paused == 0) else {
            return;
        };
        if inner.poll_timeout().is_some_and(|at| at <= local) {
            inner.handle_timeout(local);
            self.record(node, || What::Timeout);
        }
    }

    /// Takes the node's events, a batch of packets, and what it does with streams. Whether there was
    /// anything.
    pub(super) fn serve(&mut self, node: NodeId) -> bool {
        let mut moved = false;
        while let Some(event) = self.running(node).and_then(|(inner, _)| inner.poll_event()) {
            moved = true;
            self.record(node, || What::Event(format!("{event:?}")));
            self.events.push(Reported { at: self.now, local: self.local(node), node, event });
        }
        if self.hosts[usize::from(node.0)].stalled > 0 {
            return moved;
        }
        let mut buf = Vec::new();
        for _ in 0..BATCH {
            let packet =
                self.running(node).and_then(|(inner, now)| inner.poll_packet(now, &mut buf));
            let Some(route) = packet else { break };
            moved = true;
            self.send(node, route, &buf);
        }
        for _ in 0..BATCH {
            let action =
                self.running(node).and_then(|(inner, now)| inner.poll_stream(now, &mut buf));
            let Some(action) = action else { break };
            moved = true;
            self.act(node, action, &buf);
        }
        moved
    }

    /// The node and what its clock shows, if it runs.
    fn running(&mut self, node: NodeId) -> Option<(&mut N, Instant)> {
        let host = &mut self.hosts[usize::from(node.0)];
        let local = host.clock.local(self.now);
        let inner = host.node.as_mut().filter(|_| host.paused == 0)?;
        Some((inner, local))
    }

    pub(super) fn schedule_wake(&mut self, node: NodeId) {
        let host = &mut self.hosts[usize::from(node.0)];
        let deadline = match &host.node {
            Some(inner) if host.paused == 0 => inner.poll_timeout(),
            _ => None,
        };
        // The same deadline keeps its wake, so that asking more often changes nothing.
        if host.wake.map(|(deadline, _)| deadline) == deadline {
            return;
        }
        if let Some((_, at)) = host.wake.take() {
            self.wakes.remove(&(at, node));
        }
        if let Some(deadline) = deadline.filter(|&at| at != Instant::FAR_FUTURE) {
            let late = host.rng.between(Duration::ZERO, self.config.most_lateness);
            let at = host.clock.world(deadline).max(self.now) + late;
            host.wake = Some((deadline, at));
            self.wakes.insert((at, node));
        }
    }

    fn send(&mut self, from: NodeId, route: Route, bytes: &[u8]) {
        self.counts.sent += 1;
        let to = route
            .to
            .and_then(|to| self.hosts.get(usize::from(to.0)))
            .map(|host| Arc::clone(&host.name));
        self.record(from, || What::Sent { link: route.link, to, bytes: bytes.to_vec() });
        let links = &self.hosts[usize::from(from.0)].links;
        let Some(&segment) = links.get(usize::from(route.link.0)) else {
            return self.drop_for(from, from, DropReason::Nobody);
        };
        let members = &self.segments[usize::from(segment.0)].members;
        let receivers: Vec<(NodeId, Link)> = members
            .iter()
            .copied()
            .filter(|&(to, _)| to != from && route.to.is_none_or(|only| only == to))
            .collect();
        if let (Some(to), true) = (route.to, receivers.is_empty()) {
            let to = if usize::from(to.0) < self.hosts.len() { to } else { from };
            return self.drop_for(from, to, DropReason::Nobody);
        }
        let bytes: Arc<[u8]> = bytes.into();
        for (to, link) in receivers {
            let unplugged = |node: NodeId, link: Link| {
                self.hosts[usize::from(node.0)].unplugged[usize::from(link.0)] > 0
            };
            let blocked = unplugged(from, route.link) || unplugged(to, link);
            let segment = &mut self.segments[usize::from(segment.0)];
            let cut = segment.is_cut(from, to);
            // Drawn in any case: a cut must not shift the luck of later packets.
            let fate = segment.send(self.now, self.seed, from, to);
            if blocked {
                self.drop_for(from, to, DropReason::Unplugged);
            } else if cut {
                self.drop_for(from, to, DropReason::Cut);
            } else if fate.arrivals.is_empty() {
                self.drop_for(from, to, DropReason::Loss);
            } else {
                self.counts.reordered += u64::from(fate.reordered);
                self.counts.duplicated += u64::from(fate.arrivals.len() > 1);
                for at in fate.arrivals {
                    let bytes = Arc::clone(&bytes);
                    let parcel = Parcel::Packet { link, from, bytes };
                    self.cause(at, Occurrence::Arrive(to, parcel));
                }
            }
        }
    }

    /// Counts a packet that is not delivered; `at` is where it vanishes.
    pub(super) fn drop_for(&mut self, at: NodeId, to: NodeId, why: DropReason) {
        match why {
            DropReason::Loss => self.counts.lost += 1,
            DropReason::Cut => self.counts.cut_off += 1,
            _ => self.counts.dropped += 1,
        }
        let to = Arc::clone(&self.hosts[usize::from(to.0)].name);
        self.record(at, || What::Dropped { why, to });
    }
}

/// How many packets leave before the timers are looked at again.
const BATCH: usize = 32;
/// So many rounds at one go are a fault of the node.
const ENDLESS: u32 = 100_000;
/// So many wakes at one instant are a fault of a node.
const RESTLESS: u32 = 10_000;
