//! `cargo xtask demo`: builds the two programs and hands over to the lab.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::console::{Progress, duration};
use crate::install::{
    ASSETS, BGP_DEMO_PACKAGES, KUBE_PACKAGES, ensure_control_plane, ensure_debian_packages,
};
use crate::programs;
use crate::workspace::Workspace;

/// See it work: three nodes, a client, a router, and a takeover.
///
/// The machines are network namespaces, the kernels and the ARP are real. A client fetches pages from service
/// addresses; then the owner of one falls silent, another node takes over, and the client fetches again. It needs no root: the lab makes namespaces of its own, and nothing outside them is touched. The first run builds
/// for some minutes, later ones take under a minute.
#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    other: Option<Other>,
    /// Leave the lab up at the end, and say how to look around in it.
    #[arg(long)]
    keep: bool,
}

#[derive(clap::Subcommand)]
enum Other {
    /// Two nodes announce one address by BGP, BIRD shares the traffic between them, and one of them dies.
    Bgp,
    /// In a cluster: install, quick start, and two deaths, the second without an API server. As root; the first time it
    /// builds Kubernetes, with Go.
    Kube,
}

/// The command `demo`. Its exit code is the lab's.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match args.other {
        Some(Other::Bgp) => bgp(),
        Some(Other::Kube) => kube(),
        None => layer2(args),
    }
}

fn layer2(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building vipcast and its lab");
    let programs = programs::build(
        &mut progress,
        &workspace,
        &["-p", "vipcast", "-p", "vipcast-lab", "--bins"],
    )?;
    let time = progress.elapsed();
    drop(progress);
    eprintln!("built in {}", duration(time));

    let lab = programs.bin("lab")?;
    let mut command = Command::new(lab);
    command.args(lab_args(programs.bin("vipcast")?, &workspace.root));
    if args.keep {
        command.arg("--keep");
    }
    hand_over(command)
}

fn bgp() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building announce and the lab");
    let root = fs::metadata("/proc/self")?.uid() == 0;
    ensure_debian_packages(&mut progress, root, BGP_DEMO_PACKAGES)?;
    let packages =
        ["-p", "vipcast-lab", "--bins", "-p", "vipcast-announcer", "--example", "announce"];
    let programs = programs::build(&mut progress, &workspace, &packages)?;
    let time = progress.elapsed();
    drop(progress);
    eprintln!("built in {}", duration(time));
    let mut command = Command::new(programs.bin("lab")?);
    command.args(bgp_lab_args(programs.examples_dir()?));
    hand_over(command)
}

fn kube() -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building vipcast and its lab");
    let root = fs::metadata("/proc/self")?.uid() == 0;
    ensure_debian_packages(&mut progress, root, KUBE_PACKAGES)?;
    let assets = ensure_control_plane(&mut progress, &workspace)?;
    let packages = ["-p", "vipcast", "-p", "vipcast-lab", "--bins", "--features"];
    let packages = [&packages[..], &["vipcast/cluster,vipcast-lab/kube"]].concat();
    let programs = programs::build(&mut progress, &workspace, &packages)?;
    drop(progress);
    let mut command = Command::new(programs.bin("lab")?);
    command.env(ASSETS, assets).args(["demo", "kube", "--vipcast"]);
    command.arg(programs.bin("vipcast")?).arg("--root").arg(&workspace.root);
    hand_over(command)
}

fn hand_over(mut command: Command) -> Result<ExitCode> {
    let lab = command.get_program().to_owned();
    let status = command.status();
    let status = status.with_context(|| format!("cannot start {}", lab.display()))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.map_or(ExitCode::FAILURE, ExitCode::from))
}

/// The lab's command line: `demo bgp --announce PROGRAM`.
pub(crate) fn bgp_lab_args(examples: &Path) -> Vec<OsString> {
    let announce = examples.join("announce");
    vec!["demo".into(), "bgp".into(), "--announce".into(), announce.into()]
}

/// The lab's command line: `demo --vipcast PROGRAM --manifests FOLDER`.
pub(crate) fn lab_args(vipcast: &Path, root: &Path) -> Vec<OsString> {
    let manifests = root.join("examples/quickstart");
    vec!["demo".into(), "--vipcast".into(), vipcast.into(), "--manifests".into(), manifests.into()]
}
