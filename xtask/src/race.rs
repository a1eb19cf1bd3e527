//! `cargo xtask race`: measures beside rivals, on real kernels.

mod bgp;
mod failover;
mod kube;
mod respond;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

/// Measure vipcast beside its rivals, in one lab and under the same faults.
///
/// These are measuring programs and no tests: nothing of them fails a build. They take long, and the machine should have
/// nothing else to do.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    race: Race,
}

#[derive(Subcommand)]
enum Race {
    Bgp(bgp::Args),
    Failover(failover::Args),
    Respond(respond::Args),
    Kube(kube::Args),
}

/// The command `race`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match &args.race {
        Race::Bgp(args) => bgp::run(args),
        Race::Failover(args) => failover::run(args),
        Race::Respond(args) => respond::run(args),
        Race::Kube(args) => kube::run(args),
    }
}
