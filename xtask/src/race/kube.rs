//! `cargo xtask race kube`: builds what takes part and hands over to the lab.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::console::Progress;
use crate::image::static_program;
use crate::install::{ASSETS, ensure_control_plane};
use crate::programs;
use crate::workspace::Workspace;

/// The controller before a real API server: how long a service waits, what is written, what it costs. As root.
///
/// It prints a table. There is no rival in it: what MetalLB takes for the same was measured once.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask race kube --services 3000")]
pub(crate) struct Args {
    /// How many services wait for their pool at once
    #[arg(long, value_name = "N", default_value_t = 1000)]
    services: usize,
}

/// The command `race kube`. Its exit code is the lab's.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building what takes part");
    let assets = ensure_control_plane(&mut progress, &workspace)?;
    let packages = ["--release", "-p", "vipcast-lab", "--bins", "--features", "vipcast-lab/kube"];
    let programs = programs::build(&mut progress, &workspace, &packages)?;
    let program = static_program(&mut progress, &workspace, true)?;
    drop(progress);
    let lab = programs.bin("lab")?;
    let mut command = Command::new(lab);
    command.env(ASSETS, assets).args(["race", "kube", "--services", &args.services.to_string()]);
    command.arg("--vipcast").arg(program);
    command.arg("--deploy").arg(workspace.root.join("deploy"));
    let status = command.status().with_context(|| format!("cannot start {}", lab.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
