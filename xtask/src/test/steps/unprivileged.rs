//! `unprivileged`: root becomes nobody and runs the lab and the demo again, with the programs already built.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use super::programs::{is_lab, run_test};
use crate::console::Progress;
use crate::demo;
use crate::process;
use crate::programs::TestProgram;
use crate::test::TEST_LIMIT;
use crate::test::session::{Report, Session};

/// The user and group `nobody`.
const NOBODY: u32 = 65534;
const NEXT: &str = "\
an ordinary user may not make user namespaces here, and the lab is made of them. One of these allows it:
  sysctl -w kernel.apparmor_restrict_unprivileged_userns=0   (Ubuntu 24.04 and later)
  sysctl -w kernel.unprivileged_userns_clone=1               (older Debian)
  sysctl -w user.max_user_namespaces=15000                   (where it is 0)
In a container, the container's own policy (seccomp) must allow it too.";

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    if !session.root {
        return Ok(Report::nothing_to_do("the steps before ran without root already"));
    }
    let programs = session.programs(progress)?;
    let place = Place::make(&session.workspace.root)?;
    let namespaces = place.as_nobody("unshare", &["--user", "--map-root-user", "--net", "true"]);
    let allowed = process::run(progress, namespaces, TEST_LIMIT)?;
    if !allowed.ok {
        bail!("{}{NEXT}", allowed.output);
    }
    let vipcast = place.bring(programs.bin("vipcast")?)?;
    let lab = place.bring(programs.bin("lab")?)?;

    for example in &programs.examples {
        place.bring(example)?;
    }

    let mut report = Report::default();
    for test in programs.tests.iter().filter(|test| is_lab(test) || enters_namespaces(test)) {
        let program = place.bring(&test.path)?;
        let dir = place.path().join(test.dir.file_name().unwrap_or_default());
        let mut command = place.as_nobody(&program.to_string_lossy(), &[]);
        command
            .current_dir(&dir)
            .env("CARGO_MANIFEST_DIR", &dir)
            .env("VIPCAST_BIN", &vipcast)
            .env("LAB_BIN", &lab)
            .env("VIPCAST_EXAMPLES", place.path().join("bin"));
        run_test(progress, &mut report, test, command)?;
    }
    let layer2 = demo::lab_args(&vipcast, place.path());
    for args in [layer2, demo::bgp_lab_args(&place.path().join("bin"))] {
        let mut command = place.as_nobody(&lab.to_string_lossy(), &[]);
        command.args(args);
        let finished = process::run(progress, command, TEST_LIMIT)?;
        if finished.ok {
            report.tally.passed += 1;
        } else {
            report.fail(&format!("demo:\n{}", finished.output));
        }
    }
    // They were run by the steps before, as root: nothing is left out.
    let left = std::mem::take(&mut report.tally.needs_root);
    if left > 0 {
        report.note = format!("{left} run as root only");
    }
    Ok(report)
}

/// Other harnesses that enter namespaces by themselves.
fn enters_namespaces(test: &TestProgram) -> bool {
    test.name == "announcer/os"
}

/// A folder that nobody can read: root's own folders, where the programs are built, he cannot.
struct Place {
    root: TempDir,
}

impl Place {
    fn make(workspace: &Path) -> Result<Self> {
        let root = TempDir::with_prefix("vipcast-unprivileged-").context("no temporary folder")?;
        let place = Self { root };
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755))?;
        for name in ["bin", "home"] {
            fs::create_dir(place.path().join(name))?;
        }
        chown(place.path().join("home"), Some(NOBODY), Some(NOBODY))?;
        for name in ["examples", "lab", "announcer"] {
            copy_folder(&workspace.join(name), &place.path().join(name))?;
        }
        Ok(place)
    }

    fn path(&self) -> &Path {
        self.root.path()
    }

    /// A copy of a program.
    fn bring(&self, program: &Path) -> Result<PathBuf> {
        let copy = self.path().join("bin").join(program.file_name().unwrap_or_default());
        fs::copy(program, &copy).with_context(|| format!("cannot copy {}", program.display()))?;
        fs::set_permissions(&copy, fs::Permissions::from_mode(0o755))?;
        Ok(copy)
    }

    /// A command of the user nobody, with a home of his own and without a way back to root.
    fn as_nobody(&self, program: &str, args: &[&str]) -> Command {
        let home = self.path().join("home");
        let user = [
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--no-new-privs",
        ];
        let mut command = Command::new("setpriv");
        command
            .args(user)
            .arg("--")
            .arg(program)
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &home)
            .env("USER", "nobody")
            .env("TMPDIR", &home);
        command
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir(to).with_context(|| format!("cannot make {}", to.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
            fs::set_permissions(&target, fs::Permissions::from_mode(0o644))?;
        }
    }
    Ok(())
}
