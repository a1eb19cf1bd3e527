use std::{
    os::unix::process::ExitStatusExt,
    process::{Command, Stdio},
    thread,
};

use vipcast_announcer::os::{AbortOnUnwind, InstanceLock, LockError};

use crate::{UNWIND, world::new_namespace};

pub(crate) fn a_second_instance_is_refused_until_the_first_is_gone() {
    let _namespace = new_namespace();
    let first = InstanceLock::acquire().unwrap();
    assert!(matches!(InstanceLock::acquire(), Err(LockError::AlreadyRunning)));
    drop(first);
    let _second = InstanceLock::acquire().unwrap();
}

pub(crate) fn each_network_namespace_has_a_lock_of_its_own() {
    let _here = new_namespace();
    let _first = InstanceLock::acquire().unwrap();
    let _there = new_namespace();
    let _second = InstanceLock::acquire().unwrap();
}

/// What the test below starts: a thread panics while the main thread would go on.
pub(crate) fn unwind_under_guard() -> ! {
    let dead = thread::spawn(|| {
        let _guard = AbortOnUnwind::new();
        panic!("on purpose");
    });
    let _ = dead.join();
    std::process::exit(0);
}

pub(crate) fn a_thread_that_unwinds_ends_the_process() {
    let program = std::env::current_exe().unwrap();
    let status = Command::new(program).arg(UNWIND).stderr(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(libc::SIGABRT));

    drop(AbortOnUnwind::new());
}
