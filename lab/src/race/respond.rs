//! The responder race: what an answer to an ARP question costs, and how long it takes, for vipcast and
//! its rivals, on one network and on the same processor.
//!
//! A small program asks, on processor 0; the contender answers, on processor 1. They take turns, a
//! round each. Three things are measured: the latency of a lone question; the rate at which questions
//! are answered that waited in the queue of a stopped process, so that the asker is not the limit; and
//! the time that the contender's threads ran in the kernel and outside, by the scheduler's own count,
//! under a steady flood for its addresses and under one for others'.

mod contender;
mod figures;
mod options;

use std::{net::Ipv4Addr, process::Command, time::Duration};

use crate::{Process, Result, Topology, error::LabError};

use contender::Contender;
use figures::{Figures, table};
pub use options::{Options, USAGE};

/// The first address that is answered for; the others follow.
const FIRST: Ipv4Addr = Ipv4Addr::new(172, 18, 64, 0);
/// Addresses that nobody answers for.
const FOREIGN: Ipv4Addr = Ipv4Addr::new(172, 18, 128, 0);

const LONE_QUESTIONS: u32 = 2_000;
/// As many as the receive buffer that vipcast asks for takes.
const BACKLOG: u32 = 512;
const OWN_RATE: u32 = 60_000;
const FOREIGN_RATE: u32 = 180_000;
const SECONDS: u32 = 2;

/// Where who runs: two processors that need not wait for each other.
const ASKERS_PROCESSOR: &str = "0";
const CONTENDERS_PROCESSOR: &str = "1";

const LIMIT: Duration = Duration::from_secs(120);

/// Runs all rounds and returns the figures, as a table in markdown. Call [`enter`](crate::enter())
/// first.
///
/// # Errors
/// A program that is missing or does not answer.
pub fn respond(options: &Options) -> Result<String> {
    let mut text = String::new();
    for &count in &options.addresses {
        let mut all: Vec<(Contender, Vec<Figures>)> =
            Contender::ALL.into_iter().map(|contender| (contender, Vec::new())).collect();
        for round in 0..options.rounds {
            for (contender, figures) in &mut all {
                if contender.takes_part(options) {
                    eprintln!("{count} addresses, round {}: {contender:?}", round + 1);
                    figures.push(run(options, *contender, count)?);
                }
            }
        }
        text += &table(count, &all);
    }
    Ok(text)
}

/// One round of one contender, on a network of its own.
fn run(options: &Options, contender: Contender, count: u32) -> Result<Figures> {
    let net = Topology::new("respond", 1)?;
    let process = contender.start(options, &net, FIRST, count)?;
    let asked = |first: Ipv4Addr, words: &[String]| {
        let mut command = pinned(&options.asker, ASKERS_PROCESSOR);
        command.args(["eth0", &first.to_string(), &count.to_string()]).args(words);
        let asker = net.client.spawn(command)?;
        let status = asker.wait(LIMIT)?;
        let said = asker.output();
        if status.success() { Ok(said) } else { Err(wrong(format!("the asker failed: {said}"))) }
    };
    let words = |form: &str, numbers: &[u32]| {
        let numbers = numbers.iter().map(u32::to_string);
        std::iter::once(form.to_owned()).chain(numbers).collect::<Vec<_>>()
    };
    let mut figures = Figures::default();

    let said = asked(FIRST, &words("lone", &[LONE_QUESTIONS]))?;
    if value(&said, "answered")? < f64::from(LONE_QUESTIONS) {
        return Err(wrong(format!("{contender:?} left lone questions unanswered: {said}")));
    }
    figures.p50_us = Some(value(&said, "p50_ns")? / 1e3);
    figures.p99_us = Some(value(&said, "p99_ns")? / 1e3);

    let flood = |rate: u32| words("flood", &[rate, SECONDS]);
    let before = process.as_ref().map(runtime).transpose()?;
    let said = asked(FIRST, &flood(OWN_RATE))?;
    let (answered, lost) = (value(&said, "answered")?, value(&said, "lost")?);
    figures.asked = value(&said, "asked")? / f64::from(SECONDS);
    figures.answered = answered / f64::from(SECONDS);
    if let (Some(process), Some(before)) = (&process, before) {
        let spent = runtime(process)?.saturating_sub(before);
        // What the asker lost was answered all the same, and would make answers dear.
        figures.us_per_reply = (lost == 0.0).then(|| spent.as_secs_f64() * 1e6 / answered);

        let before = runtime(process)?;
        let said = asked(FOREIGN, &flood(FOREIGN_RATE))?;
        let spent = runtime(process)?.saturating_sub(before);
        figures.foreign = value(&said, "asked")? / f64::from(SECONDS);
        figures.foreign_cores = Some(spent.as_secs_f64() / f64::from(SECONDS));

        let said = asked(FIRST, &words("backlog", &[BACKLOG, process.id()]))?;
        if value(&said, "answered")? >= f64::from(BACKLOG) / 2.0 {
            figures.rate = value(&said, "rate").ok();
        }
    }
    Ok(figures)
}

/// How long the threads of a process have run.
fn runtime(process: &Process) -> Result<Duration> {
    let tasks = format!("/proc/{}/task", process.id());
    let read = || -> std::io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for task in std::fs::read_dir(&tasks)? {
            let text = std::fs::read_to_string(task?.path().join("schedstat"))?;
            let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
            sum += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        Ok(sum)
    };
    read().map_err(LabError::io(format!("read the run time of process {}", process.id())))
}

/// A program on one processor.
fn pinned(program: &std::path::Path, processor: &str) -> Command {
    let mut command = crate::harness::tool("taskset");
    command.args(["-c", processor]).arg(program);
    command
}

/// The number in the line of this name.
fn value(said: &str, name: &str) -> Result<f64> {
    let mut lines = said.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(word, _)| *word == name).and_then(|(_, value)| value.parse().ok());
    found.ok_or_else(|| wrong(format!("no {name} in what the asker said: {said}")))
}

fn wrong(what: String) -> LabError {
    LabError::Topology { what }
}
