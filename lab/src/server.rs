//! A server that says where it runs: it stands for a service's pods.

use std::{
    io::{self, Read, Write},
    net::{Ipv6Addr, Shutdown, TcpListener, TcpStream},
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    cmsg_space, libc,
    sys::socket::{
        ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn6, recvmsg, sendmsg, setsockopt,
        sockopt::Ipv6RecvPacketInfo,
    },
};
use socket2::{Domain, Socket, Type};

use crate::{
    error::{LabError, Result},
    host::Host,
    lock::lock,
};

/// Answers on one port of a host, on all its addresses, present and future, IPv4 and IPv6:
/// over TCP each HTTP request with a page that holds the host's name, or the client's address where
/// the path is `/client`; over UDP each datagram with itself and the host's name behind it. It ends
/// when dropped.
#[derive(Debug)]
pub struct Server {
    port: u16,
    sockets: [Socket; 2],
    stopped: Arc<AtomicBool>,
    clients: Arc<Clients>,
    threads: Vec<JoinHandle<()>>,
}

/// The connections that are being answered.
type Clients = Mutex<Vec<Weak<TcpStream>>>;

impl Host {
    /// Serves the host's name on `port`.
    ///
    /// # Errors
    /// [`LabError::Io`], as when the port is taken.
    pub fn serve_name(&self, port: u16) -> Result<Server> {
        Server::start(self, port)
    }
}

impl Server {
    fn start(host: &Host, port: u16) -> Result<Self> {
        let opened = host.run(move || Ok([bind(Type::STREAM, port)?, bind(Type::DGRAM, port)?]))?;
        let failed = || LabError::io(format!("serve port {port} of {}", host.name()));
        let sockets = opened.map_err(failed())?;
        let listener: TcpListener = sockets[0].try_clone().map_err(failed())?.into();
        let datagrams = sockets[1].try_clone().map_err(failed())?;
        let stopped = Arc::new(AtomicBool::new(false));
        let clients = Arc::new(Clients::default());
        let (http_stopped, echo_stopped) = (Arc::clone(&stopped), Arc::clone(&stopped));
        let (page, name) = (host.name().to_owned(), host.name().to_owned());
        let served = Arc::clone(&clients);
        // Whole before the threads are: dropping it ends those that started.
        let mut server = Self { port, sockets, stopped, clients, threads: Vec::new() };
        let http = host.start(move || serve_http(&listener, &page, &served, &http_stopped))?;
        server.threads.push(http);
        server.threads.push(host.start(move || echo(&datagrams, &name, &echo_stopped))?);
        Ok(server)
    }

    /// The port it serves.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        for socket in &self.sockets {
            // Wakes the thread that waits on it; UDP does so although it reports "not connected".
            let _ = socket.shutdown(Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        for client in lock(&self.clients).drain(..).filter_map(|client| client.upgrade()) {
            let _ = client.shutdown(Shutdown::Both);
        }
    }
}

/// A socket for both families.
fn bind(kind: Type, port: u16) -> io::Result<Socket> {
    let socket = Socket::new(Domain::IPV6, kind, None)?;
    socket.set_only_v6(false)?;
    socket.set_reuse_address(true)?;
    if kind == Type::DGRAM {
        setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
    }
    socket.bind(&std::net::SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
    if kind == Type::STREAM {
        socket.listen(128)?;
    }
    Ok(socket)
}

fn serve_http(listener: &TcpListener, name: &str, clients: &Clients, stopped: &AtomicBool) {
    for stream in listener.incoming() {
        if stopped.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let (stream, name) = (Arc::new(stream), name.to_owned());
        {
            let mut clients = lock(clients);
            clients.retain(|client| client.strong_count() > 0);
            clients.push(Arc::downgrade(&stream));
        }
        thread::spawn(move || drop(answer(&stream, &name)));
    }
}

/// Reads one request to the end of its head, and answers it.
fn answer(mut stream: &TcpStream, name: &str) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < 16 * 1024 {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let body = if head.starts_with(b"GET /client ") {
        // Seen through a socket for both families, an IPv4 address wears an IPv6 one.
        format!("{}\n", stream.peer_addr()?.ip().to_canonical())
    } else {
        format!("{name}\n")
    };
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )?;
    stream.shutdown(Shutdown::Write)
}

/// Answers datagrams from the very address that they were sent to, as a client expects of a
/// service address that is not the host's first.
fn echo(socket: &Socket, name: &str, stopped: &AtomicBool) {
    let mut buffer = [0; 2048];
    let mut control = cmsg_space!(libc::in6_pktinfo);
    while !stopped.load(Ordering::Acquire) {
        let mut parts = [io::IoSliceMut::new(&mut buffer)];
        let fd = socket.as_raw_fd();
        let received =
            recvmsg::<SockaddrIn6>(fd, &mut parts, Some(&mut control), MsgFlags::empty());
        let Ok(message) = received else { continue };
        let (Some(from), length) = (message.address, message.bytes) else {
            continue;
        };
        let mut to = message.cmsgs().into_iter().flatten().find_map(|control| match control {
            ControlMessageOwned::Ipv6PacketInfo(info) => Some(info),
            _ => None,
        });
        if let Some(info) = &mut to {
            // The way back is the routing table's business.
            info.ipi6_ifindex = 0;
        }
        let source = to.as_ref().map(ControlMessage::Ipv6PacketInfo);
        let reply = [io::IoSlice::new(&buffer[..length]), io::IoSlice::new(name.as_bytes())];
        // A client that is gone, or out of reach, is its own affair.
        let _ = sendmsg(fd, &reply, source.as_slice(), MsgFlags::empty(), Some(&from));
    }
}
