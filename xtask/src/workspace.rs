//! What `cargo metadata` says about the workspace, and how cargo is called.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use xshell::{Shell, cmd};

/// The cores and the pure crates: they build for a target without an operating system.
pub(crate) const CORES: &[&str] = &[
    "vipcast-sans-io",
    "vipcast-ipam",
    "vipcast-plan",
    "vipcast-arp-ndp",
    "vipcast-bgp-proto",
    "vipcast-election",
];

/// The workspace as its manifests describe it.
pub(crate) struct Workspace {
    /// The folder of the root manifest.
    pub(crate) root: PathBuf,
    /// Where cargo builds.
    pub(crate) target: PathBuf,
    /// All members.
    pub(crate) packages: Vec<Package>,
}

/// A member of the workspace.
pub(crate) struct Package {
    pub(crate) name: String,
    /// The folder of its manifest.
    pub(crate) dir: PathBuf,
    /// Its features, `default` included.
    pub(crate) features: Vec<String>,
    /// Whether it has a `[[bench]]`.
    pub(crate) has_benches: bool,
}

impl Workspace {
    /// Reads the manifests.
    pub(crate) fn load() -> Result<Self> {
        // The manifest folder at build time is a first guess; after a move the current folder decides.
        let built_at = Path::new(env!("CARGO_MANIFEST_DIR"));
        let here = if built_at.is_dir() { built_at.to_owned() } else { env::current_dir()? };
        let mut command = cargo();
        command.args(["metadata", "--no-deps", "--format-version", "1"]).current_dir(here);
        let output = command.output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("cargo metadata failed:\n{}", String::from_utf8_lossy(&output.stderr));
        }
        Self::parse(&output.stdout)
    }

    fn parse(metadata: &[u8]) -> Result<Self> {
        let metadata: Value =
            serde_json::from_slice(metadata).context("cargo metadata is not JSON")?;
        let packages = list(&metadata["packages"]).map(Package::parse).collect::<Result<_>>()?;
        Ok(Self {
            root: text(&metadata["workspace_root"])?.into(),
            target: text(&metadata["target_directory"])?.into(),
            packages,
        })
    }

    /// A command that runs in the root folder.
    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(args).current_dir(&self.root);
        clean(&mut command);
        command
    }

    /// A call of cargo in the root folder.
    pub(crate) fn cargo(&self, args: &[&str]) -> Command {
        self.command("cargo", args)
    }

    /// `-p NAME` for each package that `wanted` picks.
    pub(crate) fn select(&self, wanted: impl Fn(&Package) -> bool) -> Vec<&str> {
        let picked = self.packages.iter().filter(|package| wanted(package));
        picked.flat_map(|package| ["-p", &package.name]).collect()
    }
}

impl Package {
    fn parse(package: &Value) -> Result<Self> {
        let manifest = PathBuf::from(text(&package["manifest_path"])?);
        let features = package["features"].as_object().context("cargo metadata: no features")?;
        let has_benches = list(&package["targets"])
            .any(|target| list(&target["kind"]).any(|kind| kind == "bench"));
        Ok(Self {
            name: text(&package["name"])?.to_owned(),
            dir: manifest
                .parent()
                .context("cargo metadata: a manifest without a folder")?
                .to_owned(),
            features: features.keys().cloned().collect(),
            has_benches,
        })
    }
}

/// `cargo`, as if called from a shell and not from within `cargo run`.
fn cargo() -> Command {
    let mut command = Command::new("cargo");
    clean(&mut command);
    command
}

/// What `cargo run` puts into the environment describes xtask and would mislead the children.
fn clean(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let about_xtask = name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if about_xtask || name == "CARGO" {
            command.env_remove(name.as_ref());
        }
    }
}

/// Runs `program ARGS` quietly and returns what it printed; `None` where it is missing or fails. Asking installs
/// nothing.
pub(crate) fn ask(program: &str, args: &[&str]) -> Option<String> {
    let shell = Shell::new().ok()?;
    let command = cmd!(shell, "{program} {args...}").env("RUSTUP_AUTO_INSTALL", "0");
    command.quiet().ignore_stderr().read().ok()
}

/// The items of a JSON list; none where it is something else.
pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().with_context(|| format!("cargo metadata: {value} should be a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_metadata_is_read() {
        let workspace = Workspace::parse(
            br#"{"packages": [{"name": "vipcast-ipam", "manifest_path": "/w/ipam/Cargo.toml",
                  "features": {"default": [], "serde": ["dep:serde"]},
                  "targets": [{"kind": ["lib"], "name": "vipcast_ipam"}, {"kind": ["bench"], "name": "b"}]}],
                 "workspace_root": "/w", "target_directory": "/w/target"}"#,
        )
        .expect("it is well formed");
        assert_eq!(workspace.root, Path::new("/w"));
        let ipam = &workspace.packages[0];
        assert_eq!((ipam.dir.as_path(), ipam.has_benches), (Path::new("/w/ipam"), true));
        assert_eq!(ipam.features, ["default", "serde"]);
        assert_eq!(workspace.select(|package| package.has_benches), ["-p", "vipcast-ipam"]);
    }

    #[test]
    fn each_core_is_a_member() {
        let workspace = Workspace::load().expect("the manifests are sound");
        for core in CORES {
            assert!(workspace.packages.iter().any(|package| package.name == *core), "{core}");
        }
    }
}
