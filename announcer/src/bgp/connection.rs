use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Shutdown, SocketAddr},
    sync::Arc,
    time::Duration,
};

use futures_util::future::AbortHandle;
use socket2::SockRef;
use tokio::{
    net::{TcpSocket, TcpStream},
    time::timeout,
};

/// A connection that is up. All of it but [`linger`](Self::linger) is done without waiting.
#[derive(Debug)]
pub(super) struct Connection {
    stream: Arc<TcpStream>,
    /// What TCP has not taken. It grows by last words only.
    rest: Vec<u8>,
    /// How much of `rest` TCP has taken since.
    taken: usize,
    /// TCP takes nothing any more. What the neighbor said last may still be there to be read.
    broken: bool,
    pub(super) reading: Option<Waiting>,
    pub(super) writing: Option<Waiting>,
}

/// A future that is waited for; dropped, it is waited for no longer.
#[derive(Debug)]
pub(super) struct Waiting(pub(super) AbortHandle);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How long a closed connection is kept, for the neighbor to read why.
const LINGER: Duration = Duration::from_secs(1);

impl Connection {
    pub(super) fn new(stream: TcpStream) -> Self {
        // Without it a message waits for the acknowledgment of the one before: slower, no harm else.
        let _ = stream.set_nodelay(true);
        Self {
            stream: Arc::new(stream),
            rest: Vec::new(),
            taken: 0,
            broken: false,
            reading: None,
            writing: None,
        }
    }

    /// A handle to wait with.
    pub(super) fn stream(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    /// Whether TCP has taken all.
    pub(super) const fn is_flushed(&self) -> bool {
        self.rest.is_empty() && !self.broken
    }

    /// Whether more can be written once TCP takes more.
    pub(super) const fn waits_for_room(&self) -> bool {
        !self.rest.is_empty() && !self.broken
    }

    /// Sends, behind what is still to be sent.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        let taken = if self.rest.is_empty() { self.put(bytes) } else { 0 };
        self.rest.extend_from_slice(bytes.get(taken..).unwrap_or_default());
    }

    /// Goes on with what is still to be sent.
    pub(super) fn flush(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        self.taken += self.put(rest.get(self.taken..).unwrap_or_default());
        if self.taken < rest.len() && !self.broken {
            self.rest = rest;
        } else {
            self.taken = 0;
        }
    }

    /// Hands octets to TCP, and says how many it took. A failure shows when the connection is read,
    /// after what the neighbor has said before.
    fn put(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while taken < bytes.len() {
            match self.stream.try_write(bytes.get(taken..).unwrap_or_default()) {
                Ok(count) => taken += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.broken = true;
                    break;
                }
            }
        }
        taken
    }

    /// Reads what is there. `Ok(0)` is the end; `None` is nothing yet.
    pub(super) fn receive(&self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        match self.stream.try_read(buf) {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                None
            }
            read => Some(read),
        }
    }

    /// Sends what is left and a FIN, and reads to the end: so the neighbor reads the last words, and
    /// no RST overtakes them. One that takes nothing is reset.
    pub(super) async fn linger(mut self) {
        let done = timeout(LINGER, async {
            while self.waits_for_room() {
                self.stream.writable().await?;
                self.flush();
            }
            SockRef::from(&*self.stream).shutdown(Shutdown::Write)?;
            let mut unread = [0; 2048];
            loop {
                self.stream.readable().await?;
                if let Some(Ok(0) | Err(_)) = self.receive(&mut unread) {
                    return Ok::<_, io::Error>(());
                }
                // Who sends faster than this reads does not keep the task from its other neighbors.
                tokio::task::yield_now().await;
            }
        });
        let _ = done.await;
        if !self.rest.is_empty() {
            let _ = SockRef::from(&*self.stream).set_linger(Some(Duration::ZERO));
        }
    }
}

/// Dials.
pub(super) async fn dial(remote: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = match remote {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    socket.connect(remote).await
}
