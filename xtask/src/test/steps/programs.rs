//! `unit`, `doctest`, `lab`, `demo`: the steps that run what was built.

use std::process::Command;

use anyhow::{Result, bail};

use crate::console::Progress;
use crate::install::{LAB_PACKAGES, ensure_debian_packages};
use crate::programs::{Programs, TestProgram};
use crate::test::count::{self, Tally};
use crate::test::session::{Report, Session};
use crate::test::{BUILD_LIMIT, TEST_LIMIT};
use crate::{demo, process};

pub(crate) fn unit(session: &Session, progress: &mut Progress) -> Result<Report> {
    let programs = session.programs(progress)?;
    let mut report = Report::default();
    for test in programs.tests.iter().filter(|test| !is_lab(test) && !is_kube(test)) {
        run_test(progress, &mut report, test, command(programs, test)?)?;
    }
    Ok(report)
}

pub(crate) fn doctest(session: &Session, progress: &mut Progress) -> Result<Report> {
    let command = session.workspace.cargo(&["test", "--workspace", "--all-features", "--doc"]);
    let finished = process::run(progress, command, BUILD_LIMIT)?;
    let mut report = Report { tally: Tally::of(&finished), ..Report::default() };
    if report.tally.failed > 0 {
        report.add_output(&finished.output);
    }
    Ok(report)
}

pub(crate) fn lab(session: &Session, progress: &mut Progress) -> Result<Report> {
    let mut report = Report::default();
    // Tests that miss a program fail by themselves; the reason is said once, here.
    if let Err(error) = ensure_debian_packages(progress, session.root, LAB_PACKAGES) {
        report.fail(&error.to_string());
    }
    let programs = session.programs(progress)?;
    for test in programs.tests.iter().filter(|test| is_lab(test)) {
        run_test(progress, &mut report, test, command(programs, test)?)?;
    }
    if report.tally == Tally::default() {
        bail!("the lab has no tests: expected some in lab/tests");
    }
    Ok(report)
}

pub(crate) fn demo(session: &Session, progress: &mut Progress) -> Result<Report> {
    let mut report = Report::default();
    if let Err(error) = ensure_debian_packages(progress, session.root, LAB_PACKAGES) {
        report.fail(&error.to_string());
    }
    let programs = session.programs(progress)?;
    let layer2 = demo::lab_args(programs.bin("vipcast")?, &session.workspace.root);
    for args in [layer2, demo::bgp_lab_args(programs.examples_dir()?)] {
        let mut command = Command::new(programs.bin("lab")?);
        command.args(args);
        let finished = process::run(progress, command, TEST_LIMIT)?;
        if finished.ok {
            report.tally.passed += 1;
        } else {
            report.fail(&finished.output);
        }
    }
    Ok(report)
}

/// Tests that need namespaces of their own live in the lab's `tests/`.
pub(super) fn is_lab(test: &TestProgram) -> bool {
    test.integration && test.name.starts_with("lab/") && !is_kube(test)
}

/// Those among them that need a control plane too.
pub(super) fn is_kube(test: &TestProgram) -> bool {
    test.integration && test.name.starts_with("lab/kube")
}

/// As `cargo test` would run it, plus where our programs are.
pub(super) fn command(programs: &Programs, test: &TestProgram) -> Result<Command> {
    let mut command = Command::new(&test.path);
    command
        .current_dir(&test.dir)
        .env("CARGO_MANIFEST_DIR", &test.dir)
        .env("VIPCAST_BIN", programs.bin("vipcast")?)
        .env("LAB_BIN", programs.bin("lab")?)
        .env("VIPCAST_EXAMPLES", programs.examples_dir()?);
    Ok(command)
}

/// Runs one test program and adds its counts, and its output if it failed.
pub(super) fn run_test(
    progress: &mut Progress,
    report: &mut Report,
    test: &TestProgram,
    command: Command,
) -> Result<()> {
    let finished = process::run(progress, command, TEST_LIMIT)?;
    let tally = Tally::of(&finished);
    report.tally += tally;
    if tally.failed > 0 {
        report.add_output(&format!("{}:\n{}", test.name, finished.output));
        if !count::is_closed(&finished.output) {
            report.add_output("it ended without a line `test result: ...`: what it ran is unknown");
        }
    }
    Ok(())
}
