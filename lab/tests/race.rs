//! The failover race makes a run, and the run measures something.

use std::{process::ExitCode, time::Duration};

use vipcast_lab::{
    harness::{self, TestResult, test},
    race::{Cell, Contender, Fault, Programs, once},
};

const TRIES: usize = 5;

fn a_cut_owner_is_missed_until_another_node_serves() -> TestResult {
    let contender = Contender::Vipcast { interval: Duration::from_millis(100), burst: true };
    // A run in which a busy machine held up the harness measures the machine.
    let mut record = once(Cell { contender, fault: Fault::Cut }, &Programs::default())?;
    for _ in 1..TRIES {
        if record.void.is_none() {
            break;
        }
        record = once(Cell { contender, fault: Fault::Cut }, &Programs::default())?;
    }
    assert_eq!(record.void, None);
    let figures = record.figures.ok_or("nothing was measured")?;
    assert!(figures.recovered && figures.newcomer_recovered, "{figures:?}");
    assert!(figures.lost > 0 && figures.moved.is_some(), "{figures:?}");
    // The old owner speaks into a cut: nobody hears two.
    assert_eq!(figures.two_owners, 0.0, "{figures:?}");
    Ok(())
}

fn main() -> ExitCode {
    let cut = test(
        "a cut owner is missed until another node serves",
        a_cut_owner_is_missed_until_another_node_serves,
    );
    harness::main(vec![cut.needs_tool("nft")])
}
