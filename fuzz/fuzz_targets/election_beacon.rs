//! An election among nodes that say anything, in virtual time: no token outlives its lease, what is
//! remembered is bounded, and a drained queue is empty.

#![no_main]

use std::{net::IpAddr, num::NonZeroU16, time::Duration};

use libfuzzer_sys::fuzz_target;
use vipcast_election::{
    Backend, Candidates, Contenders, Epoch, NodeName, Segment, Unit,
    beacon::{
        BeaconConfig, BeaconElection, BeaconInput, BeaconSettings, Keyring,
        wire::{Beacon, Entry, Failing, LifeId, SegmentTag, TableDigest, Tenure},
    },
};
use vipcast_sans_io::{Instant, Machine};

const NAMES: [&str; 4] = ["a", "b", "c", "d"];

fn unit(number: u8) -> Unit {
    Unit { segment: Segment::new("lan"), address: IpAddr::from([192, 0, 2, number % 4]) }
}

fn candidates(mask: u8) -> Candidates {
    let chosen = |shift: u8| (0..4).filter(move |n| mask.rotate_left(shift.into()) >> n & 1 == 1);
    let nodes = |shift| chosen(shift).map(|n: usize| NodeName::new(NAMES[n]));
    (0..4).map(|n| (unit(n), Contenders::equal(nodes(n), unit(n & 2).address))).collect()
}

fn beacon(sequence: u64, [who, flags, held, epoch]: [u8; 4]) -> Beacon {
    let me = LifeId::of(&NodeName::new("a"), 1);
    let has = |bit: u8| flags >> bit & 1 == 1;
    let entry = |n: u8| {
        let tenure = Tenure {
            epoch: Epoch(u64::from(epoch)),
            successor: has(0).then_some(me),
            moved: vec![Duration::from_secs(u64::from(epoch)); usize::from(held >> 6)],
        };
        Some(Entry { stands: has(1), held: (held >> n & 1 == 1).then_some(tenure) })
    };
    let others = NAMES.map(|name| LifeId::of(&NodeName::new(name), 1));
    Beacon {
        name: NodeName::new(NAMES[usize::from(who % 4)]),
        segment: SegmentTag::of(&Segment::new("lan")),
        incarnation: u64::from(who >> 6) + 1,
        sequence,
        interval: Duration::from_millis(20 + u64::from(epoch)),
        token_life: Duration::from_millis(170),
        starting: has(2),
        draining: has(3),
        weight: NonZeroU16::new(u16::from(epoch) + 1).unwrap(),
        hears: if has(4) { others.to_vec() } else { Vec::new() },
        hardware: Vec::new(),
        digest: TableDigest { count: 4, sum: u64::from(held & 1) },
        probes: if has(5) { vec![me] } else { Vec::new() },
        sync_wanted: if has(6) { vec![me] } else { Vec::new() },
        failing: if has(7) {
            vec![Failing { life: me, address: unit(held).address, failures: epoch.max(1) }]
        } else {
            Vec::new()
        },
        changes: (0..4).map(|n| (unit(n).address, entry(n))).collect(),
        sync: None,
    }
}

fuzz_target!(|bytes: &[u8]| {
    let config = BeaconConfig::new(NodeName::new("a"), 1, BeaconSettings::default()).unwrap();
    let mut election = BeaconElection::new(config, Keyring::insecure());
    let (segment, mut now, mut buf) = (Segment::new("lan"), Instant::from_millis(1), Vec::new());
    election.set_link(now, &segment, true);
    election.set_candidates(now, candidates(0xff));
    for (sequence, step) in bytes.chunks_exact(6).enumerate() {
        let &[pause, kind, a, b, c, d] = step else { return };
        now += Duration::from_millis(u64::from(pause) * if kind & 0x80 == 0 { 1 } else { 20 });
        match kind & 0x0f {
            0 => election.set_candidates(now, candidates(a)),
            1 => election.set_link(now, &segment, a & 3 > 0),
            2 if a == 7 => election.drain(now),
            3 | 4 => {
                let by = NodeName::new(NAMES[usize::from(b % 4)]);
                let by = (b & 0x40 == 0).then_some(&by);
                election.handle_input(now, BeaconInput::Answer { unit: &unit(a), by });
            }
            5 => {
                let by = NodeName::new(NAMES[usize::from(b % 4)]);
                election.handle_input(now, BeaconInput::Connected { unit: &unit(a), by: &by });
            }
            6 => election.handle_timeout(now),
            7 => {
                let bytes = &bytes[bytes.len().min(usize::from(a))..];
                election.handle_input(now, BeaconInput::Datagram { segment: &segment, bytes });
            }
            _ => {
                beacon(sequence as u64 + 1, [a, b, c, d]).encode(&Keyring::insecure(), &mut buf);
                let bytes = &buf;
                election.handle_input(now, BeaconInput::Datagram { segment: &segment, bytes });
            }
        }
        // Whoever was called has no token that is over.
        for unit in election.tokens().keys() {
            assert!(election.not_after(&unit.segment).is_some_and(|at| now < at), "{unit}");
        }
        if kind & 0x40 == 0 {
            let mut said = 0;
            while election.poll_transmit(now, &mut buf).is_some() {
                assert!(buf.len() <= 1_400);
                said += 1;
                assert!(said < 256, "it never ends");
            }
            while election.poll_event().is_some() {}
            while election.poll_notice().is_some() {}
        }
        assert!(election.footprint() < 64);
    }
});
