//! `no-std`: the cores, with no feature, each feature alone, for a microcontroller.

use anyhow::{Context, Result};

use crate::console::Progress;
use crate::install::ensure_target;
use crate::test::session::{Report, Session};
use crate::workspace::{CORES, Package};

/// It has an allocator and atomics, and no operating system.
const TARGET: &str = "thumbv7em-none-eabi";

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    ensure_target(progress, TARGET)?;
    for core in CORES {
        let mut packages = session.workspace.packages.iter();
        let package = packages.find(|package| package.name == *core);
        for features in variants(package.with_context(|| format!("{core} is no member"))?) {
            let build = ["build", "--lib", "-p", core, "--target", TARGET, "--no-default-features"];
            let mut command = session.workspace.cargo(&build);
            command.args(["--features", features]);
            session.verdict(progress, command)?;
        }
    }
    Ok(Report::pass())
}

/// No feature, and each one alone; a feature `std` asks for what is not there.
fn variants(package: &Package) -> impl Iterator<Item = &str> {
    let features = package.features.iter().map(String::as_str);
    std::iter::once("").chain(features.filter(|feature| !["std", "default"].contains(feature)))
}
