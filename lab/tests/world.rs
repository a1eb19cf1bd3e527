//! The world of one's own: who may enter it, what ends with it, and what it says when it cannot.
//!
//! Labs inside a lab: the program `lab` enters namespaces of its own below those of this test.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, ExitCode, Stdio},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open},
};
use vipcast_lab::{
    Lab,
    harness::{self, LIMIT, TestResult, test},
};

/// The program `lab`: another copy than cargo's where `LAB_BIN` names one, as for a user who may not
/// read the folder in which it was built.
fn lab_program() -> std::ffi::OsString {
    std::env::var_os("LAB_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_lab").into())
}

fn main() -> ExitCode {
    harness::main(vec![
        test("labs work in a lab", labs_work_in_a_lab),
        test("everything dies with the process outside", everything_dies_with_outside),
        test("a signal reaches the work and its code comes back", a_signal_reaches_the_work),
        test("a machine that forbids namespaces says so", a_machine_that_forbids_is_told)
            .needs_tool("unshare")
            .needs_tool("setpriv"),
        test("a signal that ends a process is told", a_signal_that_ends_a_process_is_told),
        test("a process dies with its lab", a_process_dies_with_its_lab),
        test("what a process left in its group dies with it", a_group_dies_with_its_process),
        test("a panic leaves nothing behind", a_panic_leaves_nothing_behind),
        test("a host has a name of its own", a_host_has_a_name_of_its_own),
        test("root is root of the machine", root_is_root_of_the_machine).needs_root(),
    ])
}

fn lab(args: &[&str]) -> Command {
    let mut command = Command::new(lab_program());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn labs_work_in_a_lab() -> TestResult {
    let done = lab(&["check"]).output()?;
    let said = String::from_utf8(done.stdout)?;
    assert!(done.status.success() && said.contains("labs work here"), "{said}");
    Ok(())
}

/// Starts a lab with a shell in it; the second is the shell's process, as seen from here.
fn shell_in_a_lab() -> Result<(Child, Pid), Box<dyn std::error::Error>> {
    let mut outside = lab(&["shell", "node-a"]).env("SHELL", "/bin/sh").spawn()?;
    let mut stdin = outside.stdin.take().ok_or("no stdin")?;
    stdin.write_all(b"trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done\n")?;
    let mut line = String::new();
    BufReader::new(outside.stdout.take().ok_or("no stdout")?).read_line(&mut line)?;
    assert_eq!(line, "up\n");
    let mut pid = outside.id();
    // Outside, PID 1, the work, the shell: each has one child.
    for _ in 0..3 {
        let children = fs::read_dir(format!("/proc/{pid}/task"))?
            .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok())
            .collect::<String>();
        pid = children.split_whitespace().next().ok_or("no child")?.parse()?;
    }
    outside.stdin = Some(stdin);
    Ok((outside, Pid::from_raw(pid.cast_signed()).ok_or("no process")?))
}

fn everything_dies_with_outside() -> TestResult {
    all_dies_by(Signal::KILL, (None, Some(9)))
}

fn a_signal_reaches_the_work() -> TestResult {
    all_dies_by(Signal::TERM, (Some(128 + 15), None))
}

fn all_dies_by(signal: Signal, expected: (Option<i32>, Option<i32>)) -> TestResult {
    let (mut outside, shell) = shell_in_a_lab()?;
    let shell = pidfd_open(shell, PidfdFlags::empty())?;
    kill_process(Pid::from_child(&outside), signal)?;
    let limit = Timespec::try_from(LIMIT)?;
    let ended = poll(&mut [PollFd::new(&shell, PollFlags::IN)], Some(&limit))?;
    assert_eq!(ended, 1, "the shell inside lives on");
    let status = outside.wait()?;
    // As a shell counts: 128 and the signal that ended the work inside.
    assert_eq!((status.code(), status.signal()), expected);
    Ok(())
}

