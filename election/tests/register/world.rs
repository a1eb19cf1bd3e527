//! Hosts that hand out addresses to services, with disks that are slow and may be cut off in the
//! middle of a write.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use vipcast_election::{
    NodeName,
    beacon::Keyring,
    register::{
        Changes, Persist, ProposeError, Register, RegisterConfig, RegisterEvent, RegisterSettings,
        RegisterTransmit, VoterId,
    },
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{Arrival, Boot, Config, Link, Network, Node, NodeId, Route, SegmentId};

pub(crate) type World = Network<Host>;

pub(crate) const LAN: SegmentId = SegmentId(0);

/// What a disk has, and what was being written when its machine stopped.
#[derive(Default)]
pub(crate) struct Disk {
    pub(crate) bytes: Vec<u8>,
    writing: Option<Persist>,
    lives: u64,
}

pub(crate) struct Host {
    pub(crate) register: Register,
    disk: Rc<RefCell<Disk>>,
    disk_takes: Duration,
    written_at: Option<Instant>,
    /// Services that were seen here and want an address.
    pub(crate) services: BTreeSet<u16>,
    /// Whether dead memories are replaced.
    pub(crate) heals: bool,
    without_vote: BTreeMap<NodeName, VoterId>,
    founders: BTreeSet<NodeName>,
    seen: Vec<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The document here is now this.
    Agreed(u64, BTreeMap<u16, u16>),
    /// What was told of changes does not add up to the document.
    Wrong(&'static str),
}

#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) nodes: u16,
    /// The first so many found the history.
    pub(crate) founders: u16,
    pub(crate) settings: RegisterSettings,
    pub(crate) disk_takes: Duration,
    pub(crate) heals: bool,
    pub(crate) network: Config,
}

impl Plan {
    pub(crate) fn exact(nodes: u16, founders: u16) -> Self {
        Self {
            nodes,
            founders,
            settings: RegisterSettings::default(),
            disk_takes: Duration::from_millis(3),
            heals: true,
            network: Config { record: false, ..Config::exact(Duration::from_micros(100)) },
        }
    }

    pub(crate) fn build(&self, seed: u64) -> (World, Vec<Rc<RefCell<Disk>>>) {
        let mut net = Network::new(seed, self.network);
        let lan = net.add_segment();
        let mut disks = Vec::new();
        for index in 0..self.nodes {
            let disk = Rc::new(RefCell::new(Disk::default()));
            disks.push(Rc::clone(&disk));
            let plan = self.clone();
            net.add_node(name(index).as_str(), &[lan], move |boot| {
                Host::new(&plan, boot, Rc::clone(&disk))
            });
        }
        (net, disks)
    }
}

pub(crate) fn name(index: u16) -> NodeName {
    NodeName::new(format!("n{index:02}"))
}

pub(crate) fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Who has a token now.
pub(crate) fn leaders(net: &World) -> Vec<NodeId> {
    let leads = |node: &NodeId| {
        let host = net.node(*node).filter(|_| net.is_running(*node));
        host.is_some_and(|host| host.register.leads(net.local(*node)).is_some())
    };
    net.nodes().filter(leads).collect()
}

/// A service appears at these nodes.
pub(crate) fn wish(net: &mut World, nodes: impl IntoIterator<Item = NodeId>, service: u16) {
    for node in nodes {
        net.command(node, |host, now| {
            host.services.insert(service);
            host.assign(now);
        });
    }
}

/// Which address each service has, as this node knows.
pub(crate) fn assigned(register: &Register) -> BTreeMap<u16, u16> {
    let number = |bytes: &[u8]| u16::from_be_bytes(bytes.try_into().unwrap());
    register.document().entries().map(|(key, value)| (number(key), number(value))).collect()
}

impl Host {
    fn new(plan: &Plan, boot: Boot, disk: Rc<RefCell<Disk>>) -> Self {
        let founders: BTreeSet<NodeName> = (0..plan.founders).map(name).collect();
        let me = name(boot.node.0);
        let config = RegisterConfig::new(me, founders.clone(), plan.settings.clone()).unwrap();
        let (bytes, voter) = {
            let disk = &mut *disk.borrow_mut();
            disk.lives += 1;
            // The write that was under way is there, or is not, or in part.
            match disk.writing.take() {
                Some(write) if boot.seed.is_multiple_of(3) => disk.write(&write, write.bytes.len()),
                Some(write) if boot.seed % 3 == 1 && !write.replace => {
                    let cut = boot.seed as usize % (write.bytes.len() + 1);
                    disk.write(&write, cut);
                }
                _ => {}
            }
            (disk.bytes.clone(), VoterId(u64::from(boot.node.0) * 1_000 + disk.lives))
        };
        let keyring = Keyring::insecure();
        let register = Register::restore(boot.now, voter, &bytes, config, keyring).unwrap();
        Self {
            register,
            disk,
            disk_takes: plan.disk_takes,
            written_at: None,
            services: BTreeSet::new(),
            heals: plan.heals,
            without_vote: BTreeMap::new(),
            founders,
            seen: Vec::new(),
        }
    }

