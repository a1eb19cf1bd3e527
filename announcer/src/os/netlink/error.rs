use std::io;

/// A netlink exchange with the kernel failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetlinkError {
    /// The socket failed. Whether the request was carried out is not known.
    #[error("the netlink socket failed: {0}")]
    Socket(#[source] io::Error),
    /// The kernel refused the request; nothing changed.
    #[error("the kernel refused the request: {0}")]
    Refused(#[source] io::Error),
    /// The kernel gave no answer, or only a part of one.
    #[error("the kernel's netlink answer is incomplete")]
    Incomplete,
    /// What was listed changed again and again while it was listed. Try again later.
    #[error("the kernel's tables changed too often while they were read: try again")]
    Interrupted,
}

impl NetlinkError {
    /// The kernel's error number, where it is the one that refused.
    pub(in crate::os) fn errno(&self) -> Option<i32> {
        match self {
            Self::Refused(error) => error.raw_os_error(),
            _ => None,
        }
    }

    pub(in crate::os) fn refused(errno: i32) -> Self {
        Self::Refused(io::Error::from_raw_os_error(errno))
    }
}
