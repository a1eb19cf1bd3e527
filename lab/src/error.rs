//! What can go wrong while a lab is built or used.

use std::{io, time::Duration};

/// Shorthand for results of this crate.
pub type Result<T, E = LabError> = std::result::Result<T, E>;

/// Why a lab could not do what it was asked to.
///
/// A lab that returned an error still cleans up after itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// The namespaces could not be entered; nothing was changed.
    #[error(transparent)]
    Enter(#[from] EnterError),
    /// The kernel refused a netlink request.
    #[error("could not {action}: {source}")]
    Netlink {
        /// What was asked, as "set eth0 up in node-a".
        action: String,
        /// The kernel's answer.
        source: rtnetlink::Error,
    },
    /// A system call failed.
    #[error("could not {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// An interface name that the kernel would refuse (1 to 15 bytes, no `/`, no space).
    #[error("`{name}` cannot name an interface: use 1 to 15 bytes without slash or space")]
    BadName {
        /// The name as given.
        name: String,
    },
    /// Text that is no address, prefix or URL.
    #[error("`{text}` is not {wanted}")]
    Unparsable {
        /// The text as given.
        text: String,
        /// What was expected, as "an address with its prefix length, like 10.0.0.1/24".
        wanted: &'static str,
    },
    /// The lab has no host, bridge or interface of that name, or has one already.
    #[error("{what}")]
    Topology {
        /// The whole sentence.
        what: String,
    },
    /// What was waited for did not happen.
    #[error("waited {waited:?} in vain for {what}")]
    Timeout {
        /// What was waited for, with what was seen instead.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// A namespace's thread is gone: its lab was dropped.
    #[error("the namespace of {host} is gone: its lab was dropped")]
    Gone {
        /// The host's name.
        host: String,
    },
    /// What a server in the lab answered was not HTTP, or not complete.
    #[error("no valid HTTP answer from {url}: {why}")]
    Http {
        /// What was fetched.
        url: String,
        /// What was wrong with the answer.
        why: String,
    },
}

impl LabError {
    /// Wraps a failed system call: `.map_err(LabError::io("open the capture"))`.
    pub(crate) fn io<E: Into<io::Error>>(action: impl Into<String>) -> impl FnOnce(E) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source: source.into() }
    }

    /// Wraps a refused netlink request.
    pub(crate) fn netlink(action: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> Self {
        let action = action.into();
        move |source| Self::Netlink { action, source }
    }
}

/// Why [`enter`](crate::enter()) could not give this process a world of its own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnterError {
    /// The kernel or the distribution forbids unprivileged user namespaces.
    #[error(
        "this user may not create namespaces ({source}).\n\
         {setting}\n\
         Or run the same command as root: the lab still leaves the host untouched."
    )]
    Forbidden {
        /// The kernel's answer to `unshare`.
        source: io::Error,
        /// The setting that forbids it, and the command that allows it.
        setting: String,
    },
    /// The process has more than one thread: `enter` must come first in `main`.
    #[error("enter() must come first in main, before any thread: this process has {threads}")]
    Threads {
        /// How many threads there were.
        threads: usize,
    },
    /// A step after the creation of the namespaces failed.
    #[error("could not {step}: {source}")]
    Step {
        /// What was tried.
        step: String,
        /// The kernel's answer.
        source: io::Error,
    },
}

impl EnterError {
    /// Wraps a failed step.
    pub(crate) fn step<E: Into<io::Error>>(step: impl Into<String>) -> impl FnOnce(E) -> Self {
        let step = step.into();
        move |source| Self::Step { step, source: source.into() }
    }
}
