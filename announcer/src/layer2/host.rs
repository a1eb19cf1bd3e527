mod agreement;
mod claims;
mod commands;
mod connect;
mod elect;
mod filters;
mod gateways;
mod groups;
mod network;
mod receive;

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::IpAddr,
    sync::Arc,
    thread,
    time::Duration,
};

use tokio::sync::{mpsc, watch};
use vipcast_arp_ndp::{Claim, LinkId, Responder};
use vipcast_election::{NodeName, Segment, Unit};
use vipcast_plan::{LinkExpression, LinkName};
use vipcast_sans_io::Instant;

use self::{filters::Filters, gateways::Gateways};
use super::{
    ClaimKey, Layer2Config, Layer2Report, LinkFilter, Shared, Table,
    alarms::Alarms,
    beacons::Beacons,
    connects::Connects,
    elector::Elector,
    lock,
    moderation::Moderation,
    outgoing::Outgoing,
    outlets::Wire,
    sockets::{BEACON, CONNECT, Sockets, link_of},
};
use crate::{
    clock::Clock,
    driver::{Flow, Outlet, pump},
    os::{AbortOnUnwind, FrameBatch, GroupMemberships, Poller, Timer, netlink::LinkWatch},
};

/// The thread: one loop around an elector, a responder and their sockets.
pub(super) struct Host {
    shared: Arc<Shared>,
    reports: watch::Sender<Arc<Layer2Report>>,
    gap: Duration,

    poller: Poller,
    timer: Timer,
    watch: LinkWatch,
    sockets: Sockets,
    groups: GroupMemberships,
    filters: Filters,
    gateways: Gateways,
    /// As configured, and what of it is in force.
    configured: LinkFilter,
    filter: LinkFilter,
    /// Never announced on.
    listed: Vec<LinkExpression>,
    frame: Vec<u8>,
    batch: FrameBatch,
    /// The packet sockets that were not read to the end.
    unread: Vec<u64>,
    moderation: Moderation,
    outgoing: Outgoing,
    buf: Vec<u8>,

    me: NodeName,
    elector: Elector,
    beacons: Beacons,
    /// Where holders are to be seen to serve by TCP.
    connects: Option<Connects>,
    /// Who takes the datagrams of an agreement.
    agreement: Option<mpsc::Sender<Vec<u8>>>,
    /// It is known who may hold what.
    ready: bool,
    segments_up: BTreeSet<Segment>,
    /// The addresses whose owners are silent, and until when an answer counts.
    asked: BTreeMap<ClaimKey, (Unit, Instant)>,
    /// Addresses that were asked for, and are not in the table.
    unlisted: BTreeSet<(IpAddr, LinkId)>,
    /// Until when each conflict goes on.
    conflicts_until: BTreeMap<(IpAddr, LinkName), Instant>,
    alarms: Alarms,
    /// When the elector wants to be called next.
    election_due: Option<Instant>,
    claims_version: u64,
    peers_looked_at: Instant,
    responder: Responder,
    table: Arc<Table>,
    claimed: BTreeMap<ClaimKey, Claim>,
    /// Checks that have no verdict yet.
    asking: BTreeSet<(IpAddr, LinkId)>,
    report: Layer2Report,
    /// The report has changed since it was published.
    dirty: bool,
    /// It has changed in a way that may be told with the counters.
    later: bool,
    /// When the loop wants to be awake again.
    due: Option<Instant>,
    /// When to look at the links again.
    look_again: Option<Instant>,
    counters_told: Instant,
}

/// What a descriptor stands for; any other number is a socket's.
const TIMER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
const LINKS: u64 = u64::MAX - 2;

/// When to try again after a transport was full; a packet socket does not say when it has room.
const RETRY_FULL: Duration = Duration::from_millis(1);

/// How often the counters are told at most.
const COUNTERS_EVERY: Duration = Duration::from_millis(100);

impl Host {
    pub(super) fn new(
        config: Layer2Config,
        shared: Arc<Shared>,
        reports: watch::Sender<Arc<Layer2Report>>,
    ) -> io::Result<Self> {
        let (poller, timer, watch) = (Poller::new()?, Timer::new()?, LinkWatch::open()?);
        poller.add(&timer, TIMER)?;
        poller.add(&shared.waker, WAKER)?;
        poller.add(&watch, LINKS)?;
        Ok(Self {
            shared,
            reports,
            gap: config.gap,
            poller,
            timer,
            watch,
            sockets: Sockets::new(),
            groups: GroupMemberships::default(),
            filters: Filters::default(),
            gateways: Gateways::new(config.links.destinations())?,
            configured: config.links.clone(),
            filter: config.links,
            listed: Vec::new(),
            frame: vec![0; 2048],
            batch: FrameBatch::new(),
            unread: Vec::new(),
            moderation: Moderation::default(),
            outgoing: Outgoing::default(),
            buf: Vec::new(),
            me: config.me,
            connects: config.election.proves_by_tcp().then(Connects::new).transpose()?,
            elector: Elector::new(config.election),
            beacons: Beacons::new(config.beacons),
            agreement: None,
            ready: false,
            segments_up: BTreeSet::new(),
            asked: BTreeMap::new(),
            unlisted: BTreeSet::new(),
            conflicts_until: BTreeMap::new(),
            alarms: Alarms::default(),
            election_due: None,
            claims_version: 0,
            peers_looked_at: Instant::ZERO,
            responder: Responder::new(config.responder),
            table: Arc::default(),
            claimed: BTreeMap::new(),
            asking: BTreeSet::new(),
            report: Layer2Report::default(),
            dirty: true,
            later: false,
            due: None,
            look_again: None,
            counters_told: Instant::ZERO,
        })
    }

