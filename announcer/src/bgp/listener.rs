use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// Where neighbors may dial in.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    socket: Arc<TcpListener>,
    address: SocketAddr,
}

/// How many may wait to be accepted.
const BACKLOG: i32 = 128;
/// A listener that fails (no descriptor is left, say) would fail again at once.
const PAUSE: Duration = Duration::from_millis(100);

impl Listener {
    /// Listens on one address, and of `[::]` on IPv6 alone: both families may have one.
    pub(super) fn open(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let socket = TcpListener::from_std(socket.into())?;
        let address = socket.local_addr()?;
        Ok(Self { socket: Arc::new(socket), address })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits for the next one who dials in; `None` after a failure.
    pub(super) async fn accept(self) -> Option<(TcpStream, SocketAddr)> {
        match self.socket.accept().await {
            Ok(accepted) => Some(accepted),
            Err(_) => {
                sleep(PAUSE).await;
                None
            }
        }
    }
}
