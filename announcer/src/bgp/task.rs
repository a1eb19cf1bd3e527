use std::{
    collections::BTreeMap,
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    task::yield_now,
    time::sleep,
};
use vipcast_bgp_proto::{
    Instant, Machine, PeerId, PeerInput, PeerTransmit, Speaker, SpeakerEvent, fsm::State,
};

use super::{
    BgpReport,
    config::{BgpConfig, Neighbor, RouteChange},
    connection::Waiting,
    listener::Listener,
    reporter::Reporter,
    sockets::{Key, Ready, Sockets},
};
use crate::{
    clock::Clock,
    driver::{Flow, Outlet, pump},
    os::AbortOnUnwind,
};

/// The task that owns the speaker.
#[derive(Debug)]
pub(super) struct Task {
    speaker: Speaker,
    neighbors: BTreeMap<PeerId, Reach>,
    sockets: Sockets,
    /// Those that wait for somebody to dial in.
    listening: BTreeMap<SocketAddr, Waiting>,
    reporter: Reporter,
    commands: mpsc::Receiver<Command>,
    /// Nobody can command any more.
    orphaned: bool,
    /// It is to end when all is said.
    leaving: bool,
    /// What the speaker writes.
    buf: Vec<u8>,
    /// What was read.
    unread: Vec<u8>,
}

/// How a neighbor is reached.
#[derive(Clone, Copy, Debug)]
struct Reach {
    remote: SocketAddr,
    source: Option<IpAddr>,
}

/// What the speaker is told to do.
#[derive(Debug)]
pub(super) enum Command {
    Add(Box<Neighbor>, oneshot::Sender<PeerId>),
    Remove(PeerId),
    Stop(PeerId),
    Start(PeerId),
    Reset(PeerId),
    Change(Vec<RouteChange>),
    Drain(Duration),
    Handover,
}

/// How much is read at once: enough for few system calls, few enough to stay fair.
const UNREAD: usize = 64 * 1024;
/// How often all sockets may be written to before something else has its turn.
const ROUNDS: usize = 64;
/// How many connections a neighbor may have that are yet to be closed.
const CLOSING: usize = 4;

impl Task {
    pub(super) fn new(
        config: &BgpConfig,
        listeners: Vec<Listener>,
        commands: mpsc::Receiver<Command>,
        reports: watch::Sender<Arc<BgpReport>>,
    ) -> Self {
        let mut speaker = Speaker::new(config.router_id, config.seed);
        if config.restarted {
            speaker.set_restarted();
        }
        let mut task = Self {
            speaker,
            neighbors: BTreeMap::new(),
            sockets: Sockets::default(),
            listening: BTreeMap::new(),
            reporter: Reporter::new(reports),
            commands,
            orphaned: false,
            leaving: false,
            buf: Vec::new(),
            unread: vec![0; UNREAD],
        };
        for listener in listeners {
            task.listen(listener);
        }
        task
    }

    /// Runs until it is told to leave, and all is said. A panic ends the process, whatever the
    /// embedder's profile says: sessions that nobody serves would hold traffic until the hold time.
    pub(super) async fn run(self) {
        let mut work = pin!(self.work());
        poll_fn(|context| {
            let _guard = AbortOnUnwind::new();
            work.as_mut().poll(context)
        })
        .await;
    }

    async fn work(mut self) {
        loop {
            let wake = self.pump();
            if self.leaving && self.speaker.is_idle() && self.sockets.is_quiet() {
                return;
            }
            tokio::select! {
                Some(ready) = self.sockets.next() => self.on_ready(ready),
                command = self.commands.recv(), if !self.orphaned => match command {
                    Some(command) => self.on_command(command),
                    None => self.on_orphaned(),
                },
                () = until(wake) => {}
            }
        }
    }

    /// Lets the speaker do all that it can do now, and says when it wants to be called again.
    fn pump(&mut self) -> Option<Instant> {
        let mut wake = None;
        for round in 0..=ROUNDS {
            if round == ROUNDS {
                wake = Some(Instant::ZERO);
                break;
            }
            let mut edge = Edge {
                neighbors: &self.neighbors,
                sockets: &mut self.sockets,
                reporter: &mut self.reporter,
            };
            wake = pump(&mut self.speaker, Clock::now, &mut self.buf, &mut edge);
            if !self.pass_on() {
                break;
            }
        }
        let counters = self.reporter.publish(Clock::now(), &self.speaker, &self.sockets);
        [wake, counters].into_iter().flatten().min()
    }

    /// Tells the speaker what came of its transmits; `false` if nothing did.
    fn pass_on(&mut self) -> bool {
        let mut any = false;
        while let Some((peer, input)) = self.sockets.pop_heard() {
            self.tell(peer, input);
            any = true;
        }
        any
    }

    fn tell(&mut self, peer: PeerId, input: PeerInput<'_>) {
        self.reporter.touch(peer);
        self.speaker.handle_input(Clock::now(), (peer, input));
    }

    fn on_ready(&mut self, ready: Ready) {
        match ready {
            Ready::Readable(key) => self.on_readable(key),
            Ready::Writable(key) => {
                self.reporter.touch(key.0);
                self.sockets.on_writable(key);
                self.pass_on();
            }
            Ready::Dialed(key, dialed) => self.on_dialed(key, dialed),
            Ready::Accepted(listener, accepted) => {
                if let Some((stream, from)) = accepted {
                    self.on_accepted(stream, from);
                }
                if !self.leaving {
                    self.listen(listener);
                }
            }
            Ready::Lingered(peer) => self.sockets.on_lingered(peer),
        }
    }

