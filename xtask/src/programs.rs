//! Builds programs with cargo and says where they are.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::console::Progress;
use crate::process::{self, Finished};
use crate::workspace::{Workspace, list};

/// What a build made.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    /// The programs themselves, by name.
    bins: Vec<(String, PathBuf)>,
    /// What was built from the folders `examples`; all of them lie in one folder.
    pub(crate) examples: Vec<PathBuf>,
    /// Test programs, in cargo's order.
    pub(crate) tests: Vec<TestProgram>,
}

/// A built test program.
#[derive(Clone, Debug)]
pub(crate) struct TestProgram {
    /// The package's folder, where the program expects to run.
    pub(crate) dir: PathBuf,
    /// The folder's name, or `folder/name` for a file of `tests/`.
    pub(crate) name: String,
    /// Whether it is one file of `tests/`.
    pub(crate) integration: bool,
    pub(crate) path: PathBuf,
}

impl Programs {
    /// The path of the program `name`.
    pub(crate) fn bin(&self, name: &str) -> Result<&Path> {
        let found = self.bins.iter().find(|(known, _)| known == name);
        found.map(|(_, path)| path.as_path()).with_context(|| {
            format!("the build made no program `{name}`: does its package still have that [[bin]]?")
        })
    }

    /// The folder of the examples.
    pub(crate) fn examples_dir(&self) -> Result<&Path> {
        let first = self.examples.first().and_then(|path| path.parent());
        first.context("the build made no example: is there no folder `examples` any more?")
    }

    /// Reads the lines of `--message-format=json-render-diagnostics`; others are passed over.
    fn parse(output: &str) -> Self {
        let mut programs = Self::default();
        for line in output.lines().filter(|line| line.starts_with('{')) {
            if let Ok(message) = serde_json::from_str::<Value>(line) {
                programs.add(&message);
            }
        }
        programs
    }

    fn add(&mut self, message: &Value) {
        let Some(path) = message["executable"].as_str() else {
            return;
        };
        let name = message["target"]["name"].as_str().unwrap_or_default();
        let kind = |wanted: &str| list(&message["target"]["kind"]).any(|kind| kind == wanted);
        if message["profile"]["test"] == true {
            let manifest = Path::new(message["manifest_path"].as_str().unwrap_or_default());
            let dir = manifest.parent().unwrap_or_else(|| Path::new("")).to_owned();
            let folder = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let integration = kind("test");
            let name = if integration { format!("{folder}/{name}") } else { folder };
            self.tests.push(TestProgram { dir, name, integration, path: path.into() });
        } else if kind("bin") {
            self.bins.push((name.to_owned(), path.into()));
        } else if kind("example") {
            self.examples.push(path.into());
        }
    }
}

/// Runs `cargo build ARGS`; a build that fails is an error that carries its whole output.
pub(crate) fn build(
    progress: &mut Progress,
    workspace: &Workspace,
    args: &[&str],
) -> Result<Programs> {
    let mut command: Command =
        workspace.cargo(&["build", "--message-format=json-render-diagnostics"]);
    command.args(args);
    let Finished { ok, output } = process::run(progress, command, crate::test::BUILD_LIMIT)?;
    if !ok {
        let told = output.lines().filter(|line| !line.starts_with('{'));
        bail!("the build failed:\n{}", told.collect::<Vec<_>>().join("\n"));
    }
    Ok(Programs::parse(&output))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = r#"   Compiling vipcast v0.1.0
{"reason":"compiler-artifact","manifest_path":"/w/cli/Cargo.toml","target":{"kind":["bin"],"name":"vipcast"},"profile":{"test":false},"executable":"/t/vipcast"}
{"reason":"compiler-artifact","manifest_path":"/w/cli/Cargo.toml","target":{"kind":["bin"],"name":"vipcast"},"profile":{"test":true},"executable":"/t/deps/vipcast-1"}
{"reason":"compiler-artifact","manifest_path":"/w/lab/Cargo.toml","target":{"kind":["test"],"name":"arp"},"profile":{"test":true},"executable":"/t/deps/arp-2"}
{"reason":"compiler-artifact","manifest_path":"/w/announcer/Cargo.toml","target":{"kind":["example"],"name":"announce"},"profile":{"test":false},"executable":"/t/examples/announce"}
{"reason":"compiler-artifact","manifest_path":"/w/ipam/Cargo.toml","target":{"kind":["lib"],"name":"vipcast_ipam"},"profile":{"test":false},"executable":null}
{ not json
"#;

    #[test]
    fn programs_and_test_programs_are_told_apart() {
        let programs = Programs::parse(OUTPUT);
        assert_eq!(programs.bin("vipcast").expect("it was built"), Path::new("/t/vipcast"));
        assert_eq!(programs.examples_dir().expect("one was built"), Path::new("/t/examples"));
        let tests: Vec<_> =
            programs.tests.iter().map(|test| (test.name.as_str(), test.integration)).collect();
        assert_eq!(tests, [("cli", false), ("lab/arp", true)]);
    }

    #[test]
    fn a_program_that_was_not_built_is_named() {
        let error = Programs::parse(OUTPUT).bin("lab").expect_err("there is none");
        assert!(error.to_string().contains("no program `lab`"), "{error}");
    }
}
