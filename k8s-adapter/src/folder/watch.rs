//! inotify on one folder, and a way to end the wait.

use std::{
    io,
    os::fd::{AsRawFd as _, OwnedFd},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

/// What happened in a watched folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum WatchEvent {
    /// A file was created or written to.
    Written(String),
    /// A file was closed by its writer, or renamed to this name.
    Complete(String),
    /// A file was deleted or renamed away.
    Gone(String),
    /// Something else: links or permissions changed.
    Anything,
    /// Events were lost, or the folder itself was moved or deleted.
    Lost,
}

/// What a wait ended with.
#[derive(Debug)]
pub(crate) enum Heard {
    /// What happened; nothing, where the time was up.
    Events(Vec<WatchEvent>),
    /// [`Stop::stop`] was called.
    Stop,
}

/// Watches one folder, by its path: when another folder takes its place, that one is watched.
pub(crate) struct Watch {
    dir: PathBuf,
    inotify: Inotify,
    descriptor: Option<WatchDescriptor>,
    stop: Arc<OwnedFd>,
}

/// Ends the wait of a [`Watch`] from another thread.
#[derive(Clone, Debug)]
pub(crate) struct Stop(Arc<OwnedFd>);

impl Stop {
    pub(crate) fn stop(&self) {
        // A counter that is full is set as well.
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

impl Watch {
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let mut watch =
            Self { dir: dir.to_owned(), inotify: Inotify::init()?, descriptor: None, stop };
        watch.renew();
        Ok(watch)
    }

    pub(crate) fn stop_handle(&self) -> Stop {
        Stop(self.stop.clone())
    }

    /// Watches whatever folder stands at the path now. True if that is another one than before.
    pub(crate) fn renew(&mut self) -> bool {
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_FROM
            | WatchMask::MOVED_TO
            | WatchMask::DELETE
            | WatchMask::ATTRIB
            | WatchMask::DELETE_SELF
            | WatchMask::MOVE_SELF
            | WatchMask::ONLYDIR;
        // For a folder that is watched already this is the same descriptor.
        let new = self.inotify.watches().add(&self.dir, mask).ok();
        let other = new != self.descriptor;
        if other {
            if let Some(old) = self.descriptor.take() {
                // Fails when the folder is gone, and with it the watch.
                let _ = self.inotify.watches().remove(old);
            }
            self.descriptor = new;
        }
        other
    }

    /// Whether there is a folder to watch.
    pub(crate) const fn is_watching(&self) -> bool {
        self.descriptor.is_some()
    }

    /// Waits for events, for `timeout` at the longest.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Heard {
        let limit = Timespec {
            tv_sec: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(timeout.subsec_nanos()),
        };
        let mut fds =
            [PollFd::new(&self.stop, PollFlags::IN), PollFd::new(&self.inotify, PollFlags::IN)];
        // A wait that fails or is interrupted ends early, and that is all.
        let _ = poll(&mut fds, Some(&limit));
        if fds.first().is_some_and(|stop| !stop.revents().is_empty()) {
            return Heard::Stop;
        }
        Heard::Events(self.drain().unwrap_or_else(|_| vec![WatchEvent::Lost]))
    }

    fn drain(&mut self) -> io::Result<Vec<WatchEvent>> {
        let mut out = Vec::new();
        let mut buffer = [0; 4096];
        loop {
            let events = match self.inotify.read_events(&mut buffer) {
                Ok(events) => events,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(out),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            for event in events {
                let name = event.name.and_then(|name| name.to_str()).map(str::to_owned);
                out.extend(classify(&self.dir, event.mask, name));
            }
        }
    }
}

fn classify(dir: &Path, mask: EventMask, name: Option<String>) -> Option<WatchEvent> {
    let Some(name) = name else {
        // The end of a watch that was removed says nothing.
        let other = mask.intersects(EventMask::ATTRIB | EventMask::IGNORED);
        return (!other).then_some(WatchEvent::Lost);
    };
    // Links and folders are swapped whole: `..data` of a mounted ConfigMap.
    if mask.contains(EventMask::ISDIR) || name.starts_with("..") {
        return Some(WatchEvent::Anything);
    }
    Some(if mask.intersects(EventMask::CLOSE_WRITE | EventMask::MOVED_TO) {
        WatchEvent::Complete(name)
    } else if mask.intersects(EventMask::MOVED_FROM | EventMask::DELETE) {
        WatchEvent::Gone(name)
    } else if mask.contains(EventMask::MODIFY)
        || mask.contains(EventMask::CREATE) && !is_link(&dir.join(&name))
    {
        WatchEvent::Written(name)
    } else {
        // The permissions of a file may be what hid it.
        WatchEvent::Anything
    })
}

/// Links of both sorts are complete once they are there; nobody closes them.
fn is_link(path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_symlink() || metadata.nlink() > 1)
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch")
            .field("dir", &self.dir)
            .field("inotify", &self.inotify.as_raw_fd())
            .field("watching", &self.descriptor.is_some())
            .finish_non_exhaustive()
    }
}
