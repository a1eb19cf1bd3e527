use super::*;

const GATEWAY: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 1);
const SECOND: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 11);

fn address(host: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + u32::from(host))
}

/// What leaves until `end`, and when.
fn run(responder: &mut Responder, mut now: Instant, end: Instant) -> Vec<(Duration, ArpPacket)> {
    let mut frames = Vec::new();
    loop {
        for packet in sent(responder, now) {
            frames.push((now - START, packet));
        }
        match responder.poll_timeout() {
            Some(due) if due <= end => {
                assert!(due >= now);
                now = due;
                responder.handle_timeout(now);
            }
            _ => return frames,
        }
    }
}

fn for_ever(config: ResponderConfig) -> Responder {
    let mut responder = with(config);
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder
}

fn seconds(seconds: u64) -> Instant {
    START + Duration::from_secs(seconds)
}

#[test]
fn an_address_is_announced_in_both_forms_and_one_reply_comes_after_locktime() {
    let mut responder = for_ever(ResponderConfig::default());
    responder.grant(START, CLAIM);
    let frames = run(&mut responder, START, seconds(30));
    let request = ArpPacket::announcement(VIP, OURS);
    let reply = ArpPacket::gratuitous_reply(VIP, OURS);
    let at = Duration::from_millis;
    let expected = [(at(0), request), (at(0), reply), (at(1_100), reply), (at(2_000), request)];
    assert_eq!(frames, expected);
}

#[test]
fn a_refresh_follows_each_minute_give_or_take_a_tenth() {
    let mut responder = for_ever(ResponderConfig { seed: 5, ..ResponderConfig::default() });
    responder.grant(START, CLAIM);
    let frames = run(&mut responder, START, seconds(602));
    let times: Vec<Duration> = frames
        .iter()
        .filter(|(_, packet)| *packet == ArpPacket::announcement(VIP, OURS))
        .map(|&(at, _)| at)
        .skip(1)
        .collect();
    assert!((9..=11).contains(&(times.len() - 1)), "{times:?}");
    let apart: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let (low, high) = (Duration::from_secs(54), Duration::from_secs(66));
    assert!(apart.iter().all(|apart| (low..=high).contains(apart)), "{apart:?}");
    assert!(apart.windows(2).any(|pair| pair[0] != pair[1]), "spread: {apart:?}");
}

#[test]
fn nodes_with_other_seeds_refresh_at_other_times() {
    let refreshed = |seed| {
        let mut responder = for_ever(ResponderConfig { seed, ..ResponderConfig::default() });
        responder.grant(START, CLAIM);
        run(&mut responder, START, seconds(70)).last().copied()
    };
    assert_eq!(refreshed(1), refreshed(1));
    assert_ne!(refreshed(1), refreshed(2));
}

#[test]
#[cfg_attr(miri, ignore = "takes hours there")]
fn all_first_announcements_and_gateway_questions_leave_before_any_repeat() {
    for pace in [Rate { per_second: 200, burst: 20 }, Rate::UNLIMITED] {
        let mut responder = for_ever(ResponderConfig { pace, ..ResponderConfig::default() });
        responder.set_gateways(START, LINK, &[GATEWAY.into()]);
        let count = 10_000;
        for host in 0..count {
            responder.grant(START, Claim { address: address(host).into(), ..CLAIM });
        }
        let frames = run(&mut responder, START, seconds(120));
        let first = &frames[..2 * usize::from(count)];
        for (host, pair) in (0..count).zip(first.chunks(2)) {
            let question = ArpPacket::question(address(host), OURS, GATEWAY, None);
            assert_eq!(pair[0].1, question, "the gateway first");
            assert_eq!(pair[1].1, ArpPacket::announcement(address(host), OURS));
        }
        let took = first.last().unwrap().0;
        let expected = match pace {
            Rate::UNLIMITED => Duration::ZERO,
            // 20 leave at once, the others each 5 ms.
            _ => Duration::from_millis(19_980 * 5),
        };
        assert_eq!(took, expected, "at {pace:?}");
    }
}

