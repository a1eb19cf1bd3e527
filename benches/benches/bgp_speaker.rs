//! A speaker with very many routes and one neighbor: what it costs to announce, to tell, to withdraw, and to hear what
//! nobody wants. No sockets: octets go in and out of memory.

#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant as Clock},
};

use vipcast_benches::bgp;
use vipcast_bgp_proto::{
    Announcement, Asn, ConnectionId, Instant, Machine, PeerConfig, PeerId, PeerInput, PeerTransmit,
    RouterId, Speaker, wire::encode_keepalive,
};

const NOW: Instant = Instant::ZERO;
const ROUTES: u32 = 1_000_000;
const ROUNDS: usize = 5;

/// A speaker and its neighbor.
struct World {
    speaker: Speaker,
    peer: PeerId,
    connection: ConnectionId,
    buf: Vec<u8>,
}

fn id(number: u32) -> RouterId {
    RouterId::new(number).expect("not zero")
}

impl World {
    /// The neighbor has taken the connection, and not yet said anything.
    fn dial(mut speaker: Speaker) -> Self {
        let mut config = PeerConfig::new(Asn(65001), Asn(65002));
        config.extended_messages = false;
        let peer = speaker.add_peer(NOW, config);
        let mut buf = Vec::new();
        let Some((_, PeerTransmit::Connect(connection))) = speaker.poll_transmit(NOW, &mut buf)
        else {
            panic!("it dials");
        };
        let local = IpAddr::from([192, 0, 2, 1]);
        let mut world = Self { speaker, peer, connection, buf };
        world.input(PeerInput::Connected { connection, local });
        world.transmit();
        world
    }

    /// The session is established, and the neighbor is told of all routes; in how many octets.
    fn establish(&mut self) -> usize {
        let mut greeting = Vec::new();
        let theirs = PeerConfig::new(Asn(65002), Asn(65001)).open(id(2), false);
        theirs.encode(&mut greeting).expect("fits");
        encode_keepalive(&mut greeting);
        self.receive(&greeting);
        self.transmit()
    }

    fn input(&mut self, input: PeerInput<'_>) {
        self.speaker.handle_input(NOW, (self.peer, input));
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.input(PeerInput::Received { connection: self.connection, bytes });
    }

    /// Takes all that is to be sent; how many octets that is.
    fn transmit(&mut self) -> usize {
        let mut octets = 0;
        while self.speaker.poll_transmit(NOW, &mut self.buf).is_some() {
            octets += self.buf.len();
            self.input(PeerInput::Writable { connection: self.connection });
        }
        octets
    }
}

fn timed<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let start = Clock::now();
    let result = what();
    (start.elapsed(), result)
}

fn main() {
    let steps =
        ["announce", "tell a new neighbor", "withdraw", "tell that", "hear what nobody wants"];
    let mut times = vec![Vec::new(); steps.len()];
    let host = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number)).into();
    let messages = bgp::messages();
    let unwanted = messages.first().expect("there are some");
    let feed = unwanted.bytes.repeat(16);
    let feeds = ROUTES as usize / unwanted.prefixes.len() / 16 + 1;
    for _ in 0..ROUNDS {
        let mut speaker = Speaker::new(id(1), 1);
        let with = Announcement::default();
        let (announced, ()) =
            timed(|| (0..ROUTES).for_each(|at| speaker.announce(host(at), &with)));
        let mut world = World::dial(speaker);
        let (told, octets) = timed(|| world.establish());
        assert!(octets > 5_000_000, "{octets}");
        let (withdrawn, ()) = timed(|| (0..ROUTES).for_each(|at| world.speaker.withdraw(host(at))));
        let (told_too, octets) = timed(|| world.transmit());
        assert!(octets > 5_000_000, "{octets}");
        let (heard, ()) = timed(|| (0..feeds).for_each(|_| world.receive(&feed)));
        for (times, time) in times.iter_mut().zip([announced, told, withdrawn, told_too, heard]) {
            times.push(time);
        }
    }
    println!("{ROUTES} routes, {ROUNDS} rounds, best and median:");
    for (step, times) in steps.iter().zip(&mut times) {
        times.sort_unstable();
        println!("  {step:24} {:10.2?} {:10.2?}", times[0], times[times.len() / 2]);
    }
}
