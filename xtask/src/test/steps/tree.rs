//! `tree`: who depends on whom. The arrows between our crates, and what the cores may use.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};

use crate::console::Progress;
use crate::test::session::{Report, Session};
use crate::workspace::CORES;

#[cfg(test)]
mod tests;

/// What the cores may use besides each other: crates that build without std. To add one, see that it does.
const WITHOUT_STD: &[&str] = &[
    "bitflags",
    "byteorder",
    "bytes",
    "cfg-if",
    "hash32",
    // With a hasher of our own: its default is seeded per process.
    "hashbrown",
    "heapless",
    "ipnet",
    "managed",
    "regex",
    "regex-automata",
    "regex-syntax",
    "serde",
    "serde_core",
    "smoltcp",
    "stable_deref_trait",
    "thiserror",
    // SHA-2, HMAC, and what they are made of.
    "block-buffer",
    "cmov",
    "cpufeatures",
    "crypto-common",
    "ctutils",
    "digest",
    "hmac",
    "hybrid-array",
    "sha2",
    "typenum",
];

/// Who of us each core may know.
const ARROWS: &[(&str, &[&str])] = &[
    ("vipcast-sans-io", &[]),
    ("vipcast-ipam", &[]),
    ("vipcast-plan", &["vipcast-ipam"]),
    ("vipcast-arp-ndp", &["vipcast-sans-io"]),
    ("vipcast-bgp-proto", &["vipcast-sans-io"]),
    ("vipcast-election", &["vipcast-sans-io"]),
];

/// The Kubernetes client and its types: they come with the feature `cluster` alone.
const CLIENT: &[&str] = &["kube", "kube-client", "kube-core", "kube-runtime", "k8s-openapi"];

pub(crate) fn run(session: &Session, _: &mut Progress) -> Result<Report> {
    let mut wrong = Vec::new();
    for core in CORES {
        let arrows = ARROWS.iter().find(|(name, _)| name == core);
        let (_, ours) = arrows.with_context(|| format!("{core} is missing from ARROWS"))?;
        let used = tree(session, &["-p", core, "--all-features"])?;
        wrong.extend(unexpected(&used, core, ours).map(|name| {
            format!(
                "{core} depends on {name}, which is not in the list of xtask/src/test/steps/tree.rs"
            )
        }));
    }
    for (package, forbidden) in [
        // With no feature at all, `cluster` is off too.
        ("vipcast", CLIENT),
        ("xtask", &["vipcast", "vipcast-lab", "vipcast-plan", "vipcast-announcer"]),
    ] {
        let used = tree(session, &["-p", package, "--no-default-features"])?;
        let present = forbidden.iter().filter(|name| *name != &package && used.contains(**name));
        wrong.extend(present.map(|name| format!("{package} without features depends on {name}")));
    }
    if !wrong.is_empty() {
        bail!("{}", wrong.join("\n"));
    }
    Ok(Report::pass())
}

/// The names of all that a package links, itself included. Procedural macros run in the compiler and do not count.
fn tree(session: &Session, args: &[&str]) -> Result<BTreeSet<String>> {
    let list = ["tree", "--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"];
    let mut command = session.workspace.cargo(&list);
    let output = command.args(args).output().context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(names(&String::from_utf8_lossy(&output.stdout)))
}

/// The first word of each line.
fn names(listing: &str) -> BTreeSet<String> {
    listing.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// What `core` uses and may not.
fn unexpected<'a>(
    used: &'a BTreeSet<String>,
    core: &str,
    ours: &[&str],
) -> impl Iterator<Item = &'a str> {
    used.iter()
        .map(String::as_str)
        .filter(move |name| *name != core && !ours.contains(name) && !WITHOUT_STD.contains(name))
}
