//! Programs that run on a host.

use std::{
    io::{self, BufRead, BufReader, Read},
    os::{
        fd::OwnedFd,
        unix::process::{CommandExt, ExitStatusExt},
    },
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError, Weak},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    process::{
        Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
        pidfd_send_signal, waitid,
    },
};

use crate::{
    enter,
    error::{LabError, Result},
    lock::lock,
    namespace::Namespace,
};

/// A line that a process printed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// When it was read.
    pub at: Instant,
    /// Whether it came by standard error.
    pub error: bool,
    /// The line without its end; what is no UTF-8 is replaced.
    pub text: String,
}

/// A program on a host. Dropping it kills it, and what it started in its process group.
#[derive(Debug)]
pub struct Process(Arc<Running>);

/// The process itself; the lab holds on to it weakly, to end it.
#[derive(Debug)]
pub(crate) struct Running {
    name: String,
    child: Mutex<Leader>,
    group: Pid,
    /// Names the process for good, whoever gets its number later.
    pidfd: OwnedFd,
    output: Arc<Output>,
}

/// The first process of a group. It stays unreaped until the end, also when it has ended itself:
/// as long as its number is taken, it names its group and no other.
#[derive(Debug)]
struct Leader {
    child: Child,
    reaped: bool,
}

#[derive(Debug)]
struct Output {
    state: Mutex<OutputState>,
    grown: Condvar,
}

#[derive(Debug, Default)]
struct OutputState {
    lines: Vec<Line>,
    open_streams: usize,
}

impl Process {
    pub(crate) fn spawn(namespace: &Namespace, mut command: Command) -> Result<Self> {
        let name = Self::prepare(namespace, &mut command);
        // A process inherits the namespaces of the thread that starts it.
        let started = namespace.ask(move |_| command.spawn())?;
        Self::adopt(name, started)
    }

    /// As [`spawn`](Self::spawn), from a thread of its own that does `before` first: what that changes
    /// for the thread (mounts, root folder, capabilities), it changes for the process.
    #[cfg(feature = "kube")]
    pub(crate) fn spawn_after(
        namespace: &Namespace,
        mut command: Command,
        before: impl FnOnce() -> io::Result<()> + Send + 'static,
    ) -> Result<Self> {
        let name = Self::prepare(namespace, &mut command);
        let started = namespace.run(move || before().and_then(|()| command.spawn()))?;
        Self::adopt(name, started)
    }

