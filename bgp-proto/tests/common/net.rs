//! Two machines and the TCP between them, in virtual time.

#![allow(dead_code, reason = "each test file uses a part")]

use std::{collections::VecDeque, net::IpAddr, time::Duration};

use vipcast_bgp_proto::{ConnectionId, Instant, Machine, Peer, PeerInput, PeerTransmit};

/// One end: a peer, or a speaker with one peer.
pub(crate) trait Node {
    fn name_connection(&mut self) -> ConnectionId;
    fn input(&mut self, now: Instant, input: PeerInput<'_>);
    fn timeout(&mut self, now: Instant);
    fn transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<PeerTransmit>;
    fn next(&self) -> Option<Instant>;
}

impl Node for Peer {
    fn name_connection(&mut self) -> ConnectionId {
        self.next_connection()
    }

    fn input(&mut self, now: Instant, input: PeerInput<'_>) {
        self.handle_input(now, input);
    }

    fn timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<PeerTransmit> {
        self.poll_transmit(now, buf)
    }

    fn next(&self) -> Option<Instant> {
        self.poll_timeout()
    }
}

#[derive(Debug)]
enum InFlight {
    Bytes(Vec<u8>),
    Fin,
}

/// One TCP connection. Side 0 and 1 are the two nodes.
#[derive(Debug)]
struct Tcp {
    id: [Option<ConnectionId>; 2],
    /// On its way to side 0 and side 1.
    pipe: [VecDeque<(Instant, InFlight)>; 2],
    closed: [bool; 2],
    /// Closed by the side itself.
    left: [bool; 2],
    /// Sent, but TCP did not say that it has taken it.
    unacknowledged: [bool; 2],
}

#[derive(Debug)]
pub(crate) struct Net<N> {
    pub(crate) nodes: [N; 2],
    pub(crate) now: Instant,
    pub(crate) latency: Duration,
    /// Nothing arrives, and nothing is reported.
    pub(crate) blackhole: bool,
    /// Dialing is answered with a RST.
    pub(crate) refusing: bool,
    /// A side whose octets TCP does not take.
    pub(crate) stuck: [bool; 2],
    /// Octets that arrive at once.
    pub(crate) segment: usize,
    dials: VecDeque<(Instant, usize, ConnectionId)>,
    tcp: Vec<Tcp>,
    /// All that was sent: side, connection, octets.
    pub(crate) sent: Vec<(usize, ConnectionId, Vec<u8>)>,
    /// Connections on which a side has seen a NOTIFICATION.
    notified: Vec<(usize, ConnectionId)>,
    pub(crate) answered_notifications: usize,
}

const ADDRESS: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2)),
];

impl<N: Node> Net<N> {
    pub(crate) fn new(nodes: [N; 2]) -> Self {
        Self {
            nodes,
            now: Instant::from_millis(1_000),
            latency: Duration::from_millis(5),
            blackhole: false,
            refusing: false,
            stuck: [false; 2],
            segment: usize::MAX,
            dials: VecDeque::new(),
            tcp: Vec::new(),
            sent: Vec::new(),
            notified: Vec::new(),
            answered_notifications: 0,
        }
    }

