//! The steps, in the order in which they run: what fails fast comes first.
//!
//! To add one: a function in a file of this folder, and a line in [`STEPS`].

mod benches;
mod deny;
mod features;
mod fuzz;
mod kube;
mod lint;
mod msrv;
mod no_std;
mod programs;
mod tree;
mod unprivileged;

use anyhow::Result;

use crate::console::Progress;

use super::session::{Report, Session};

/// One word of `cargo xtask test`.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// An error is one failure; its text is shown whole.
    pub(crate) run: fn(&Session, &mut Progress) -> Result<Report>,
}

pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "every file is formatted", run: lint::fmt },
    Step {
        name: "tree",
        about: "who depends on whom, and the cores on nothing that needs std",
        run: tree::run,
    },
    Step { name: "clippy", about: "no warning of the compiler or of clippy", run: lint::clippy },
    Step { name: "doc", about: "the docs build without a warning", run: lint::doc },
    Step {
        name: "unit",
        about: "the tests of all crates but the lab's: no network needed",
        run: programs::unit,
    },
    Step { name: "doctest", about: "the examples in the docs run", run: programs::doctest },
    Step {
        name: "lab",
        about: "real kernels, real ARP, in network namespaces",
        run: programs::lab,
    },
    Step { name: "demo", about: "the demos end with the pages fetched", run: programs::demo },
    Step {
        name: "kube",
        about: "a real API server, kube-proxy's rules; the first time it builds them, with Go",
        run: kube::run,
    },
    Step {
        name: "unprivileged",
        about: "as root: lab and demo again, as nobody",
        run: unprivileged::run,
    },
    Step {
        name: "no-std",
        about: "the cores build for a target without an operating system",
        run: no_std::run,
    },
    Step {
        name: "features",
        about: "each crate compiles with each feature alone",
        run: features::run,
    },
    Step {
        name: "msrv",
        about: "everything compiles with the oldest Rust that we promise",
        run: msrv::run,
    },
    Step { name: "deny", about: "licenses, bans and sources of the dependencies", run: deny::run },
    Step { name: "fuzz", about: "each fuzz target builds, and runs ten seconds", run: fuzz::run },
    Step { name: "bench", about: "the benchmarks build", run: benches::run },
];