    /// Sets what is the same for all, and returns the name by which errors call it.
    fn prepare(namespace: &Namespace, command: &mut Command) -> String {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0);
        enter::forget_stage(command);
        format!("{} on {}", command.get_program().to_string_lossy(), namespace.name())
    }

    fn adopt(name: String, started: io::Result<Child>) -> Result<Self> {
        let failed = format!("start {name}");
        let mut child = started.map_err(LabError::io(failed.as_str()))?;
        let group = Pid::from_child(&child);
        let pidfd = match pidfd_open(group, PidfdFlags::empty()) {
            Ok(pidfd) => pidfd,
            Err(error) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(LabError::io(failed)(error));
            }
        };
        let output = Arc::new(Output { state: Mutex::default(), grown: Condvar::new() });
        lock(&output.state).open_streams = 2;
        if let Some(stdout) = child.stdout.take() {
            read_lines(stdout, false, Arc::clone(&output));
        }
        if let Some(stderr) = child.stderr.take() {
            read_lines(stderr, true, Arc::clone(&output));
        }
        let child = Mutex::new(Leader { child, reaped: false });
        Ok(Self(Arc::new(Running { name, child, group, pidfd, output })))
    }

    pub(crate) fn downgrade(&self) -> Weak<Running> {
        Arc::downgrade(&self.0)
    }

    /// Its number, as the lab's PID namespace counts.
    pub fn id(&self) -> u32 {
        self.0.group.as_raw_pid().cast_unsigned()
    }

    /// All that it printed so far, in the order in which it was read.
    pub fn lines(&self) -> Vec<Line> {
        lock(&self.0.output.state).lines.clone()
    }

    /// All that it printed so far, as one text.
    pub fn output(&self) -> String {
        lock(&self.0.output.state).lines.iter().map(|line| line.text.clone() + "\n").collect()
    }

    /// Waits for a line that contains `pattern`, among those printed already too.
    ///
    /// # Errors
    /// [`LabError::Timeout`], as soon as no such line can come any more; with the output's end.
    pub fn wait_for_line(&self, pattern: &str, limit: Duration) -> Result<Line> {
        self.wait_for_line_after(0, pattern, limit)
    }

    /// Waits for a line that contains `pattern`, not counting the first `seen` lines: take
    /// `lines().len()` before the act that should make it print.
    ///
    /// # Errors
    /// As [`wait_for_line`](Self::wait_for_line).
    pub fn wait_for_line_after(&self, seen: usize, pattern: &str, limit: Duration) -> Result<Line> {
        let start = Instant::now();
        let mut state = lock(&self.0.output.state);
        let mut looked = seen;
        loop {
            let fresh = state.lines.get(looked..).unwrap_or_default();
            if let Some(line) = fresh.iter().find(|line| line.text.contains(pattern)) {
                return Ok(line.clone());
            }
            looked = looked.max(state.lines.len());
            let left = limit.saturating_sub(start.elapsed());
            if left.is_zero() || state.open_streams == 0 {
                let how = if left.is_zero() { "it said" } else { "it ended after saying" };
                let tail = state.lines.len().saturating_sub(10);
                let said: Vec<_> = state.lines.iter().skip(tail).map(|line| &*line.text).collect();
                let what =
                    format!("`{pattern}` from {}; {how}:\n  {}", self.0.name, said.join("\n  "));
                return Err(LabError::Timeout { what, waited: start.elapsed() });
            }
            let waited = self.0.output.grown.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks it to end: SIGTERM.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Ends it at once: SIGKILL.
    pub fn kill(&self) -> Result<()> {
        self.signal(Signal::KILL)
    }

    /// Freezes it: SIGSTOP.
    pub fn stop(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on: SIGCONT.
    pub fn resume(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    /// Sends it any signal. One that ended already is no error.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        match pidfd_send_signal(&self.0.pidfd, signal) {
            Err(Errno::SRCH) => Ok(()),
            other => other.map_err(LabError::io(format!("send a signal to {}", self.0.name))),
        }
    }

    /// Sends a signal to it and to what it started in its process group, as a daemon's workers. A
    /// group that ended already is no error.
    pub fn signal_group(&self, signal: Signal) -> Result<()> {
        self.0.signal_group(signal).map_err(LabError::io(format!("signal {}", self.0.name)))
    }

    /// Whether it runs, or is frozen.
    pub fn is_running(&self) -> bool {
        let mut end = [PollFd::new(&self.0.pidfd, PollFlags::IN)];
        matches!(poll(&mut end, Some(&Timespec::default())), Ok(0))
    }

    /// Waits until it ended and all its output was read; if what it started holds on to its output,
    /// until the limit.
    ///
    /// # Errors
    /// [`LabError::Timeout`]; it runs on.
    pub fn wait(&self, limit: Duration) -> Result<ExitStatus> {
        let what = || format!("the end of {}", self.0.name);
        let start = Instant::now();
        let mut end = [PollFd::new(&self.0.pidfd, PollFlags::IN)];
        loop {
            let left = limit.saturating_sub(start.elapsed());
            let left = Timespec::try_from(left).ok();
            match poll(&mut end, left.as_ref()) {
                Ok(0) => {
                    return Err(LabError::Timeout { what: what(), waited: limit });
                }
                Ok(_) => break,
                Err(Errno::INTR) => {}
                Err(error) => return Err(LabError::io(what())(error)),
            }
        }
        let status = self.0.status().map_err(LabError::io(what()))?;
        let mut state = lock(&self.0.output.state);
        // A child of its own may hold the pipe open for longer than we want to wait.
        while state.open_streams > 0 {
            let left = limit.saturating_sub(start.elapsed());
            let waited = self.0.output.grown.wait_timeout(state, left);
            let (next, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() {
                break;
            }
        }
        Ok(status)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Running {
    /// Kills the process group and reaps the process. Twice is no harm.
    pub(crate) fn end(&self) {
        let mut leader = lock(&self.child);
        if !leader.reaped {
            let _ = kill_process_group(self.group, Signal::KILL);
            leader.reaped = leader.child.wait().is_ok();
        }
    }

    fn signal_group(&self, signal: Signal) -> Result<(), Errno> {
        let leader = lock(&self.child);
        // Once the leader is reaped, its number may be another group's.
        match if leader.reaped { Ok(()) } else { kill_process_group(self.group, signal) } {
            Err(Errno::SRCH) => Ok(()),
            other => other,
        }
    }

    /// How the process ended, once it did.
    fn status(&self) -> io::Result<ExitStatus> {
        let mut leader = lock(&self.child);
        if leader.reaped {
            return leader.child.wait();
        }
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        let ended = waitid(WaitId::Pid(self.group), look)?.ok_or(io::ErrorKind::NotFound)?;
        // As wait(2) packs it: the code in the second byte, or a signal and whether it dumped core.
        let code = ended.exit_status().map(|code| (code & 0xff) << 8);
        let core = if ended.dumped() { 0x80 } else { 0 };
        let signal = ended.terminating_signal().map(|signal| signal | core);
        Ok(ExitStatus::from_raw(code.or(signal).unwrap_or_default()))
    }
}

/// Reads a stream on a thread of its own until it ends.
fn read_lines(stream: impl Read + Send + 'static, error: bool, output: Arc<Output>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|read| read > 0) {
            let text = String::from_utf8_lossy(&bytes);
            let text = text.trim_end_matches(['\n', '\r']).to_owned();
            lock(&output.state).lines.push(Line { at: Instant::now(), error, text });
            output.grown.notify_all();
            bytes.clear();
        }
        lock(&output.state).open_streams -= 1;
        output.grown.notify_all();
    });
}
