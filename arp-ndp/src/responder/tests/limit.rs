use super::*;

fn limited(config: ResponderConfig) -> Responder {
    let mut responder = with(config);
    responder.renew(LEASE, Instant::FAR_FUTURE);
    responder.grant(START, CLAIM);
    sent(&mut responder, START);
    responder
}

fn question(host: u8) -> ArpPacket {
    let mac = MacAddr([2, 0, 0, 0, 9, host]);
    ArpPacket { source: mac, sender_mac: mac, ..REQUEST }
}

fn answered(responder: &mut Responder, now: Instant, host: u8, times: usize) -> usize {
    (0..times)
        .filter(|_| {
            let verdict = ask(responder, now, question(host));
            sent(responder, now);
            verdict == Verdict::Answered
        })
        .count()
}

#[test]
fn a_flooder_is_held_to_its_rate_and_silences_nobody_else() {
    let answers_per_requester = Rate { per_second: 10, burst: 4 };
    let mut responder = limited(ResponderConfig { answers_per_requester, ..plain() });
    assert_eq!(answered(&mut responder, START, 1, 100), 4);
    assert_eq!(responder.counters().refused(Refusal::RequesterRate), 96);
    assert_eq!(answered(&mut responder, START, 2, 1), 1);
    assert_eq!(answered(&mut responder, START + Duration::from_millis(200), 1, 100), 2);
}

#[test]
fn all_together_are_held_to_a_rate_too() {
    let answers_in_all = Rate { per_second: 100, burst: 20 };
    let mut responder = limited(ResponderConfig { answers_in_all, ..plain() });
    let all: usize = (0..50).map(|host| answered(&mut responder, START, host, 1)).sum();
    assert_eq!(all, 20);
    assert_eq!(responder.counters().refused(Refusal::TotalRate), 30);
}

/// Fewer where each step is interpreted.
const HOSTS: u8 = if cfg!(miri) { 12 } else { 200 };

#[test]
fn the_memory_of_limits_is_bounded_and_forgets_who_was_quiet_longest() {
    let answers_per_requester = Rate { per_second: 1, burst: 1 };
    let config =
        ResponderConfig { answers_per_requester, limited_requesters: 4, requesters: 0, ..plain() };
    let mut responder = limited(config);
    for host in 0..HOSTS {
        answered(&mut responder, START, host, 1);
    }
    assert_eq!(responder.remembered(), 4);
    assert_eq!(answered(&mut responder, START, HOSTS - 1, 1), 0, "remembered");
    assert_eq!(answered(&mut responder, START, 0, 1), 1, "forgotten");
}

#[test]
fn a_question_that_waited_through_a_gap_is_not_answered() {
    for (waited, answers) in [(500, 1), (501, 0)] {
        let mut responder = limited(plain());
        assert_eq!(ask(&mut responder, START, REQUEST), Verdict::Answered);
        let now = START + Duration::from_millis(waited);
        assert_eq!(sent(&mut responder, now).len(), answers, "{waited}");
        assert_eq!(responder.counters().stale_answers, 1 - u64::try_from(answers).unwrap());
    }
}
