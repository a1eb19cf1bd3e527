//! The responder race: what an answer to an ARP question costs, and how long it takes, for vipcast and
//! its rivals, on one network and on the same processor.
//!
//! A small program asks, on processor 0; the contender answers, on processor 1. They take turns, a
//! round each. Measured are
//!
//! - the latency of a lone question;
//! - the rate at which questions are answered that waited in the queue of a stopped process, so that the
//!   asker is not the limit;
//! - the cost of a reply under a steady flood: the time that the contender's threads ran in the kernel
//!   and outside, by the scheduler's own count; and the time of all processors, interrupts included, less
//!   that of the same flood in the same round with nobody to answer;
//! - the cost of questions for other addresses, likewise.
//!
//! A round does not count, and is made again, in which the capture of the answers lost one, or others
//! than the two used the processors. Each round is a line of a file, so that a race can be stopped and
//! goes on where it was.

mod accounts;
mod book;
mod contender;
mod figures;
mod options;
mod round;
mod table;

use std::{
    net::Ipv4Addr,
    process::{Command, Stdio},
    sync::OnceLock,
    time::{Duration, Instant},
};

use crate::{Result, error::LabError};

use book::{Book, Record};
use contender::Contender;
pub use options::{Options, USAGE};
use table::table;

/// The first address that is answered for; the others follow.
const FIRST: Ipv4Addr = Ipv4Addr::new(172, 18, 64, 0);

/// Where who runs: two processors that need not wait for each other.
const ASKERS_PROCESSOR: &str = "0";
const CONTENDERS_PROCESSOR: &str = "1";

const LIMIT: Duration = Duration::from_secs(120);

/// Runs the rounds that the file lacks and returns the figures, as a table in markdown. Call
/// [`enter`](crate::enter()) first.
///
/// # Errors
/// A program that is missing or does not answer; a file that cannot be read or written.
#[allow(clippy::disallowed_methods, reason = "the race is run in real time")]
pub fn respond(options: &Options) -> Result<String> {
    let mut book = options.file.as_deref().map_or_else(|| Ok(Book::default()), Book::open)?;
    let start = Instant::now();
    let done = |book: &Book, count| {
        let least = |who: &Contender| book.counted(*who, count).count();
        Contender::ALL.iter().filter(|who| who.takes_part(options)).map(least).min().unwrap_or(0)
    };
    // Numbers of addresses take turns too: a race that is stopped has as many rounds of each.
    'race: for round in 0..options.rounds {
        for &count in &options.addresses {
            if done(&book, count) > round {
                continue;
            }
            // Who begins changes with the round.
            let all = Contender::ALL.iter().cycle().skip(round).take(Contender::ALL.len());
            for &contender in all.filter(|contender| contender.takes_part(options)) {
                while !book.counted(contender, count).any(|record| record.round == round) {
                    if options.time.is_some_and(|time| start.elapsed() > time) {
                        break 'race;
                    }
                    eprintln!("{count} addresses, round {}: {contender:?}", round + 1);
                    let (figures, void) = round::run(options, contender, count)?;
                    if let Some(void) = &void {
                        eprintln!("does not count: {void}");
                    }
                    let addresses = count;
                    book.add(Record { contender, addresses, round, void, figures })?;
                }
            }
        }
    }
    Ok(options.addresses.iter().map(|&count| table(count, &book)).collect())
}

/// A program on one processor; where that is allowed, before all others that want it: else whatever
/// runs beside is the tail of every latency.
fn pinned(program: &std::path::Path, processor: &str) -> Command {
    let mut command = crate::harness::tool("taskset");
    command.args(["-c", processor]);
    if *COMES_FIRST.get_or_init(may_come_first) {
        command.args(["chrt", "--fifo", "10"]);
    }
    command.arg(program);
    command
}

static COMES_FIRST: OnceLock<bool> = OnceLock::new();

fn may_come_first() -> bool {
    let mut command = crate::harness::tool("chrt");
    command.args(["--fifo", "10", "true"]).stderr(Stdio::null());
    let may = command.status().is_ok_and(|status| status.success());
    if !may {
        eprintln!("no real-time priority: what runs beside will show in the latencies");
    }
    may
}

fn wrong(what: String) -> LabError {
    LabError::Topology { what }
}
