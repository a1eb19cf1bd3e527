use core::time::Duration;

use super::DownReason;
use crate::{
    config::{PeerConfig, Retry, SendHoldTime},
    wire::Notification,
};

/// What the state machine of one connection needs to know (RFC 4271 §8.1.1).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FsmConfig {
    /// ConnectRetryTime and IdleHoldTime.
    pub retry: Retry,
    /// DelayOpen and DelayOpenTime.
    pub delay_open: Option<Duration>,
    /// SendHoldTime.
    pub send_hold_time: SendHoldTime,
    /// PassiveTcpEstablishment.
    pub passive: bool,
    /// SendNOTIFICATIONwithoutOPEN.
    pub notify_without_open: bool,
    /// AllowAutomaticStart: leaves Idle by itself after an error, damped.
    pub automatic_start: bool,
}

impl From<&PeerConfig> for FsmConfig {
    fn from(peer: &PeerConfig) -> Self {
        Self {
            retry: peer.retry,
            delay_open: peer.delay_open,
            send_hold_time: peer.send_hold_time,
            passive: peer.passive,
            notify_without_open: peer.notify_without_open,
            automatic_start: true,
        }
    }
}

/// What is to be done after an event, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Effects {
    /// Send this NOTIFICATION.
    pub notification: Option<Notification>,
    /// Drop the TCP connection, or the dialing for one.
    pub drop_connection: bool,
    /// Dial.
    pub connect: bool,
    /// Send an OPEN.
    pub open: bool,
    /// Send a KEEPALIVE.
    pub keepalive: bool,
    /// The connection ended, for this reason.
    pub down: Option<DownReason>,
}
