//! Calls and frames in any order, in virtual time: what leaves is true at that moment, what is owed is
//! said, and nothing fills the memory. The model is that of the crate's own tests.

#![no_main]

#[path = "../../arp-ndp/tests/world/mod.rs"]
mod world;

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use vipcast_arp_ndp::{Frame, LinkId, Rate, Responder, ResponderConfig};
use vipcast_sans_io::{Instant, Machine};
use world::{Model, Stimulus, our_mac};

fuzz_target!(|bytes: &[u8]| {
    let mut config = ResponderConfig::default();
    (config.pace, config.answer_queue) = (Rate::UNLIMITED, 64);
    (config.requesters, config.limited_requesters) = (8, 8);
    let mut model = Model::new(config.gap);
    let mut responder = Responder::new(config);
    for link in [LinkId(1), LinkId(2)] {
        responder.set_link(Instant::ZERO, link, our_mac(link, false));
        model.links.insert(link, our_mac(link, false));
    }
    let (mut now, mut buf) = (Instant::ZERO, Vec::new());
    for step in bytes.chunks_exact(7) {
        let &[high, low, drain, a, b, c, d] = step else { return };
        now += Duration::from_millis(u16::from_be_bytes([high, low]).into());
        let stimulus = Stimulus::from((a, b, c, d));
        stimulus.apply(&mut responder, now);
        model.apply(now, &stimulus);
        if drain % 2 == 0 {
            continue;
        }
        while let Some(link) = responder.poll_transmit(now, &mut buf) {
            assert_eq!(model.wrong(now, link, &buf), None, "{now:?}: {buf:02x?}");
        }
        while responder.poll_event().is_some() {}
        assert!(!model.owed.iter().any(|&key| model.may_speak(now, key)));
    }
    // The rest of the way, the same bytes as frames.
    for frame in bytes.chunks(96) {
        responder.handle_frame(now, Frame { link: LinkId(1), vlan: None, bytes: frame });
    }
    assert!(responder.remembered() < 200);
});
