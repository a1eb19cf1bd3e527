//! `features`: each crate on its own, with no feature and with each feature alone.

use anyhow::Result;

use crate::console::Progress;
use crate::test::session::{Report, Session};

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    for package in &session.workspace.packages {
        let features = package.features.iter().map(String::as_str);
        for feature in std::iter::once("").chain(features) {
            let check =
                ["check", "-p", &package.name, "--no-default-features", "--features", feature];
            session.verdict(progress, session.workspace.cargo(&check))?;
        }
    }
    Ok(Report::pass())
}
