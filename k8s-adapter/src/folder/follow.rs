use std::{
    io,
    path::{Path, PathBuf},
    thread::{Builder, JoinHandle},
    time::Duration,
};

use vipcast_sans_io::Instant;

use super::{
    DirFiles, FileEvent, Follower, Snapshot, Timing, Watch, WatchEvent,
    watch::{Heard, Stop},
};
use crate::Options;

/// Why a folder or a file cannot be followed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The system gives no watch.
    #[error("cannot watch {}: {source}; raise fs.inotify.max_user_instances if it is used up", path.display())]
    Watch {
        /// What was to be watched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system gives no thread.
    #[error("cannot start a thread to watch {}: {source}", path.display())]
    Thread {
        /// What was to be watched.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// A thread that watches something. Dropping it ends the thread, and waits for that.
#[derive(Debug)]
#[must_use = "dropping it ends the following"]
pub struct Follow {
    stop: Stop,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Follow {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            // Its panic was printed where it happened.
            let _ = thread.join();
        }
    }
}

impl Follow {
    /// Follows a folder of manifests on a thread of its own.
    ///
    /// `deliver` is called on that thread with the first state, and then with each that differs from
    /// the one before; it must not block for long. A `tokio::sync::watch::Sender` or an unbounded
    /// channel of any kind makes a good one. `before` is what was served earlier, see
    /// [`StateFolder::load_manifests`](crate::state::StateFolder::load_manifests). `clock` must not
    /// go back.
    ///
    /// Where the folder does not exist yet, it is waited for.
    ///
    /// # Errors
    ///
    /// When the system gives no watch or no thread.
    pub fn manifests(
        dir: impl Into<PathBuf>,
        options: Options,
        before: Snapshot,
        timing: Timing,
        clock: impl Fn() -> Instant + Send + 'static,
        mut deliver: impl FnMut(Snapshot) + Send + 'static,
    ) -> Result<Self, FollowError> {
        let dir = dir.into();
        let mut follower = Follower::new(DirFiles::new(&dir), options, before, timing);
        Self::spawn(&dir, "manifests", move |watch| {
            loop {
                // A folder that came, or took another's place, is watched before it is read, so
                // that nothing can happen to it unseen.
                if watch.renew() && watch.is_watching() {
                    follower.handle_event(clock(), FileEvent::Lost);
                }
                if let Some(snapshot) = follower.handle_timeout(clock()) {
                    deliver(snapshot);
                }
                let longest = if watch.is_watching() { timing.look_every } else { timing.retry };
                let due = follower.poll_timeout().map_or(longest, |at| at - clock());
                match watch.wait(due.min(longest)) {
                    Heard::Events(events) if events.is_empty() => follower.look(clock()),
                    Heard::Events(events) => {
                        let now = clock();
                        for event in events {
                            follower.handle_event(now, event.into());
                        }
                    }
                    Heard::Stop => return,
                }
            }
        })
    }

    /// Calls `look` on a thread of its own: once at the start, and then with what happened in
    /// `dir`, at the latest each `at_least_every`, then perhaps with nothing.
    pub(crate) fn dir(
        dir: &Path,
        name: &str,
        at_least_every: Duration,
        mut look: impl FnMut(&[WatchEvent]) + Send + 'static,
    ) -> Result<Self, FollowError> {
        Self::spawn(dir, name, move |watch| {
            let mut events = vec![WatchEvent::Lost];
            loop {
                if watch.renew() {
                    events.push(WatchEvent::Lost);
                }
                look(&events);
                match watch.wait(at_least_every) {
                    Heard::Events(next) => events = next,
                    Heard::Stop => return,
                }
            }
        })
    }

    fn spawn(
        dir: &Path,
        name: &str,
        run: impl FnOnce(&mut Watch) + Send + 'static,
    ) -> Result<Self, FollowError> {
        let path = || dir.to_owned();
        let mut watch =
            Watch::new(dir).map_err(|source| FollowError::Watch { path: path(), source })?;
        let stop = watch.stop_handle();
        let thread = Builder::new()
            .name(format!("follow-{name}"))
            .spawn(move || run(&mut watch))
            .map_err(|source| FollowError::Thread { path: path(), source })?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl From<WatchEvent> for FileEvent {
    fn from(event: WatchEvent) -> Self {
        match event {
            WatchEvent::Written(name) => Self::Writing(name),
            WatchEvent::Complete(name) => Self::Complete(name),
            WatchEvent::Gone(name) => Self::Gone(name),
            WatchEvent::Anything => Self::Anything,
            WatchEvent::Lost => Self::Lost,
        }
    }
}
