//! Many electors on one segment that nothing is ever lost on, in one loop: for counting.

use std::{collections::BTreeMap, net::IpAddr, sync::Arc, time::Duration};

use vipcast_election::{
    Backend, Candidates, Contenders, Event, NodeName, Segment, Unit,
    beacon::{BeaconConfig, BeaconElection, BeaconInput, BeaconSettings, BeaconTransmit, Keyring},
};
use vipcast_sans_io::{Instant, Machine};

/// Electors, and what they have sent, received and been called for since the counts were taken.
pub(crate) struct Crowd {
    pub(crate) nodes: Vec<Option<BeaconElection>>,
    pub(crate) now: Instant,
    segment: Segment,
    names: Vec<NodeName>,
    pub(crate) sent: Vec<u64>,
    pub(crate) sent_octets: Vec<u64>,
    pub(crate) received: Vec<u64>,
    pub(crate) timeouts: Vec<u64>,
    /// When each unit was granted last, to whom.
    pub(crate) granted: BTreeMap<Unit, (Instant, usize)>,
}

impl Crowd {
    /// So many nodes and addresses; the first node is preferred for so many of them.
    pub(crate) fn new(nodes: usize, addresses: u16, for_the_first: u16) -> Self {
        let (segment, now) = (Segment::new("lan"), Instant::from_millis(1));
        let names: Vec<NodeName> = (0..nodes).map(|n| NodeName::new(format!("n{n:04}"))).collect();
        // Only 64 nodes announce; and where there are many, not every one keeps a list of all.
        let few = |number: u16| (0..8).map(move |n| (usize::from(number) * 8 + n) % 64);
        let equal = |number, address| match nodes {
            ..=64 => Contenders::equal(names.iter().cloned(), address),
            _ => Contenders::equal(few(number).map(|n| names[n].clone()), address),
        };
        let candidates: Candidates = (0..addresses)
            .map(|number| {
                let [high, low] = number.to_be_bytes();
                let address = IpAddr::from([10, 0, high, low]);
                let mut contenders = equal(number, address);
                if number < for_the_first {
                    Arc::make_mut(&mut contenders.nodes).insert(names[0].clone(), 9);
                }
                (Unit { segment: segment.clone(), address }, contenders)
            })
            .collect();
        let electors = names.iter().enumerate().map(|(index, name)| {
            let settings = BeaconSettings::default();
            let config = BeaconConfig::new(name.clone(), index as u64 + 1, settings).unwrap();
            let mut election = BeaconElection::new(config, Keyring::insecure());
            election.set_link(now, &segment, true);
            election.set_candidates(now, candidates.clone());
            Some(election)
        });
        Self {
            nodes: electors.collect(),
            now,
            segment,
            names,
            sent: vec![0; nodes],
            sent_octets: vec![0; nodes],
            received: vec![0; nodes],
            timeouts: vec![0; nodes],
            granted: BTreeMap::new(),
        }
    }

    pub(crate) fn run_for(&mut self, duration: Duration) {
        let until = self.now + duration;
        loop {
            let due = self.nodes.iter().enumerate();
            let due = due.filter_map(|(n, node)| Some((node.as_ref()?.poll_timeout()?, n)));
            let Some((at, node)) = due.min().filter(|(at, _)| *at <= until) else { break };
            self.now = self.now.max(at);
            self.timeouts[node] += 1;
            if let Some(election) = &mut self.nodes[node] {
                election.handle_timeout(self.now);
            }
            self.deliver(node);
        }
        self.now = until;
    }

    /// All that the node sends, and all that this causes.
    fn deliver(&mut self, node: usize) {
        let mut speakers = vec![node];
        let mut buf = Vec::new();
        while let Some(node) = speakers.pop() {
            while let Some(election) = &mut self.nodes[node] {
                let Some(transmit) = election.poll_transmit(self.now, &mut buf) else { break };
                let segment = &self.segment;
                match transmit {
                    BeaconTransmit::Beacon(_) => {
                        self.sent[node] += 1;
                        self.sent_octets[node] += buf.len() as u64;
                        for (other, election) in self.nodes.iter_mut().enumerate() {
                            let Some(election) = election.as_mut().filter(|_| other != node) else {
                                continue;
                            };
                            self.received[other] += 1;
                            let input = BeaconInput::Datagram { segment, bytes: &buf };
                            election.handle_input(self.now, input);
                            if !speakers.contains(&other) {
                                speakers.push(other);
                            }
                        }
                    }
                    BeaconTransmit::Ask { unit, owner } | BeaconTransmit::Prove { unit, owner } => {
                        // Whoever holds it answers.
                        let by = self.names.iter().position(|name| *name == owner);
                        let holder = by.and_then(|by| self.nodes[by].as_ref());
                        if holder.is_some_and(|holder| holder.tokens().contains_key(&unit))
                            && let Some(election) = &mut self.nodes[node]
                        {
                            let input = BeaconInput::Answer { unit: &unit, by: Some(&owner) };
                            election.handle_input(self.now, input);
                        }
                    }
                }
            }
            if let Some(election) = &mut self.nodes[node] {
                while let Some(event) = election.poll_event() {
                    if let Event::Granted(token) = event {
                        self.granted.insert(token.unit, (self.now, node));
                    }
                }
            }
        }
    }

    pub(crate) fn loads(&self) -> Vec<usize> {
        let tokens = |node: &Option<BeaconElection>| node.as_ref().map_or(0, |n| n.tokens().len());
        self.nodes.iter().map(tokens).collect()
    }

    pub(crate) fn forget_counts(&mut self) {
        for counts in
            [&mut self.sent, &mut self.sent_octets, &mut self.received, &mut self.timeouts]
        {
            counts.fill(0);
        }
        self.granted.clear();
    }

    /// What one node sends and takes in a second, on the average of those that announce.
    pub(crate) fn report(&self, seconds: u64) -> String {
        let speakers = self.sent.iter().filter(|sent| **sent > 0).count().max(1) as u64;
        let nodes = self.nodes.len() as u64;
        let (sent, octets): (u64, u64) = (self.sent.iter().sum(), self.sent_octets.iter().sum());
        let (received, timeouts): (u64, u64) =
            (self.received.iter().sum(), self.timeouts.iter().sum());
        format!(
            "{nodes} nodes, {speakers} of them announce; a second and node: {} beacons of {} octets \
             sent, {} received ({} octets), {} timeouts",
            sent / speakers / seconds,
            octets / sent.max(1),
            received / nodes / seconds,
            received / nodes / seconds * (octets / sent.max(1)),
            timeouts / nodes / seconds,
        )
    }
}
