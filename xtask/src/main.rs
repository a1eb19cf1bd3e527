//! The developer's menu of vipcast: `cargo xtask --help`.
//!
//! It drives cargo and the programs that cargo builds, and links no crate of the workspace, so that a compile
//! error in one of them does not take the test command with it.
#![expect(
    clippy::disallowed_methods,
    reason = "a developer's tool measures wall time; only shipped crates read one clock"
)]

mod bench;
mod cache;
mod console;
mod demo;
mod fuzz;
mod image;
mod install;
mod mutants;
mod process;
mod programs;
mod race;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The developer's menu of vipcast.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask demo              three nodes, a client, a takeover: see it work
  cargo xtask demo bgp          two nodes, one address, a router that shares the traffic
  cargo xtask check             before a commit: format, lints, docs
  cargo xtask test              everything that CI runs
  cargo xtask test unit lab     two steps of it
  cargo xtask test --list       what the steps are";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Test(test::Args),
    Check(test::CheckArgs),
    Bench(bench::Args),
    Fuzz(fuzz::Args),
    Mutants(mutants::Args),
    Race(race::Args),
    Image(image::Args),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Check(args) => test::check(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Fuzz(args) => fuzz::run(&args),
        Command::Mutants(args) => mutants::run(&args),
        Command::Race(args) => race::run(&args),
        Command::Image(args) => image::run(&args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
