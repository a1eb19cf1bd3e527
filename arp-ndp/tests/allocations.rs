//! Whoever is known is answered without one allocation.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    time::Duration,
};

use vipcast_arp_ndp::{
    ArpPacket, Claim, Frame, LeaseId, LinkId, MacAddr, NeighborSolicitation, Responder,
    ResponderConfig, Verdict,
};
use vipcast_sans_io::{Instant, Machine};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: all is the system allocator's; counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const LINK: LinkId = LinkId(2);
const ASKER: MacAddr = MacAddr([2, 0, 0, 0, 0, 0xaa]);

fn question(host: u16, buf: &mut Vec<u8>) {
    let address = 0x0a00_0000 + u32::from(host);
    ArpPacket::question("10.9.9.9".parse().unwrap(), ASKER, address.into(), None).encode(buf);
}

#[test]
fn a_thousand_addresses_answer_without_an_allocation() {
    let mut responder = Responder::new(ResponderConfig::default());
    let start = Instant::from_millis(1_000);
    responder.set_link(start, LINK, MacAddr([2, 0, 0, 0, 0, 0xbb]));
    responder.renew(LeaseId(0), Instant::FAR_FUTURE);
    for host in 0..1_000_u32 {
        let address = std::net::Ipv4Addr::from(0x0a00_0000 + host).into();
        responder.grant(start, Claim { address, link: LINK, epoch: 1, lease: LeaseId(0) });
    }
    let vip6 = "2001:db8::10".parse().unwrap();
    let claim6 = Claim { address: vip6, link: LINK, epoch: 1, lease: LeaseId(0) };
    responder.grant(start, claim6);
    let (mut now, mut buf, mut frame) = (start, Vec::new(), Vec::new());
    // All that is announced for a grant is over after 20 s.
    for _ in 0..4_000 {
        now += Duration::from_millis(5);
        responder.handle_timeout(now);
        while responder.poll_transmit(now, &mut buf).is_some() {}
    }
    let solicitation = NeighborSolicitation::question(
        "2001:db8::2".parse().unwrap(),
        ASKER,
        "2001:db8::10".parse().unwrap(),
        None,
    );

    // The second round finds everybody known.
    for round in 0..2 {
        let mut allocations = 0;
        for host in 0..1_000 {
            now += Duration::from_millis(1);
            if host % 2 == 0 {
                question(host, &mut frame);
            } else {
                solicitation.encode(&mut frame);
            }
            let before = ALLOCATIONS.with(Cell::get);
            let verdict =
                responder.handle_frame(now, Frame { link: LINK, vlan: None, bytes: &frame });
            while responder.poll_transmit(now, &mut buf).is_some() {}
            allocations += ALLOCATIONS.with(Cell::get) - before;
            assert_eq!(verdict, Verdict::Answered);
        }
        assert!(round == 0 || allocations == 0, "{allocations} allocations for 1,000 answers");
    }
    assert_eq!(responder.counters().replies_sent, 2_000);
}
