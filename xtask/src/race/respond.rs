//! `cargo xtask race respond`: builds what takes part and hands over to the lab.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::console::Progress;
use crate::install::GoProgram;
use crate::process;
use crate::programs;
use crate::workspace::Workspace;

/// What an answer to an ARP question costs, and how long it takes: vipcast, a plain loop in C, one over MetalLB's
/// library in Go, the kernel.
///
/// The asker runs on processor 0, the contenders on processor 1. It needs cc, taskset (util-linux) and Go.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  cargo xtask race respond --addresses 1 --rounds 3")]
pub(crate) struct Args {
    /// Race for so many addresses, one after the other
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1, 1_000])]
    addresses: Vec<u32>,

    /// So many rounds, in each of which everybody runs once
    #[arg(long, value_name = "N", default_value_t = 10)]
    rounds: usize,

    /// The file of rounds: what is there is not run again [default: race/respond.jsonl in cargo's target folder]
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Begin no round after so many seconds: the same command goes on with the rest
    #[arg(long, value_name = "N")]
    seconds: Option<u32>,
}

const GO: GoProgram = GoProgram { name: "arp-responder", module: "lab/rivals/arp-go" };

/// The command `race respond`. Its exit code is the lab's.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building what takes part");
    let programs = programs::build(
        &mut progress,
        &workspace,
        &["--release", "-p", "vipcast", "-p", "vipcast-lab", "--bins"],
    )?;
    let addresses: Vec<String> = args.addresses.iter().map(u32::to_string).collect();
    let mut command = Command::new(programs.bin("lab")?);
    command.args(["race", "respond"]).arg("--vipcast").arg(programs.bin("vipcast")?);
    command.arg("--asker").arg(compile(&mut progress, &workspace, "asker")?);
    command.arg("--loop").arg(compile(&mut progress, &workspace, "responder")?);
    command.arg("--go").arg(GO.ensure(&mut progress, &workspace)?);
    command.arg("--addresses").arg(addresses.join(","));
    command.arg("--rounds").arg(args.rounds.to_string());
    let folder = workspace.target.join("race");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let file = args.file.clone().unwrap_or_else(|| folder.join("respond.jsonl"));
    command.arg("--file").arg(file);
    if let Some(seconds) = args.seconds {
        command.arg("--seconds").arg(seconds.to_string());
    }
    drop(progress);
    let code = command.status()?.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The program of one C file, built into the cache.
fn compile(progress: &mut Progress, workspace: &Workspace, name: &str) -> Result<PathBuf> {
    let source = workspace.root.join("lab/rivals/arp-c").join(name).with_extension("c");
    let program = cache::dir("rivals", &workspace.target)?.join(format!("arp-{name}"));
    let mut command = Command::new("cc");
    command.args(["-O2", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-o"]);
    command.arg(&program).arg::<&Path>(source.as_ref());
    let limit = std::time::Duration::from_secs(300);
    let finished = process::run(progress, command, limit).context("this needs a C compiler, cc")?;
    if !finished.ok {
        bail!("{}", finished.output);
    }
    Ok(program)
}
