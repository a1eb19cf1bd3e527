//! A question in, its answer out: parsed, judged, looked up, limited and built, by the responder alone.

#![allow(missing_docs, reason = "criterion's macros make the items")]

use std::{hint::black_box, net::Ipv4Addr, time::Duration};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use vipcast_arp_ndp::{
    ArpPacket, Claim, Frame, LeaseId, LinkId, MacAddr, NeighborSolicitation, Rate, Responder,
    ResponderConfig, Verdict,
};
use vipcast_sans_io::{Instant, Machine};

const LINK: LinkId = LinkId(2);
const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xaa]);

/// Holds this many addresses of each family, and has announced them.
struct Holder {
    responder: Responder,
    now: Instant,
    buf: Vec<u8>,
}

impl Holder {
    fn new(addresses: u32) -> Self {
        let mut config = ResponderConfig::default();
        (config.pace, config.refresh) = (Rate::UNLIMITED, None);
        (config.answers_per_requester, config.answers_in_all) = (Rate::UNLIMITED, Rate::UNLIMITED);
        let (mut responder, mut now) = (Responder::new(config), Instant::from_millis(1));
        responder.set_link(now, LINK, MacAddr([2, 0, 0, 0, 0, 0xbb]));
        responder.renew(LeaseId(0), Instant::FAR_FUTURE);
        for host in 0..addresses {
            for address in [ipv4(host).into(), ipv6(host).into()] {
                responder.grant(now, Claim { address, link: LINK, epoch: 1, lease: LeaseId(0) });
            }
        }
        let mut buf = Vec::new();
        for _ in 0..10 {
            responder.handle_timeout(now);
            while responder.poll_transmit(now, &mut buf).is_some() {}
            now += Duration::from_secs(1);
        }
        Self { responder, now, buf }
    }

    fn ask(&mut self, question: &[u8]) -> Verdict {
        self.now += Duration::from_micros(5);
        let frame = Frame { link: LINK, vlan: None, bytes: black_box(question) };
        let verdict = self.responder.handle_frame(self.now, frame);
        while self.responder.poll_transmit(self.now, &mut self.buf).is_some() {
            black_box(&self.buf);
        }
        verdict
    }
}

const fn ipv4(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + host)
}

fn ipv6(host: u32) -> std::net::Ipv6Addr {
    std::net::Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(host))
}

fn respond(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("respond");
    group.throughput(Throughput::Elements(1));
    for addresses in [1, 1_000, 10_000] {
        let mut holder = Holder::new(addresses);
        let mut measure = |name: &str, wanted: Verdict, question: &dyn Fn(u32) -> Vec<u8>| {
            // A prime stride, so that neighbours in the table do not follow each other.
            let hosts = (0..1_024_u32).map(|at| at.wrapping_mul(7_919) % addresses);
            let questions: Vec<Vec<u8>> = hosts.map(question).collect();
            let mut turn = questions.iter().cycle();
            assert_eq!(holder.ask(&questions[0]), wanted);
            group.bench_function(format!("{name}/{addresses}"), |bencher| {
                bencher.iter(|| holder.ask(turn.next().expect("a cycle")));
            });
        };
        let frame = |packet: ArpPacket| {
            let mut buf = Vec::new();
            packet.encode(&mut buf);
            buf
        };
        let asker = Ipv4Addr::new(10, 9, 9, 9);
        measure("arp", Verdict::Answered, &|host| {
            frame(ArpPacket::question(asker, ASKER, ipv4(host), None))
        });
        measure("ndp", Verdict::Answered, &|host| {
            let mut buf = Vec::new();
            NeighborSolicitation::question(ipv6(1 << 30), ASKER, ipv6(host), None).encode(&mut buf);
            buf
        });
        measure("arp of others", Verdict::NotForUs, &|host| {
            frame(ArpPacket::question(asker, ASKER, ipv4((1 << 20) + host % 64), None))
        });
    }
    group.finish();
}

criterion_group!(benches, respond);
criterion_main!(benches);
