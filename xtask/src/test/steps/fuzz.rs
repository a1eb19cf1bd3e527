//! `fuzz`: each target, for ten seconds.

use std::time::Duration;

use anyhow::Result;

use crate::console::Progress;
use crate::fuzz::Fuzz;
use crate::test::session::{Report, Session};

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    let Some(fuzz) = Fuzz::open(&session.workspace)? else {
        return Ok(Report::nothing_to_do("there is no folder fuzz/ yet"));
    };
    let fuzz = fuzz.prepare(progress)?;
    let mut report = Report::default();
    for target in fuzz.targets() {
        match session.verdict(progress, fuzz.command(target, Duration::from_secs(10))) {
            Ok(()) => report.tally.passed += 1,
            Err(error) => report.fail(&format!("{target}:\n{error:#}")),
        }
    }
    Ok(report)
}
