use core::time::Duration;

use vipcast_sans_io::Instant;

use super::{Event, Fsm, State, Timer};
use crate::config::SendHoldTime;

/// The least time of [`SendHoldTime::Suggested`] (RFC 9687 §6).
const LEAST_SEND_HOLD_TIME: Duration = Duration::from_mins(8);

impl Fsm {
    /// When a timer fires, if it runs.
    #[must_use]
    pub const fn deadline(&self, timer: Timer) -> Option<Instant> {
        self.deadlines[timer.index()]
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Instant> {
        self.deadlines.iter().flatten().min().copied()
    }

    /// The event of the earliest timer that is due, which is then stopped.
    pub fn pop_expired(&mut self, now: Instant) -> Option<Event> {
        let due = |timer: &Timer| self.deadline(*timer).filter(|at| *at <= now);
        let timer = Timer::ALL.into_iter().filter(|timer| due(timer).is_some());
        let timer = timer.min_by_key(|timer| (due(timer), *timer))?;
        self.stop(timer);
        Some(match timer {
            Timer::ConnectRetry => Event::ConnectRetryTimerExpires,
            Timer::Hold => Event::HoldTimerExpires,
            Timer::Keepalive => Event::KeepaliveTimerExpires,
            Timer::DelayOpen => Event::DelayOpenTimerExpires,
            Timer::IdleHold => Event::IdleHoldTimerExpires,
            Timer::SendHold => Event::SendHoldTimerExpires,
        })
    }

    /// Octets were handed to the transport: the KeepaliveTimer starts anew if they hold an UPDATE or
    /// a KEEPALIVE (RFC 4271 §8.2.2), and the SendHoldTimer runs from the oldest octet not yet taken.
    pub fn on_sent(&mut self, now: Instant) {
        if self.deadline(Timer::Keepalive).is_some() {
            self.start_keepalive(now);
        }
        if self.state == State::Established && self.deadline(Timer::SendHold).is_none() {
            let time = match self.config.send_hold_time {
                SendHoldTime::Never => return,
                SendHoldTime::Suggested => (self.hold_time * 2).max(LEAST_SEND_HOLD_TIME),
                SendHoldTime::Is(time) => time.max(self.hold_time + Duration::from_secs(1)),
            };
            self.start(Timer::SendHold, now + time);
        }
    }

    /// The transport has taken all octets.
    pub fn on_taken(&mut self) {
        self.stop(Timer::SendHold);
    }

    pub(super) fn start_connect_retry(&mut self, now: Instant) {
        let wait = self.dialing.next(&mut self.rng);
        self.start(Timer::ConnectRetry, now + wait);
    }

    /// A third of the hold time, with jitter; not at all without a hold time (RFC 4271 §4.4).
    pub(super) fn start_keepalive(&mut self, now: Instant) {
        if self.hold_time.is_zero() {
            self.stop(Timer::Keepalive);
        } else {
            let wait = self.rng.jitter(self.hold_time / 3);
            self.start(Timer::Keepalive, now + wait);
        }
    }

    pub(super) fn restart_hold(&mut self, now: Instant) {
        if self.hold_time.is_zero() {
            self.stop(Timer::Hold);
        } else {
            self.start(Timer::Hold, now + self.hold_time);
        }
    }

    pub(super) fn start(&mut self, timer: Timer, at: Instant) {
        self.deadlines[timer.index()] = Some(at);
    }

    pub(super) fn stop(&mut self, timer: Timer) {
        self.deadlines[timer.index()] = None;
    }

    pub(super) fn stop_all(&mut self) {
        self.deadlines = [None; Timer::ALL.len()];
    }
}