fn a_machine_that_forbids_is_told() -> TestResult {
    // A limit holds for the namespaces below the one in which it is set, and without capabilities
    // its root is an ordinary user.
    let forbid = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec setpriv --bounding-set=-all --inh-caps=-all \"$0\" check";
    let lab = lab_program();
    let done = Command::new("unshare").args(["-Ur", "sh", "-c", forbid]).arg(lab).output()?;
    let said = String::from_utf8(done.stderr)?;
    assert_eq!(done.status.code(), Some(1), "{said}");
    for wanted in ["may not create namespaces", "user.max_user_namespaces", "as root"] {
        assert!(said.contains(wanted), "{wanted} is not in: {said}");
    }
    Ok(())
}

fn a_host_has_a_name_of_its_own() -> TestResult {
    let lab = Lab::new("names")?;
    let host = lab.add_host("node-x")?;
    let name = host.run(|| fs::read_to_string("/proc/sys/kernel/hostname"))??;
    assert_eq!(name, "node-x\n");
    Ok(())
}

fn root_is_root_of_the_machine() -> TestResult {
    let map = fs::read_to_string("/proc/self/uid_map")?;
    assert!(map.split_whitespace().nth(2).is_some_and(|count| count != "1"), "{map}");
    Ok(())
}

/// Whether the process exists and is no zombie.
fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

fn sleeper() -> Command {
    let mut command = Command::new("sleep");
    command.arg("1000");
    command
}

fn a_process_dies_with_its_lab() -> TestResult {
    let lab = Lab::new("mortal")?;
    let host = lab.add_host("a")?;
    let (kept, dropped) = (host.spawn(sleeper())?, host.spawn(sleeper())?);
    let pid = dropped.id();
    assert!(alive(pid) && kept.is_running());
    drop(dropped);
    assert!(!alive(pid), "a dropped process is killed");
    drop(lab);
    assert!(!alive(kept.id()), "and so are those of a dropped lab");
    Ok(())
}

fn a_group_dies_with_its_process() -> TestResult {
    let lab = Lab::new("group")?;
    let host = lab.add_host("a")?;
    for ended in [true, false] {
        let last = if ended { "exit 7" } else { "sleep 1000" };
        let mut command = Command::new("sh");
        command.args(["-c", &format!("sleep 1000 >/dev/null 2>&1 & echo $!; {last}")]);
        let process = host.spawn(command)?;
        let left: i32 = process.wait_for_line("", LIMIT)?.text.parse()?;
        let left = pidfd_open(Pid::from_raw(left).ok_or("no process")?, PidfdFlags::empty())?;
        if ended {
            assert_eq!(process.wait(LIMIT)?.code(), Some(7));
            assert_eq!(process.wait(LIMIT)?.code(), Some(7), "it may be asked again");
        }
        assert_eq!(process.is_running(), !ended);
        drop(process);
        let limit = Timespec::try_from(LIMIT)?;
        let died = poll(&mut [PollFd::new(&left, PollFlags::IN)], Some(&limit))?;
        assert_eq!(died, 1, "what it left lives on; the process itself had ended: {ended}");
    }
    Ok(())
}

fn a_signal_that_ends_a_process_is_told() -> TestResult {
    let lab = Lab::new("signal")?;
    let process = lab.add_host("a")?.spawn(sleeper())?;
    process.kill()?;
    assert_eq!(process.wait(LIMIT)?.signal(), Some(9));
    drop(lab);
    assert_eq!(process.wait(LIMIT)?.signal(), Some(9), "its lab is gone");
    Ok(())
}

fn a_panic_leaves_nothing_behind() -> TestResult {
    let (tell, told) = std::sync::mpsc::channel();
    let panicking = std::thread::spawn(move || {
        let build = || -> TestResult {
            let lab = Lab::new("panic")?;
            let process = lab.add_host("a")?.spawn(sleeper())?;
            tell.send((process.id(), lab.dir().to_owned()))?;
            // As a panic, without its message in the output of the tests.
            std::panic::resume_unwind(Box::new("on purpose"));
        };
        build().map_err(|error| error.to_string())
    });
    let (pid, dir) = told.recv_timeout(LIMIT)?;
    assert!(panicking.join().is_err());
    assert!(!alive(pid) && !dir.exists());
    Ok(())
}
