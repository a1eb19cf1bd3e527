//! Tools that cargo builds; they are kept in the cache, a folder a version.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::console::Progress;
use crate::workspace::{Workspace, ask};
use crate::{cache, process};

const LIMIT: Duration = Duration::from_secs(60 * 60);

/// A tool from the registry.
pub(crate) struct CargoTool {
    name: &'static str,
    /// What is installed where none is found.
    version: &'static str,
    /// Further arguments of `cargo install`.
    args: &'static [&'static str],
}

/// Licenses, bans and sources of dependencies. Without its default features, which serve its own lookups of git
/// hosts, it builds in half the time.
pub(crate) const CARGO_DENY: CargoTool =
    CargoTool { name: "cargo-deny", version: "0.20.2", args: &["--no-default-features"] };

/// Drives libFuzzer.
pub(crate) const CARGO_FUZZ: CargoTool =
    CargoTool { name: "cargo-fuzz", version: "0.13.2", args: &[] };

impl CargoTool {
    /// The path of the tool: from the search path, else from the cache, else built now, which takes minutes.
    pub(crate) fn ensure(&self, progress: &mut Progress, workspace: &Workspace) -> Result<PathBuf> {
        if ask(self.name, &["--version"]).is_some() {
            return Ok(self.name.into());
        }
        let tools = cache::dir("tools", &workspace.target)?;
        let root = tools.join(format!("{}-{}", self.name, self.version));
        let program = root.join("bin").join(self.name);
        if ask(&program.to_string_lossy(), &["--version"]).is_some() {
            return Ok(program);
        }
        progress.note(&format!(
            "  installing {} {} into {}: it is built once, which takes minutes",
            self.name,
            self.version,
            root.display()
        ));
        let args = ["install", self.name, "--version", self.version, "--locked", "--root"];
        let mut command = workspace.cargo(&args);
        command.arg(&root).args(self.args).env("CARGO_TARGET_DIR", tools.join("build"));
        let finished = process::run(progress, command, LIMIT)?;
        // The objects are of no use once the tool is there; should they stay, nothing breaks.
        let _ = std::fs::remove_dir_all(tools.join("build"));
        if !finished.ok {
            bail!("{}", finished.output);
        }
        Ok(program)
    }
}
