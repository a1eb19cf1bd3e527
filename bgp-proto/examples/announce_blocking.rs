//! Announces prefixes to one router, with blocking sockets of `std`:
//!
//! `cargo run -p vipcast-bgp-proto --example announce_blocking -- 192.0.2.1:179 65001 65002 10.9.9.9/32`

use std::{
    env,
    error::Error,
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, TcpStream},
    time::Duration,
};

use vipcast_bgp_proto::{
    Announcement, Asn, Instant, Machine, PeerConfig, PeerInput, PeerTransmit, RouterId, Speaker,
};

#[expect(clippy::disallowed_methods, reason = "an example brings its own clock")]
fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [router, local_as, peer_as, prefixes @ ..] = &arguments[..] else {
        return Err("usage: announce_blocking ADDR:PORT LOCAL-AS PEER-AS PREFIX...".into());
    };
    let start = std::time::Instant::now();
    let clock = || Instant::ZERO + start.elapsed();

    let router_id = RouterId::from_addr(Ipv4Addr::new(10, 0, 0, 1)).ok_or("not zero")?;
    let mut speaker = Speaker::new(router_id, u64::from(std::process::id()));
    for prefix in prefixes {
        speaker.announce(prefix.parse()?, &Announcement::default());
    }
    let config = PeerConfig::new(Asn(local_as.parse()?), Asn(peer_as.parse()?));
    let peer = speaker.add_peer(clock(), config);

    let mut stream: Option<TcpStream> = None;
    let mut current = None;
    let (mut out, mut input) = (Vec::new(), [0; 65_536]);
    loop {
        while let Some((_, transmit)) = speaker.poll_transmit(clock(), &mut out) {
            let reply = match transmit {
                PeerTransmit::Connect(connection) => {
                    let dialed =
                        TcpStream::connect_timeout(&router.parse()?, Duration::from_secs(1));
                    current = Some(connection);
                    stream = dialed.ok();
                    match stream.as_ref().map(TcpStream::local_addr) {
                        Some(local) => PeerInput::Connected { connection, local: local?.ip() },
                        None => PeerInput::Closed { connection },
                    }
                }
                PeerTransmit::Send(connection) => {
                    match stream.as_mut().map(|s| s.write_all(&out)) {
                        Some(Ok(())) => PeerInput::Writable { connection },
                        _ => PeerInput::Closed { connection },
                    }
                }
                PeerTransmit::Close(connection) => {
                    stream = stream.take().filter(|_| current != Some(connection));
                    continue;
                }
                other => return Err(format!("{other:?}").into()),
            };
            speaker.handle_input(clock(), (peer, reply));
        }
        while let Some((_, event)) = speaker.poll_event() {
            println!("{event:?}");
        }

        let wait = speaker.poll_timeout().map_or(Duration::from_secs(1), |at| at - clock());
        let wait = wait.clamp(Duration::from_millis(1), Duration::from_secs(1));
        let (Some(open), Some(connection)) = (&mut stream, current) else {
            std::thread::sleep(wait);
            speaker.handle_timeout(clock());
            continue;
        };
        open.set_read_timeout(Some(wait))?;
        match open.read(&mut input) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                speaker.handle_timeout(clock());
            }
            Ok(0) | Err(_) => {
                stream = None;
                speaker.handle_input(clock(), (peer, PeerInput::Closed { connection }));
            }
            Ok(len) => {
                let bytes = &input[..len];
                let received = PeerInput::Received { connection, bytes };
                speaker.handle_input(clock(), (peer, received));
            }
        }
    }
}
