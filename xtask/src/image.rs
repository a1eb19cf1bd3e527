//! `cargo xtask image`: the root folder of the container image, and the static program in it.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::console::{Progress, duration};
use crate::install::{STATIC_PACKAGES, ensure_debian_packages, ensure_target};
use crate::programs;
use crate::workspace::Workspace;

/// Lay out the folder that deploy/Dockerfile copies from: the static program, in TARGET/image.
///
/// No image is built: that takes docker, podman or buildah, and the last line says how.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// The command `image`.
pub(crate) fn run(_: &Args) -> Result<ExitCode> {
    let workspace = Workspace::load()?;
    let mut progress = Progress::start("building the static program");
    let program = static_program(&mut progress, &workspace, true)?;
    let time = progress.elapsed();
    drop(progress);
    let folder = workspace.target.join("image");
    fs::create_dir_all(&folder)?;
    let copy = folder.join("vipcast");
    fs::copy(&program, &copy).with_context(|| format!("cannot write {}", copy.display()))?;
    let size = fs::metadata(&copy)?.len();
    eprintln!("built in {}: {:.1} MB", duration(time), size as f64 / 1e6);
    println!("docker build -t vipcast:0.1.0 -f deploy/Dockerfile {}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// Builds `vipcast` so that it needs no file beside it, and says where it is. As it is `shipped`, or
/// quickly.
pub(crate) fn static_program(
    progress: &mut Progress,
    workspace: &Workspace,
    shipped: bool,
) -> Result<PathBuf> {
    let target = match std::env::consts::ARCH {
        "x86_64" => "x86_64-unknown-linux-musl",
        "aarch64" => "aarch64-unknown-linux-musl",
        other => bail!("the image is for x86_64 and aarch64; this machine is {other}"),
    };
    let root = fs::metadata("/proc/self")?.uid() == 0;
    ensure_debian_packages(progress, root, STATIC_PACKAGES)?;
    ensure_target(progress, target)?;
    let profile = if shipped { "dist" } else { "dev" };
    let args = ["-p", "vipcast", "--bins", "--target", target, "--profile", profile];
    Ok(programs::build(progress, workspace, &args)?.bin("vipcast")?.to_owned())
}
