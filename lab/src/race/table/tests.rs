use std::time::Duration;

use super::{super::Contender, *};

fn figures(outage: f64) -> Figures {
    Figures {
        outage,
        recovered: outage < 1_000.0,
        lost: 7,
        newcomer: 20.0,
        newcomer_recovered: true,
        moved: Some(outage),
        two_owners: 0.0,
        two_owners_at_end: false,
        stale: None,
        stall: 1.0,
    }
}

fn record(cell: Cell, void: Option<&str>, outage: f64) -> Record {
    Record {
        cell: cell.to_string(),
        address: "172.18.3.0".to_owned(),
        load: 1.0,
        void: void.map(str::to_owned),
        figures: Some(figures(outage)),
    }
}

#[test]
fn the_middle_of_an_even_number_lies_between_two() {
    let spread = |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| spread.show());
    assert_eq!(spread(&[3.0, 1.0]).as_deref(), Some("1 / 2 / 3"));
    assert_eq!(spread(&[3.25, 1.0, 200.4]).as_deref(), Some("1 / 3.2 / 200"));
    assert_eq!(spread(&[]), None);
}

#[test]
fn runs_that_do_not_count_are_counted_apart_and_open_ends_are_said() {
    let contender = Contender::Keepalived { advert: Duration::from_secs(1) };
    let cell = Cell { contender, fault: Fault::Cut };
    let records = [
        record(cell, None, 100.0),
        record(cell, None, 2_000.0),
        record(cell, Some("the capture lost 3 frames"), 1.0),
    ];
    let summaries = Summary::of(&[cell], &records);
    assert_eq!((summaries[0].runs, summaries[0].void), (2, 1));
    let text = show(&summaries, Form::Markdown);
    let row = "| keepalived-1s | 2    | 100 / 1050 / 2000; not over in 1 | 7 / 7 / 7   |";
    assert!(text.contains(row), "{text}");
    assert!(text.starts_with("**port cut (silent, both ways)**\n"), "{text}");
}
