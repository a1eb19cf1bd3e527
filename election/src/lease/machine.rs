mod seen;

use alloc::vec::Vec;
use core::time::Duration;

use vipcast_sans_io::{Instant, Machine};

use self::seen::{Seen, says_nothing};
use super::{
    LeaseConfig, LeaseEvent, LeaseInput, LeaseRecord, LeaseRequest, RecordVersion, Tenure,
};

/// Contends for one record. See the [module](super) for the rules.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseElection {
    config: LeaseConfig,
    seen: Option<Seen>,
    tenure: Option<Tenure>,
    /// What the store was asked and has not answered.
    asked: Option<Asked>,
    number: u64,
    /// What to ask next, once it is taken.
    next: Option<Wish>,
    wake: Option<Instant>,
    stepping_down: bool,
    told: Option<Tenure>,
    /// The present tenure began with a record that its holder had not given up.
    seized: bool,
    /// How many tenures there were.
    tenures: u64,
    /// The most transitions that were ever seen.
    most: Option<u32>,
    /// It takes the record where it may.
    contends: bool,
    random: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Asked {
    number: u64,
    wish: Wish,
    sent: Instant,
    /// What a write says.
    transitions: u32,
    /// It goes on with a tenure, and begins none.
    renews: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Wish {
    Read,
    /// Take it, or renew it.
    Hold,
    GiveUp,
}

impl LeaseElection {
    /// It contends from the first poll on, and reads first.
    #[must_use]
    pub const fn new(config: LeaseConfig) -> Self {
        Self {
            random: config.seed() | 1,
            config,
            seen: None,
            tenure: None,
            asked: None,
            number: 0,
            next: Some(Wish::Read),
            wake: None,
            stepping_down: false,
            told: None,
            seized: false,
            tenures: 0,
            most: None,
            contends: true,
        }
    }

    /// What this contender may act on at `now`.
    #[must_use]
    pub fn tenure(&self, now: Instant) -> Option<Tenure> {
        self.tenure.filter(|tenure| now < tenure.not_after)
    }

    /// The record as it was last seen.
    #[must_use]
    pub fn record(&self) -> Option<&LeaseRecord> {
        self.seen.as_ref()?.record.as_ref().map(|(record, _)| record)
    }

    /// Whether it has looked, and there was no record.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.record.is_none())
    }

    /// From when on this contender may take the record, as it was last seen; `None` before it has looked.
    #[must_use]
    pub fn free_at(&self) -> Option<Instant> {
        Some(self.seen.as_ref()?.free_at(&self.config))
    }

    /// Whether to take the record where that is possible; at first it does. What is held is renewed
    /// either way. Who has [stepped down](Self::step_down), and [ended](Self::has_ended), stands again.
    pub fn set_contending(&mut self, now: Instant, contends: bool) {
        self.on_time(now);
        let stands_again = contends && self.has_ended();
        self.stepping_down &= !stands_again;
        let contends = contends && !self.stepping_down;
        if contends && (stands_again || !self.contends) {
            self.want(Wish::Read);
        }
        self.contends = contends;
    }

    /// The record is as it is here, as the store told without being asked. While a request is under way
    /// that is not believed: it may be older than the answer.
    pub fn observe(&mut self, now: Instant, record: Option<(LeaseRecord, RecordVersion)>) {
        self.on_time(now);
        if self.asked.is_none() {
            self.on_record(now, record);
        }
    }

    /// Since when the record is as it was last seen.
    pub(crate) fn unchanged_since(&self) -> Option<Instant> {
        Some(self.seen.as_ref()?.since)
    }

    /// The record as it was last seen, with its version; `None` before it has looked.
    pub(crate) fn seen(&self) -> Option<Option<&(LeaseRecord, RecordVersion)>> {
        self.seen.as_ref().map(|seen| seen.record.as_ref())
    }

    pub(crate) const fn is_contending(&self) -> bool {
        self.contends
    }

    pub(crate) const fn is_stepping_down(&self) -> bool {
        self.stepping_down
    }

    /// Whether it is about to read.
    pub(crate) fn is_reading(&self) -> bool {
        self.asked.is_none() && self.next == Some(Wish::Read)
    }

    /// Whether it is about to write.
    pub(crate) fn is_writing(&self) -> bool {
        self.asked.is_none() && matches!(self.next, Some(Wish::Hold | Wish::GiveUp))
    }

    /// Whether an answer is waited for.
    pub(crate) const fn is_asking(&self) -> bool {
        self.asked.is_some()
    }

    /// How it contends.
    #[must_use]
    pub const fn config(&self) -> &LeaseConfig {
        &self.config
    }

    /// Holds nothing from now on, and contends no more. Where it held, the record is given up, so
    /// that the next need not wait: call it once everything that was done as the holder has ended.
    pub fn step_down(&mut self, now: Instant) {
        self.on_time(now);
        self.stepping_down = true;
        let held = self.tenure.take().is_some();
        self.next = held.then_some(Wish::GiveUp);
        self.wake = None;
    }

    /// Whether nothing is left to be asked after a [`step_down`](Self::step_down).
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.stepping_down && self.next.is_none() && self.asked.is_none()
    }

    fn on_time(&mut self, now: Instant) {
        if self.tenure.is_some_and(|tenure| now >= tenure.not_after) {
            self.tenure = None;
            // What is in the record was seen as it is when it was written, at the earliest.
            self.want(Wish::Read);
        }
        if self.asked.is_some_and(|asked| now >= asked.sent + self.patience()) {
            self.asked = None;
            self.again(now);
        }
        if !self.stepping_down && self.wake.is_some_and(|wake| now >= wake) {
            self.wake = None;
            let wish = if self.tenure.is_some() { Wish::Hold } else { Wish::Read };
            self.want(wish);
        }
    }

    fn want(&mut self, wish: Wish) {
        if !self.stepping_down {
            self.next = Some(wish);
        }
    }

    /// How long an answer is waited for: so that a renewal can be tried again in time.
    fn patience(&self) -> Duration {
        (self.config.hold() / 2).max(self.config.retry())
    }

    /// The next attempt: after `retry` for a holder, and for others with up to a fifth more.
    fn again(&mut self, now: Instant) {
        if self.stepping_down || (!self.contends && self.tenure.is_none()) {
            return;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        let retry = self.config.retry();
        let thousandths = u32::try_from(self.random % 201).unwrap_or(0);
        let jitter =
            if self.tenure.is_some() { Duration::ZERO } else { retry * thousandths / 1000 };
        self.wake = Some(now + retry + jitter);
    }

    fn on_record(&mut self, now: Instant, record: Option<(LeaseRecord, RecordVersion)>) {
        if self.seen.as_ref().is_none_or(|seen| seen.record != record) {
            let transitions = record.as_ref().map(|(record, _)| record.transitions);
            self.most = self.most.max(transitions);
            let says_nothing = record.as_ref().is_none_or(|(record, _)| says_nothing(record));
            let before = self.seen.as_ref();
            let was_there = before.is_some_and(|seen| seen.bereft || seen.record.is_some());
            self.seen = Some(Seen { record, since: now, bereft: says_nothing && was_there });
        }
        if self.stepping_down {
            return;
        }
        // A record that is gone gives nobody the right to act; who has it keeps it to its end.
        if self.record().is_some_and(|record| !says_nothing(record) && !self.is_ours(record)) {
            self.tenure = None;
        }
        if self.may_take(now) {
            self.want(Wish::Hold);
        } else {
            self.again(now);
        }
    }

    fn is_ours(&self, record: &LeaseRecord) -> bool {
        record.holder.as_ref() == Some(self.config.me())
    }

    /// Whether the record may be written: it is free, ours, or nobody has renewed it for its
    /// duration; or it is gone, and this is its holder.
    fn may_take(&self, now: Instant) -> bool {
        let holds = self.tenure(now).is_some();
        let free = self.free_at().is_some_and(|at| now >= at);
        let gone = self.seen.is_some() && self.record().is_none_or(says_nothing);
        (self.contends || holds) && (free || gone && holds)
    }

    fn on_written(&mut self, now: Instant, asked: Asked, version: RecordVersion) {
        let not_given_up = self.seen.as_ref().is_some_and(|seen| match &seen.record {
            Some((record, _)) if !says_nothing(record) => !record.is_given_up(),
            _ => seen.bereft,
        });
        let record = match asked.wish {
            Wish::Read => return,
            Wish::Hold => self.held(asked.transitions),
            Wish::GiveUp => self.given_up(),
        };
        if asked.wish == Wish::Hold && self.expected().as_ref() == Some(&version) {
            // The store found nothing to change, so that nobody else has seen a renewal.
            self.again(now);
            return;
        }
        let transitions = record.transitions;
        self.most = self.most.max(Some(transitions));
        self.seen = Some(Seen { record: Some((record, version)), since: now, bereft: false });
        if asked.wish != Wish::Hold {
            return;
        }
        if self.config.counts_tenures() && asked.renews && self.tenure.is_none() {
            // The tenure that was to be renewed has ended meanwhile; what begins now is another.
            self.want(if self.stepping_down { Wish::GiveUp } else { Wish::Hold });
            return;
        }
        let not_after = asked.sent + self.config.hold();
        if self.stepping_down {
            // It came too late to be of use; what was written must be given up again.
            self.next = Some(Wish::GiveUp);
            return;
        }
        if now < not_after {
            if self.tenure.is_none() {
                self.tenures += 1;
                self.seized = not_given_up;
            }
            let (number, seized) = (self.tenures, self.seized);
            self.tenure = Some(Tenure { number, transitions, seized, not_after });
        }
        self.again(now);
    }

    /// What the transitions are to be when the record is taken or renewed.
    fn wanted(&self) -> u32 {
        let next = |transitions: u32| transitions.saturating_add(1);
        let goes_on = self.tenure.is_some() || !self.config.counts_tenures();
        match self.record() {
            None if self.config.counts_tenures() => self.most.map_or(0, next),
            None => 0,
            Some(record) if self.is_ours(record) && goes_on => record.transitions,
            Some(record) if !self.config.counts_tenures() => next(record.transitions),
            Some(_) => self.most.map_or(0, next),
        }
    }

    fn held(&self, transitions: u32) -> LeaseRecord {
        let holder = Some(self.config.me().clone());
        LeaseRecord { holder, duration: self.config.duration(), transitions }
    }

    fn given_up(&self) -> LeaseRecord {
        let transitions = self.record().map_or(0, |record| record.transitions);
        LeaseRecord { holder: None, duration: LeaseRecord::GIVEN_UP, transitions }
    }

    fn expected(&self) -> Option<RecordVersion> {
        self.seen.as_ref()?.record.as_ref().map(|(_, version)| version.clone())
    }
}

