//! `deny`: licenses, bans and sources of the dependencies, by `deny.toml`.

use anyhow::Result;

use crate::console::Progress;
use crate::install::CARGO_DENY;
use crate::test::session::{Report, Session};

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    let deny = CARGO_DENY.ensure(progress, &session.workspace)?;
    let args = ["--workspace", "check", "licenses", "bans", "sources"];
    session.verdict(progress, session.workspace.command(&deny.to_string_lossy(), &args))?;
    Ok(Report::pass())
}
