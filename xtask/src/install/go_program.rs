//! Programs of ours in Go, around libraries that exist in Go only.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::console::Progress;
use crate::workspace::{Workspace, ask};
use crate::{cache, process};

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A Go module of the workspace with a program in it.
pub(crate) struct GoProgram {
    /// What the program is called.
    pub(crate) name: &'static str,
    /// The module's folder.
    pub(crate) module: &'static str,
}

impl GoProgram {
    /// The path of the program, built into the cache; Go itself knows what is up to date.
    pub(crate) fn ensure(&self, progress: &mut Progress, workspace: &Workspace) -> Result<PathBuf> {
        if ask("go", &["version"]).is_none() {
            bail!("this needs Go: install it from https://go.dev/dl, or leave its cells out");
        }
        let program = cache::dir("rivals", &workspace.target)?.join(self.name);
        let mut command = workspace.command("go", &["build", "-trimpath", "-o"]);
        command.arg(&program).arg(".").current_dir(workspace.root.join(self.module));
        let finished = process::run(progress, command, LIMIT)?;
        if !finished.ok {
            bail!("{}", finished.output);
        }
        Ok(program)
    }
}
