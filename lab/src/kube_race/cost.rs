//! What a process costs.

use std::{fs, time::Duration};

use vipcast_lab::Process;

use super::Outcome;

/// The memory that it has now.
pub(super) fn mebibytes(process: &Process) -> Outcome<String> {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    let kibibytes: f64 = line.trim_end_matches("kB").trim().parse()?;
    Ok(format!("{:.1} MiB", kibibytes / 1024.0))
}

/// The processor time that it used so far, by the clock ticks of /proc: 10 ms each.
pub(super) fn processor_time(process: u32) -> Outcome<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    // After the name: user time is the twelfth field, system time the next.
    let ticks: u64 = fields
        .get(11..13)
        .ok_or("a short stat")?
        .iter()
        .map(|field| field.parse().unwrap_or(0))
        .sum();
    Ok(Duration::from_millis(ticks * 10))
}
