//! One round of one contender, on a network of its own.

use std::{net::Ipv4Addr, thread, time::Duration};

use super::{
    ASKERS_PROCESSOR, FIRST, LIMIT, Options,
    accounts::{Machine, runtime},
    contender::Contender,
    figures::{Figures, Flood},
    pinned, wrong,
};
use crate::{Process, Result, Topology};

/// Addresses that nobody answers for.
const FOREIGN: Ipv4Addr = Ipv4Addr::new(172, 18, 128, 0);

const LONE_QUESTIONS: u32 = 2_000;
/// As many as the receive buffer that vipcast asks for takes.
const BACKLOG: u32 = 512;
/// It takes but a millisecond or two: the middle of so many is the round's.
const BACKLOGS: usize = 9;
const OWN_RATE: u32 = 60_000;
const FOREIGN_RATE: u32 = 180_000;
const SECONDS: u32 = 1;

/// After that no first announcement is repeated any more; the next ones are due after 54 s.
const SETTLED: Duration = Duration::from_millis(2_600);

/// Beyond this, in cores, others than the contender and the asker were at work: strangers.
const MOST_OTHERS: f64 = 0.6;

/// What a round showed, and why it does not count, if it does not.
pub(super) fn run(
    options: &Options,
    contender: Contender,
    count: u32,
) -> Result<(Figures, Option<String>)> {
    let net = Topology::new("respond", 1)?;
    let process = contender.start(options, &net, FIRST, count)?;
    if contender == Contender::Vipcast {
        thread::sleep(SETTLED);
    }
    let mut asker = Asker { options, net: &net, count, lost: 0.0 };
    let mut figures = Figures::default();
    if contender != Contender::Nobody {
        let said = asker.ask(FIRST, "lone", &[LONE_QUESTIONS])?;
        if said.value("answered")? < f64::from(LONE_QUESTIONS) {
            return Err(wrong(format!("{contender:?} left lone questions unanswered: {}", said.0)));
        }
        figures.p50_us = Some(said.value("p50_ns")? / 1e3);
        figures.p99_us = Some(said.value("p99_ns")? / 1e3);
    }
    figures.own = asker.flood(process.as_ref(), FIRST, OWN_RATE)?;
    if let Some(process) = &process {
        let mut rates = Vec::new();
        for _ in 0..BACKLOGS {
            let said = asker.ask(FIRST, "backlog", &[BACKLOG, process.id()])?;
            if said.value("answered")? >= f64::from(BACKLOG) / 2.0 {
                rates.push(said.value("rate")?);
            }
        }
        rates.sort_by(f64::total_cmp);
        figures.rate = rates.get(rates.len() / 2).copied();
    }
    // To copy each question for the router too takes the asker half of its time.
    net.router.port.unplug()?;
    figures.foreign = asker.flood(process.as_ref(), FOREIGN, FOREIGN_RATE)?;
    let others = [figures.own, figures.foreign].map(|flood| flood.others() / flood.seconds);
    let void = if asker.lost > 0.0 {
        Some(format!("the capture lost {} frames", asker.lost))
    } else {
        let most = others.into_iter().fold(0.0, f64::max);
        (most > MOST_OTHERS).then(|| format!("others used {most:.2} cores"))
    };
    Ok((figures, void))
}

struct Asker<'a> {
    options: &'a Options,
    net: &'a Topology,
    count: u32,
    /// Answers that its capture had no room for.
    lost: f64,
}

impl Asker<'_> {
    fn ask(&mut self, first: Ipv4Addr, form: &str, numbers: &[u32]) -> Result<Said> {
        let mut command = pinned(&self.options.asker, ASKERS_PROCESSOR);
        command.args(["eth0", &first.to_string(), &self.count.to_string(), form]);
        command.args(numbers.iter().map(u32::to_string));
        let asker = self.net.client.spawn(command)?;
        let status = asker.wait(LIMIT)?;
        let said = Said(asker.output());
        if !status.success() {
            return Err(wrong(format!("the asker failed: {}", said.0)));
        }
        self.lost += said.value("lost")?;
        Ok(said)
    }

    fn flood(&mut self, process: Option<&Process>, first: Ipv4Addr, rate: u32) -> Result<Flood> {
        let ran = || process.map_or(Ok(Duration::ZERO), runtime);
        let (before, machine) = (ran()?, Machine::observe()?);
        let said = self.ask(first, "flood", &[rate, SECONDS])?;
        let (machine, after) = (machine.busy_since()?, ran()?);
        Ok(Flood {
            seconds: f64::from(SECONDS),
            asked: said.value("asked")?,
            answered: said.value("answered")?,
            process: after.saturating_sub(before).as_secs_f64(),
            machine: machine.as_secs_f64(),
            asker: said.value("cpu_ns")? / 1e9,
        })
    }
}

/// Lines of a name and a number.
struct Said(String);

impl Said {
    fn value(&self, name: &str) -> Result<f64> {
        let mut lines = self.0.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(word, _)| *word == name).and_then(|(_, value)| value.parse().ok());
        found.ok_or_else(|| wrong(format!("no {name} in what the asker said: {}", self.0)))
    }
}
