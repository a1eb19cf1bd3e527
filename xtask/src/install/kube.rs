//! A Kubernetes control plane, built once by Go and kept in the cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::console::{Progress, duration};
use crate::workspace::{Workspace, ask};
use crate::{cache, process};

/// The variable that names a folder with the programs; other projects' tests read it too.
pub(crate) const ASSETS: &str = "KUBEBUILDER_ASSETS";
/// It took 6 minutes on two idle cores.
const LIMIT: Duration = Duration::from_secs(60 * 60);
/// What decides what is built.
const SOURCES: &[&str] = &["go.mod", "go.sum", "etcd/main.go"];
const PACKAGES: &[&str] = &[
    "./etcd",
    "k8s.io/kubernetes/cmd/kube-apiserver",
    "k8s.io/kubernetes/cmd/kube-controller-manager",
    "k8s.io/kubernetes/cmd/kube-proxy",
    "k8s.io/kubernetes/cmd/kubectl",
];
/// The folder of a build that is under way; the number of its process follows.
const UNFINISHED: &str = ".unfinished-";
const NO_GO: &str = "\
there is no Go here. The tests on Kubernetes, and they alone, need it: it builds etcd, kube-apiserver,
kube-controller-manager, kube-proxy and kubectl from their published modules, once. Either
  install Go 1.26 or later (https://go.dev/doc/install, or your distribution's package `golang`), or
  name a folder that has these five programs in KUBEBUILDER_ASSETS.";

/// The folder of the programs: the one that `KUBEBUILDER_ASSETS` names, else the cache's, built now if it is not
/// there, which takes minutes.
pub(crate) fn ensure_control_plane(
    progress: &mut Progress,
    workspace: &Workspace,
) -> Result<PathBuf> {
    if let Some(named) = env::var_os(ASSETS) {
        return Ok(named.into());
    }
    let module = workspace.root.join("lab/kube");
    let kubernetes = version(&module)?;
    let builds = cache::dir("kube", &workspace.target)?;
    let folder = builds.join(format!("{kubernetes}-{:016x}", fingerprint(&module)?));
    if folder.is_dir() {
        return Ok(folder);
    }
    if ask("go", &["version"]).is_none() {
        bail!("{NO_GO}");
    }
    progress.note(&format!(
        "  building Kubernetes {kubernetes} into {}: it is done once and takes minutes",
        folder.display()
    ));
    sweep(&builds, |process| Path::new("/proc").join(process).is_dir());
    // What is half done must not be taken for whole.
    let unfinished = builds.join(format!("{UNFINISHED}{}", std::process::id()));
    fs::create_dir_all(&unfinished)?;
    let flags = format!("-s -w -X k8s.io/component-base/version.gitVersion={kubernetes}");
    let mut go = Command::new("go");
    go.args([
        "build",
        "-v",
        "-trimpath",
        "-mod=readonly",
        "-buildvcs=false",
        "-ldflags",
        &flags,
        "-o",
    ])
    .arg(format!("{}/", unfinished.display()))
    .args(PACKAGES)
    .current_dir(&module)
    .env("CGO_ENABLED", "0");
    let finished = process::run(progress, go, LIMIT)?;
    if !finished.ok {
        let _ = fs::remove_dir_all(&unfinished);
        bail!("{}", finished.output);
    }
    progress.note(&format!("  built in {}", duration(progress.elapsed())));
    // Another run may have been quicker: its folder serves as well.
    if fs::rename(&unfinished, &folder).is_err() {
        let _ = fs::remove_dir_all(&unfinished);
    }
    if !folder.is_dir() {
        bail!("cannot make {}", folder.display());
    }
    Ok(folder)
}

/// Takes away what builds left behind that were killed.
fn sweep(builds: &Path, is_alive: impl Fn(&str) -> bool) {
    let entries = fs::read_dir(builds).into_iter().flatten().flatten();
    for entry in entries {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED));
        if process.is_some_and(|process| !is_alive(process)) {
            // What cannot be taken away costs only its room.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The version of Kubernetes that the module asks for.
fn version(module: &Path) -> Result<String> {
    let text = read(&module.join("go.mod"))?;
    let mut versions =
        text.lines().filter_map(|line| line.trim().strip_prefix("k8s.io/kubernetes "));
    let version = versions.next().context("lab/kube/go.mod does not require k8s.io/kubernetes")?;
    Ok(version.trim().to_owned())
}

/// FNV-1a over all that decides what is built: the same on every machine and with every Rust.
fn fingerprint(module: &Path) -> Result<u64> {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for name in SOURCES {
        for byte in read(&module.join(name))?.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    Ok(hash)
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_killed_builds_left_behind_is_swept_and_nothing_else() {
        let builds = tempfile::tempdir().expect("a folder");
        for name in ["v1.36.3-0123", ".unfinished-17", ".unfinished-18"] {
            fs::create_dir(builds.path().join(name)).expect("a folder");
        }
        sweep(builds.path(), |process| process == "18");
        let names = fs::read_dir(builds.path()).expect("it is there").flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        assert_eq!(names, [".unfinished-18", "v1.36.3-0123"]);
    }
}
