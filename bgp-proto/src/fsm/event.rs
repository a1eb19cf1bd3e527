use core::time::Duration;

use super::DownReason;
use crate::wire::{MessageType, Notification};

/// What a state machine reacts to: the events of RFC 4271 §8.1 under their names, and four more.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// 1: the operator wants the session.
    ManualStart,
    /// 2: the operator does not want it any more; a Cease with the reason.
    ManualStop(Notification),
    /// 3: the system wants the session.
    AutomaticStart,
    /// 4: as 1, without dialing.
    ManualStartPassive,
    /// 5: as 3, without dialing.
    AutomaticStartPassive,
    /// 6: as 3, but not before the IdleHoldTimer has expired.
    AutomaticStartDamped,
    /// 7: as 5, but not before the IdleHoldTimer has expired.
    AutomaticStartDampedPassive,
    /// 8: the system does not want it any more; a Cease with the reason.
    AutomaticStop(Notification),
    /// 9.
    ConnectRetryTimerExpires,
    /// 10.
    HoldTimerExpires,
    /// 11.
    KeepaliveTimerExpires,
    /// 12.
    DelayOpenTimerExpires,
    /// 13.
    IdleHoldTimerExpires,
    /// 14: a SYN of the configured neighbor.
    TcpConnectionValid,
    /// 15: a SYN of somebody else.
    TcpCrInvalid,
    /// 16: our dialing has succeeded.
    TcpCrAcked,
    /// 17: the neighbor's dialing has succeeded.
    TcpConnectionConfirmed,
    /// 18: the connection is gone, or never came.
    TcpConnectionFails,
    /// 19, and with the DelayOpenTimer running 20: a valid OPEN; the negotiated hold time, zero for
    /// none.
    BgpOpen(Duration),
    /// 21: a header that cannot be read, and what the neighbor is told.
    BgpHeaderErr(Notification),
    /// 22: an OPEN that cannot be accepted, and what the neighbor is told.
    BgpOpenMsgErr(Notification),
    /// 23: this connection has lost the collision (RFC 4271 §6.8).
    OpenCollisionDump,
    /// 24: a NOTIFICATION of an unsupported version.
    NotifMsgVerErr(Notification),
    /// 25: any other NOTIFICATION.
    NotifMsg(Notification),
    /// 26.
    KeepAliveMsg,
    /// 27: an UPDATE that does not close the session.
    UpdateMsg,
    /// 28: an UPDATE that closes the session, and what the neighbor is told.
    UpdateMsgErr(Notification),
    /// 29: TCP takes nothing (RFC 9687).
    SendHoldTimerExpires,
    /// A ROUTE-REFRESH (RFC 2918); no number.
    RouteRefreshMsg,
    /// A ROUTE-REFRESH that closes the session (RFC 7313 §5); no number.
    RouteRefreshErr(Notification),
    /// BFD has lost the path (RFC 5882 §4.2, RFC 9384); no number.
    BfdDown,
    /// Replaced, or handed over: close without a word, and do not start again; no number.
    SilentClose(DownReason),
}

impl Event {
    /// The message that the event stands for.
    pub(crate) const fn message(&self) -> Option<MessageType> {
        match self {
            Self::BgpOpen(_) | Self::BgpOpenMsgErr(_) => Some(MessageType::OPEN),
            Self::KeepAliveMsg => Some(MessageType::KEEPALIVE),
            Self::UpdateMsg | Self::UpdateMsgErr(_) => Some(MessageType::UPDATE),
            Self::RouteRefreshMsg | Self::RouteRefreshErr(_) => Some(MessageType::ROUTE_REFRESH),
            _ => None,
        }
    }

    /// Whether it is one of the starts.
    pub(crate) const fn is_start(&self) -> bool {
        matches!(
            self,
            Self::ManualStart
                | Self::AutomaticStart
                | Self::ManualStartPassive
                | Self::AutomaticStartPassive
                | Self::AutomaticStartDamped
                | Self::AutomaticStartDampedPassive
        )
    }
}
