use super::*;

/// One probe a millisecond, 0.4 ms to an answer: a letter names who gave it, a dot is a loss.
fn report(answers: &str) -> (Instant, ProbeReport) {
    let start = Instant::now();
    let samples = answers.chars().zip(0..).map(|(by, number)| {
        let sent_at = start + Duration::from_millis(number);
        let at = sent_at + Duration::from_micros(400);
        let answer = (by != '.').then(|| Answer { at, by: Some(by.to_string().into()) });
        Sample { sent_at, answer }
    });
    let samples = samples.collect();
    let target = ([10, 0, 0, 1], 80).into();
    (start, ProbeReport { target, every: Duration::from_millis(1), samples })
}

#[test]
fn an_outage_lasts_from_the_first_lost_probe_to_the_first_answered_one() {
    let (start, report) = report("aa...b.b");
    let [long, short] = report.outages()[..] else { panic!("{report}") };
    assert_eq!(long.first_lost, start + Duration::from_millis(2));
    assert_eq!((long.lost, long.duration()), (3, Some(Duration::from_millis(3))));
    assert_eq!((short.lost, short.duration()), (1, Some(Duration::from_millis(1))));
    assert_eq!(report.longest_outage(), Some(long));
    assert_eq!(report.longest_silence(), Some(Duration::from_millis(4)));
    assert_eq!((report.sent(), report.answered(), report.lost()), (8, 4, 4));
}

#[test]
fn an_outage_that_never_ends_has_no_duration() {
    let (_, report) = report("a..");
    let outage = report.longest_outage().expect("two probes were lost");
    assert_eq!((outage.lost, outage.duration()), (2, None));
    assert!(report.to_string().ends_with("2 lost, unanswered at the end (2 lost); a: 1"));
}

#[test]
fn a_clean_run_has_no_outage_and_an_unanswered_one_no_silence() {
    assert_eq!(report("aaa").1.longest_outage(), None);
    assert_eq!(report("...").1.longest_silence(), None);
    assert_eq!(report("").1.outages(), []);
}

#[test]
fn losses_do_not_end_a_reign_but_another_host_does() {
    let (start, report) = report("a.ab.a");
    let told: Vec<_> =
        report.reigns().into_iter().map(|r| (r.by, r.answers, r.last - start)).collect();
    let told: Vec<_> = told
        .iter()
        .map(|(by, answers, last)| (by.as_deref(), *answers, last.as_millis()))
        .collect();
    assert_eq!(told, [(Some("a"), 2, 2), (Some("b"), 1, 3), (Some("a"), 1, 5)]);
}
