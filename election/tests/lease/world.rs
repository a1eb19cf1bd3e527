//! Contenders, and the store that they write to.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use vipcast_election::{
    NodeName,
    lease::{
        LeaseConfig, LeaseElection, LeaseEvent, LeaseInput, LeaseRecord, LeaseRequest,
        RecordVersion,
    },
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{Arrival, Boot, Config, Link, Network, Node, NodeId, Route};

const STORE: NodeId = NodeId(0);
/// After the last fault: a lease runs out, and the next attempt comes.
pub(crate) const SETTLED: Duration = Duration::from_secs(40);

/// A letter that is on its way; what the network carries is its number.
#[derive(Clone)]
pub(crate) enum Letter {
    /// By a contender, in one of its lives.
    Request(NodeId, u32, LeaseRequest),
    Answer(u32, LeaseInput),
}

/// What outlives the crash of a host: letters on their way, and what the store has on its disk.
#[derive(Default)]
pub(crate) struct Shared {
    letters: Vec<Letter>,
    record: Option<(LeaseRecord, RecordVersion)>,
    versions: u64,
}

pub(crate) enum Host {
    Store { shared: Rc<RefCell<Shared>>, answers: VecDeque<(NodeId, Letter)> },
    Contender { shared: Rc<RefCell<Shared>>, boot: Boot, machine: Box<LeaseElection> },
}

/// A store and so many contenders, on clocks that are up to 1 % off.
pub(crate) fn build(seed: u64, contenders: u16) -> Network<Host> {
    let config = Config { most_ppm: 10_000, record: false, ..Config::default() };
    let mut net = Network::new(seed, config);
    let lan = net.add_segment();
    let shared = Rc::new(RefCell::new(Shared::default()));
    let at_the_store = Rc::clone(&shared);
    net.add_node("store", &[lan], move |_| Host::Store {
        shared: Rc::clone(&at_the_store),
        answers: VecDeque::new(),
    });
    for number in 0..contenders {
        let shared = Rc::clone(&shared);
        net.add_node(&format!("n{number}"), &[lan], move |boot| {
            let config = LeaseConfig::new(NodeName::new(format!("n{number}")), boot.seed);
            let machine = Box::new(LeaseElection::new(config));
            Host::Contender { shared: Rc::clone(&shared), boot, machine }
        });
    }
    net
}

/// How many have the right to act at this moment, each by its own clock. Who is paused has it still.
pub(crate) fn holders(net: &Network<Host>) -> usize {
    let holds = |node: &NodeId| match net.node(*node) {
        Some(Host::Contender { machine, .. }) => machine.tenure(net.local(*node)).is_some(),
        _ => false,
    };
    net.nodes().filter(holds).count()
}

/// Runs on for so long; an error as soon as two hold.
pub(crate) fn never_two(net: &mut Network<Host>, time: Duration) -> Result<(), String> {
    let end = net.now() + time;
    while net.step(end) {
        if holders(net) > 1 {
            return Err(format!("two holders at {:?}", net.now()));
        }
    }
    Ok(())
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

    fn serve(&mut self, request: LeaseRequest) -> LeaseInput {
        match request {
            LeaseRequest::Read { number, .. } => {
                LeaseInput::Read { number, record: self.record.clone() }
            }
            LeaseRequest::Write { number, record, expected, .. } => {
                if self.record.as_ref().map(|(_, version)| version) != expected.as_ref() {
                    return LeaseInput::Refused { number };
                }
                self.versions += 1;
                let version = RecordVersion::new(self.versions.to_string());
                self.record = Some((record, version.clone()));
                LeaseInput::Written { number, version }
            }
        }
    }
}

impl Node for Host {
    type Event = LeaseEvent;

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        let Arrival::Packet(packet) = arrival else { return };
        match self {
            Self::Store { shared, answers } => {
                let mut shared = shared.borrow_mut();
                if let Letter::Request(from, life, request) = shared.read(packet.bytes) {
                    let answer = Letter::Answer(life, shared.serve(request));
                    answers.push_back((from, answer));
                }
            }
            Self::Contender { shared, boot, machine } => {
                let letter = shared.borrow().read(packet.bytes);
                if let Letter::Answer(life, answer) = letter
                    && life == boot.life
                {
                    machine.handle_input(now, answer);
                }
            }
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        if let Self::Contender { machine, .. } = self {
            machine.handle_timeout(now);
        }
    }

    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        buf.clear();
        match self {
            Self::Store { shared, answers } => {
                let (to, answer) = answers.pop_front()?;
                shared.borrow_mut().post(answer, buf);
                Some(Route::unicast(Link(0), to))
            }
            Self::Contender { shared, boot, machine } => {
                let request = machine.poll_transmit(now, &mut Vec::new())?;
                shared.borrow_mut().post(Letter::Request(boot.node, boot.life, request), buf);
                Some(Route::unicast(Link(0), STORE))
            }
        }
    }

    fn poll_event(&mut self) -> Option<LeaseEvent> {
        match self {
            Self::Store { .. } => None,
            Self::Contender { machine, .. } => machine.poll_event(),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Store { .. } => None,
            Self::Contender { machine, .. } => machine.poll_timeout(),
        }
    }
}
