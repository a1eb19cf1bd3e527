use vipcast_sans_io::Instant;

use super::{Peer, machine::Which};
use crate::{
    fsm::{DownReason, Event},
    wire::{CeaseSubcode, Notification},
};

impl Peer {
    /// Wants the session. Without effect where it is wanted already.
    pub fn start(&mut self, now: Instant) {
        let event =
            if self.config.passive { Event::ManualStartPassive } else { Event::ManualStart };
        self.fire(Which::Primary, now, event);
    }

    /// Ends the session, and stays idle. The neighbor is told to forget our routes, too, where it
    /// would keep them (RFC 8538 §3.1).
    pub fn stop(&mut self, now: Instant) {
        let text = &self.config.shutdown_text;
        let told = Notification::shutdown(CeaseSubcode::ADMINISTRATIVE_SHUTDOWN, text);
        self.stop_with(now, told);
    }

    /// As [`stop`](Self::stop), for a reason of the caller's.
    pub fn stop_with(&mut self, now: Instant, told: Notification) {
        let hard = self.session().is_some_and(|session| session.survives_notification());
        let told = if hard { told.into_hard_reset() } else { told };
        if self.secondary.is_some() {
            self.fire(Which::Secondary, now, Event::ManualStop(told.clone()));
        }
        self.fire(Which::Primary, now, Event::ManualStop(told));
        self.forget_stale(Instant::FAR_FUTURE);
    }

    /// Ends the session with `told`, and starts again after a while.
    pub fn reset(&mut self, now: Instant, told: Notification) {
        self.fire(Which::Primary, now, Event::AutomaticStop(told));
    }

    /// Leaves without a word, so that a neighbor that helps keeps our routes for our successor, and
    /// stays idle (RFC 4724 §4).
    pub fn hand_over(&mut self, now: Instant) {
        for which in [Which::Secondary, Which::Primary] {
            self.fire(which, now, Event::SilentClose(DownReason::HandedOver));
        }
        // Idle, but possibly waiting to start again.
        let told = Notification::cease(CeaseSubcode::UNSPECIFIED);
        self.fire(Which::Primary, now, Event::ManualStop(told));
    }

    /// BFD says that the path is dead (RFC 5882 §4.2, RFC 9384).
    pub fn bfd_down(&mut self, now: Instant) {
        self.fire(Which::Secondary, now, Event::BfdDown);
        self.fire(Which::Primary, now, Event::BfdDown);
    }
}