impl Machine for LeaseElection {
    type Input<'a> = LeaseInput;
    type Transmit = LeaseRequest;
    type Event = LeaseEvent;

    fn handle_input(&mut self, now: Instant, input: LeaseInput) {
        self.on_time(now);
        // An answer that nobody waits for any more says nothing that can be relied on.
        let number = input.number();
        let Some(asked) = self.asked.take_if(|asked| asked.number == number) else { return };
        match input {
            LeaseInput::Read { record, .. } => self.on_record(now, record),
            LeaseInput::Written { version, .. } => self.on_written(now, asked, version),
            // Somebody else wrote, or an earlier write of ours whose answer never came.
            LeaseInput::Refused { .. } => self.want(Wish::Read),
            LeaseInput::Failed { .. } => self.again(now),
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.on_time(now);
    }

    fn poll_transmit(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<LeaseRequest> {
        buf.clear();
        if self.asked.is_some() {
            return None;
        }
        let mut wish = self.next.take()?;
        // What was decided earlier may not be true any more.
        if wish == Wish::Hold && self.tenure(now).is_none() && !self.may_take(now) {
            wish = Wish::Read;
        }
        self.number += 1;
        let number = self.number;
        let (transitions, renews) = (self.wanted(), self.tenure.is_some());
        self.asked = Some(Asked { number, wish, sent: now, transitions, renews });
        let deadline = now + self.patience();
        let write =
            |record| LeaseRequest::Write { number, record, expected: self.expected(), deadline };
        Some(match wish {
            Wish::Read => LeaseRequest::Read { number, deadline },
            Wish::Hold => write(self.held(transitions)),
            Wish::GiveUp => write(self.given_up()),
        })
    }

    fn poll_event(&mut self) -> Option<LeaseEvent> {
        if self.told == self.tenure {
            return None;
        }
        self.told = self.tenure;
        Some(self.tenure.map_or(LeaseEvent::Lost, LeaseEvent::Held))
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let answer = self.asked.map(|asked| asked.sent + self.patience());
        let end = self.tenure.map(|tenure| tenure.not_after);
        let wake = self.wake.filter(|_| !self.stepping_down);
        [answer, end, wake].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
