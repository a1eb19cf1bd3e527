//! Being served before others on a busy machine.

use std::fs;

use rustix::process::setpriority_process;

/// Above whatever compiles beside it, below what the kernel needs.
const NICE: i32 = -15;

/// Raises the calling thread, and what it starts from now on. Only root may; false if this is not root.
pub(super) fn raise() -> bool {
    let raised = setpriority_process(None, NICE).is_ok();
    if raised {
        // Where sessions are scheduled as groups, a nice value counts inside of one only. There the
        // session has one too; elsewhere there is no such file.
        let _ = fs::write("/proc/self/autogroup", NICE.to_string());
    }
    raised
}

/// How busy the machine was in the last minute.
pub(super) fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(f64::NAN)
}
