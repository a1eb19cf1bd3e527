//! The driver of real time and the simulator serve a machine alike: the same inputs at the same
//! times give the same transcript.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    net::Ipv4Addr,
    time::Duration,
};

use vipcast_announcer::driver::{Flow, Outlet, pump};
use vipcast_arp_ndp::{
    ArpOperation, ArpPacket, Claim, Event, Frame, LeaseId, LinkId, MacAddr, Rate, Responder,
    ResponderConfig,
};
use vipcast_sans_io::{Instant, Machine};
use vipcast_sim::{
    Arrival, Boot, Config, Link, Network, Node, Recorded, Route, Transcript, What, Wired,
};

const LINK: LinkId = LinkId(0);
const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const OURS: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
const END: Instant = Instant::from_millis(5_000);

/// A responder that was granted an address when it was made.
fn responder(now: Instant) -> Recorded<Responder> {
    let mut responder = Responder::new(ResponderConfig::default());
    responder.set_link(now, LINK, OURS);
    responder.renew(LeaseId(0), Instant::FAR_FUTURE);
    responder.grant(now, Claim { address: VIP.into(), link: LINK, epoch: 1, lease: LeaseId(0) });
    Recorded::new("responder", responder)
}

/// Asks for the address each 70 ms, and says each second that it has it.
struct Asker {
    next: Instant,
    said: u32,
    due: bool,
}

impl Machine for Asker {
    type Input<'a> = ();
    type Transmit = ();
    type Event = ();

    fn handle_input(&mut self, now: Instant, (): ()) {
        self.handle_timeout(now);
    }
    fn handle_timeout(&mut self, now: Instant) {
        if self.next <= now {
            self.next = now + Duration::from_millis(70);
            self.due = true;
        }
    }
    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<()> {
        std::mem::take(&mut self.due).then_some(())?;
        self.said += 1;
        let forged = self.said.is_multiple_of(14);
        let question = ArpPacket {
            destination: MacAddr::BROADCAST,
            source: ASKER,
            operation: ArpOperation::Request,
            sender_mac: ASKER,
            sender: if forged { VIP } else { Ipv4Addr::new(192, 0, 2, 1) },
            target_mac: MacAddr::ZERO,
            target: VIP,
        };
        question.encode(buf);
        Some(())
    }
    fn poll_event(&mut self) -> Option<()> {
        None
    }
    fn poll_timeout(&self) -> Option<Instant> {
        Some(self.next)
    }
}

enum Host {
    Responder(Box<Wired<Recorded<Responder>>>),
    Asker(Wired<Asker>),
}

macro_rules! either {
    ($host:expr, $machine:ident => $call:expr) => {
        match $host {
            Host::Responder($machine) => $call,
            Host::Asker($machine) => $call,
        }
    };
}

impl Node for Host {
    type Event = ();

    fn handle(&mut self, now: Instant, arrival: Arrival<'_>) {
        either!(self, machine => machine.handle(now, arrival));
    }
    fn handle_timeout(&mut self, now: Instant) {
        either!(self, machine => machine.handle_timeout(now));
    }
    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        either!(self, machine => machine.poll_packet(now, buf))
    }
    fn poll_event(&mut self) -> Option<()> {
        either!(self, machine => machine.poll_event().map(drop))
    }
    fn poll_timeout(&self) -> Option<Instant> {
        either!(self, machine => machine.poll_timeout())
    }
}

/// What the responder did in the network, and the frames that it was given there.
fn simulated() -> (Transcript, Vec<(Instant, Vec<u8>)>) {
    let mut net = Network::new(1, Config::exact(Duration::from_micros(300)));
    let lan = net.add_segment();
    let host = net.add_node("responder", &[lan], |boot: Boot| {
        Host::Responder(Box::new(Wired::new(
            responder(boot.now),
            |packet| Frame { link: LINK, vlan: None, bytes: packet.bytes },
            |_| Route::broadcast(Link(0)),
        )))
    });
    net.add_node("asker", &[lan], |boot: Boot| {
        let asker = Asker { next: boot.now, said: 0, due: false };
        Host::Asker(Wired::new(asker, |_| (), |()| Route::broadcast(Link(0))))
    });
    net.run_until(END);
    let received = net.transcript().records().iter().filter_map(|record| match &record.what {
        What::Received { bytes, .. } if &*record.who == "responder" => {
            Some((record.at, bytes.clone()))
        }
        _ => None,
    });
    let inputs = received.collect();
    let Some(Host::Responder(responder)) = net.node(host) else { panic!("no responder") };
    (responder.machine().transcript().clone(), inputs)
}

