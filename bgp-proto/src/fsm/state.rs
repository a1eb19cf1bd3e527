use core::fmt;

use crate::wire::Notification;

/// Where a connection stands (RFC 4271 §8.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Nothing is wanted, or a wait after an error. Incoming connections are refused.
    #[default]
    Idle,
    /// Dialing.
    Connect,
    /// Waiting for the neighbor to dial, or to dial again.
    Active,
    /// Our OPEN is out.
    OpenSent,
    /// The neighbor's OPEN was accepted.
    OpenConfirm,
    /// Routes flow.
    Established,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle => "Idle",
            Self::Connect => "Connect",
            Self::Active => "Active",
            Self::OpenSent => "OpenSent",
            Self::OpenConfirm => "OpenConfirm",
            Self::Established => "Established",
        })
    }
}

/// What a state machine waits for, in the order in which equal deadlines fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// When to dial again.
    ConnectRetry,
    /// When a silent neighbor is given up.
    Hold,
    /// When the neighbor wants to hear of us.
    Keepalive,
    /// When to send our OPEN without having seen the neighbor's.
    DelayOpen,
    /// When to leave Idle after an error.
    IdleHold,
    /// When a transport that takes nothing is given up (RFC 9687).
    SendHold,
}

impl Timer {
    /// All, in order.
    pub const ALL: [Self; 6] = [
        Self::ConnectRetry,
        Self::Hold,
        Self::Keepalive,
        Self::DelayOpen,
        Self::IdleHold,
        Self::SendHold,
    ];

    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConnectRetry => "ConnectRetryTimer",
            Self::Hold => "HoldTimer",
            Self::Keepalive => "KeepaliveTimer",
            Self::DelayOpen => "DelayOpenTimer",
            Self::IdleHold => "IdleHoldTimer",
            Self::SendHold => "SendHoldTimer",
        })
    }
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// We were told to stop.
    Stopped,
    /// We have closed it, and told the neighbor why.
    Sent(Notification),
    /// The neighbor has closed it, and told us why.
    Received(Notification),
    /// TCP has failed, or the neighbor has closed it without a word.
    ConnectionFailed,
    /// A message or a timer that the state does not allow, before our OPEN was sent.
    Unexpected(State),
    /// A new connection from a neighbor that restarts gracefully has taken its place
    /// (RFC 4724 §4.2).
    Replaced,
    /// We have handed over to our successor, without a word.
    HandedOver,
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped => f.write_str("stopped"),
            Self::Sent(notification) => write!(f, "sent {notification}"),
            Self::Received(notification) => write!(f, "received {notification}"),
            Self::ConnectionFailed => f.write_str("the TCP connection failed or was closed"),
            Self::Unexpected(state) => write!(f, "unexpected event in {state}"),
            Self::Replaced => f.write_str("replaced by a new connection of the restarting peer"),
            Self::HandedOver => f.write_str("handed over"),
        }
    }
}