#[test]
fn each_link_has_a_pace_of_its_own_and_no_second_has_more_frames() {
    let pace = Rate { per_second: 10, burst: 5 };
    let mut responder = for_ever(ResponderConfig { pace, ..ResponderConfig::default() });
    for host in 0..100 {
        responder.grant(START, Claim { address: address(host).into(), ..CLAIM });
    }
    let frames = run(&mut responder, START, seconds(60));
    assert!(frames.len() >= 400);
    for (at, _) in &frames {
        let second = *at..*at + Duration::from_secs(1);
        let within = frames.iter().filter(|(other, _)| second.contains(other)).count();
        assert!(within <= 15, "{within} in a second: an inspecting switch shuts the port");
    }
    let other = LinkId(3);
    responder.set_link(seconds(60), other, MacAddr([2, 0, 0, 0, 0, 0xcc]));
    responder.grant(seconds(60), Claim { link: other, ..CLAIM });
    let mut buf = Vec::new();
    assert_eq!(responder.poll_transmit(seconds(60), &mut buf), Some(other), "not held up");
}

#[test]
fn a_new_address_does_not_wait_for_the_repeats_of_others() {
    let pace = Rate { per_second: 10, burst: 1 };
    let mut responder = for_ever(ResponderConfig { pace, ..ResponderConfig::default() });
    for host in 0..50 {
        responder.grant(START, Claim { address: address(host).into(), ..CLAIM });
    }
    run(&mut responder, START, seconds(6));
    responder.grant(seconds(6), CLAIM);
    let frames = run(&mut responder, seconds(6), seconds(7));
    assert_eq!(frames[0].1, ArpPacket::announcement(VIP, OURS));
}

#[test]
fn a_lease_that_ended_and_is_renewed_is_announced_again() {
    for timers_first in [true, false] {
        let mut responder = holder();
        let later = NOT_AFTER + Duration::from_secs(3);
        if timers_first {
            responder.handle_timeout(later);
        }
        assert!(sent(&mut responder, later).is_empty());
        responder.handle_timeout(later);
        responder.renew(LEASE, Instant::FAR_FUTURE);
        assert_eq!(sent(&mut responder, later), [ArpPacket::announcement(VIP, OURS)]);
    }
}

#[test]
fn a_claim_that_is_granted_before_its_lease_is_announced_with_it() {
    let mut responder = Responder::new(plain());
    responder.set_link(START, LINK, OURS);
    responder.grant(START, CLAIM);
    assert!(sent(&mut responder, START).is_empty());
    responder.renew(LEASE, NOT_AFTER);
    assert_eq!(sent(&mut responder, START), [ArpPacket::announcement(VIP, OURS)]);
}

#[test]
fn a_renewal_in_time_announces_nothing() {
    let mut responder = holder();
    for step in 1..20 {
        let now = START + Duration::from_millis(step * 50);
        responder.handle_timeout(now);
        responder.renew(LEASE, now + Duration::from_millis(300));
        assert!(sent(&mut responder, now).is_empty());
    }
}

#[test]
fn what_a_revoked_address_still_wanted_is_forgotten() {
    let pace = Rate { per_second: 1, burst: 1 };
    let mut responder = for_ever(ResponderConfig { pace, ..ResponderConfig::default() });
    responder.set_gateways(START, LINK, &[GATEWAY.into()]);
    responder.grant(START, CLAIM);
    responder.grant(START, Claim { address: SECOND.into(), ..CLAIM });
    assert_eq!(sent(&mut responder, START).len(), 1);
    responder.revoke(LINK, VIP.into());
    let frames = run(&mut responder, START, seconds(9));
    assert!(frames.iter().all(|(_, packet)| packet.sender == SECOND), "{frames:?}");
    responder.revoke(LINK, SECOND.into());
    assert_eq!(responder.poll_timeout(), None);
}

#[test]
fn a_link_that_goes_down_in_the_middle_starts_from_the_first_when_it_is_back() {
    let mut responder = for_ever(ResponderConfig::default());
    responder.grant(START, CLAIM);
    run(&mut responder, START, seconds(1));
    responder.remove_link(LINK);
    assert_eq!(responder.poll_timeout(), None);
    responder.set_link(seconds(5), LINK, OURS);
    let frames = run(&mut responder, seconds(5), seconds(20));
    assert_eq!(frames.len(), 4);
    assert_eq!(frames[0], (Duration::from_secs(5), ArpPacket::announcement(VIP, OURS)));
}
