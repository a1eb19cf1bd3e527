//! `cargo xtask fuzz`: looks for what breaks a decoder or a machine.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::console::Progress;
use crate::install::{CARGO_FUZZ, ensure_toolchain};
use crate::process;
use crate::workspace::Workspace;

/// Fuzz the decoders and machines, one target after the other.
///
/// It needs the nightly toolchain and cargo-fuzz, and installs them where they are missing.
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask fuzz --list\n  cargo xtask fuzz arp_frame --seconds 600"
)]
pub(crate) struct Args {
    /// The targets [default: all].
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// How long to fuzz each.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// List the targets and run nothing.
    #[arg(long)]
    list: bool,
}

/// The command `fuzz`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let fuzz = Fuzz::open(&workspace)?.context("there is no folder fuzz/ yet")?;
    if args.list {
        fuzz.targets.iter().for_each(|target| println!("{target}"));
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = args.targets.iter().find(|target| !fuzz.targets.contains(target)) {
        bail!("there is no fuzz target `{unknown}`; there are: {}", fuzz.targets.join(", "));
    }
    let mut progress = Progress::start("building the fuzz targets");
    let fuzz = fuzz.prepare(&mut progress)?;
    drop(progress);
    for target in fuzz.targets() {
        if !args.targets.is_empty() && !args.targets.iter().any(|wanted| wanted == target) {
            continue;
        }
        if !fuzz.command(target, Duration::from_secs(args.seconds)).status()?.success() {
            bail!("{target} was broken: the input is in fuzz/artifacts/{target}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder `fuzz/`, a workspace of its own.
pub(crate) struct Fuzz<'a> {
    workspace: &'a Workspace,
    targets: Vec<String>,
}

/// The targets are built, and what runs them is known.
pub(crate) struct Prepared<'a> {
    fuzz: Fuzz<'a>,
    tool: PathBuf,
    /// Inputs that libFuzzer found worth keeping; those in `fuzz/corpus` are only read.
    corpus: PathBuf,
}

impl<'a> Fuzz<'a> {
    /// Finds the targets, a file each; `None` where there is no `fuzz/`.
    pub(crate) fn open(workspace: &'a Workspace) -> Result<Option<Self>> {
        let dir = workspace.root.join("fuzz");
        if !dir.join("Cargo.toml").is_file() {
            return Ok(None);
        }
        let mut targets = Vec::new();
        for entry in fs::read_dir(dir.join("fuzz_targets")).context("fuzz/fuzz_targets")? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "rs") {
                targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
        targets.sort();
        Ok(Some(Self { workspace, targets }))
    }

    /// Installs what is missing and builds all targets.
    pub(crate) fn prepare(self, progress: &mut Progress) -> Result<Prepared<'a>> {
        ensure_toolchain(progress, "nightly")?;
        let tool = CARGO_FUZZ.ensure(progress, self.workspace)?;
        let corpus = cache::dir("corpus", &self.workspace.target)?;
        let prepared = Prepared { fuzz: self, tool, corpus };
        let finished = process::run(progress, prepared.call("build"), crate::test::BUILD_LIMIT)?;
        if !finished.ok {
            bail!("{}", finished.output);
        }
        Ok(prepared)
    }
}

impl Prepared<'_> {
    /// The names of the targets.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &str> {
        self.fuzz.targets.iter().map(String::as_str)
    }

    /// Runs `target` for `time`.
    pub(crate) fn command(&self, target: &str, time: Duration) -> Command {
        let found = self.corpus.join(target);
        // Should it fail, libFuzzer names the folder that it misses.
        let _ = fs::create_dir_all(&found);
        let mut command = self.call("run");
        command.arg(target).arg(&found);
        let seeds = self.fuzz.workspace.root.join("fuzz/corpus").join(target);
        if seeds.is_dir() {
            command.arg(seeds);
        }
        command.args(["--", &format!("-max_total_time={}", time.as_secs())]);
        command
    }

    fn call(&self, verb: &str) -> Command {
        let workspace = self.fuzz.workspace;
        let mut command = workspace.command(&self.tool.to_string_lossy(), &["fuzz", verb]);
        command.env("RUSTUP_TOOLCHAIN", "nightly");
        command.arg("--target-dir").arg(workspace.target.join("fuzz"));
        command
    }
}
