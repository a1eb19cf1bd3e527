//! Random calls in any order: what leaves is always true, what is owed is always said, and only good
//! questions are answered.

mod world;

use std::time::Duration;

use proptest::prelude::*;
use vipcast_arp_ndp::{Frame, LinkId, MacAddr, Rate, Responder, ResponderConfig, Verdict};
use vipcast_sans_io::{Instant, Machine};

use world::{Draw, Model, Stimulus, our_mac};

fn open() -> ResponderConfig {
    let mut config = ResponderConfig::default();
    (config.pace, config.answers_per_requester) = (Rate::UNLIMITED, Rate::UNLIMITED);
    config.answers_in_all = Rate::UNLIMITED;
    config
}

fn start(config: ResponderConfig) -> (Responder, Model) {
    let mut model = Model::new(config.gap);
    let mut responder = Responder::new(config);
    for link in [LinkId(1), LinkId(2)] {
        responder.set_link(Instant::ZERO, link, our_mac(link, false));
        model.links.insert(link, our_mac(link, false));
    }
    (responder, model)
}

fn script() -> impl Strategy<Value = Vec<(u16, bool, Draw)>> {
    // Mostly short steps: some beyond a lease, a queue's gap, or a minute.
    let step = prop_oneof![6 => 0..50_u16, 3 => 50..2_500_u16, 1 => 2_500..u16::MAX];
    proptest::collection::vec((step, any::<bool>(), any::<Draw>()), 0..120)
}

proptest! {
    /// P1: no frame without a claim, or at or after the end of its lease, however late it is built.
    /// P9: every start of a tenure, and every heal of a link or a lease, announces.
    #[test]
    fn what_leaves_is_true_and_what_is_owed_is_said(script in script()) {
        let (mut responder, mut model) = start(open());
        let (mut now, mut buf) = (Instant::ZERO, Vec::new());
        for (millis, drain, draw) in script {
            now += Duration::from_millis(u64::from(millis));
            let stimulus = Stimulus::from(draw);
            stimulus.apply(&mut responder, now);
            model.apply(now, &stimulus);
            if !drain {
                continue;
            }
            while let Some(link) = responder.poll_transmit(now, &mut buf) {
                let wrong = model.wrong(now, link, &buf);
                prop_assert_eq!(wrong, None, "{:?} by {:?}: {:02x?}", now, link, buf);
            }
            while responder.poll_event().is_some() {}
            let silent = model.owed.iter().find(|&&key| model.may_speak(now, key));
            prop_assert_eq!(silent, None, "owed at {:?}", now);
        }
    }

    /// P12: a question is answered if, and only if, nothing is wrong with it and its address is held.
    #[test]
    fn only_good_questions_for_held_addresses_are_answered(script in script()) {
        let (mut responder, mut model) = start(open());
        let (mut now, mut buf) = (Instant::ZERO, Vec::new());
        for (millis, _, draw) in script {
            now += Duration::from_millis(u64::from(millis));
            let stimulus = Stimulus::from(draw);
            let verdict = stimulus.apply(&mut responder, now);
            model.apply(now, &stimulus);
            if let Stimulus::Question(question) = &stimulus {
                let (link, key) = (question.link, (question.link, question.target));
                // Unicast questions go to the address that the link has at first.
                let arrives = !question.unicast
                    || question.probe && question.target.is_ipv6()
                    || model.links.get(&link) == Some(&our_mac(link, false));
                let good = model.is_good(question) && arrives && model.may_speak(now, key);
                prop_assert_eq!(verdict == Some(Verdict::Answered), good, "{:?}", verdict);
            }
            while responder.poll_transmit(now, &mut buf).is_some() {}
        }
    }

    /// No panic and no growth, whatever comes in.
    #[test]
    fn a_flood_of_anything_fills_nothing(
        seed: u64,
        draws in proptest::collection::vec((any::<Draw>(), any::<[u8; 6]>()), 0..400),
    ) {
        let mut config = open();
        (config.requesters, config.limited_requesters, config.answer_queue) = (8, 8, 16);
        config.seed = seed;
        let (mut responder, _) = start(config);
        let mut buf = Vec::new();
        for (at, (draw, mac)) in (0..).zip(draws) {
            let now = Instant::from_millis(at);
            Stimulus::from(draw).apply(&mut responder, now);
            // The same from everywhere.
            let question = vipcast_arp_ndp::ArpPacket::question(
                std::net::Ipv4Addr::from([mac[0], mac[1], mac[2], mac[3]]),
                MacAddr(mac),
                "172.18.0.10".parse().unwrap(),
                None,
            );
            question.encode(&mut buf);
            responder.handle_frame(now, Frame { link: LinkId(1), vlan: None, bytes: &buf });
        }
        // 2 links of 8 requesters and 2 gateways, 8 limits, 16 answers; events of 6 claims.
        prop_assert!(responder.remembered() <= 2 * 10 + 8 + 16 + 6 * 8, "{}", responder.remembered());
    }
}
