//! Runs, one after the other.

use std::{
    fs::{self, OpenOptions},
    io::Write,
};

use super::{Options, contender::Sender, receiver::Receiver, record::Run, table, world::World};
use crate::{Process, Result, error::LabError};

/// Races all senders before both receivers, and prints what came of it.
///
/// # Errors
/// A file that cannot be written. A run that fails is noted as void.
pub fn race(options: &Options) -> Result<()> {
    let failed = || LabError::io(format!("write {}", options.file.display()));
    let mut file =
        OpenOptions::new().create(true).append(true).open(&options.file).map_err(failed())?;
    let mut runs = Vec::new();
    for round in 1..=options.rounds {
        for receiver in [Receiver::Raw, Receiver::Bird] {
            for sender in Sender::ALL {
                let run = once(sender, receiver, options);
                let line = serde_json::to_string(&run).unwrap_or_default();
                writeln!(file, "{line}").map_err(failed())?;
                let said = run.void.clone().unwrap_or_else(|| format!("{:.2} ms", run.last));
                eprintln!("{round}/{}  {sender} to {receiver}: {said}", options.rounds);
                runs.push(run);
            }
        }
    }
    print!("{}", table::show(&runs));
    Ok(())
}

fn once(sender: Sender, receiver: Receiver, options: &Options) -> Run {
    let routes = options.routes;
    let mut run = Run {
        sender,
        receiver,
        routes,
        void: None,
        first: 0.0,
        p99: 0.0,
        last: 0.0,
        updates: 0,
        cpu: None,
        rss: None,
    };
    if let Err(error) = measure(&mut run, options) {
        run.void = Some(error.to_string());
    }
    run
}

fn measure(run: &mut Run, options: &Options) -> Result<()> {
    let world = World::new()?;
    // Who is dialed must be ready before, who dials finds the receiver listening.
    let (sending, receiving) = if run.sender.is_dialed() {
        let sending = run.sender.start(&world, options)?;
        (sending, run.receiver.start(&world, true, run.routes)?)
    } else {
        let receiving = run.receiver.start(&world, false, run.routes)?;
        (run.sender.start(&world, options)?, receiving)
    };
    let seen = receiving.wait(run.routes)?;
    let ms = |time: std::time::Duration| time.as_secs_f64() * 1e3;
    (run.first, run.p99, run.last) = (ms(seen.first), ms(seen.p99), ms(seen.last));
    run.updates = seen.updates;
    if let Some(process) = sending.process() {
        (run.cpu, run.rss) = (cpu(process), rss(process));
    }
    Ok(())
}

/// Seconds of processor time: fields 14 and 15 of stat, in hundredths.
fn cpu(process: &Process) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.id())).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    let ticks = fields.split_whitespace().skip(11).take(2);
    Some(ticks.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0)
}

/// The most memory that was resident.
fn rss(process: &Process) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}