    /// Runs until it is told to stop. An error of the kernel's that leaves the loop blind ends the
    /// process, as any panic here does.
    pub(super) fn run(mut self) {
        let _abort = AbortOnUnwind::new();
        if let Err(error) = self.serve() {
            panic!("the layer 2 thread cannot go on: {error}");
        }
    }

    fn serve(&mut self) -> io::Result<()> {
        self.look_at_links()?;
        self.elect();
        self.turn()?;
        let mut ready = Vec::new();
        // A process may be stopped anywhere, not only while it waits.
        let mut stopped = false;
        // For how long frames may gather first.
        let mut rest = None;
        loop {
            ready.clear();
            if !stopped {
                self.wait(&mut ready, rest)?;
            }
            let now = Clock::now();
            if stopped || self.due.is_some_and(|due| now > due + self.gap) {
                self.drop_what_is_old()?;
            }
            // Due timers before any input: who slept past its tokens holds nothing now.
            if self.election_due.is_some_and(|due| due <= now) {
                self.elect();
            }
            for &source in &ready {
                match source {
                    TIMER => {
                        self.timer.expired()?;
                        if self.look_again.is_some_and(|due| due <= Clock::now()) {
                            self.look_at_links()?;
                        }
                        self.look_at_gateways()?;
                    }
                    WAKER => {
                        self.shared.waker.drain()?;
                        if !self.obey()? {
                            lock(&self.shared.responder).clone_from(self.responder.counters());
                            self.sockets.values().for_each(|socket| self.filters.count(socket));
                            let sockets = self.socket_counters(Clock::now());
                            *lock(&self.shared.sockets) = sockets;
                            *lock(&self.shared.beacons) = self.elector.counters();
                            return Ok(());
                        }
                    }
                    LINKS => {
                        if self.watch.changed()? {
                            self.look_at_links()?;
                        }
                    }
                    number if number & BEACON != 0 => {
                        self.receive_beacons(link_of(number))?;
                    }
                    number if number & CONNECT != 0 => self.receive_handshakes(number)?,
                    number => self.receive(number)?,
                }
            }
            // Questions for addresses are no news for the elector.
            if !ready.iter().all(|&source| is_of_frames(source)) || !self.asked.is_empty() {
                self.elect();
            }
            self.turn()?;
            let done = Clock::now();
            stopped = done > now + self.gap;
            rest = self.moderation.rest(done);
        }
    }

    /// Waits until there is something to do.
    fn wait(&mut self, ready: &mut Vec<u64>, rest: Option<Duration>) -> io::Result<()> {
        if !self.unread.is_empty() {
            self.poller.poll(ready)?;
            for number in self.unread.drain(..) {
                if !ready.contains(&number) {
                    ready.push(number);
                }
            }
            return Ok(());
        }
        if let Some(rest) = rest {
            thread::sleep(rest);
        }
        self.poller.wait(ready)
    }

    /// Lets everything move that can, then sleeps no longer than the machines allow.
    fn turn(&mut self) -> io::Result<()> {
        self.join_groups();
        let (sockets, report) = (&self.sockets, &mut self.report);
        let asking = &mut self.asking;
        let claimed = &self.claimed;
        let mut outlet = Wire {
            sockets,
            outgoing: &mut self.outgoing,
            leases: &self.shared.leases,
            report,
            asking,
            claimed,
            conflicts: Vec::new(),
            dirty: false,
            later: false,
            full: false,
        };
        let left = outlet.outgoing.left_over();
        let responder_due = if left.map(|built| outlet.flush(built)) == Some(Flow::Full) {
            None
        } else {
            pump(&mut self.responder, Clock::now, &mut self.buf, &mut outlet)
        };
        self.dirty |= outlet.dirty;
        self.later |= outlet.later;
        let conflicts = std::mem::take(&mut outlet.conflicts);
        let full = outlet.full;
        self.note_conflicts(Clock::now(), conflicts);
        let retry = full.then(|| Clock::now() + RETRY_FULL);
        let counters_due = self.tell();
        self.due = [self.election_due, responder_due, retry].into_iter().flatten().min();
        let looks = self.look_again.into_iter().chain([self.gateways.due()]);
        let looks = looks.chain(self.alarms.due()).chain(self.groups.is_behind().then(Clock::now));
        let looks = looks.chain(self.conflicts_until.values().min().copied());
        self.timer.set(self.due.into_iter().chain(counters_due).chain(looks).min())
    }

    /// Publishes what changed; returns when to publish the counters that are held back.
    fn tell(&mut self) -> Option<Instant> {
        let (now, due) = (Clock::now(), self.counters_told + COUNTERS_EVERY);
        self.dirty |= self.later && due <= now;
        if std::mem::take(&mut self.dirty) {
            self.later = false;
            if *self.report.claims != *self.elector.claims() {
                self.report.claims = Arc::new(self.elector.claims().clone());
            }
            self.look_at_blocked(now);
            let report = &self.report;
            self.reports.send_if_modified(|told| {
                let news = **told != *report;
                if news {
                    *told = Arc::new(report.clone());
                }
                news
            });
        }
        let mut told = lock(&self.shared.responder);
        if *told == *self.responder.counters() {
            return None;
        }
        if now < due {
            return Some(due);
        }
        told.clone_from(self.responder.counters());
        drop(told);
        let sockets = self.socket_counters(now);
        *lock(&self.shared.sockets) = sockets;
        *lock(&self.shared.beacons) = self.elector.counters();
        self.counters_told = now;
        None
    }
}

/// Whether it is a packet socket, and not a timer, a command, a change of links, a beacon or a handshake.
fn is_of_frames(source: u64) -> bool {
    ![TIMER, WAKER, LINKS].contains(&source) && source & (BEACON | CONNECT) == 0
}
