//! `msrv`: the oldest Rust that we promise.

use anyhow::Result;

use crate::console::Progress;
use crate::install::ensure_toolchain;
use crate::test::session::{Report, Session};

/// `rust-version` of the workspace: ours is a member of it.
const MSRV: &str = env!("CARGO_PKG_RUST_VERSION");

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    ensure_toolchain(progress, MSRV)?;
    let channel = format!("+{MSRV}");
    let args = [&channel, "check", "--workspace", "--all-targets", "--all-features"];
    session.verdict(progress, session.workspace.cargo(&args))?;
    Ok(Report::pass())
}
