//! Who used the processors, and for how long.

use std::{
    fs, io,
    time::{Duration, Instant},
};

use crate::{Process, Result, error::LabError};

/// How long the threads of a process have run, in the kernel and outside, by the scheduler's count.
pub(super) fn runtime(process: &Process) -> Result<Duration> {
    let tasks = format!("/proc/{}/task", process.id());
    let read = || -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for task in fs::read_dir(&tasks)? {
            let text = fs::read_to_string(task?.path().join("schedstat"))?;
            let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
            sum += Duration::from_nanos(nanoseconds.unwrap_or(0));
        }
        Ok(sum)
    };
    read().map_err(LabError::io(format!("read the run time of process {}", process.id())))
}

/// The work of all processors from one moment on: processes, kernel and interrupts. It is counted by
/// what is left of the time, since the kernel measures idleness and only samples the rest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Machine {
    at: Instant,
    unused: Duration,
    processors: u32,
}

impl Machine {
    #[allow(clippy::disallowed_methods, reason = "processors work in real time")]
    pub(super) fn observe() -> Result<Self> {
        let text = fs::read_to_string("/proc/stat").map_err(LabError::io("read /proc/stat"))?;
        let (processors, unused) = unused(&text)
            .ok_or_else(|| LabError::Topology { what: format!("no processors in {text}") })?;
        Ok(Self { at: Instant::now(), unused, processors })
    }

    /// How long processors have worked since then.
    #[allow(clippy::disallowed_methods, reason = "processors work in real time")]
    pub(super) fn busy_since(&self) -> Result<Duration> {
        let now = Self::observe()?;
        let all = now.at.duration_since(self.at) * self.processors;
        Ok(all.saturating_sub(now.unused.saturating_sub(self.unused)))
    }
}

/// How many processors there are, and how long they were idle, or kept by a hypervisor, in all.
fn unused(stat: &str) -> Option<(u32, Duration)> {
    let numbers = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks: Vec<u64> = numbers.split_whitespace().map_while(|n| n.parse().ok()).collect();
    let &[_, _, _, idle, iowait, _, _, steal, ..] = ticks.as_slice() else { return None };
    let processors = stat.lines().filter(|line| line.starts_with("cpu")).count() - 1;
    // The unit is a hundredth of a second everywhere that Linux runs (USER_HZ).
    Some((u32::try_from(processors).ok()?, Duration::from_millis((idle + iowait + steal) * 10)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_idle_waits_or_is_stolen_is_unused() {
        let stat = "cpu  100 200 300 4000 50 6 70 8 0 0\ncpu0 1 2 3 4 5 6 7 8 0 0\n\
                    cpu1 1 2 3 4 5 6 7 8 0 0\nintr 17\n";
        assert_eq!(unused(stat), Some((2, Duration::from_millis(40_580))));
        assert_eq!(unused("cpu  1 2 3"), None);
    }

    #[test]
    fn who_works_is_seen_to() {
        let machine = Machine::observe().unwrap();
        std::thread::sleep(Duration::from_millis(5));
        assert!(machine.busy_since().unwrap() < Duration::from_secs(3_600));
    }
}
