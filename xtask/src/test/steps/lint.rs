//! `fmt`, `clippy`, `doc`: the same packages and features as the tests, so that they share what is compiled.

use anyhow::Result;

use crate::console::Progress;
use crate::test::session::{Report, Session};

pub(crate) fn fmt(session: &Session, progress: &mut Progress) -> Result<Report> {
    session.verdict(
        progress,
        session.workspace.cargo(&["fmt", "--all", "--check", "--", "--color", "never"]),
    )?;
    Ok(Report::pass())
}

pub(crate) fn clippy(session: &Session, progress: &mut Progress) -> Result<Report> {
    let args = ["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"];
    session.verdict(progress, session.workspace.cargo(&args))?;
    Ok(Report::pass())
}

pub(crate) fn doc(session: &Session, progress: &mut Progress) -> Result<Report> {
    let mut command =
        session.workspace.cargo(&["doc", "--workspace", "--no-deps", "--all-features"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    session.verdict(progress, command)?;
    Ok(Report::pass())
}
