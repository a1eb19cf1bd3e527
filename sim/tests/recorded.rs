//! One machine in the simulated network and another under a plain loop, as a host would run it: the
//! same inputs at the same times give the same transcript.

use std::time::Duration;

use vipcast_sans_io::{Instant, Machine, TimerTable};
use vipcast_sim::{Config, Link, Network, Node, Recorded, Route, Transcript, What, Wired};

/// Answers each packet at once and again 25 ms later, and reports each tenth.
struct Echo {
    timers: TimerTable<u8>,
    due: Vec<u8>,
    heard: u8,
    reported: u8,
}

impl Echo {
    fn new() -> Self {
        Self { timers: TimerTable::new(), due: Vec::new(), heard: 0, reported: 0 }
    }
}

impl Machine for Echo {
    type Input<'a> = &'a [u8];
    type Transmit = ();
    type Event = u8;

    fn handle_input(&mut self, now: Instant, input: &[u8]) {
        self.handle_timeout(now);
        self.heard += 1;
        self.due.insert(0, self.heard);
        self.timers.set(input[0] % 4, now + Duration::from_millis(25));
    }
    fn handle_timeout(&mut self, now: Instant) {
        while let Some(key) = self.timers.pop_expired(now) {
            self.due.insert(0, 100 + key);
        }
    }
    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<()> {
        buf.clear();
        buf.push(self.due.pop()?);
        Some(())
    }
    fn poll_event(&mut self) -> Option<u8> {
        let tens = self.heard / 10;
        (tens > self.reported).then(|| self.reported = tens)?;
        Some(tens)
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

/// Says a number each 10 ms.
struct Talker {
    timers: TimerTable<()>,
    said: u8,
    due: bool,
}

impl Machine for Talker {
    type Input<'a> = ();
    type Transmit = ();
    type Event = ();

    fn handle_input(&mut self, now: Instant, (): ()) {
        self.handle_timeout(now);
    }
    fn handle_timeout(&mut self, now: Instant) {
        if self.timers.pop_expired(now).is_some() {
            self.due = true;
            self.timers.set((), now + Duration::from_millis(10));
        }
    }
    fn poll_transmit(&mut self, _: Instant, buf: &mut Vec<u8>) -> Option<()> {
        std::mem::take(&mut self.due).then_some(())?;
        self.said += 1;
        buf.clear();
        buf.push(self.said);
        Some(())
    }
    fn poll_event(&mut self) -> Option<()> {
        None
    }
    fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next_timeout()
    }
}

enum Host {
    Echo(Wired<Recorded<Echo>>),
    Talker(Wired<Talker>),
}

impl Node for Host {
    type Event = ();

    fn handle(&mut self, now: Instant, arrival: vipcast_sim::Arrival<'_>) {
        match self {
            Self::Echo(echo) => echo.handle(now, arrival),
            Self::Talker(talker) => talker.handle(now, arrival),
        }
    }
    fn handle_timeout(&mut self, now: Instant) {
        match self {
            Self::Echo(echo) => echo.handle_timeout(now),
            Self::Talker(talker) => talker.handle_timeout(now),
        }
    }
    fn poll_packet(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<Route> {
        match self {
            Self::Echo(echo) => echo.poll_packet(now, buf),
            Self::Talker(talker) => talker.poll_packet(now, buf),
        }
    }
    fn poll_event(&mut self) -> Option<()> {
        match self {
            Self::Echo(echo) => echo.poll_event().map(drop),
            Self::Talker(talker) => talker.poll_event(),
        }
    }
    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Echo(echo) => echo.poll_timeout(),
            Self::Talker(talker) => talker.poll_timeout(),
        }
    }
}

/// What the echo did in the network, and what it was given there.
fn simulated() -> (Transcript, Vec<(Instant, Vec<u8>)>) {
    let mut net = Network::new(9, Config::exact(Duration::from_micros(700)));
    let lan = net.add_segment();
    let to_all = |()| Route::broadcast(Link(0));
    let echo = net.add_node("echo", &[lan], move |_| {
        Host::Echo(Wired::new(Recorded::new("echo", Echo::new()), |packet| packet.bytes, to_all))
    });
    net.add_node("talker", &[lan], move |boot| {
        let mut timers = TimerTable::new();
        timers.set((), boot.now);
        let talker = Talker { timers, said: 0, due: false };
        Host::Talker(Wired::new(talker, |_| (), to_all))
    });
    net.run_until(Instant::from_millis(500));
    let mut inputs = Vec::new();
    for record in net.transcript().records() {
        if let (What::Received { bytes, .. }, "echo") = (&record.what, &*record.who) {
            inputs.push((record.at, bytes.clone()));
        }
    }
    let Some(Host::Echo(echo)) = net.node(echo) else { panic!("no echo") };
    (echo.machine().transcript().clone(), inputs)
}

/// The loop of a host: sleeps until an input or the deadline, then serves the machine. It also wakes
/// for nothing every 3 ms, as real loops do.
fn driven(inputs: &[(Instant, Vec<u8>)]) -> Transcript {
    let mut echo = Recorded::new("echo", Echo::new());
    let mut inputs = inputs.iter().peekable();
    let mut buf = Vec::new();
    let mut tick = Instant::ZERO;
    loop {
        let next = inputs.peek().map_or(Instant::from_millis(500), |(at, _)| *at);
        tick += Duration::from_millis(3);
        let now = next.min(tick).min(echo.poll_timeout().unwrap_or(next));
        tick = now;
        if now >= Instant::from_millis(500) {
            return echo.into_parts().1;
        }
        if let Some((_, bytes)) = inputs.next_if(|(at, _)| *at == now) {
            echo.handle_input(now, bytes);
        }
        loop {
            echo.handle_timeout(now);
            let mut moved = false;
            while echo.poll_event().is_some() {
                moved = true;
            }
            while echo.poll_transmit(now, &mut buf).is_some() {
                moved = true;
            }
            if !moved {
                break;
            }
        }
    }
}

#[test]
fn a_machine_does_the_same_in_the_network_and_under_a_loop() {
    let (simulated, inputs) = simulated();
    assert!(inputs.len() > 40 && simulated.records().len() > 120);
    let driven = driven(&inputs);
    if let Some(difference) = simulated.first_difference(&driven) {
        panic!("{difference}");
    }
}

#[test]
fn one_late_input_shows_as_the_first_difference() {
    let (simulated, mut inputs) = simulated();
    inputs[10].0 += Duration::from_micros(1);
    let difference = simulated.first_difference(&driven(&inputs)).unwrap();
    assert_eq!(difference.left.as_ref().unwrap().at, Instant::from_micros(100_700));
    assert_eq!(difference.right.as_ref().unwrap().at, Instant::from_micros(100_701));
    let shown = difference.to_string();
    assert!(shown.contains("left  0.100700s echo: input [11]"), "{shown}");
    assert!(shown.contains("right 0.100701s echo: input [11]"), "{shown}");
}
