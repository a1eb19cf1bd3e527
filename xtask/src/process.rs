//! Runs a child with its output kept whole, while its last line is shown.

use std::io::{self, BufRead, BufReader, PipeReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::console::Progress;

#[cfg(test)]
mod tests;

/// How long the output of a child that has ended may stay open before whoever holds it counts as a leak.
const LINGER: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });
/// How often a silent child is looked at.
const GLANCE: Duration = Duration::from_millis(200);

/// A child that has ended.
pub(crate) struct Finished {
    /// It ended with exit code 0, in time, and left nothing behind.
    pub(crate) ok: bool,
    /// Standard output and standard error in the order of writing, and below them why it is not ok.
    pub(crate) output: String,
}

/// Runs `command` to its end. A child that cannot even start is an error; one that fails is a [`Finished`].
pub(crate) fn run(
    progress: &mut Progress,
    mut command: Command,
    limit: Duration,
) -> Result<Finished> {
    let shown = show(&command);
    let (reader, writer) = io::pipe().context("no pipe")?;
    command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    // The command holds the writing ends: while it lives, the pipe never ends.
    drop(command);
    let lines = read_lines(reader);

    let mut finished = Finished { ok: true, output: String::new() };
    match collect(progress, &mut child, &lines, &mut finished.output, Instant::now() + limit)? {
        End::Closed => {}
        End::Leaked => finished.complain("a process that it started lives on and holds its output"),
        End::TooLong => {
            child.kill().context("cannot end a child that takes too long")?;
            finished.complain(&format!("it took longer than {} s and was ended", limit.as_secs()));
        }
    }
    let status = child.wait().with_context(|| format!("lost track of `{shown}`"))?;
    if !status.success() {
        finished.complain(&format!("`{shown}` ended with {status}"));
    }
    Ok(finished)
}

impl Finished {
    fn complain(&mut self, why: &str) {
        self.ok = false;
        self.output.push_str(why);
        self.output.push('\n');
    }
}

/// A command as a person would type it, without its environment.
pub(crate) fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// How the reading of a child's output ended.
enum End {
    Closed,
    Leaked,
    TooLong,
}

fn collect(
    progress: &mut Progress,
    child: &mut Child,
    lines: &Receiver<String>,
    output: &mut String,
    deadline: Instant,
) -> Result<End> {
    let mut last = String::new();
    let mut ended: Option<Instant> = None;
    loop {
        match lines.recv_timeout(GLANCE) {
            Ok(line) => {
                output.push_str(&line);
                if !line.trim().is_empty() && !line.starts_with('{') {
                    last = line;
                }
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(End::Closed),
            Err(RecvTimeoutError::Timeout) => {}
        }
        progress.tick(&last);
        if Instant::now() > deadline {
            return Ok(End::TooLong);
        }
        if ended.is_none() && child.try_wait()?.is_some() {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|at| at.elapsed() > LINGER) {
            return Ok(End::Leaked);
        }
    }
}

/// Reads on a thread of its own, so that a silent child can be watched too.
fn read_lines(reader: PipeReader) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = Vec::new();
        while matches!(reader.read_until(b'\n', &mut line), Ok(read) if read > 0) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}
