//! The contract that every machine keeps, put to a speaker with two neighbors.

mod common;

use std::{net::IpAddr, time::Duration};

use common::external;
use vipcast_bgp_proto::{
    Announcement, Asn, HoldTime, Instant, Machine, PeerConfig, PeerId, PeerInput, PeerTransmit,
    RouterId, Speaker,
    wire::{
        Attributes, CeaseSubcode, Community, Family, Framer, MessageType, Notification,
        RefreshSubtype, RouteRefresh, Update, encode_keepalive,
    },
};
use vipcast_sim::{Rng, contract};

struct TwoNeighbors;

#[derive(Clone, Debug)]
enum Stimulus {
    Input { peer: usize, connection: usize, what: What },
    Announce { number: u8, set: u16 },
    Withdraw { number: u8 },
    Mark { peer: usize, on: bool },
    Stop { peer: usize },
    Start { peer: usize },
    BfdDown { peer: usize },
}

#[derive(Clone, Debug)]
enum What {
    Accepted,
    Connected,
    Bytes(Vec<u8>),
    Writable,
    Closed,
}

const LOCAL: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn neighbor(speaker: &Speaker, peer: usize) -> PeerId {
    speaker.peers().nth(peer).expect("two neighbors").0
}

fn host(number: u8) -> ipnet::IpNet {
    IpAddr::from([10, 0, 0, number]).into()
}

fn open(peer: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let asn = 65_002 + u32::try_from(peer).expect("small");
    let mut config = PeerConfig::new(Asn(asn), Asn(65_001));
    config.hold_time = HoldTime::from_secs(3).expect("allowed");
    config.open(RouterId::new(asn).expect("not zero"), false).encode(&mut bytes).expect("fits");
    bytes
}

fn bytes(rng: &mut Rng, peer: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    match rng.next_u64() % 16 {
        0..=3 => {
            bytes = open(peer);
            encode_keepalive(&mut bytes);
        }
        4 => bytes = open(peer),
        5..=9 => encode_keepalive(&mut bytes),
        10 => Notification::cease(CeaseSubcode::ADMINISTRATIVE_RESET).encode(&mut bytes),
        11 | 12 => RouteRefresh { family: Family::IPV4_UNICAST, subtype: RefreshSubtype::REQUEST }
            .encode(&mut bytes),
        13 => {
            bytes = [&[0xFF; 16][..], &[0, 23, 2, 0, 0, 0, 0]].concat();
        }
        14 => {
            encode_keepalive(&mut bytes);
            bytes.truncate(7);
        }
        _ => bytes = rng.next_u64().to_be_bytes().to_vec(),
    }
    bytes
}

impl contract::Subject for TwoNeighbors {
    type Machine = Speaker;
    type Stimulus = Stimulus;

    fn build(&self, seed: u64, now: Instant) -> Speaker {
        let mut speaker = Speaker::new(RouterId::new(1).expect("not zero"), seed);
        for asn in [65_002, 65_003] {
            let mut config = PeerConfig::new(Asn(65_001), Asn(asn));
            config.hold_time = HoldTime::from_secs(3).expect("allowed");
            speaker.add_peer(now, config);
        }
        speaker
    }

    fn stimulus(&self, rng: &mut Rng, _: Instant) -> Stimulus {
        let peer = usize::from(rng.below(2) == 0);
        let number = (rng.next_u64() % 16) as u8;
        let connection = usize::from(rng.below(4) == 0);
        let input = |what| Stimulus::Input { peer, connection, what };
        match rng.next_u64() % 32 {
            0 | 1 => input(What::Accepted),
            2..=4 => input(What::Connected),
            5..=16 => input(What::Bytes(bytes(rng, peer))),
            17..=21 => input(What::Writable),
            22 => input(What::Closed),
            23..=26 => Stimulus::Announce { number, set: (rng.next_u64() % 3) as u16 },
            27 | 28 => Stimulus::Withdraw { number },
            29 => Stimulus::Mark { peer, on: rng.below(2) == 0 },
            30 if rng.below(2) == 0 => Stimulus::Stop { peer },
            30 => Stimulus::BfdDown { peer },
            _ => Stimulus::Start { peer },
        }
    }

