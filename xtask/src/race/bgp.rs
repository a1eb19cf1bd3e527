//! `cargo xtask race bgp`: builds what takes part and hands over to the lab.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::console::Progress;
use crate::install::{BGP_RACE_PACKAGES, ensure_debian_packages};
use crate::programs;
use crate::workspace::Workspace;

/// How long a router waits for many prefixes: announce, BIRD, GoBGP, and a sender of packed octets.
///
/// The senders take turns before a receiver that only reads, and before BIRD. Each run is a line of a file; the table at
/// the end is of this race alone.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask race bgp --routes 1000000 --rounds 3")]
pub(crate) struct Args {
    /// How many /32s, all with the same attributes
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    routes: u32,

    /// Runs of each sender before each receiver
    #[arg(long, value_name = "N", default_value_t = 7)]
    rounds: usize,

    /// The file of runs [default: race/bgp.jsonl in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
}

/// The command `race bgp`. Its exit code is the lab's.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building what takes part");
    let root = fs::metadata("/proc/self")?.uid() == 0;
    ensure_debian_packages(&mut progress, root, BGP_RACE_PACKAGES)?;
    let packages =
        ["-p", "vipcast-lab", "--bins", "-p", "vipcast-announcer", "--example", "announce"];
    let programs =
        programs::build(&mut progress, &workspace, &[&["--release"], &packages[..]].concat())?;
    drop(progress);
    let folder = workspace.target.join("race");
    let file = args.file.clone().unwrap_or_else(|| folder.join("bgp.jsonl"));
    if args.file.is_none() {
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let lab = programs.bin("lab")?;
    let mut command = Command::new(lab);
    command.args(["race", "bgp", "--routes", &args.routes.to_string()]);
    command.args(["--rounds", &args.rounds.to_string()]).arg("--file").arg(file);
    command.arg("--announce").arg(programs.examples_dir()?.join("announce"));
    let status = command.status().with_context(|| format!("cannot start {}", lab.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}
