//! Toolchains and targets, by rustup.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::console::Progress;
use crate::process;
use crate::workspace::ask;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// Makes sure that `cargo +TOOLCHAIN` works.
pub(crate) fn ensure_toolchain(progress: &mut Progress, toolchain: &str) -> Result<()> {
    let channel = format!("+{toolchain}");
    // Without rustup cargo knows no `+`, and says so; rustc would pass over it.
    if ask("cargo", &[&channel, "--version"]).is_some() {
        return Ok(());
    }
    progress.note(&format!("  installing the Rust toolchain {toolchain} with rustup"));
    rustup(progress, &["toolchain", "install", toolchain, "--profile", "minimal"])
}

/// Makes sure that the toolchain in use can build for `target`.
pub(crate) fn ensure_target(progress: &mut Progress, target: &str) -> Result<()> {
    let libraries = ask("rustc", &["--print", "target-libdir", "--target", target]);
    if libraries.is_some_and(|dir| Path::new(&dir).is_dir()) {
        return Ok(());
    }
    progress.note(&format!("  installing the Rust target {target} with rustup"));
    rustup(progress, &["target", "add", target])
}

fn rustup(progress: &mut Progress, args: &[&str]) -> Result<()> {
    if ask("rustup", &["--version"]).is_none() {
        bail!(
            "this needs `rustup {}`, and there is no rustup: install Rust from https://rustup.rs, or that part by \
             your distribution's means",
            args.join(" ")
        );
    }
    let mut command = Command::new("rustup");
    command.args(args);
    let finished = process::run(progress, command, LIMIT)?;
    if !finished.ok {
        bail!("{}", finished.output);
    }
    Ok(())
}
