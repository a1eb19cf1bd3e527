//! What a change of an agreed document costs three nodes:
//! `cargo run --release -p vipcast-election --example agree 1000 10000`.

mod processor;

use std::{hint::black_box, time::Duration};

use vipcast_election::{
    NodeName,
    beacon::Keyring,
    register::{Changes, Register, RegisterConfig, RegisterSettings, VoterId},
};
use vipcast_sans_io::{Instant, Machine};

/// How many changes are timed.
const CHANGES: u32 = 500;

fn main() {
    let sizes: Vec<u32> = std::env::args().skip(1).map(|n| n.parse().expect("a number")).collect();
    for size in if sizes.is_empty() { vec![1_000, 10_000] } else { sizes } {
        let mut nodes = Nodes::start();
        for first in (0..size).step_by(100) {
            nodes.change((first..size.min(first + 100)).map(|number| (number, 0)));
        }
        let began = processor::time();
        for round in 1..=CHANGES {
            nodes.change([(round * 7_919 % size, round)].into_iter());
        }
        let each = (processor::time() - began) / CHANGES;
        println!(
            "{size} entries: {each:?} for one change, proposed, agreed and copied by three nodes"
        );
    }
}

/// Three nodes on a network and with disks that take no time.
struct Nodes {
    all: Vec<Register>,
    now: Instant,
}

impl Nodes {
    fn start() -> Self {
        let names: Vec<NodeName> = (0..3).map(|n| NodeName::new(format!("n{n}"))).collect();
        let now = Instant::from_millis(1);
        let all = names.iter().zip(1..).map(|(name, voter)| {
            let settings = RegisterSettings::default();
            let config = RegisterConfig::new(name.clone(), names.clone(), settings).unwrap();
            Register::new(now, VoterId(voter), config, Keyring::insecure())
        });
        let mut nodes = Self { all: all.collect(), now };
        while nodes.all[0].leads(nodes.now).is_none() {
            nodes.turn();
            nodes.now += Duration::from_millis(10);
        }
        nodes
    }

    /// Changes these entries, and goes on until all have them.
    fn change(&mut self, entries: impl Iterator<Item = (u32, u32)>) {
        let value =
            |round: u32| format!("192.0.2.{round} and as much as a service has").into_bytes();
        let changes: Changes = entries
            .map(|(number, round)| {
                (format!("namespace/service-{number}").into(), Some(value(round)))
            })
            .collect();
        let version = self.all[0].document().version();
        self.all[0].propose(self.now, changes).unwrap();
        while self.all.iter().any(|node| node.document().version() == version) {
            self.turn();
            // As whoever shows it to others does.
            self.all.iter().for_each(|node| _ = black_box(node.document().clone()));
            self.now += Duration::from_millis(1);
        }
    }

    /// Lets all say what they have to say.
    fn turn(&mut self) {
        let mut buf = Vec::new();
        loop {
            let mut idle = true;
            for node in 0..self.all.len() {
                self.all[node].handle_timeout(self.now);
                while let Some(persist) = self.all[node].poll_persist() {
                    self.all[node].persisted(self.now, persist.ticket);
                }
                while self.all[node].poll_transmit(self.now, &mut buf).is_some() {
                    idle = false;
                    for other in (0..self.all.len()).filter(|other| *other != node) {
                        self.all[other].handle_input(self.now, &buf);
                    }
                }
                while self.all[node].poll_event().is_some() {}
            }
            if idle {
                return;
            }
        }
    }
}