    /// The leader gives each service that it knows the lowest free address.
    fn assign(&mut self, now: Instant) {
        let register = &self.register;
        let idle =
            self.services.iter().all(|s| register.document().get(&s.to_be_bytes()).is_some());
        if register.leads(now).is_none() || idle {
            self.heal(now);
            return;
        }
        let mut known = assigned(&self.register);
        let mut taken: BTreeSet<u16> = known.values().copied().collect();
        let mut changes = Changes::new();
        for service in &self.services {
            if !known.contains_key(service) {
                let address = (0..).find(|address| !taken.contains(address)).unwrap();
                taken.insert(address);
                known.insert(*service, address);
                let value = address.to_be_bytes().to_vec();
                changes.insert(service.to_be_bytes().to_vec(), Some(value));
            }
        }
        match self.register.propose(now, changes) {
            Ok(()) | Err(ProposeError::Busy | ProposeError::NotLeading) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// A founder whose memory is lost is dismissed, and admitted with its new one.
    fn heal(&mut self, now: Instant) {
        if !self.heals || self.without_vote.is_empty() {
            return;
        }
        let members = self.register.document().members();
        for (name, voter) in &self.without_vote {
            let done = match members.get(name) {
                Some(known) if known == voter => continue,
                Some(_) => self.register.dismiss(now, name),
                None if self.founders.contains(name) => self.register.admit(now, name, *voter),
                None => continue,
            };
            if done.is_ok() {
                return;
            }
        }
    }

    fn after(&mut self, now: Instant) {
        if self.written_at.is_some_and(|at| at <= now) {
            self.written_at = None;
            let disk = &mut *self.disk.borrow_mut();
            if let Some(write) = disk.writing.take() {
                disk.write(&write, write.bytes.len());
                self.register.persisted(now, write.ticket);
            }
        }
        if self.written_at.is_none()
            && let Some(persist) = self.register.poll_persist()
        {
            self.disk.borrow_mut().writing = Some(persist);
            self.written_at = Some(now + self.disk_takes);
        }
        while let Some(event) = self.register.poll_event() {
            match event {
                RegisterEvent::Agreed { version, changes } => {
                    if changes
                        .iter()
                        .any(|(key, v)| self.register.document().get(key) != v.as_deref())
                    {
                        self.seen.push(Seen::Wrong("told what is not in the document"));
                    }
                    self.seen.push(Seen::Agreed(version, assigned(&self.register)));
                }
                RegisterEvent::Blank { name, voter } => {
                    self.without_vote.insert(name, voter);
                }
                _ => {}
            }
        }
        self.assign(now);
        if self.written_at.is_none()
            && let Some(persist) = self.register.poll_persist()
        {
            self.disk.borrow_mut().writing = Some(persist);
            self.written_at = Some(now + self.disk_takes);
        }
    }
}

impl Disk {
    fn write(&mut self, write: &Persist, octets: usize) {
        if write.replace {
            self.bytes.clear();
        }
        self.bytes.extend(&write.bytes[..octets]);
    }

    /// Everything on it is lost.
    pub(crate) fn lose(&mut self) {
        self.bytes.clear();
        self.writing = None;
    }
}

impl Node for Host {
    type Event = Seen;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        if let Arrival::Packet(packet) = arrival {
            self.register.handle_input(now, packet.bytes);
        }
        self.after(now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.register.handle_timeout(now);
        self.after(now);
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        let to = self.register.poll_transmit(now, buf)?;
        assert!(buf.len() <= 1_400, "{} octets", buf.len());
        Some(match to {
            RegisterTransmit::All => Route::broadcast(Link(0)),
            RegisterTransmit::To(name) => {
                let number = name.as_str()[1..].parse().unwrap();
                Route::unicast(Link(0), NodeId(number))
            }
        })
    }

    fn poll_event(&mut self) -> Option<Seen> {
        (!self.seen.is_empty()).then(|| self.seen.remove(0))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.register.poll_timeout().into_iter().chain(self.written_at).min()
    }
}
