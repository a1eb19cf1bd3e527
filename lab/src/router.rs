//! Routers of other projects, and their own command lines as witnesses.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{
    error::{LabError, Result},
    harness::tool,
    host::Host,
    lab::Lab,
    process::Process,
};

/// How often a command line is asked again: nobody tells when a routing table has changed.
const AGAIN: Duration = Duration::from_millis(20);
/// A daemon that does not answer by then never will.
const START: Duration = Duration::from_secs(20);

/// BIRD 2 on a host. Dropping it kills it.
#[derive(Debug)]
pub struct Bird {
    process: Process,
    control: PathBuf,
}

impl Bird {
    /// Starts it with this configuration, and waits until `birdc` gets an answer. The lines that log
    /// to standard error and scan interfaces are added.
    ///
    /// # Errors
    /// A missing program, or a configuration that it refuses: the error has its words.
    pub fn start(lab: &Lab, host: &Host, config: &str) -> Result<Self> {
        let file = lab.dir().join(format!("bird-{}.conf", host.name()));
        let control = file.with_extension("ctl");
        let config = format!("log stderr all;\nprotocol device {{ scan time 1; }}\n{config}");
        write(&file, &config)?;
        let mut command = tool("bird");
        command.arg("-f").arg("-c").arg(&file).arg("-s").arg(&control);
        command.arg("-P").arg(file.with_extension("pid"));
        let bird = Self { process: host.spawn(command)?, control };
        bird.process.wait_for_line("Started", START)?;
        bird.wait_for("show status", "it is up", START, |said| said.contains("Daemon is up"))?;
        Ok(bird)
    }

    /// What `birdc` says.
    ///
    /// # Errors
    /// A `birdc` that cannot be started. What it says of a mistake is its answer.
    pub fn ask(&self, question: &str) -> Result<String> {
        let mut command = tool("birdc");
        command.arg("-s").arg(&self.control).args(question.split_whitespace());
        said(command)
    }

    /// Asks until the answer is as wanted.
    ///
    /// # Errors
    /// [`LabError::Timeout`], with the last answer.
    pub fn wait_for(
        &self,
        question: &str,
        what: &str,
        limit: Duration,
        wanted: impl FnMut(&str) -> bool,
    ) -> Result<String> {
        ask_until(|| self.ask(question), &format!("`{question}`: {what}"), limit, wanted)
    }

    /// How many routes `condition` holds for, in a table: `count("master4", "where net.len = 32")`.
    ///
    /// # Errors
    /// An answer without a count.
    pub fn count(&self, table: &str, condition: &str) -> Result<usize> {
        let answer = self.ask(&format!("show route table {table} {condition} count"))?;
        first_number(&answer).ok_or(LabError::Topology { what: answer })
    }

    /// Waits until so many routes are in a table.
    ///
    /// # Errors
    /// [`LabError::Timeout`], with the last answer.
    pub fn wait_for_count(
        &self,
        table: &str,
        condition: &str,
        count: usize,
        limit: Duration,
    ) -> Result<()> {
        let question = format!("show route table {table} {condition} count");
        let what = format!("{count} routes");
        self.wait_for(&question, &what, limit, |said| first_number(said) == Some(count))?;
        Ok(())
    }

    /// Where `birdc` reaches it.
    pub(crate) fn control(&self) -> &Path {
        &self.control
    }

    /// The daemon itself, to freeze or to kill.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// GoBGP on a host. Dropping it kills it.
#[derive(Debug)]
pub struct Gobgp {
    process: Process,
    host: Host,
}

impl Gobgp {
    /// Starts it with this configuration (TOML), and waits until `gobgp` gets an answer.
    ///
    /// # Errors
    /// A missing program, or a configuration that it refuses.
    pub fn start(lab: &Lab, host: &Host, config: &str) -> Result<Self> {
        let file = lab.dir().join(format!("gobgp-{}.toml", host.name()));
        write(&file, config)?;
        let mut command = tool("gobgpd");
        command.arg("--config-type=toml").arg("--config-file").arg(&file);
        command.args(["--api-hosts=127.0.0.1:50051", "--pprof-disable"]);
        let gobgp = Self { process: host.spawn(command)?, host: host.clone() };
        gobgp.wait_for("global", "it is up", START, |said| said.contains("Router-ID"))?;
        Ok(gobgp)
    }

    /// What `gobgp` says.
    ///
    /// # Errors
    /// A `gobgp` that cannot be started. What it says of a mistake is its answer.
    pub fn ask(&self, question: &str) -> Result<String> {
        let mut command = tool("gobgp");
        command.args(question.split_whitespace());
        // It asks over TCP, and so from where the daemon is.
        self.host.run(move || said(command))?
    }

    /// Asks until the answer is as wanted.
    ///
    /// # Errors
    /// [`LabError::Timeout`], with the last answer.
    pub fn wait_for(
        &self,
        question: &str,
        what: &str,
        limit: Duration,
        wanted: impl FnMut(&str) -> bool,
    ) -> Result<String> {
        ask_until(|| self.ask(question), &format!("`{question}`: {what}"), limit, wanted)
    }

    /// The daemon itself.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

fn write(file: &Path, config: &str) -> Result<()> {
    fs::write(file, config).map_err(LabError::io(format!("write {}", file.display())))
}

/// Both streams of a program that ends by itself.
fn said(mut command: Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(LabError::io(format!("start {program}")))?;
    let both = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&both).into_owned())
}

fn ask_until(
    ask: impl Fn() -> Result<String>,
    what: &str,
    limit: Duration,
    mut wanted: impl FnMut(&str) -> bool,
) -> Result<String> {
    let start = Instant::now();
    loop {
        let answer = ask()?;
        if wanted(&answer) {
            return Ok(answer);
        }
        if start.elapsed() > limit {
            let what = format!("{what}; it said:\n{answer}");
            return Err(LabError::Timeout { what, waited: start.elapsed() });
        }
        sleep(AGAIN);
    }
}

/// The count in BIRD's `17 of 20 routes for 20 networks in table master4`.
fn first_number(answer: &str) -> Option<usize> {
    let line = answer.lines().find(|line| line.contains(" routes for "))?;
    line.split_whitespace().next()?.parse().ok()
}
