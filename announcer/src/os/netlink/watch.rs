use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use super::{NetlinkError, NetlinkSocket, Snapshot, socket::ROUTE};

// linux/rtnetlink.h: RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR
const LINK: u32 = 0x1;
const IPV4_ADDRESS: u32 = 0x10;
const IPV6_ADDRESS: u32 = 0x100;

/// Notices every change of links and addresses.
///
/// It says *that* something changed; what is true now is in the next [`Snapshot`], which cannot be out
/// of step with lost notifications. A change between a snapshot and its use is never missed if the
/// watch was opened before.
///
/// ```no_run
/// use vipcast_announcer::os::netlink::LinkWatch;
///
/// let mut watch = LinkWatch::open()?;
/// let mut links = watch.snapshot()?;
/// // … when the watch is readable:
/// if watch.changed()? {
///     links = watch.snapshot()?;
/// }
/// # drop(links);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct LinkWatch {
    notifications: NetlinkSocket,
    requests: NetlinkSocket,
}

impl LinkWatch {
    /// Begins to watch the network namespace of the calling thread.
    ///
    /// # Errors
    /// The kernel's: too many open files. Needs no privilege.
    pub fn open() -> io::Result<Self> {
        let groups = LINK | IPV4_ADDRESS | IPV6_ADDRESS;
        Ok(Self {
            notifications: NetlinkSocket::open(ROUTE, groups)?,
            requests: NetlinkSocket::open(ROUTE, 0)?,
        })
    }

    /// Takes all notifications that wait, and says whether there was any. Never waits.
    ///
    /// # Errors
    /// The kernel's; none is expected. Notifications that were lost count as a change.
    pub fn changed(&mut self) -> io::Result<bool> {
        let mut changed = false;
        loop {
            match self.notifications.receive() {
                Ok(Some(_)) => changed = true,
                Ok(None) => return Ok(changed),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => changed = true,
                Err(error) => return Err(error),
            }
        }
    }

    /// What is true now, as [`Snapshot::read`].
    ///
    /// # Errors
    /// [`NetlinkError`].
    pub fn snapshot(&mut self) -> Result<Snapshot, NetlinkError> {
        Snapshot::read_from(&mut self.requests)
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notifications.as_fd()
    }
}
