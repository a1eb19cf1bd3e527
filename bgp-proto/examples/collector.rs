//! Prints what routers say: `collector LISTEN-ADDR:PORT LOCAL-AS`. Any external AS may dial in, one
//! router at a time.

use std::{
    env,
    error::Error,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpListener},
    time::Duration,
};

use vipcast_bgp_proto::{
    Asn, Instant, Machine, Peer, PeerAs, PeerConfig, PeerInput, PeerTransmit, RouterId,
    fsm::Session,
    wire::{Attributes, Update, Verdict},
};

#[expect(clippy::disallowed_methods, reason = "an example brings its own clock")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [listen, local_as] = &arguments[..] else {
        return Err("usage: collector LISTEN-ADDR:PORT LOCAL-AS".into());
    };
    let start = std::time::Instant::now();
    let clock = || Instant::ZERO + start.elapsed();

    let router_id = RouterId::from_addr(Ipv4Addr::new(10, 0, 0, 2)).ok_or("not zero")?;
    let mut config = PeerConfig::new(Asn(local_as.parse()?), PeerAs::External);
    config.passive = true;
    config.add_path_receive = true;
    let mut peer = Peer::new(config, router_id, u64::from(std::process::id()));
    peer.start(clock());

    for stream in TcpListener::bind(listen)?.incoming() {
        let mut stream = stream?;
        let (connection, local) = (peer.next_connection(), stream.local_addr()?.ip());
        peer.handle_input(clock(), PeerInput::Accepted { connection, local });
        let (mut out, mut input) = (Vec::new(), [0; 65_536]);
        'connection: loop {
            while let Some(transmit) = peer.poll_transmit(clock(), &mut out) {
                match transmit {
                    PeerTransmit::Send(_) => {
                        let sent = match stream.write_all(&out) {
                            Ok(()) => PeerInput::Writable { connection },
                            Err(_) => PeerInput::Closed { connection },
                        };
                        peer.handle_input(clock(), sent);
                    }
                    _ => break 'connection,
                }
            }
            while let Some(event) = peer.poll_event() {
                println!("{event:?}");
            }
            let wait = peer.poll_timeout().map_or(Duration::from_secs(1), |at| at - clock());
            stream.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
            match stream.read(&mut input) {
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    peer.handle_timeout(clock());
                }
                Ok(0) | Err(_) => {
                    peer.handle_input(clock(), PeerInput::Closed { connection });
                    break;
                }
                Ok(len) => {
                    let bytes = &input[..len];
                    let received = PeerInput::Received { connection, bytes };
                    peer.handle_input_with(clock(), received, &mut print);
                }
            }
        }
    }
    Ok(())
}

/// Every UPDATE, with what it is worth.
fn print(session: &Session, update: &Update<'_>) {
    if update.verdict() != Verdict::Accept {
        println!("{}: {} ({:?})", session.peer_as, update.verdict(), update.error());
    }
    for (path, prefix) in update.unreachable().flat_map(|nlri| nlri.prefixes()) {
        println!("{}: - {prefix} path {path}", session.peer_as);
    }
    let attributes = Attributes::from_update(update);
    for (path, prefix) in update.reachable().flat_map(|nlri| nlri.prefixes()) {
        println!("{}: + {prefix} path {path} {attributes:?}", session.peer_as);
    }
    if let Some(family) = update.end_of_rib() {
        println!("{}: End-of-RIB {family}", session.peer_as);
    }
}
