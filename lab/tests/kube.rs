//! vipcast in a cluster with a real control plane.

#![allow(clippy::disallowed_methods, reason = "a real API server answers in real time")]

#[path = "kube/controller.rs"]
mod controller;
#[path = "kube/holders.rs"]
mod holders;
#[path = "kube/leases.rs"]
mod leases;
#[path = "kube/rig.rs"]
mod rig;
#[path = "kube/rights.rs"]
mod rights;
#[path = "kube/speaker.rs"]
mod speaker;
#[path = "kube/support.rs"]
mod support;

use std::process::ExitCode;

use vipcast_lab::harness;

fn main() -> ExitCode {
    harness::main(
        [rig::tests(), controller::tests(), holders::tests(), speaker::tests(), leases::tests()]
            .into_iter()
            .flatten()
            .collect(),
    )
}
