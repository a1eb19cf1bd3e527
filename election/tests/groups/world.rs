//! Nodes with groups of addresses, and the store that they write to.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    net::IpAddr,
    rc::Rc,
    time::Duration,
};

use vipcast_election::{
    Backend, Candidates, Contenders, Epoch, Event, NodeName, Segment, Unit,
    groups::{Group, GroupConfig, GroupCount, GroupElection, GroupInput, GroupRequest, Records},
    lease::{LeaseInput, RecordVersion},
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{Arrival, Boot, Config, Link, Network, Node, NodeId, Route};

pub(crate) const STORE: NodeId = NodeId(0);
/// After the last fault: leases run out, and others take their turns.
pub(crate) const SETTLED: Duration = Duration::from_secs(60);
/// A node lists everything anew so often, as one whose watch was cut.
const LIST_EVERY: Duration = Duration::from_secs(4);

/// A letter that is on its way; what the network carries is its number.
#[derive(Clone)]
pub(crate) enum Letter {
    /// By a node, in one of its lives.
    Request(NodeId, u32, Ask),
    Answer(u32, GroupInput, u64),
    /// A change that is told to all who watch, and the version of the store with it.
    News(GroupInput, u64),
}

#[derive(Clone)]
pub(crate) enum Ask {
    Machine(GroupRequest),
    /// As a watch that begins anew.
    List,
}

/// What outlives the crash of a host: letters on their way, and what the store has on its disk.
#[derive(Default)]
pub(crate) struct Shared {
    letters: Vec<Letter>,
    charter: Option<u16>,
    records: Records,
    version: u64,
}

pub(crate) struct Contender {
    shared: Rc<RefCell<Shared>>,
    boot: Boot,
    pub(crate) machine: GroupElection,
    /// The version of the store that was last told of, and of each record.
    told: u64,
    versions: BTreeMap<Group, u64>,
    list_at: Instant,
    lists: bool,
}

pub(crate) enum Host {
    Store { shared: Rc<RefCell<Shared>>, answers: VecDeque<(Option<NodeId>, Letter)> },
    Contender(Box<Contender>),
}

/// What is built.
#[derive(Clone)]
pub(crate) struct Plan {
    /// The count of groups that each node was given.
    pub(crate) counts: Vec<u16>,
    /// Bit `node` of entry `address`: whether it may announce it.
    pub(crate) eligible: Vec<u64>,
    /// How far clocks are off, in parts per million.
    pub(crate) ppm: u16,
}

impl Plan {
    /// Nodes with so many groups that may announce every address.
    pub(crate) fn even(nodes: usize, count: u16, addresses: usize) -> Self {
        Self { counts: vec![count; nodes], eligible: vec![u64::MAX; addresses], ppm: 10_000 }
    }
}

pub(crate) fn unit(number: usize) -> Unit {
    let address = IpAddr::from([192, 0, 2, u8::try_from(number).unwrap()]);
    Unit { segment: Segment::new("lan"), address }
}

pub(crate) fn build(seed: u64, plan: &Plan) -> Network<Host> {
    let config = Config { most_ppm: plan.ppm, record: false, ..Config::default() };
    let mut net = Network::new(seed, config);
    let lan = net.add_segment();
    let shared = Rc::new(RefCell::new(Shared::default()));
    let at_the_store = Rc::clone(&shared);
    net.add_node("store", &[lan], move |_| Host::Store {
        shared: Rc::clone(&at_the_store),
        answers: VecDeque::new(),
    });
    for (number, count) in plan.counts.iter().enumerate() {
        let (shared, plan) = (Rc::clone(&shared), plan.clone());
        let count = GroupCount::new(*count).unwrap();
        net.add_node(&format!("n{number}"), &[lan], move |boot| {
            let me = NodeName::new(format!("n{number}"));
            let mut machine = GroupElection::new(GroupConfig::new(me, count, boot.seed));
            machine.set_candidates(boot.now, candidates(&plan.eligible, plan.counts.len()));
            let (shared, list_at) = (Rc::clone(&shared), boot.now);
            Host::Contender(Box::new(Contender {
                shared,
                boot,
                machine,
                told: 0,
                versions: BTreeMap::new(),
                list_at,
                lists: false,
            }))
        });
    }
    net
}

pub(crate) fn candidates(eligible: &[u64], nodes: usize) -> Candidates {
    let contenders = |(number, mask): (usize, &u64)| {
        let may = (0..nodes).filter(|node| mask >> node & 1 == 1);
        let may = may.map(|node| NodeName::new(format!("n{node}")));
        (unit(number), Contenders::equal(may, unit(number).address))
    };
    eligible.iter().enumerate().map(contenders).collect()
}

pub(crate) fn contender(net: &Network<Host>, node: NodeId) -> Option<&Contender> {
    match net.node(node) {
        Some(Host::Contender(contender)) => Some(contender),
        _ => None,
    }
}

/// Who may announce an address at this moment, each by its own clock, and in which tenure. Who is paused
/// may still.
pub(crate) fn owners(net: &Network<Host>, number: usize) -> Vec<(NodeId, Epoch)> {
    let owns = |node: NodeId| {
        let machine = &contender(net, node)?.machine;
        let token = machine.tokens().get(&unit(number))?;
        let group = u16::try_from(token.lease.0).ok()?;
        machine.tenure(group, net.local(node))?;
        Some((node, token.epoch))
    };
    net.nodes().filter_map(owns).collect()
}

/// What was seen of each address, so that a tenure can be compared with those before.
#[derive(Default)]
pub(crate) struct Watcher {
    last: BTreeMap<usize, (NodeId, Epoch)>,
    pub(crate) tenures: u64,
}

impl Watcher {
    /// An error if an address has two owners, or a tenure does not come after those before.
    pub(crate) fn look(&mut self, net: &Network<Host>, addresses: usize) -> Result<(), String> {
        for number in 0..addresses {
            let now = net.now();
            let (node, epoch) = match *owners(net, number) {
                [] => continue,
                [owner] => owner,
                ref owners => return Err(format!("{owners:?} own {number} at {now:?}")),
            };
            match self.last.insert(number, (node, epoch)) {
                Some((before, last)) if epoch < last || epoch == last && node != before => {
                    return Err(format!(
                        "{number}: {epoch} of {node:?} after {last} of {before:?}"
                    ));
                }
                Some((_, last)) if last == epoch => {}
                _ => self.tenures += 1,
            }
        }
        Ok(())
    }

    /// Runs on for so long, and looks all the while.
    pub(crate) fn run(
        &mut self,
        net: &mut Network<Host>,
        addresses: usize,
        time: Duration,
    ) -> Result<(), String> {
        let end = net.now() + time;
        while net.step(end) {
            self.look(net, addresses)?;
        }
        Ok(())
    }
}

impl Shared {
    fn post(&mut self, letter: Letter, buf: &mut Vec<u8>) {
        let number = u64::try_from(self.letters.len()).unwrap();
        self.letters.push(letter);
        buf.extend_from_slice(&number.to_be_bytes());
    }

    fn read(&self, bytes: &[u8]) -> Letter {
        let number = u64::from_be_bytes(bytes.try_into().unwrap());
        self.letters[usize::try_from(number).unwrap()].clone()
    }

    fn list(&self, number: Option<u64>) -> GroupInput {
        let (charter, records) = (self.charter, self.records.clone());
        GroupInput::Listed { number, charter, records }
    }

    /// The answer, and what all are told.
    fn serve(&mut self, ask: Ask) -> (Option<GroupInput>, Option<GroupInput>) {
        match ask {
            Ask::List => (Some(self.list(None)), None),
            Ask::Machine(GroupRequest::List { number, .. }) => {
                (Some(self.list(Some(number))), None)
            }
            Ask::Machine(GroupRequest::Found { count, .. }) => {
                if self.charter.is_some() {
                    return (None, None);
                }
                self.version += 1;
                self.charter = Some(count);
                (None, Some(GroupInput::Charter(self.charter)))
            }
            Ask::Machine(GroupRequest::Write { group, number, record, expected, .. }) => {
                let known = self.records.get(&group).map(|(_, version)| version);
                if known != expected.as_ref() {
                    return (Some(GroupInput::Answer(group, LeaseInput::Refused { number })), None);
                }
                self.version += 1;
                let version = RecordVersion::new(self.version.to_string());
                let record = (record, version.clone());
                self.records.insert(group, record.clone());
                let written = LeaseInput::Written { number, version };
                let news = GroupInput::Record(group, Some(record));
                (Some(GroupInput::Answer(group, written)), Some(news))
            }
        }
    }
}

impl Contender {
    /// What the store says, unless something newer was told before.
    fn told(&mut self, now: Instant, input: GroupInput, at: u64) {
        let newest = self.versions.values().copied().max().unwrap_or(0).max(self.told);
        match &input {
            GroupInput::Listed { records, .. } => {
                if at < newest {
                    return;
                }
                self.told = at;
                self.versions = records.keys().map(|group| (*group, at)).collect();
            }
            GroupInput::Charter(_) => {}
            GroupInput::Record(group, _)
            | GroupInput::Answer(group, LeaseInput::Written { .. }) => {
                let known = self.versions.entry(*group).or_default();
                let old = at < (*known).max(self.told);
                if old && matches!(input, GroupInput::Record(..)) {
                    return;
                }
                *known = at.max(*known);
            }
            GroupInput::Answer(..) => {}
        }
        self.machine.handle_input(now, input);
    }
}

impl Node for Host {
    type Event = Event;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        let Arrival::Packet(packet) = arrival else { return };
        match self {
            Self::Store { shared, answers } => {
                let mut shared = shared.borrow_mut();
                let Letter::Request(from, life, ask) = shared.read(packet.bytes) else { return };
                let (answer, news) = shared.serve(ask);
                let at = shared.version;
                answers.extend(answer.map(|answer| (Some(from), Letter::Answer(life, answer, at))));
                answers.extend(news.map(|news| (None, Letter::News(news, at))));
            }
            Self::Contender(contender) => {
                let letter = contender.shared.borrow().read(packet.bytes);
                match letter {
                    Letter::Answer(life, answer, at) if life == contender.boot.life => {
                        contender.told(now, answer, at);
                    }
                    // A watch tells nothing before the list that it goes on from.
                    Letter::News(news, at) if contender.told > 0 => contender.told(now, news, at),
                    _ => {}
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Contender(contender) = self {
            contender.machine.handle_timeout(now);
            if now >= contender.list_at {
                contender.list_at = now + LIST_EVERY;
                contender.lists = true;
            }
        }
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        buf.clear();
        match self {
            Self::Store { shared, answers } => {
                let (to, answer) = answers.pop_front()?;
                shared.borrow_mut().post(answer, buf);
                Some(to.map_or(Route::broadcast(Link(0)), |to| Route::unicast(Link(0), to)))
            }
            Self::Contender(contender) => {
                let ask = match std::mem::take(&mut contender.lists) {
                    true => Ask::List,
                    false => Ask::Machine(contender.machine.poll_transmit(now, &mut Vec::new())?),
                };
                let Boot { node, life, .. } = contender.boot;
                contender.shared.borrow_mut().post(Letter::Request(node, life, ask), buf);
                Some(Route::unicast(Link(0), STORE))
            }
        }
    }

    fn poll_event(&mut self) -> Option<Event> {
        match self {
            Self::Store { .. } => None,
            Self::Contender(contender) => contender.machine.poll_event(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Store { .. } => None,
            Self::Contender(contender) => {
                contender.machine.poll_timeout().into_iter().chain([contender.list_at]).min()
            }
        }
    }
}
