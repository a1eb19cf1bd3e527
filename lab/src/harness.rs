//! The `main` of a test file whose tests need a network of their own.
//!
//! libtest runs tests on threads before any code of ours runs, and a process with threads cannot
//! enter a user namespace. So such a test file says `harness = false` in its manifest and calls
//! [`main`](fn@main), which enters first and then runs the tests side by side, with the same
//! command line and the same closing line.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use vipcast_lab::{Topology, harness::{self, TestResult, test}};
//!
//! fn a_client_reaches_a_node() -> TestResult {
//!     let net = Topology::new("reach", 1)?;
//!     let _server = net.nodes[0].serve_name(80)?;
//!     assert_eq!(net.client.fetch("http://172.18.1.1/")?.body, "node-a\n");
//!     Ok(())
//! }
//!
//! fn main() -> ExitCode {
//!     harness::main(vec![
//!         test("a client reaches a node", a_client_reaches_a_node),
//!         test("tshark agrees", || Ok(())).needs_tool("tshark"),
//!         test("a router daemon changes user", || Ok(())).needs_root(),
//!     ])
//! }
//! ```

use std::{
    env, error,
    path::PathBuf,
    process::{Command, ExitCode},
    thread::available_parallelism,
    time::Duration,
};

use libtest_mimic::{Arguments, Failed, Trial, run};

use crate::enter::enter;

/// What a test returns: any error fails it, and so does a panic.
pub type TestResult = Result<(), Box<dyn error::Error>>;

/// How long is waited for what has to come. What is waited for takes milliseconds, thousands of addresses
/// a few seconds: only a failure lasts this long, so it is generous to a busy machine.
pub const LIMIT: Duration = Duration::from_secs(120);

/// A test and what it needs.
pub struct Test {
    name: String,
    body: Box<dyn FnOnce() -> TestResult + Send>,
    root: bool,
    tools: Vec<&'static str>,
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "test {}", self.name)
    }
}

/// A test: its name is a sentence, its body builds its own lab.
pub fn test(name: &str, body: impl FnOnce() -> TestResult + Send + 'static) -> Test {
    Test { name: name.to_owned(), body: Box::new(body), root: false, tools: Vec::new() }
}

impl Test {
    /// Needs a process that was started by root, as for daemons that change their user. Without,
    /// the test is reported as ignored and counted in a line `needs root: N`; it never counts as
    /// passed.
    #[must_use]
    pub fn needs_root(self) -> Self {
        Self { root: true, ..self }
    }

    /// Needs a program on the path. Without it the test fails and says what to install.
    #[must_use]
    pub fn needs_tool(mut self, tool: &'static str) -> Self {
        self.tools.push(tool);
        self
    }

    fn into_trial(self, root: bool) -> Trial {
        let Self { name, body, root: needs_root, tools } = self;
        let ignored = needs_root && !root;
        let trial = Trial::test(name, move || {
            if ignored {
                return Err(Failed::from("needs root: run the same command as root"));
            }
            if let Some(tool) = tools.into_iter().find(|tool| find_tool(tool).is_none()) {
                let text =
                    format!("needs the program `{tool}`: install it (Debian: {})", package(tool));
                return Err(Failed::from(text));
            }
            body().map_err(|error| Failed::from(describe(&*error)))
        });
        let kind = if ignored { "needs root" } else { "" };
        trial.with_kind(kind).with_ignored_flag(ignored)
    }
}

/// Enters namespaces, runs the tests, prints libtest's closing line and `needs root: N` before it
/// where some of the chosen tests need root and have not got it.
///
/// Takes libtest's command line: a filter, `--list`, `--exact`, `--skip`, `--test-threads`.
pub fn main(tests: Vec<Test>) -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A list needs no namespace, and must not fail where none can be had.
    let root = if arguments.list {
        true
    } else {
        match enter() {
            Ok(entered) => entered.root,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        }
    };
    // Lab tests mostly wait for a kernel: more of them than there are processors keeps it busy.
    let threads = 2 * available_parallelism().map_or(2, usize::from);
    arguments.test_threads.get_or_insert(threads);
    let trials: Vec<_> = tests.into_iter().map(|test| test.into_trial(root)).collect();
    let unable = |trial: &&Trial| trial.has_ignored_flag() && !arguments.is_filtered_out(trial);
    let waiting = trials.iter().filter(unable).count();
    if !arguments.list {
        println!("needs root: {waiting}");
    }
    run(&arguments, trials).exit_code()
}

/// Where a program is, as a shell finds it; the system's own folders are searched too.
pub fn find_tool(tool: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|dir| dir.join(tool)).find(|file| file.is_file())
}

/// A command of that tool, found where [`Test::needs_tool`] finds it: an ordinary user's path often
/// lacks the folder of `arping`.
pub fn tool(name: &str) -> Command {
    Command::new(find_tool(name).unwrap_or_else(|| name.into()))
}

/// The Debian package of a tool that lab tests use.
fn package(tool: &str) -> &str {
    match tool {
        "bird" | "birdc" => "bird2",
        "gobgp" => "gobgpd",
        "arping" => "iputils-arping or arping",
        "ping" => "iputils-ping",
        "nft" => "nftables",
        "ip" | "tc" | "bridge" => "iproute2",
        "scapy" => "python3-scapy",
        "setpriv" | "unshare" => "util-linux",
        _ => tool,
    }
}

/// The error and what caused it, one a line.
fn describe(error: &dyn error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    // An error that is the message of another one would only be said twice.
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.contains(&cause) { text } else { format!("{text}\n  because: {cause}") }
    })
}
