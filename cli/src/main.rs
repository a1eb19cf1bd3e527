//! `vipcast`: service addresses for bare-metal clusters. This program parses its command line,
//! hands over to the libraries, and prints.

mod args;
mod check;
#[cfg(feature = "cluster")]
mod cluster;
mod elect;
mod key_file;
mod keys;
mod line;
mod options;
mod plan;
mod printer;
mod run;
mod who_has;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

fn main() -> ExitCode {
    let outcome = match Args::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Check(args) => Ok(check::run(&args)),
        Command::Plan(args) => plan::run(&args),
        Command::WhoHas(args) => who_has::run(&args),
        #[cfg(feature = "cluster")]
        Command::Controller(args) => cluster::controller::run(&args),
        #[cfg(feature = "cluster")]
        Command::Speaker(args) => cluster::speaker::run(&args),
        #[cfg(feature = "cluster")]
        Command::Crds(args) => cluster::crds::run(&args),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("error: {}", told(&error));
        ExitCode::FAILURE
    })
}

/// The error and its causes. One that is part of the text before it would only be said twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match &*text {
        "" => cause,
        _ if text.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}
