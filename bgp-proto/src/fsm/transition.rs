use core::time::Duration;

use vipcast_sans_io::Instant;

use super::{Backoff, DownReason, Effects, Event, FsmConfig, State, Timer};
use crate::{
    rng::Rng,
    wire::{CeaseSubcode, ErrorCode, FsmSubcode, MessageType, Notification},
};

/// How long the neighbor's OPEN may take (RFC 4271 §8.2.2: "a large value").
const LARGE_HOLD_TIME: Duration = Duration::from_mins(4);
/// A session that has lived so long has settled: the next wait in Idle is a first one.
const SETTLED: Duration = Duration::from_mins(1);

/// The state machine of one connection.
#[derive(Clone, Debug)]
pub struct Fsm {
    pub(super) config: FsmConfig,
    pub(super) state: State,
    pub(super) deadlines: [Option<Instant>; Timer::ALL.len()],
    /// ConnectRetryCounter: errors since the last start.
    connect_retry_counter: u32,
    pub(super) dialing: Backoff,
    idling: Backoff,
    pub(super) rng: Rng,
    pub(super) hold_time: Duration,
    established_at: Instant,
}

impl Fsm {
    /// An idle one.
    #[must_use]
    pub fn new(config: FsmConfig, seed: u64) -> Self {
        Self {
            state: State::Idle,
            deadlines: [None; Timer::ALL.len()],
            connect_retry_counter: 0,
            dialing: Backoff::new(config.retry),
            idling: Backoff::new(config.retry),
            rng: Rng::new(seed),
            hold_time: Duration::ZERO,
            established_at: Instant::ZERO,
            config,
        }
    }

    /// One for a second, incoming connection: in Active, and never dialing or starting by itself.
    #[must_use]
    pub fn for_incoming(config: FsmConfig, seed: u64) -> Self {
        let config = FsmConfig { automatic_start: false, ..config };
        Self { state: State::Active, ..Self::new(config, seed) }
    }

    /// Takes the place of `old`, which has lost: its counter and waits go on.
    pub(crate) fn succeed(&mut self, old: &Self) {
        self.config.automatic_start = old.config.automatic_start;
        self.connect_retry_counter = old.connect_retry_counter;
        self.dialing = old.dialing.clone();
        self.idling = old.idling.clone();
    }

    /// Is not the one that counts any more: does not start again by itself.
    pub(crate) fn retire(&mut self) {
        self.config.automatic_start = false;
    }

    /// Where it stands.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Errors since the last start.
    #[must_use]
    pub const fn connect_retry_counter(&self) -> u32 {
        self.connect_retry_counter
    }

    /// Goes from state to state: the table of RFC 4271 §8.2.2. No other function does.
    pub fn handle(&mut self, now: Instant, event: Event) -> Effects {
        let mut effects = Effects::default();
        let next = match self.state {
            State::Idle => self.in_idle(now, &event, &mut effects),
            State::Connect => self.in_connect(now, event, &mut effects),
            State::Active => self.in_active(now, event, &mut effects),
            State::OpenSent => self.in_open_sent(now, event, &mut effects),
            State::OpenConfirm => self.in_open_confirm(now, event, &mut effects),
            State::Established => self.in_established(now, event, &mut effects),
        };
        if next == State::Established && self.state != next {
            self.established_at = now;
            self.dialing.reset();
        }
        self.state = next;
        effects
    }

    fn in_idle(&mut self, now: Instant, event: &Event, effects: &mut Effects) -> State {
        let held = self.deadline(Timer::IdleHold).is_some();
        let passive = match event {
            Event::ManualStart | Event::AutomaticStart => false,
            Event::ManualStartPassive | Event::AutomaticStartPassive => true,
            Event::AutomaticStartDamped if !held => false,
            Event::AutomaticStartDampedPassive if !held => true,
            Event::IdleHoldTimerExpires => self.config.passive,
            Event::ManualStop(_) => {
                self.stop(Timer::IdleHold);
                return State::Idle;
            }
            Event::TcpCrAcked | Event::TcpConnectionConfirmed => {
                effects.drop_connection = true;
                return State::Idle;
            }
            _ => return State::Idle,
        };
        // A damped start is a repetition, and goes on counting.
        if matches!(
            event,
            Event::ManualStart
                | Event::AutomaticStart
                | Event::ManualStartPassive
                | Event::AutomaticStartPassive
        ) {
            self.connect_retry_counter = 0;
        }
        self.stop(Timer::IdleHold);
        self.start_connect_retry(now);
        if passive {
            return State::Active;
        }
        effects.connect = true;
        State::Connect
    }

