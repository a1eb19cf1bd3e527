//! `cargo xtask test`: everything that CI runs, a step a word.

mod count;
mod session;
mod steps;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::builder::{PossibleValue, PossibleValuesParser};

use crate::console::{Progress, duration};

use count::Tally;
use session::{Report, Session};
use steps::{STEPS, Step};

/// No build takes this long; one that does hangs.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(60 * 60);
/// No test program may take this long.
const TEST_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Run the tests: all steps, or those that are named.
///
/// It installs what is missing and says so: Debian packages as root only, parts of Rust by rustup, tools of cargo
/// into ${XDG_CACHE_HOME:-~/.cache}/vipcast/tools. All steps run even if one fails. As an ordinary user the tests
/// that need root are counted apart; as root there must be none, and the lab runs a second time without privilege.
/// The last line is `N passed, N failed`; the exit code is 0 only if nothing failed.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The steps to run, in this order [default: all].
    #[arg(value_name = "STEP", value_parser = step_names(), hide_possible_values = false)]
    steps: Vec<String>,
    /// List the steps and run nothing.
    #[arg(long)]
    list: bool,
    /// Stop after the first step that fails.
    #[arg(long)]
    fail_fast: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask test                  everything
  cargo xtask test unit doctest     two steps
  cargo xtask test lab              real kernels in network namespaces; no root needed";

/// Format, lints and docs: what to run before a commit.
#[derive(clap::Args)]
pub(crate) struct CheckArgs {}

fn step_names() -> PossibleValuesParser {
    STEPS.iter().map(|step| PossibleValue::new(step.name).help(step.about)).into()
}

/// The command `test`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for step in STEPS {
            println!("{:<12}  {}", step.name, step.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let named = args.steps.iter().filter_map(|name| STEPS.iter().find(|step| step.name == name));
    let chosen: Vec<&Step> =
        if args.steps.is_empty() { STEPS.iter().collect() } else { named.collect() };
    run_steps(&chosen, args.fail_fast)
}

/// The command `check`.
pub(crate) fn check(_: &CheckArgs) -> Result<ExitCode> {
    let wanted = ["fmt", "clippy", "doc"];
    let chosen: Vec<&Step> = STEPS.iter().filter(|step| wanted.contains(&step.name)).collect();
    run_steps(&chosen, false)
}

fn run_steps(steps: &[&Step], fail_fast: bool) -> Result<ExitCode> {
    let started = Instant::now();
    let session = Session::open()?;
    let mut total = Tally::default();
    for step in steps {
        let tally = run_step(&session, step);
        total += tally;
        if fail_fast && tally.failed > 0 {
            break;
        }
    }
    if session.root && total.needs_root > 0 {
        println!("as root nothing may be left as \"needs root\": this counts as a failure");
        total.failed += 1;
    }
    println!("\n{} in all", duration(started.elapsed()));
    println!("{} need root", total.needs_root);
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_step(session: &Session, step: &Step) -> Tally {
    let mut progress = Progress::start(step.name);
    let result = (step.run)(session, &mut progress);
    let time = duration(progress.elapsed());
    drop(progress);
    let report = result.unwrap_or_else(|error| Report::failure(format!("{error:#}")));
    if !report.output.is_empty() {
        println!("---- {} ----\n{}\n----", step.name, report.output.trim_end());
    }
    let verdict = if report.tally.failed > 0 { "FAILED" } else { "ok" };
    println!("{:<12}  {verdict:<6}  {time:>12}  {}", step.name, report.summary());
    report.tally
}
