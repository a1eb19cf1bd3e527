use std::{
    fmt, io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use rustix::{
    buffer::spare_capacity,
    event::{EventfdFlags, epoll, eventfd},
    io::Errno,
    time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    },
};
use vipcast_sans_io::Instant;

use crate::clock::Clock;

/// How many descriptors one wait reports at most; the rest comes with the next one.
const BATCH: usize = 64;

/// Waits until one of several descriptors can be read (epoll).
///
/// What is [added](Self::add) is reported again until it is read to the end (level-triggered), so a loop
/// may take a bounded batch from each descriptor and stay fair. For those with most traffic there is
/// [`add_edge`](Self::add_edge), which spares the kernel a second look at each wake-up.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<epoll::Event>,
}

impl Poller {
    /// A poller that watches nothing yet.
    ///
    /// # Errors
    /// The kernel's: too many open files.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self { epoll, events: Vec::with_capacity(BATCH) })
    }

    /// Reports `token` from now on whenever `source` can be read or has an error to be read.
    ///
    /// # Errors
    /// The kernel's: `source` is watched already.
    pub fn add(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        self.watch(source, token, epoll::EventFlags::IN)
    }

    /// Reports `token` once when `source` can be read, and once more whenever something comes: whoever does
    /// not read it to the end has to remember that (edge-triggered).
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_edge(&self, source: impl AsFd, token: u64) -> io::Result<()> {
        self.watch(source, token, epoll::EventFlags::IN | epoll::EventFlags::ET)
    }

    fn watch(&self, source: impl AsFd, token: u64, flags: epoll::EventFlags) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, source, epoll::EventData::new_u64(token), flags)?)
    }

    /// Stops watching `source`. A descriptor that is closed stops by itself, unless it was cloned.
    ///
    /// # Errors
    /// The kernel's: `source` is not watched.
    pub fn delete(&self, source: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, source)?)
    }

    /// Waits until something can be read, and puts the tokens of all that can into `ready`, which is
    /// cleared first. There is no timeout, since epoll's own does not count suspend: add a [`Timer`].
    /// A signal ends the wait with nothing ready.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn wait(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        self.look(ready, None)
    }

    /// As [`wait`](Self::wait), but what can be read now, without waiting.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn poll(&mut self, ready: &mut Vec<u64>) -> io::Result<()> {
        self.look(ready, Some(Timespec { tv_sec: 0, tv_nsec: 0 }))
    }

    fn look(&mut self, ready: &mut Vec<u64>, timeout: Option<Timespec>) -> io::Result<()> {
        ready.clear();
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), timeout.as_ref()) {
            Ok(_) => ready.extend(self.events.iter().map(|event| event.data.u64())),
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller").field("epoll", &self.epoll).finish_non_exhaustive()
    }
}

/// Becomes readable at an [`Instant`] of [`Clock::now`], suspend counted (`timerfd`).
#[derive(Debug)]
pub struct Timer {
    fd: OwnedFd,
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that is not armed.
    ///
    /// # Errors
    /// The kernel's: too many open files.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Boottime, flags)?;
        Ok(Self { fd, armed: None })
    }

    /// Arms the timer for `deadline`, or disarms it. A deadline in the past fires at once. Either way
    /// the timer is not readable from an earlier deadline any more; the same deadline again costs no
    /// system call.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn set(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        let deadline = deadline.filter(|instant| *instant != Instant::FAR_FUTURE);
        if deadline == self.armed {
            return Ok(());
        }
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = deadline.map_or(never, Clock::timespec);
        let time = Itimerspec { it_interval: never, it_value };
        timerfd_settime(&self.fd, TimerfdTimerFlags::ABSTIME, &time)?;
        self.armed = deadline;
        Ok(())
    }

    /// Takes the expiry, so that the timer is readable no longer, and says whether there was one.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn expired(&mut self) -> io::Result<bool> {
        let expired = drain_counter(&self.fd)?;
        if expired {
            self.armed = None;
        }
        Ok(expired)
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Wakes a [`Poller`] from any thread (`eventfd`). Clones wake the same one.
///
/// A wake-up carries nothing: put the command into a channel first, then wake.
#[derive(Debug, Clone)]
pub struct Waker {
    fd: Arc<OwnedFd>,
}

impl Waker {
    /// A waker that nobody has woken.
    ///
    /// # Errors
    /// The kernel's: too many open files.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?;
        Ok(Self { fd: Arc::new(fd) })
    }

    /// Makes the waker readable until it is drained. Many wake-ups may become one.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn wake(&self) -> io::Result<()> {
        match rustix::io::write(&*self.fd, &1_u64.to_ne_bytes()) {
            // A full counter is readable already.
            Ok(_) | Err(Errno::AGAIN) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Takes all wake-ups so far and says whether there was any. Drain first, then empty the channel:
    /// the other way round loses a command.
    ///
    /// # Errors
    /// The kernel's; none is expected.
    pub fn drain(&self) -> io::Result<bool> {
        drain_counter(&self.fd)
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Resets the 64-bit counter behind an eventfd or timerfd; `false` if it was zero.
fn drain_counter(fd: &OwnedFd) -> io::Result<bool> {
    match rustix::io::read(fd, &mut [0_u8; 8]) {
        Ok(_) => Ok(true),
        Err(Errno::AGAIN | Errno::INTR) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests;