    fn in_connect(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        match event {
            Event::ConnectRetryTimerExpires => {
                effects.drop_connection = true;
                effects.connect = true;
                self.stop(Timer::DelayOpen);
                self.start_connect_retry(now);
                State::Connect
            }
            Event::TcpConnectionFails if self.deadline(Timer::DelayOpen).is_some() => {
                effects.drop_connection = true;
                self.stop(Timer::DelayOpen);
                self.start_connect_retry(now);
                State::Active
            }
            // No count: the neighbor was not there (RFC 4271 §8.2.2, Connect, event 18).
            Event::TcpConnectionFails => self.quiet(now, DownReason::ConnectionFailed, effects),
            event => self.before_open(now, event, effects),
        }
    }

    fn in_active(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        match event {
            Event::ConnectRetryTimerExpires if self.config.passive => {
                self.start_connect_retry(now);
                State::Active
            }
            Event::ConnectRetryTimerExpires => {
                effects.connect = true;
                self.start_connect_retry(now);
                State::Connect
            }
            Event::ManualStop(cease)
                if self.deadline(Timer::DelayOpen).is_some() && self.config.notify_without_open =>
            {
                self.cease(Some(cease), effects)
            }
            Event::TcpConnectionFails => {
                self.tear(now, None, DownReason::ConnectionFailed, effects)
            }
            event => self.before_open(now, event, effects),
        }
    }

    /// What Connect and Active have in common.
    fn before_open(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        let delaying = self.deadline(Timer::DelayOpen).is_some();
        match event {
            Event::TcpConnectionValid | Event::TcpCrInvalid | Event::BfdDown => self.state,
            event if event.is_start() => self.state,
            Event::ManualStop(_) => self.cease(None, effects),
            Event::TcpCrAcked | Event::TcpConnectionConfirmed => {
                self.stop(Timer::ConnectRetry);
                if let Some(delay) = self.config.delay_open {
                    let delay = self.rng.jitter(delay);
                    self.start(Timer::DelayOpen, now + delay);
                    return self.state;
                }
                self.send_open(now, effects)
            }
            Event::DelayOpenTimerExpires => self.send_open(now, effects),
            // Event 20.
            Event::BgpOpen(hold_time) if delaying => {
                self.stop(Timer::ConnectRetry);
                self.stop(Timer::DelayOpen);
                effects.open = true;
                self.confirm_open(now, hold_time, effects)
            }
            Event::BgpHeaderErr(told) | Event::BgpOpenMsgErr(told) => {
                let told = Some(told).filter(|_| self.config.notify_without_open);
                self.tear(now, told, DownReason::Unexpected(self.state), effects)
            }
            Event::NotifMsgVerErr(told) if delaying => {
                self.quiet(now, DownReason::Received(told), effects)
            }
            Event::NotifMsg(told) | Event::NotifMsgVerErr(told) => {
                self.tear(now, None, DownReason::Received(told), effects)
            }
            Event::SilentClose(reason) => self.vanish(reason, effects),
            _ => self.tear(now, None, DownReason::Unexpected(self.state), effects),
        }
    }

    fn in_open_sent(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        match event {
            Event::BgpOpen(hold_time) => {
                self.stop(Timer::DelayOpen);
                self.stop(Timer::ConnectRetry);
                self.confirm_open(now, hold_time, effects)
            }
            // Somebody may dial in yet (RFC 4271 §8.2.2, OpenSent, event 18).
            Event::TcpConnectionFails => {
                effects.drop_connection = true;
                effects.down = Some(DownReason::ConnectionFailed);
                self.stop_all();
                self.start_connect_retry(now);
                State::Active
            }
            event => self.after_open(now, event, FsmSubcode::OPEN_SENT, effects),
        }
    }

    fn in_open_confirm(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        match event {
            Event::KeepaliveTimerExpires => self.keepalive(now, effects),
            Event::KeepAliveMsg => {
                self.restart_hold(now);
                State::Established
            }
            event => self.after_open(now, event, FsmSubcode::OPEN_CONFIRM, effects),
        }
    }

    fn in_established(&mut self, now: Instant, event: Event, effects: &mut Effects) -> State {
        match event {
            Event::KeepaliveTimerExpires => self.keepalive(now, effects),
            Event::KeepAliveMsg | Event::UpdateMsg | Event::RouteRefreshMsg => {
                self.restart_hold(now);
                State::Established
            }
            Event::UpdateMsgErr(told) | Event::RouteRefreshErr(told) => {
                self.tell(now, told, effects)
            }
            Event::SendHoldTimerExpires => {
                let told = Notification::new(ErrorCode::SEND_HOLD_TIMER, 0, &[]);
                self.tell(now, told, effects)
            }
            // An OPEN, good or bad, is out of place; not so a broken header.
            Event::BgpOpenMsgErr(_) => {
                let told = Notification::unexpected(FsmSubcode::ESTABLISHED, MessageType::OPEN);
                self.tell(now, told, effects)
            }
            Event::NotifMsgVerErr(told) => {
                self.tear(now, None, DownReason::Received(told), effects)
            }
            event => self.after_open(now, event, FsmSubcode::ESTABLISHED, effects),
        }
    }