    fn on_readable(&mut self, key: Key) {
        let (peer, connection) = key;
        match self.sockets.receive(key, &mut self.unread) {
            None => self.sockets.await_octets(key),
            Some(Ok(count)) if count > 0 => {
                self.reporter.touch(peer);
                let bytes = self.unread.get(..count).unwrap_or_default();
                let received = PeerInput::Received { connection, bytes };
                self.speaker.handle_input(Clock::now(), (peer, received));
                self.sockets.await_octets(key);
            }
            Some(_) => {
                self.sockets.forget(key);
                self.tell(peer, PeerInput::Closed { connection });
            }
        }
    }

    fn on_dialed(&mut self, key: Key, dialed: io::Result<TcpStream>) {
        let (peer, connection) = key;
        if !self.sockets.on_dialed(key) {
            return;
        }
        let connected = dialed.and_then(|stream| Ok((stream.local_addr()?.ip(), stream)));
        let error = connected.as_ref().err().map(ToString::to_string);
        self.reporter.on_dialed(peer, error);
        match connected {
            Ok((local, stream)) => {
                self.sockets.open(key, stream);
                self.tell(peer, PeerInput::Connected { connection, local });
            }
            Err(_) => self.tell(peer, PeerInput::Closed { connection }),
        }
    }

    fn on_accepted(&mut self, stream: TcpStream, from: SocketAddr) {
        let Some(peer) = self.neighbor_at(from) else {
            return self.reporter.count_stranger();
        };
        let crowded = self.speaker.peer(peer).is_none_or(|peer| peer.closing() >= CLOSING);
        let (Ok(local), false) = (stream.local_addr(), crowded) else { return };
        if let Some(connection) = self.speaker.next_connection(peer) {
            self.sockets.open((peer, connection), stream);
            self.tell(peer, PeerInput::Accepted { connection, local: local.ip() });
        }
    }

    /// Who has dialed in: the neighbor with that address, of several the first without a session.
    fn neighbor_at(&self, from: SocketAddr) -> Option<PeerId> {
        let here = |reach: &Reach| is_same_host(reach.remote, from);
        let mut all = self.neighbors.iter().filter(|(_, reach)| here(reach)).map(|(id, _)| *id);
        let first = all.clone().next();
        let state = |id| self.speaker.peer(id).map(|peer| peer.state());
        all.find(|id| state(*id).is_some_and(|state| state != State::Established)).or(first)
    }

    fn listen(&mut self, listener: Listener) {
        let address = listener.address();
        self.listening.insert(address, self.sockets.accept(listener));
    }

    fn on_command(&mut self, command: Command) {
        let now = Clock::now();
        match command {
            Command::Add(neighbor, answer) => {
                let Neighbor { remote, source, session } = *neighbor;
                let id = self.speaker.add_peer(now, session);
                self.neighbors.insert(id, Reach { remote, source });
                self.reporter.add(id, remote, now);
                self.reporter.publish(now, &self.speaker, &self.sockets);
                // Whoever asked may be gone: the neighbor is here all the same.
                let _ = answer.send(id);
            }
            Command::Remove(id) => {
                self.speaker.remove_peer(now, id);
                self.neighbors.remove(&id);
                self.reporter.remove(id);
            }
            Command::Stop(id) => self.speaker.stop_peer(now, id),
            Command::Start(id) => self.speaker.start_peer(now, id),
            Command::Reset(id) => self.speaker.reset_peer(now, id),
            Command::Change(changes) => return self.change(changes),
            Command::Drain(wait) => {
                self.leave();
                self.speaker.drain(now, wait);
            }
            Command::Handover => {
                self.leave();
                self.speaker.handover(now);
            }
        }
        self.neighbors.keys().for_each(|id| self.reporter.touch(*id));
    }

    fn change(&mut self, changes: Vec<RouteChange>) {
        for change in changes {
            match change {
                RouteChange::Announce(prefix, with) => self.speaker.announce(prefix, &with),
                RouteChange::Withdraw(prefix) => self.speaker.withdraw(prefix),
            }
        }
    }

    fn on_orphaned(&mut self) {
        self.orphaned = true;
        if !self.leaving {
            self.leave();
            self.speaker.drain(Clock::now(), Duration::ZERO);
        }
    }

    /// Nobody may dial in any more, and when all is said it ends.
    fn leave(&mut self) {
        self.leaving = true;
        self.listening.clear();
    }
}

/// Where the pump's outputs go.
struct Edge<'a> {
    neighbors: &'a BTreeMap<PeerId, Reach>,
    sockets: &'a mut Sockets,
    reporter: &'a mut Reporter,
}

impl Outlet<Speaker> for Edge<'_> {
    fn transmit(&mut self, (peer, what): (PeerId, PeerTransmit), bytes: &[u8]) -> Flow {
        let reach = self.neighbors.get(&peer).map(|reach| (reach.remote, reach.source));
        self.reporter.touch(peer);
        self.sockets.transmit(peer, what, bytes, reach);
        Flow::Open
    }

    fn event(&mut self, (peer, event): (PeerId, SpeakerEvent)) {
        self.reporter.on_event(Clock::now(), peer, event);
    }
}

/// Whether a connection from `from` is one of the neighbor at `remote`. Link-local addresses are the
/// same on the same link only.
fn is_same_host(remote: SocketAddr, from: SocketAddr) -> bool {
    let link = |address| match address {
        SocketAddr::V6(address) if address.ip().is_unicast_link_local() => address.scope_id(),
        _ => 0,
    };
    remote.ip().to_canonical() == from.ip().to_canonical() && link(remote) == link(from)
}

/// Waits for a time.
async fn until(at: Option<Instant>) {
    match at {
        // A sleep of nothing would be one of a millisecond.
        Some(at) if at <= Clock::now() => yield_now().await,
        Some(at) => sleep(at - Clock::now()).await,
        None => std::future::pending().await,
    }
}
