//! Programs of other projects that tests run, by Debian's package manager.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::console::Progress;
use crate::process;

const LIMIT: Duration = Duration::from_secs(30 * 60);

/// A package, and what it is known by on a machine that has it.
pub(crate) struct DebianPackage {
    name: &'static str,
    /// A program, looked up as a shell would, and in the folders of the administrator.
    program: &'static str,
}

/// What the lab's tests run beside our own programs.
pub(crate) const LAB_PACKAGES: &[DebianPackage] = &[
    DebianPackage { name: "tshark", program: "tshark" },
    DebianPackage { name: "arping", program: "arping" },
    DebianPackage { name: "iproute2", program: "ip" },
    DebianPackage { name: "ndisc6", program: "ndisc6" },
    DebianPackage { name: "nftables", program: "nft" },
    DebianPackage { name: "python3-scapy", program: "scapy" },
    DebianPackage { name: "bird2", program: "bird" },
    DebianPackage { name: "gobgpd", program: "gobgpd" },
];

/// What the race of BGP speakers runs beside our own programs.
pub(crate) const BGP_RACE_PACKAGES: &[DebianPackage] = &[
    DebianPackage { name: "bird2", program: "bird" },
    DebianPackage { name: "gobgpd", program: "gobgpd" },
];

/// What the demo of BGP runs beside our own programs.
pub(crate) const BGP_DEMO_PACKAGES: &[DebianPackage] =
    &[DebianPackage { name: "bird2", program: "bird" }];

/// What the races run beside our own programs.
pub(crate) const RACE_PACKAGES: &[DebianPackage] = &[
    DebianPackage { name: "keepalived", program: "keepalived" },
    DebianPackage { name: "nftables", program: "nft" },
];

/// What the tests on Kubernetes run beside our own programs: kube-proxy writes its rules with it.
pub(crate) const KUBE_PACKAGES: &[DebianPackage] =
    &[DebianPackage { name: "nftables", program: "nft" }];

/// What builds a program that needs no shared library: the C in it needs a C library of its own.
pub(crate) const STATIC_PACKAGES: &[DebianPackage] =
    &[DebianPackage { name: "musl-tools", program: "musl-gcc" }];

/// Installs those of `packages` that are missing. Where it may not, the error says what to type.
pub(crate) fn ensure_debian_packages(
    progress: &mut Progress,
    root: bool,
    packages: &[DebianPackage],
) -> Result<()> {
    let missing: Vec<&str> = packages
        .iter()
        .filter(|package| !present(package.program))
        .map(|package| package.name)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !present("apt-get") {
        bail!(
            "missing: {names} (names of Debian's packages). Install them by your distribution's means"
        );
    }
    if !root {
        bail!(
            "missing: {names}. Install them with: sudo apt-get install --no-install-recommends {names}"
        );
    }
    progress.note(&format!("  installing Debian packages: {names}"));
    apt_get(progress, &["update"])?;
    apt_get(progress, &[&["install", "--yes", "--no-install-recommends"], &missing[..]].concat())
}

fn apt_get(progress: &mut Progress, args: &[&str]) -> Result<()> {
    let mut command = Command::new("apt-get");
    command.args(args).env("DEBIAN_FRONTEND", "noninteractive");
    let finished = process::run(progress, command, LIMIT)?;
    if !finished.ok {
        bail!("{}", finished.output);
    }
    Ok(())
}

/// Whether `program` is on this machine. An ordinary user's search path often lacks `sbin`.
fn present(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    let administrator = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
    env::split_paths(&path)
        .chain(administrator.map(|dir| Path::new(dir).to_owned()))
        .any(|dir| dir.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_asked_for_where_nothing_is_missing() {
        let shell = [DebianPackage { name: "dash", program: "sh" }];
        ensure_debian_packages(&mut Progress::start("a test"), false, &shell)
            .expect("sh is everywhere");
    }

    #[test]
    fn without_root_a_missing_package_is_an_error_that_says_what_to_type() {
        let unknown = [DebianPackage { name: "vipcast-no-such", program: "vipcast-no-such" }];
        let error = ensure_debian_packages(&mut Progress::start("a test"), false, &unknown)
            .expect_err("it cannot be there");
        assert!(error.to_string().starts_with("missing: vipcast-no-such"), "{error}");
    }
}