    /// What OpenSent, OpenConfirm and Established have in common.
    fn after_open(
        &mut self,
        now: Instant,
        event: Event,
        subcode: FsmSubcode,
        effects: &mut Effects,
    ) -> State {
        match event {
            // A second connection has a state machine of its own.
            Event::TcpConnectionValid
            | Event::TcpCrInvalid
            | Event::TcpCrAcked
            | Event::TcpConnectionConfirmed => self.state,
            event if event.is_start() => self.state,
            Event::ManualStop(cease) => self.cease(Some(cease), effects),
            Event::AutomaticStop(cease) => self.tell(now, cease, effects),
            Event::HoldTimerExpires => {
                let told = Notification::new(ErrorCode::HOLD_TIMER, 0, &[]);
                self.tell(now, told, effects)
            }
            Event::TcpConnectionFails => {
                self.tear(now, None, DownReason::ConnectionFailed, effects)
            }
            Event::BgpHeaderErr(told) | Event::BgpOpenMsgErr(told) => self.tell(now, told, effects),
            Event::OpenCollisionDump => {
                let told = Notification::cease(CeaseSubcode::COLLISION_RESOLUTION);
                self.tell(now, told, effects)
            }
            Event::BfdDown => {
                let told = Notification::cease(CeaseSubcode::BFD_DOWN);
                self.tell(now, told, effects)
            }
            Event::NotifMsgVerErr(told) => self.quiet(now, DownReason::Received(told), effects),
            // Never answered with a NOTIFICATION (RFC 4271 §6.4).
            Event::NotifMsg(told) => self.tear(now, None, DownReason::Received(told), effects),
            Event::SilentClose(reason) => self.vanish(reason, effects),
            event => {
                let told = match event.message() {
                    Some(message) => Notification::unexpected(subcode, message),
                    None => Notification::new(ErrorCode::FSM, subcode.0, &[]),
                };
                self.tell(now, told, effects)
            }
        }
    }

    fn send_open(&mut self, now: Instant, effects: &mut Effects) -> State {
        self.stop(Timer::ConnectRetry);
        self.stop(Timer::DelayOpen);
        effects.open = true;
        self.start(Timer::Hold, now + LARGE_HOLD_TIME);
        State::OpenSent
    }

    fn confirm_open(&mut self, now: Instant, hold_time: Duration, effects: &mut Effects) -> State {
        effects.keepalive = true;
        self.hold_time = hold_time;
        self.start_keepalive(now);
        self.restart_hold(now);
        State::OpenConfirm
    }

    fn keepalive(&mut self, now: Instant, effects: &mut Effects) -> State {
        effects.keepalive = true;
        self.start_keepalive(now);
        self.state
    }

    /// Ends with a NOTIFICATION.
    fn tell(&mut self, now: Instant, told: Notification, effects: &mut Effects) -> State {
        let reason = DownReason::Sent(told.clone());
        self.tear(now, Some(told), reason, effects)
    }

    /// Ends because of an error, which is counted.
    fn tear(
        &mut self,
        now: Instant,
        told: Option<Notification>,
        reason: DownReason,
        effects: &mut Effects,
    ) -> State {
        self.connect_retry_counter = self.connect_retry_counter.saturating_add(1);
        effects.notification = told;
        self.quiet(now, reason, effects)
    }

    /// Ends without a word and without a count; a damped start follows.
    fn quiet(&mut self, now: Instant, reason: DownReason, effects: &mut Effects) -> State {
        self.stop_all();
        effects.drop_connection = true;
        effects.down = Some(reason);
        if self.state == State::Established && now - self.established_at >= SETTLED {
            self.idling.reset();
        }
        if self.config.automatic_start {
            let wait = self.idling.next(&mut self.rng);
            self.start(Timer::IdleHold, now + wait);
        }
        State::Idle
    }

    /// Ends without a word, and nothing follows.
    fn vanish(&mut self, reason: DownReason, effects: &mut Effects) -> State {
        self.stop_all();
        effects.drop_connection = true;
        effects.down = Some(reason);
        State::Idle
    }

    /// Ends because it is not wanted any more.
    fn cease(&mut self, told: Option<Notification>, effects: &mut Effects) -> State {
        self.stop_all();
        self.connect_retry_counter = 0;
        self.idling.reset();
        self.dialing.reset();
        effects.notification = told;
        effects.drop_connection = true;
        effects.down = Some(DownReason::Stopped);
        State::Idle
    }
}
