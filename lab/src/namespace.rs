//! One network namespace and the thread that lives in it.

use std::{
    any::Any,
    fs::File,
    io,
    os::fd::{AsRawFd, RawFd},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::mpsc::{Receiver, Sender, channel},
    thread::{self, Builder},
    time::Duration,
};

use futures_util::{FutureExt, StreamExt};
use nix::sched::{CloneFlags, unshare};
use rtnetlink::{Handle, MulticastGroup, new_connection, new_multicast_connection};
use rustix::{
    mount::{MountFlags, MountPropagationFlags, mount, mount_change},
    system::sethostname,
};
use tokio::{
    runtime::{self, Runtime},
    time::timeout,
};

use crate::error::{LabError, Result};

/// What a namespace's thread is asked to do.
type Job = Box<dyn FnOnce(&Resident) + Send>;

/// A network namespace, with a mount namespace for a /sys that shows it, and a host name.
///
/// It lives as long as its thread: threads and processes inherit the namespaces of the thread that
/// starts them, so this thread starts all that is to run inside.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
    jobs: Sender<Job>,
    file: File,
}

/// What the thread in the namespace holds.
pub(crate) struct Resident {
    runtime: Runtime,
    netlink: Handle,
}

impl Namespace {
    /// Makes a namespace, with its loopback still down.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let (jobs, inbox) = channel();
        let (ready, opened) = channel();
        let host = name.to_owned();
        Builder::new()
            .name(format!("lab {name}"))
            .spawn(move || match move_in(&host) {
                Ok((file, resident)) => {
                    drop(ready.send(Ok(file)));
                    resident.serve(inbox);
                }
                Err(error) => drop(ready.send(Err(error))),
            })
            .map_err(LabError::io("start a namespace's thread"))?;
        let file = opened.recv().map_err(|_| LabError::Gone { host: name.to_owned() })??;
        Ok(Self { name: name.to_owned(), jobs, file })
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A descriptor of the namespace, for interfaces that are to be born in it.
    pub(crate) fn raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Runs `work` on the namespace's own thread. It must be short: others wait for it.
    pub(crate) fn ask<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Resident) -> T + Send + 'static,
    ) -> Result<T> {
        let gone = || LabError::Gone { host: self.name.clone() };
        let (reply, answer) = channel();
        let job: Job = Box::new(move |resident| {
            // A panic belongs to the caller; the thread is still needed.
            drop(reply.send(catch_unwind(AssertUnwindSafe(|| work(resident)))));
        });
        self.jobs.send(job).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?.map_or_else(|panic| resume_unwind(panic), Ok)
    }

    /// Runs a netlink conversation in the namespace.
    pub(crate) fn netlink<T, F, W>(&self, work: W) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>>,
        W: FnOnce(Handle) -> F + Send + 'static,
    {
        self.ask(move |resident| resident.runtime.block_on(work(resident.netlink.clone())))?
    }

    /// Waits until `check` finds what it looks for: it is asked at once, and again whenever the
    /// kernel announces a change in `group`.
    pub(crate) fn watch<T: Send + 'static>(
        &self,
        group: MulticastGroup,
        limit: Duration,
        what: String,
        mut check: impl AsyncFnMut(&Handle) -> Result<Option<T>> + Send + 'static,
    ) -> Result<T> {
        self.run(move || {
            let runtime = runtime()?;
            let _inside = runtime.enter();
            let (connection, netlink, mut changes) = new_multicast_connection(&[group])
                .map_err(LabError::io("open a netlink socket"))?;
            runtime.spawn(connection);
            let found = runtime.block_on(timeout(limit, async {
                loop {
                    if let Some(found) = check(&netlink).await? {
                        return Ok(found);
                    }
                    if changes.next().await.is_none() {
                        let source = io::ErrorKind::UnexpectedEof.into();
                        return Err(LabError::Io { action: "follow netlink".to_owned(), source });
                    }
                    // One look is enough for all the changes that came by now.
                    while changes.next().now_or_never().flatten().is_some() {}
                }
            }));
            found.unwrap_or(Err(LabError::Timeout { what, waited: limit }))
        })?
    }

    /// Starts a new thread inside the namespace.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<thread::JoinHandle<T>> {
        let builder = Builder::new().name(format!("{} {name}", self.name));
        self.ask(move |_| builder.spawn(work))?.map_err(LabError::io("start a thread"))
    }

    /// Runs `work` on a new thread inside the namespace, and waits for it. A panic comes through.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let joined: Result<T, Box<dyn Any + Send>> = self.start("run", work)?.join();
        joined.map_or_else(|panic| resume_unwind(panic), Ok)
    }
}

/// Gives the calling thread namespaces of its own, and opens a netlink socket in them.
fn move_in(host: &str) -> Result<(File, Resident)> {
    unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWUTS)
        .map_err(LabError::io("create a network namespace (was enter() called first?)"))?;
    sethostname(host.as_bytes()).map_err(LabError::io(format!("name a host {host}")))?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(LabError::io("make the namespace's mounts private"))?;
    let quiet = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("sysfs", "/sys", "sysfs", quiet, None).map_err(LabError::io("mount its /sys"))?;
    let file =
        File::open("/proc/thread-self/ns/net").map_err(LabError::io("open the namespace"))?;
    let runtime = runtime()?;
    let netlink = {
        let _inside = runtime.enter();
        let (connection, handle, _) =
            new_connection().map_err(LabError::io("open a netlink socket"))?;
        runtime.spawn(connection);
        handle
    };
    Ok((file, Resident { runtime, netlink }))
}

fn runtime() -> Result<Runtime> {
    let built = runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(LabError::io("start the netlink runtime"))
}

impl Resident {
    /// Does what is asked until nobody can ask any more.
    fn serve(self, inbox: Receiver<Job>) {
        for job in inbox {
            job(&self);
        }
    }
}
