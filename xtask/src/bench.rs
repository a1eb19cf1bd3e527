//! `cargo xtask bench`: measures.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::workspace::Workspace;

/// Run the benchmarks, all or those whose name holds FILTER.
///
/// On a quiet machine, that is: another build beside it makes the figures worthless.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask bench allocate")]
pub(crate) struct Args {
    /// A part of a benchmark's name.
    filter: Option<String>,
}

/// The command `bench`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let packages = workspace.select(|package| package.has_benches);
    if packages.is_empty() {
        bail!("no crate has a [[bench]] yet");
    }
    let mut command = workspace.cargo(&["bench", "--benches", "--all-features"]);
    command.args(packages).arg("--").args(&args.filter);
    Ok(if command.status()?.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
