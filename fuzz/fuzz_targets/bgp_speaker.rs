//! Any life of a speaker with one neighbor, in virtual time: no panic, never two established
//! connections, a hold timer in each session, bounded queues.

#![no_main]

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use libfuzzer_sys::fuzz_target;
use vipcast_bgp_proto::{
    Announcement, Asn, Instant, Machine, PeerConfig, PeerInput, RestartConfig, RouterId, Speaker,
    fsm::{State, Timer},
    wire::{CeaseSubcode, Notification, encode_keepalive},
};

const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

fuzz_target!(|life: &[u8]| {
    let Some((&[flags, hold_time], mut life)) = life.split_first_chunk::<2>() else {
        return;
    };
    let id = |value| RouterId::new(value).expect("not zero");
    let mut config = PeerConfig::new(Asn(65001), Asn(65002));
    config.passive = flags & 1 != 0;
    config.delay_open = (flags & 2 != 0).then_some(Duration::from_secs(2));
    config.add_path_send = flags & 4 != 0;
    config.send_limit = (flags & 8 != 0).then_some(5);
    let mut theirs = PeerConfig::new(Asn(65002), Asn(65001));
    theirs.graceful_restart = (flags & 16 != 0).then(RestartConfig::default);
    theirs.add_path_receive = flags & 32 != 0;
    let mut greeting = Vec::new();
    let mut open = theirs.open(id(u32::from(flags >> 6) + 1), false);
    open.hold_time = hold_time.into();
    open.encode(&mut greeting).expect("fits");

    let mut now = Instant::from_millis(1);
    let mut speaker = Speaker::new(id(2), hold_time.into());
    let peer = speaker.add_peer(now, config);
    let mut buf = Vec::new();
    while let Some((&[step, argument], rest)) = life.split_first_chunk::<2>() {
        life = rest;
        let connections: Vec<_> = speaker.peer(peer).expect("kept").connections().collect();
        let chosen = connections.get(usize::from(argument & 1)).map(|(id, _)| *id);
        let prefix = IpAddr::V4(Ipv4Addr::new(10, 0, 0, argument % 32)).into();
        let received = |speaker: &mut Speaker, bytes: &[u8]| {
            if let Some(connection) = chosen {
                speaker.handle_input(now, (peer, PeerInput::Received { connection, bytes }));
            }
        };
        match step % 16 {
            0 => {
                let connection = speaker.next_connection(peer).expect("kept");
                speaker.handle_input(now, (peer, PeerInput::Accepted { connection, local: LOCAL }));
            }
            1 | 2 => {
                if let Some(connection) = chosen {
                    let input = PeerInput::Connected { connection, local: LOCAL };
                    speaker.handle_input(now, (peer, input));
                }
            }
            3 => received(&mut speaker, &greeting),
            4 => {
                buf.clear();
                encode_keepalive(&mut buf);
                received(&mut speaker, &buf);
            }
            5 => {
                buf.clear();
                Notification::cease(CeaseSubcode(argument)).encode(&mut buf);
                received(&mut speaker, &buf);
            }
            6 => {
                let (bytes, rest) = life.split_at(life.len().min(argument.into()));
                life = rest;
                received(&mut speaker, bytes);
            }
            7 => {
                if let Some(connection) = chosen {
                    speaker.handle_input(now, (peer, PeerInput::Writable { connection }));
                }
            }
            8 => {
                if let Some(connection) = chosen {
                    speaker.handle_input(now, (peer, PeerInput::Closed { connection }));
                }
            }
            9 => speaker.announce_path(prefix, u32::from(argument / 64), &Announcement::default()),
            10 => speaker.withdraw_path(prefix, u32::from(argument / 64)),
            11 => speaker.set_graceful_shutdown(peer, argument & 1 != 0),
            12 if argument == 0 => speaker.handover(now),
            12 if argument < 9 => speaker.stop_peer(now, peer),
            12 => speaker.start_peer(now, peer),
            13 => {
                now += Duration::from_millis(u64::from(argument) * 40);
                speaker.handle_timeout(now);
            }
            14 => speaker.bfd_down(now, peer),
            _ => while speaker.poll_transmit(now, &mut buf).is_some() {},
        }

        let state = speaker.peer(peer).expect("kept");
        let connections: Vec<_> = state.connections().collect();
        assert!(connections.len() <= 2);
        let established = connections.iter().filter(|(_, state)| *state == State::Established);
        assert!(established.count() <= 1);
        if let Some(session) = state.session() {
            assert_eq!(state.deadline(Timer::Hold).is_none(), session.hold_time.is_zero());
        }
        assert!(speaker.pending_changes() <= 128);
    }
    let mut events = 0;
    while speaker.poll_event().is_some() {
        events += 1;
    }
    assert!(events <= 8, "{events} events");
});