    /// Runs for so long.
    pub(crate) fn run(&mut self, time: Duration) {
        let end = self.now + time;
        self.flush();
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.step();
        }
        self.now = end;
    }

    fn next_at(&self) -> Option<Instant> {
        let dials = self.dials.iter().map(|(at, ..)| *at);
        let pipes = self.tcp.iter().flat_map(|tcp| &tcp.pipe);
        let arrivals = pipes.filter_map(|pipe| pipe.front().map(|(at, _)| *at));
        let timers = self.nodes.iter().filter_map(Node::next);
        dials.chain(arrivals).chain(timers).min()
    }

    fn step(&mut self) {
        let now = self.now;
        for side in 0..2 {
            self.nodes[side].timeout(now);
        }
        self.flush();
        // A later dial may be the faster one.
        while let Some(due) = self.dials.iter().position(|(at, ..)| *at <= now) {
            let (_, from, id) = self.dials.remove(due).unwrap();
            self.arrive_dial(from, id);
        }
        for index in 0..self.tcp.len() {
            for side in 0..2 {
                while let Some((at, _)) = self.tcp[index].pipe[side].front()
                    && *at <= now
                {
                    let (_, what) = self.tcp[index].pipe[side].pop_front().unwrap();
                    self.arrive(index, side, what);
                    self.flush();
                }
            }
        }
        self.flush();
    }

    fn arrive_dial(&mut self, from: usize, id: ConnectionId) {
        if self.blackhole {
            return;
        }
        if self.refusing {
            self.nodes[from].input(self.now, PeerInput::Closed { connection: id });
            return;
        }
        let to = 1 - from;
        let accepted = self.nodes[to].name_connection();
        let mut ids = [Some(id), Some(accepted)];
        if from == 1 {
            ids.swap(0, 1);
        }
        self.tcp.push(Tcp {
            id: ids,
            pipe: [VecDeque::new(), VecDeque::new()],
            closed: [false; 2],
            left: [false; 2],
            unacknowledged: [false; 2],
        });
        let local = ADDRESS[from];
        self.nodes[from].input(self.now, PeerInput::Connected { connection: id, local });
        let local = ADDRESS[to];
        let connection = accepted;
        self.nodes[to].input(self.now, PeerInput::Accepted { connection, local });
    }

    fn arrive(&mut self, index: usize, side: usize, what: InFlight) {
        let tcp = &mut self.tcp[index];
        let Some(connection) = tcp.id[side].filter(|_| !tcp.closed[side]) else {
            return;
        };
        match what {
            InFlight::Bytes(bytes) => {
                if bytes.get(18) == Some(&3) {
                    self.notified.push((side, connection));
                }
                for bytes in bytes.chunks(self.segment) {
                    let input = PeerInput::Received { connection, bytes };
                    self.nodes[side].input(self.now, input);
                }
            }
            InFlight::Fin => {
                tcp.closed[side] = true;
                self.nodes[side].input(self.now, PeerInput::Closed { connection });
            }
        }
    }

    /// Takes what the nodes have to send.
    pub(crate) fn flush(&mut self) {
        let mut buf = Vec::new();
        for side in 0..2 {
            while let Some(transmit) = self.nodes[side].transmit(self.now, &mut buf) {
                let at = self.now + self.latency;
                match transmit {
                    PeerTransmit::Connect(id) => self.dials.push_back((at, side, id)),
                    PeerTransmit::Send(id) => self.send(side, id, &buf),
                    PeerTransmit::Close(id) => {
                        if let Some(tcp) = self.connection(side, id) {
                            tcp.closed[side] = true;
                            tcp.left[side] = true;
                            tcp.pipe[1 - side].push_back((at, InFlight::Fin));
                        }
                        self.dials.retain(|(_, from, dial)| (*from, *dial) != (side, id));
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
    }

    fn send(&mut self, side: usize, id: ConnectionId, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        let mut rest = bytes;
        while let Some(length) = rest.get(16..18) {
            let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
            if rest[18] == 3 && self.notified.contains(&(side, id)) {
                self.answered_notifications += 1;
            }
            rest = &rest[length..];
        }
        assert!(rest.is_empty(), "only whole messages are sent");
        self.sent.push((side, id, bytes.to_vec()));
        let (at, blackhole, stuck) = (self.now + self.latency, self.blackhole, self.stuck[side]);
        if let Some(tcp) = self.connection(side, id) {
            assert!(!tcp.left[side], "sent after close");
            if tcp.closed[side] {
                return;
            }
            if stuck || blackhole {
                tcp.unacknowledged[side] = true;
                if blackhole {
                    return;
                }
            }
            tcp.pipe[1 - side].push_back((at, InFlight::Bytes(bytes.to_vec())));
        }
        if !stuck && !blackhole {
            self.nodes[side].input(self.now, PeerInput::Writable { connection: id });
        }
    }

    fn connection(&mut self, side: usize, id: ConnectionId) -> Option<&mut Tcp> {
        self.tcp.iter_mut().find(|tcp| tcp.id[side] == Some(id))
    }

    /// TCP takes what it refused.
    pub(crate) fn unstick(&mut self, side: usize) {
        self.stuck[side] = false;
        for index in 0..self.tcp.len() {
            let tcp = &mut self.tcp[index];
            if std::mem::take(&mut tcp.unacknowledged[side]) && !tcp.closed[side] {
                let connection = tcp.id[side].unwrap();
                self.nodes[side].input(self.now, PeerInput::Writable { connection });
            }
        }
    }

    /// Every connection is reset: what was on its way is lost, and both sides are told.
    pub(crate) fn cut(&mut self) {
        for index in 0..self.tcp.len() {
            for side in 0..2 {
                self.tcp[index].pipe[side].clear();
                if !self.tcp[index].closed[side] {
                    self.arrive(index, side, InFlight::Fin);
                }
            }
        }
        self.flush();
    }

    /// One node forgets its connections, as after a power failure; nobody is told.
    pub(crate) fn crash(&mut self, side: usize, reborn: N) {
        for tcp in &mut self.tcp {
            tcp.closed[side] = true;
            tcp.id[side] = None;
            tcp.pipe = [VecDeque::new(), VecDeque::new()];
        }
        self.dials.retain(|(_, from, _)| *from != side);
        self.nodes[side] = reborn;
    }
}
