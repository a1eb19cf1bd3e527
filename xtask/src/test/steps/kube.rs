//! `kube`: clusters with a real control plane.

use anyhow::{Result, bail};

use super::programs::{command, is_kube, run_test};
use crate::console::Progress;
use crate::image::static_program;
use crate::install::{ASSETS, KUBE_PACKAGES, ensure_control_plane, ensure_debian_packages};
use crate::test::count::Tally;
use crate::test::session::{Report, Session};

pub(crate) fn run(session: &Session, progress: &mut Progress) -> Result<Report> {
    ensure_debian_packages(progress, session.root, KUBE_PACKAGES)?;
    let assets = ensure_control_plane(progress, &session.workspace)?;
    let programs = session.programs(progress)?;
    // What runs in the image: alone in its root folder.
    let program = static_program(progress, &session.workspace, false)?;
    let mut report = Report::default();
    for test in programs.tests.iter().filter(|test| is_kube(test)) {
        let mut command = command(programs, test)?;
        // Each test has a cluster of its own, and a cluster keeps a processor busy while it starts.
        command.env(ASSETS, &assets).env("VIPCAST_BIN", &program).arg("--test-threads=2");
        run_test(progress, &mut report, test, command)?;
    }
    if report.tally == Tally::default() {
        bail!("there are no tests on Kubernetes: expected some in lab/tests/kube.rs");
    }
    Ok(report)
}
