//! A world of one's own: user, network, mount and PID namespaces for this process.

use std::{
    env, fs,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, exit},
};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    sys::{
        signal::{SigSet, Signal, kill},
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    process::{getegid, geteuid, set_parent_process_death_signal},
};

use crate::error::EnterError;

/// Which of the three stages a process is in: absent, `init` or `main`.
const STAGE: &str = "VIPCAST_LAB_STAGE";
/// Whether the user who started all this was root.
const AS_ROOT: &str = "VIPCAST_LAB_ROOT";

/// Where the labs' folders are: in memory, and seen from inside only.
pub(crate) const ROOM: &str = "/dev/shm";

/// The process that reaps, in a PID namespace.
const INIT: Pid = Pid::from_raw(1);

/// What [`enter`] found out about its surroundings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entered {
    /// Whether the process was started by root. If not, it is root in a user namespace: it may do
    /// all that concerns its own network, but cannot change to another user.
    pub root: bool,
}

/// Moves this process into namespaces of its own. Call it first in `main`, before any thread.
///
/// Not root: user, network, mount and PID namespaces, as `unshare -Urnm` makes them. Root: the same
/// without the user namespace, so that nothing of the host is touched either.
///
/// The program runs itself three times. The first process stays outside, passes signals on and ends
/// with the exit code of the work; the second is PID 1 inside, reaps, and takes everything with it
/// when it ends; the third is the one in which this function returns. However it ends (a panic, a
/// signal, SIGKILL to any of the three), the kernel kills all that ran inside, and every interface
/// goes with its namespace.
///
/// # Errors
/// [`EnterError::Forbidden`] where the system forbids user namespaces: its text says which setting
/// and how to go on.
///
/// ```no_run
/// fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let entered = vipcast_lab::enter()?;
///     println!("started by root: {}", entered.root);
///     Ok(())
/// }
/// ```
pub fn enter() -> Result<Entered, EnterError> {
    // A program started from inside inherits the variable, but not the place in the family.
    let stage = env::var(STAGE);
    match stage.as_deref() {
        Ok("main") if Pid::parent() == INIT => {
            forwarded().thread_unblock().map_err(EnterError::step("accept signals again"))?;
            Ok(Entered { root: env::var_os(AS_ROOT).is_some() })
        }
        Ok("init") if Pid::this() == INIT => {
            // The rest dies with PID 1; PID 1 dies with the process outside.
            set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(EnterError::step("tie this process to its parent"))?;
            mount_private()?;
            supervise("main", None)
        }
        _ => {
            let root = leave_host()?;
            supervise("init", Some(root))
        }
    }
}

/// Creates the namespaces; true if this user is root.
fn leave_host() -> Result<bool, EnterError> {
    let threads = fs::read_dir("/proc/self/task").map(Iterator::count).unwrap_or(1);
    if threads > 1 {
        return Err(EnterError::Threads { threads });
    }
    let (uid, gid) = (geteuid(), getegid());
    let world = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID;
    // Root of a container may lack the capability: it then goes the way of ordinary users.
    if uid.is_root() && unshare(world).is_ok() {
        return Ok(many_users());
    }
    unshare(world | CloneFlags::CLONE_NEWUSER).map_err(forbidden)?;
    // Since Linux 3.19 a group map may be written only after this promise.
    write("/proc/self/setgroups", "deny")?;
    write("/proc/self/uid_map", &format!("0 {} 1", uid.as_raw()))?;
    write("/proc/self/gid_map", &format!("0 {} 1", gid.as_raw()))?;
    Ok(false)
}

/// Whether this user namespace knows more users than one, as that of real root does.
fn many_users() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().count() > 1 || map.split_whitespace().nth(2).is_some_and(|count| count != "1")
}

