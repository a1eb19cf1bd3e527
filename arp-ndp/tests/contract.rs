//! The responder passes the contract kit of every machine.

mod world;

use std::time::Duration;

use vipcast_arp_ndp::{LinkId, Responder, ResponderConfig, Verdict};
use vipcast_sans_io::Instant;
use vipcast_sim::{
    Rng,
    contract::{self, Subject},
};

use world::{Draw, Model, Stimulus, our_mac};

struct Responders {
    /// How long a question may wait.
    gap: Duration,
}

impl Subject for Responders {
    type Machine = Responder;
    type Stimulus = Stimulus;

    fn build(&self, seed: u64, now: Instant) -> Responder {
        let mut config = ResponderConfig::default();
        (config.seed, config.gap) = (seed, self.gap);
        (config.requesters, config.limited_requesters) = (64, 64);
        let mut responder = Responder::new(config);
        for link in [LinkId(1), LinkId(2)] {
            responder.set_link(now, link, our_mac(link, false));
        }
        responder
    }

    fn stimulus(&self, rng: &mut Rng, _now: Instant) -> Stimulus {
        let [a, b, c, d, ..] = rng.next_u64().to_be_bytes();
        Stimulus::from((a, b, c, d))
    }

    fn apply(&self, responder: &mut Responder, now: Instant, stimulus: &Stimulus) {
        stimulus.apply(responder, now);
    }

    fn is_stale(
        &self,
        history: &[(Instant, Stimulus)],
        &link: &LinkId,
        bytes: &[u8],
        now: Instant,
    ) -> bool {
        let mut model = Model::new(self.gap);
        for link in [LinkId(1), LinkId(2)] {
            model.links.insert(link, our_mac(link, false));
        }
        for (at, stimulus) in history {
            model.apply(*at, stimulus);
        }
        model.wrong(now, link, bytes).is_some()
    }

    fn is_input(&self, stimulus: &Stimulus) -> bool {
        stimulus.is_frame()
    }

    fn footprint(&self, responder: &Responder) -> usize {
        responder.remembered()
    }

    fn queue_limit(&self) -> usize {
        2_048
    }

    fn longest_step(&self) -> Duration {
        Duration::from_secs(5)
    }
}

#[test]
fn the_responder_keeps_the_contract() {
    let responders = Responders { gap: Duration::from_millis(500) };
    let report = contract::check(&responders).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    assert!(report.transmits > 1_000 && report.events > 50 && report.timeouts > 200, "{report}");
    assert!(report.early_timeouts > 1_000 && report.due_inputs > 100, "{report}");
    assert!(report.late_pending > 100 && report.late_sent > 10, "some pause had something waiting");
    assert!(report.late_sent < report.late_pending, "and what was stale by then was not sent");
}

#[test]
fn a_queue_of_patient_questions_is_bounded_too() {
    let responders = Responders { gap: Duration::from_secs(1 << 32) };
    let report = contract::check(&responders).unwrap_or_else(|violation| panic!("{violation}"));
    println!("{report}");
    assert!(report.most_queued > 1_000, "the queue of answers was full: {report}");
}

#[test]
fn the_stimuli_reach_what_they_are_for() {
    // The kit proves little if they do not: a grant, a renewal, a question.
    let draws: [Draw; 3] = [(14, 0, 0, 0), (17, 0, 255, 0), (0, 0, 0, 255)];
    let responders = Responders { gap: Duration::ZERO };
    let mut responder = responders.build(1, Instant::ZERO);
    let verdicts: Vec<_> =
        draws.map(|draw| Stimulus::from(draw).apply(&mut responder, Instant::ZERO)).to_vec();
    assert_eq!(verdicts[2], Some(Verdict::Answered));
}
