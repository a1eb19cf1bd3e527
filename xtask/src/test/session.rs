//! What the steps of one run share, and what a step hands back.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Instant;

use anyhow::{Result, anyhow, bail};

use crate::console::{Progress, duration};
use crate::process;
use crate::programs::{self, Programs};
use crate::workspace::Workspace;

use super::BUILD_LIMIT;
use super::count::Tally;

/// One run of `cargo xtask test`.
pub(crate) struct Session {
    pub(crate) workspace: Workspace,
    /// Whether this is root.
    pub(crate) root: bool,
    programs: OnceCell<Option<Programs>>,
}

impl Session {
    pub(crate) fn open() -> Result<Self> {
        let root = fs::metadata("/proc/self")?.uid() == 0;
        Ok(Self { workspace: Workspace::load()?, root, programs: OnceCell::new() })
    }

    /// All programs and test programs of the workspace, built at the first call. One build with one set of
    /// features serves every step that runs something: a build by package would compile the dependencies again.
    pub(crate) fn programs(&self, progress: &mut Progress) -> Result<&Programs> {
        let mut told = None;
        let programs = self.programs.get_or_init(|| {
            let args = ["--workspace", "--all-features", "--bins", "--examples", "--tests"];
            let started = Instant::now();
            let built = programs::build(progress, &self.workspace, &args);
            progress.note(&format!("  the build took {}", duration(started.elapsed())));
            built.map_err(|error| told = Some(error)).ok()
        });
        match (programs, told) {
            (Some(programs), _) => Ok(programs),
            (None, Some(error)) => Err(error),
            (None, None) => Err(anyhow!("nothing to run: the build has failed, see above")),
        }
    }

    /// Runs a command whose exit code is the verdict; the error carries its whole output.
    pub(crate) fn verdict(&self, progress: &mut Progress, command: Command) -> Result<()> {
        let finished = process::run(progress, command, BUILD_LIMIT)?;
        if !finished.ok {
            bail!("{}", finished.output);
        }
        Ok(())
    }
}

/// What came of a step.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) tally: Tally,
    /// Shown whole; empty where nothing failed.
    pub(crate) output: String,
    /// What the counts do not say.
    pub(crate) note: String,
}

impl Report {
    /// A check without a count of its own passed.
    pub(crate) fn pass() -> Self {
        Self { tally: Tally { passed: 1, ..Tally::default() }, ..Self::default() }
    }

    /// A check failed.
    pub(crate) fn failure(output: String) -> Self {
        let mut report = Self::default();
        report.fail(&output);
        report
    }

    /// Nothing was run, and that is right.
    pub(crate) fn nothing_to_do(why: &str) -> Self {
        Self { note: format!("nothing to do: {why}"), ..Self::default() }
    }

    /// One more failure.
    pub(crate) fn fail(&mut self, output: &str) {
        self.tally.failed += 1;
        self.add_output(output);
    }

    /// Adds what a program said that failed.
    pub(crate) fn add_output(&mut self, output: &str) {
        self.output.push_str(output.trim_end());
        self.output.push('\n');
    }

    /// The counts in words.
    pub(crate) fn summary(&self) -> String {
        let Tally { passed, failed, ignored, needs_root } = self.tally;
        let counts = [
            (passed, "passed"),
            (failed, "failed"),
            (ignored, "ignored"),
            (needs_root, "need root"),
        ];
        let mut words: Vec<String> = counts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        if !self.note.is_empty() {
            words.push(self.note.clone());
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_says_only_what_there_is() {
        assert_eq!(Report::pass().summary(), "1 passed");
        assert_eq!(Report::failure("why".into()).summary(), "1 failed");
        assert_eq!(Report::nothing_to_do("no folder").summary(), "nothing to do: no folder");
    }
}