fn write(path: &str, text: &str) -> Result<(), EnterError> {
    fs::write(path, text).map_err(|source| match source.raw_os_error() {
        // AppArmor lets the namespace be made, and then denies every capability in it.
        Some(code) if Errno::from_raw(code) == Errno::EPERM => forbidden(Errno::EPERM),
        _ => EnterError::Step { step: format!("write {path}"), source },
    })
}

/// Names the setting that stands in the way.
fn forbidden(errno: Errno) -> EnterError {
    let reads = |path: &str, value: &str| {
        fs::read_to_string(Path::new("/proc/sys").join(path)).is_ok_and(|text| text.trim() == value)
    };
    let setting = if reads("kernel/apparmor_restrict_unprivileged_userns", "1") {
        "AppArmor restricts user namespaces here (Ubuntu 23.10 and later). Allow them with:\n  \
         sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"
    } else if reads("kernel/unprivileged_userns_clone", "0") {
        "User namespaces are switched off here (Debian). Allow them with:\n  \
         sudo sysctl kernel.unprivileged_userns_clone=1"
    } else if reads("user/max_user_namespaces", "0") || errno == Errno::ENOSPC {
        "The number of user namespaces is limited here. Raise it with:\n  \
         sudo sysctl user.max_user_namespaces=15000"
    } else {
        "A container or a seccomp filter may forbid it. In Docker, add `--privileged`;\n  \
         elsewhere look at: sysctl user.max_user_namespaces kernel.unprivileged_userns_clone"
    };
    EnterError::Forbidden { source: errno.into(), setting: setting.to_owned() }
}

/// Gives the namespaces a /proc and a /sys that show them, and keeps mounts from leaking out.
fn mount_private() -> Result<(), EnterError> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(EnterError::step("make mounts private"))?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", "/proc", "proc", quiet, None).map_err(EnterError::step("mount /proc"))?;
    mount("sysfs", "/sys", "sysfs", quiet, None).map_err(EnterError::step("mount /sys"))?;
    // Room for the labs' files that goes with the namespaces, even after SIGKILL.
    let room = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", ROOM, "tmpfs", room, Some(c"mode=1777"))
        .map_err(EnterError::step("mount /dev/shm"))
}

/// The signals that end or steer a program, and are passed on to the next stage.
fn forwarded() -> SigSet {
    [
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGHUP,
        Signal::SIGQUIT,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGCHLD,
    ]
    .into_iter()
    .collect()
}

/// Runs this program again as the given stage, passes signals on, reaps, and ends as it ended.
fn supervise(stage: &str, root: Option<bool>) -> Result<Entered, EnterError> {
    let signals = forwarded();
    // Blocked before the child exists, so that none is lost; the last stage unblocks them.
    signals.thread_block().map_err(EnterError::step("hold signals"))?;
    let mut args = env::args_os();
    let arg0 = args.next().unwrap_or_default();
    let mut command = Command::new("/proc/self/exe");
    command.arg0(arg0).args(args).env(STAGE, stage);
    match root {
        Some(true) => drop(command.env(AS_ROOT, "1")),
        Some(false) => drop(command.env_remove(AS_ROOT)),
        None => {}
    }
    let child = command.spawn().map_err(EnterError::step("start this program again inside"))?;
    let child = Pid::from_raw(child.id().cast_signed());
    loop {
        match signals.wait() {
            Ok(Signal::SIGCHLD) => reap(child),
            // The child may be gone already; its SIGCHLD is then the next signal.
            Ok(signal) => drop(kill(child, signal)),
            Err(errno) => return Err(EnterError::step("wait for signals")(errno)),
        }
    }
}

/// Reaps all that died, orphans too; ends this process once `child` is among them.
fn reap(child: Pid) {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => exit(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => exit(128 + signal as i32),
            Ok(WaitStatus::StillAlive) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// Keeps a program that is started inside from taking itself for a stage of ours.
pub(crate) fn forget_stage(command: &mut Command) {
    command.env_remove(STAGE).env_remove(AS_ROOT);
}