    fn apply(&self, speaker: &mut Speaker, now: Instant, stimulus: &Stimulus) {
        match stimulus {
            Stimulus::Input { peer, connection, what } => {
                let id = neighbor(speaker, *peer);
                if matches!(what, What::Accepted) {
                    // A driver accepts no more while it has this many to close.
                    if speaker.peer(id).is_some_and(|peer| peer.closing() < 64) {
                        let connection = speaker.next_connection(id).expect("present");
                        let input = PeerInput::Accepted { connection, local: LOCAL };
                        speaker.handle_input(now, (id, input));
                    }
                    return;
                }
                // Which one is meant must not depend on timers that are due.
                let mut after = speaker.clone();
                after.handle_timeout(now);
                let peer = after.peer(id).expect("present");
                let Some((connection, _)) = peer.connections().nth(*connection) else {
                    // Also this is an input: due timers fire.
                    return speaker.handle_timeout(now);
                };
                let input = match what {
                    What::Connected => PeerInput::Connected { connection, local: LOCAL },
                    What::Bytes(bytes) => PeerInput::Received { connection, bytes },
                    What::Writable => PeerInput::Writable { connection },
                    What::Closed | What::Accepted => PeerInput::Closed { connection },
                };
                speaker.handle_input(now, (id, input));
            }
            Stimulus::Announce { number, set } => {
                let announcement = Announcement::new(Attributes {
                    communities: vec![Community::new(65_001, *set)],
                    ..Attributes::default()
                });
                speaker.announce(host(*number), &announcement);
            }
            Stimulus::Withdraw { number } => speaker.withdraw(host(*number)),
            Stimulus::Mark { peer, on } => {
                let id = neighbor(speaker, *peer);
                speaker.set_graceful_shutdown(id, *on);
            }
            Stimulus::Stop { peer } => speaker.stop_peer(now, neighbor(speaker, *peer)),
            Stimulus::Start { peer } => speaker.start_peer(now, neighbor(speaker, *peer)),
            Stimulus::BfdDown { peer } => speaker.bfd_down(now, neighbor(speaker, *peer)),
        }
    }

    /// An UPDATE is false if it says of a prefix what the last command does not.
    fn is_stale(
        &self,
        history: &[(Instant, Stimulus)],
        _: &(PeerId, PeerTransmit),
        bytes: &[u8],
        _: Instant,
    ) -> bool {
        let announced = |prefix: ipnet::IpNet| {
            let last = history.iter().rev().find_map(|(_, stimulus)| match stimulus {
                Stimulus::Announce { number, set } if host(*number) == prefix => Some(Some(*set)),
                Stimulus::Withdraw { number } if host(*number) == prefix => Some(None),
                _ => None,
            });
            last.flatten()
        };
        let mut framer = Framer::new();
        framer.set_extended(true);
        let mut input = bytes;
        let context = external();
        while let Some(Ok(frame)) = framer.next(&mut input) {
            if frame.kind() != MessageType::UPDATE {
                continue;
            }
            let update = Update::decode(frame.body(), &context);
            let set = Attributes::from_update(&update).communities.first().map(|c| c.0 & 0xFFFF);
            let wrong = |nlri: vipcast_bgp_proto::wire::Nlri<'_>, set: Option<u32>| {
                nlri.prefixes().any(|(_, prefix)| announced(prefix).map(u32::from) != set)
            };
            if update.reachable().any(|nlri| wrong(nlri, set))
                || update.unreachable().any(|nlri| wrong(nlri, None))
            {
                return true;
            }
        }
        false
    }

    fn is_input(&self, stimulus: &Stimulus) -> bool {
        matches!(stimulus, Stimulus::Input { what, .. } if !matches!(what, What::Accepted))
    }

    fn footprint(&self, speaker: &Speaker) -> usize {
        speaker.pending_changes()
    }

    fn steps(&self) -> usize {
        300
    }

    fn longest_step(&self) -> Duration {
        Duration::from_secs(2)
    }
}

#[test]
fn a_speaker_keeps_the_contract_of_machines() {
    let report = contract::check(&TwoNeighbors).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    assert!(report.transmits > 1_000, "{report}");
    assert!(report.events > 100, "{report}");
    assert!(report.due_inputs > 10, "{report}");
    assert!(report.late_pending > 0, "{report}");
}
