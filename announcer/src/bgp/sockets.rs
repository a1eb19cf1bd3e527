use std::{
    collections::{BTreeMap, VecDeque},
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
};

use futures_util::{
    StreamExt,
    future::{AbortHandle, Abortable},
    stream::FuturesUnordered,
};
use tokio::net::TcpStream;
use vipcast_bgp_proto::{ConnectionId, PeerId, PeerInput, PeerTransmit};

use super::{
    connection::{Connection, Waiting, dial},
    listener::Listener,
};

/// Names a connection.
pub(super) type Key = (PeerId, ConnectionId);

/// Every socket of the speaker, and what is waited for.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    dialing: BTreeMap<Key, Waiting>,
    open: BTreeMap<Key, Connection>,
    /// Closed, with their last words on the way.
    lingering: BTreeMap<PeerId, usize>,
    waits: FuturesUnordered<Wait>,
    /// What the speaker is to be told.
    heard: VecDeque<(PeerId, PeerInput<'static>)>,
}

type Wait = Abortable<Pin<Box<dyn Future<Output = Ready> + Send>>>;

/// What has come to pass.
#[derive(Debug)]
pub(super) enum Ready {
    /// There may be something to read.
    Readable(Key),
    /// There may be room to write.
    Writable(Key),
    /// A dial has ended.
    Dialed(Key, io::Result<TcpStream>),
    /// Somebody has dialed in; `None` if that failed.
    Accepted(Listener, Option<(TcpStream, SocketAddr)>),
    /// Last words are out.
    Lingered(PeerId),
}

/// How many closed connections are kept for one neighbor to read the last words; further ones are
/// dropped at once.
const LINGERING: usize = 8;

impl Sockets {
    /// The next thing that comes to pass; `None` when nothing is waited for.
    pub(super) async fn next(&mut self) -> Option<Ready> {
        loop {
            // What was aborted is no news.
            if let Ok(ready) = self.waits.next().await? {
                return Some(ready);
            }
        }
    }

    fn wait(&self, future: impl Future<Output = Ready> + Send + 'static) -> Waiting {
        Waiting(self.await_whatever_comes(future))
    }

    fn await_whatever_comes(
        &self,
        future: impl Future<Output = Ready> + Send + 'static,
    ) -> AbortHandle {
        let (handle, registration) = AbortHandle::new_pair();
        self.waits.push(Abortable::new(Box::pin(future), registration));
        handle
    }

    /// Waits for the next one who dials in.
    pub(super) fn accept(&self, listener: Listener) -> Waiting {
        self.wait(async move {
            let accepted = listener.clone().accept().await;
            Ready::Accepted(listener, accepted)
        })
    }

    /// Does what the speaker says.
    pub(super) fn transmit(
        &mut self,
        peer: PeerId,
        what: PeerTransmit,
        bytes: &[u8],
        reach: Option<(SocketAddr, Option<IpAddr>)>,
    ) {
        match (what, reach) {
            (PeerTransmit::Connect(id), Some((remote, source))) => {
                let key = (peer, id);
                let dialing =
                    self.wait(async move { Ready::Dialed(key, dial(remote, source).await) });
                self.dialing.insert(key, dialing);
            }
            (PeerTransmit::Connect(connection), None) => {
                self.heard.push_back((peer, PeerInput::Closed { connection }));
            }
            (PeerTransmit::Send(id), _) => {
                if let Some(open) = self.open.get_mut(&(peer, id)) {
                    open.send(bytes);
                    self.after_write((peer, id));
                }
            }
            (PeerTransmit::Close(id), _) => self.close((peer, id)),
            _ => {}
        }
    }

    /// Takes a connection that is up.
    pub(super) fn open(&mut self, key: Key, stream: TcpStream) {
        self.open.insert(key, Connection::new(stream));
        self.await_octets(key);
    }

    /// Ends a connection that has failed.
    pub(super) fn forget(&mut self, key: Key) {
        self.dialing.remove(&key);
        self.open.remove(&key);
    }

    fn close(&mut self, key: Key) {
        self.dialing.remove(&key);
        let Some(mut open) = self.open.remove(&key) else { return };
        (open.reading, open.writing) = (None, None);
        let count = self.lingering.entry(key.0).or_default();
        if *count < LINGERING {
            *count += 1;
            self.await_whatever_comes(async move {
                open.linger().await;
                Ready::Lingered(key.0)
            });
        }
    }

    /// A dial has ended: whether it is still wanted.
    pub(super) fn on_dialed(&mut self, key: Key) -> bool {
        self.dialing.remove(&key).is_some()
    }

    /// Last words are out.
    pub(super) fn on_lingered(&mut self, peer: PeerId) {
        if let Some(count) = self.lingering.get_mut(&peer) {
            *count -= 1;
            if *count == 0 {
                self.lingering.remove(&peer);
            }
        }
    }

    /// There may be room: goes on writing.
    pub(super) fn on_writable(&mut self, key: Key) {
        if let Some(open) = self.open.get_mut(&key) {
            open.writing = None;
            open.flush();
            self.after_write(key);
        }
    }

    /// Says that TCP has taken all, or waits until it takes more.
    fn after_write(&mut self, key: Key) {
        let (peer, connection) = key;
        let Some(open) = self.open.get(&key) else { return };
        if open.is_flushed() {
            self.heard.push_back((peer, PeerInput::Writable { connection }));
        } else if open.waits_for_room() && open.writing.is_none() {
            let stream = open.stream();
            let writing = self.wait(async move {
                let _ = stream.writable().await;
                Ready::Writable(key)
            });
            if let Some(open) = self.open.get_mut(&key) {
                open.writing = Some(writing);
            }
        }
    }

    /// Reads what is there; `None` is nothing yet, or a connection that is gone.
    pub(super) fn receive(&self, key: Key, buf: &mut [u8]) -> Option<io::Result<usize>> {
        self.open.get(&key)?.receive(buf)
    }

    /// Waits until there is something to read.
    pub(super) fn await_octets(&mut self, key: Key) {
        let Some(open) = self.open.get(&key) else { return };
        let stream = open.stream();
        let reading = self.wait(async move {
            let _ = stream.readable().await;
            Ready::Readable(key)
        });
        if let Some(open) = self.open.get_mut(&key) {
            open.reading = Some(reading);
        }
    }

    /// What the speaker is to be told next.
    pub(super) fn pop_heard(&mut self) -> Option<(PeerId, PeerInput<'static>)> {
        self.heard.pop_front()
    }

    /// Whether TCP has taken all that was sent.
    pub(super) fn is_flushed(&self, key: Key) -> bool {
        self.open.get(&key).is_none_or(Connection::is_flushed)
    }

    /// Whether nothing is open, and no last word on its way.
    pub(super) fn is_quiet(&self) -> bool {
        self.dialing.is_empty() && self.open.is_empty() && self.lingering.is_empty()
    }
}
