//! `bench`: the benchmarks build; how fast they are is not a question for a busy machine.

use anyhow::Result;

use crate::console::Progress;
use crate::test::session::{Report, Session};

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    let packages = session.workspace.select(|package| package.has_benches);
    if packages.is_empty() {
        return Ok(Report::nothing_to_do("no crate has a [[bench]] yet"));
    }
    let mut command =
        session.workspace.cargo(&["bench", "--benches", "--all-features", "--no-run"]);
    command.args(packages);
    session.verdict(progress, command)?;
    Ok(Report::pass())
}
