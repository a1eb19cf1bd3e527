//! Two peers reach Established in memory, and print what they said.

use std::net::{IpAddr, Ipv4Addr};

use vipcast_bgp_proto::{
    Asn, Instant, Machine, Peer, PeerConfig, PeerEvent, PeerInput, PeerTransmit, RouterId,
    wire::{Framer, MessageType},
};

fn main() {
    let now = Instant::ZERO;
    let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let peer = |ours, theirs, passive, id| {
        let mut config = PeerConfig::new(Asn(ours), Asn(theirs));
        config.passive = passive;
        let mut peer = Peer::new(config, RouterId::new(id).expect("not zero"), id.into());
        peer.start(now);
        peer
    };
    let mut peers = [peer(65001, 65002, false, 1), peer(65002, 65001, true, 2)];

    let mut buf = Vec::new();
    let Some(PeerTransmit::Connect(dialed)) = peers[0].poll_transmit(now, &mut buf) else {
        unreachable!("a started peer dials");
    };
    let accepted = peers[1].next_connection();
    let connections = [dialed, accepted];
    peers[0].handle_input(now, PeerInput::Connected { connection: dialed, local });
    peers[1].handle_input(now, PeerInput::Accepted { connection: accepted, local });

    let mut side = 0;
    let mut silent = 0;
    while silent < 2 {
        silent += 1;
        while let Some(PeerTransmit::Send(connection)) = peers[side].poll_transmit(now, &mut buf) {
            silent = 0;
            println!("{}: {}", ["dialing", "waiting"][side], kinds(&buf).join(" "));
            peers[side].handle_input(now, PeerInput::Writable { connection });
            let received = PeerInput::Received { connection: connections[1 - side], bytes: &buf };
            peers[1 - side].handle_input(now, received);
        }
        side = 1 - side;
    }
    for peer in &mut peers {
        let Some(PeerEvent::Established(session)) = peer.poll_event() else {
            unreachable!("both want the session");
        };
        println!("AS {} with AS {}: {}", session.local_as, session.peer_as, peer.state());
    }
}

/// The types of the messages in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<String> {
    let mut framer = Framer::new();
    let mut kinds = Vec::new();
    while let Some(Ok(frame)) = framer.next(&mut bytes) {
        let kind: MessageType = frame.kind();
        kinds.push(kind.to_string());
    }
    kinds
}
