//! The raw ends: a session by hand, and then octets.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use super::wire::{Counter, KEEPALIVE, OPEN, hosts, keepalive, open, packed, prefix, read};

/// What the raw receiver has seen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen {
    pub(super) first: Duration,
    pub(super) p99: Duration,
    pub(super) last: Duration,
    pub(super) updates: u32,
}

/// Nobody needs this long.
const LIMIT: Duration = Duration::from_secs(60);

/// Receives all prefixes on a session that the sender has dialed, or was dialed.
pub(super) fn receive(
    mut stream: TcpStream,
    asn: u16,
    id: Ipv4Addr,
    routes: u32,
) -> io::Result<Seen> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(&open(asn, id))?;
    if read(&mut stream)?.0 != OPEN {
        return Err(io::Error::other("no OPEN came"));
    }
    let mut bytes = Vec::with_capacity(routes as usize * 6 + (1 << 20));
    let mut buf = vec![0; 1 << 20];
    let mut counter = Counter::default();
    let (mut first, mut p99) = (None, None);
    let start = Instant::now();
    stream.write_all(&keepalive())?;
    let last = loop {
        let count = stream.read(&mut buf)?;
        let at = start.elapsed();
        if count == 0 {
            return Err(io::Error::other(format!("closed after {} prefixes", counter.prefixes)));
        }
        bytes.extend_from_slice(&buf[..count]);
        counter.look(&bytes);
        if counter.prefixes > 0 {
            first.get_or_insert(at);
        }
        if counter.prefixes >= routes - routes / 100 {
            p99.get_or_insert(at);
        }
        if counter.prefixes >= routes {
            break at;
        }
    };
    if hosts(&bytes) != (0..routes).map(prefix).collect::<Vec<_>>() {
        return Err(io::Error::other("what came is not what was to come"));
    }
    let at = |time: Option<Duration>| time.unwrap_or(last);
    Ok(Seen { first: at(first), p99: at(p99), last, updates: counter.updates })
}

/// Dials, opens the session, and hands all octets to TCP at once; then keeps the session alive.
pub(super) fn send(mut stream: TcpStream, asn: u16, id: Ipv4Addr, routes: u32) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let bytes = packed(routes, asn, id);
    stream.write_all(&open(asn, id))?;
    while read(&mut stream)?.0 != OPEN {}
    stream.write_all(&keepalive())?;
    while read(&mut stream)?.0 != KEEPALIVE {}
    stream.write_all(&bytes)?;
    // Whatever comes is of no interest, but must be read.
    let mut ears = stream.try_clone()?;
    thread::spawn(move || io::copy(&mut ears, &mut io::sink()));
    loop {
        thread::sleep(Duration::from_secs(20));
        stream.write_all(&keepalive())?;
    }
}

/// Dials until somebody answers.
pub(super) fn dial(remote: Ipv4Addr) -> io::Result<TcpStream> {
    let start = Instant::now();
    loop {
        match TcpStream::connect((remote, 179)) {
            Err(error) if start.elapsed() > LIMIT => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(20)),
            connected => return connected,
        }
    }
}

/// Where one may dial in.
pub(super) fn listen() -> io::Result<TcpListener> {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, 179))
}