/// Sends into the void; the recorder writes down what was sent.
struct Void;

impl<M: Machine<Transmit = LinkId, Event = Event>> Outlet<M> for Void {
    fn transmit(&mut self, _: LinkId, _: &[u8]) -> Flow {
        Flow::Open
    }
    fn event(&mut self, _: Event) {}
}

/// The loop of a thread: it sleeps until an input or the deadline, and lets the driver do the rest.
fn driven(inputs: &[(Instant, Vec<u8>)]) -> Transcript {
    let mut machine = responder(Instant::ZERO);
    let mut buf = Vec::new();
    let mut due = pump(&mut machine, || Instant::ZERO, &mut buf, &mut Void);
    let mut inputs = inputs.iter().peekable();
    loop {
        let next = inputs.peek().map_or(END, |(at, _)| *at);
        let now = due.map_or(next, |due| due.min(next));
        if now >= END {
            return machine.into_parts().1;
        }
        if let Some((_, bytes)) = inputs.next_if(|(at, _)| *at == now) {
            machine.handle_input(now, Frame { link: LINK, vlan: None, bytes });
        }
        due = pump(&mut machine, || now, &mut buf, &mut Void);
    }
}

#[test]
fn the_driver_and_the_simulator_give_the_same_transcript() {
    let (simulated, inputs) = simulated();
    assert!(inputs.len() > 60, "{} inputs", inputs.len());
    let kinds = |what: fn(&What) -> bool| {
        simulated.records().iter().filter(|record| what(&record.what)).count()
    };
    assert!(kinds(|what| matches!(what, What::Transmit { .. })) > 60, "answers and announcements");
    assert!(kinds(|what| matches!(what, What::Event { .. })) > 3, "conflicts");
    if let Some(difference) = simulated.first_difference(&driven(&inputs)) {
        panic!("{difference}");
    }
}

/// A network that takes its time for each frame.
struct Slow {
    now: Cell<Instant>,
    /// What was said, and when.
    said: RefCell<Vec<(Instant, ArpPacket)>>,
}

const A_FRAME: Duration = Duration::from_micros(100);
const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

impl Outlet<Responder> for &Slow {
    fn transmit(&mut self, _: LinkId, bytes: &[u8]) -> Flow {
        self.now.set(self.now.get() + A_FRAME);
        self.said.borrow_mut().push((self.now.get(), ArpPacket::decode(bytes).unwrap()));
        Flow::Open
    }
    fn event(&mut self, _: Event) {}
}

#[test]
fn a_first_round_that_outlasts_a_lease_leaves_before_any_repeat() {
    const COUNT: u32 = 10_000;
    let life = Duration::from_secs(1);
    let slow = Slow { now: Cell::new(Instant::ZERO), said: RefCell::default() };
    let mut config = ResponderConfig::default();
    config.pace = Rate::UNLIMITED;
    let mut responder = Responder::new(config);
    responder.set_link(Instant::ZERO, LINK, OURS);
    responder.set_gateways(Instant::ZERO, LINK, &[GATEWAY.into()]);
    responder.renew(LeaseId(0), Instant::ZERO + life);
    for address in (0x0a00_0000..).take(COUNT as usize).map(Ipv4Addr::from_bits) {
        let claim = Claim { address: address.into(), link: LINK, epoch: 1, lease: LeaseId(0) };
        responder.grant(Instant::ZERO, claim);
    }
    let mut buf = Vec::new();
    while slow.said.borrow().len() < 5 * COUNT as usize {
        // What a thread does between two pumps.
        responder.renew(LeaseId(0), slow.now.get() + life);
        let due = pump(&mut responder, || slow.now.get(), &mut buf, &mut &slow);
        slow.now.set(slow.now.get().max(due.unwrap()));
    }
    let said = slow.said.into_inner();
    let (first, _) = said.split_at(2 * COUNT as usize);
    assert_eq!(first.last().unwrap().0, Instant::ZERO + A_FRAME * 2 * COUNT, "2 s");
    let about: BTreeSet<_> = first.iter().map(|(_, arp)| (arp.sender, arp.target)).collect();
    assert_eq!(about.len(), first.len(), "each was said once");
    let questions = first.iter().filter(|(_, arp)| arp.target == GATEWAY).count();
    assert_eq!(questions, COUNT as usize, "each address has asked the gateway");
}
