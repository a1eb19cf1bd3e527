//! What is heard.

use vipcast_sans_io::Instant;

use super::{
    Stamp,
    document::{Changes, Document},
    message::{Lead, Message},
    state::{Answer, Blank, Heard, Leader, Register, Role},
};
use crate::beacon::wire::Refusal;

impl Register {
    /// Takes a datagram. Due timers fire first.
    ///
    /// # Errors
    /// Why it is not believed. It is counted, and changes nothing.
    pub fn handle_datagram(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Refusal> {
        self.on_time(now);
        let verdict = self.believe(now, bytes);
        match verdict {
            Ok(()) => self.counters.heard += 1,
            Err(refusal) => *self.counters.refused.entry(refusal).or_default() += 1,
        }
        verdict
    }

    fn believe(&mut self, now: Instant, bytes: &[u8]) -> Result<(), Refusal> {
        let message = Message::decode(bytes, &self.keyring)?;
        if message.voter == self.store.me {
            return Err(Refusal::Own);
        }
        if message.name == self.config.me {
            return Err(Refusal::SameName);
        }
        let Some(history) = message.history else {
            self.on_blank(now, &message);
            return Ok(());
        };
        match self.store.history {
            Some(ours) if ours != history => return Err(Refusal::OtherHistory),
            None if message.lead.is_none() => return Ok(()),
            _ => {}
        }
        if self.heard.len() >= MOST_HEARD && !self.heard.contains_key(&message.voter) {
            let voters = self.store.draft.voters();
            self.heard.retain(|voter, _| voters.contains(voter));
        }
        if message.to.is_some_and(|to| to != self.store.me) {
            return Ok(());
        }
        if self.store.history.is_none() {
            self.store.join(history);
        }
        self.hear(now, message);
        Ok(())
    }

    fn on_blank(&mut self, now: Instant, message: &Message) {
        let Some(list) = message.founding else { return };
        let known = self.blanks.contains_key(&message.name) || self.blanks.len() < MOST_HEARD;
        if message.history.is_none() && known {
            let blank = Blank { voter: message.voter, list, at: now };
            self.blanks.insert(message.name.clone(), blank);
        }
        if self.not_after().is_some() && self.news.blanks.len() < MOST_HEARD {
            self.news.blanks.insert((message.name.clone(), message.voter));
        }
    }

    fn hear(&mut self, now: Instant, message: Message) {
        self.round = self.round.max(message.status.promised.round);
        self.on_blank(now, &message);
        let (name, voter, status) = (message.name.clone(), message.voter, message.status);
        let last = self.heard.get(&voter);
        let echo = match last {
            // Datagrams may overtake each other.
            Some(last) if last.status.promised == status.promised => {
                last.echo.max(message.echo.unwrap_or(0))
            }
            _ => message.echo.unwrap_or(0),
        };
        let newer = last.is_none_or(|last| {
            let key = |s: &super::message::Status| (s.promised, s.accepted, s.committed);
            key(&status) >= key(&last.status)
        });
        if newer {
            self.heard.insert(voter, Heard { name, status, echo });
        }
        match message.lead {
            Some(Lead::Ask) => self.on_asked(now, &message),
            Some(Lead::Prepare) => self.on_prepare(now, &message),
            Some(Lead::Accept { tick }) => self.on_lead(now, &message, tick),
            None => {}
        }
        if let Some(want) = message.want {
            self.outbox.wants.insert(voter, (message.name, want));
        }
        if let Some((stamp, sums)) = message.sums {
            self.on_sums(now, voter, stamp, sums);
        }
        if let Some(part) = &message.part {
            self.on_part(now, voter, part);
        }
        match &mut self.role {
            Role::Asking { willing, .. } if message.willing => _ = willing.insert(voter),
            Role::Preparing(preparing) if status.promised == self.store.promised => {
                preparing.promises.insert(voter, status.accepted);
            }
            _ => {}
        }
        self.progress(now);
    }

    /// Whether this node would help another to lead.
    fn is_free(&self, now: Instant) -> bool {
        now >= self.loyal_until && self.leads(now).is_none()
    }

    fn on_asked(&mut self, now: Instant, message: &Message) {
        if self.is_free(now) && self.may_vote() {
            self.answer(message, None, true);
        }
    }

    fn on_prepare(&mut self, now: Instant, message: &Message) {
        let ballot = message.status.promised;
        if ballot.voter != message.voter || !self.may_vote() {
            return;
        }
        let leads = self.leader.as_ref().is_some_and(|l| l.ballot.voter == message.voter);
        if ballot > self.store.promised && (leads || self.is_free(now)) {
            self.store.promise(ballot);
            self.leader = None;
            self.step_down(now);
        }
        if ballot <= self.store.promised {
            self.answer(message, None, false);
        }
    }

    fn on_lead(&mut self, now: Instant, message: &Message, tick: u64) {
        let (ballot, status) = (message.status.promised, message.status);
        if ballot.voter != message.voter {
            return;
        }
        if ballot < self.store.promised {
            if self.may_vote() {
                self.answer(message, None, false);
            }
            return;
        }
        if ballot > self.store.promised {
            self.store.promise(ballot);
        }
        let last = self.leader.as_ref().filter(|leader| leader.ballot == ballot);
        if last.is_some_and(|leader| leader.tick > tick) {
            return;
        }
        if last.is_none_or(|leader| leader.tick < tick) {
            self.loyal_until = now + self.config.loyalty();
            if !matches!(self.role, Role::Following) {
                self.step_down(now);
            }
            let name = message.name.clone();
            self.leader = Some(Leader { ballot, name, tick });
            self.wait_for_leader(now);
        }
        if status.accepted > self.store.accepted && status.accepted.ballot == ballot {
            self.catch_up(now, message);
        }
        let stamp = self.store.accepted;
        let agreed = status.committed.ballot == ballot && stamp.ballot == ballot;
        if agreed && stamp <= status.committed && stamp != self.store.committed {
            self.commit();
            self.wait_for_leader(now);
        }
        if self.is_member() {
            self.answer(message, Some(tick), false);
        }
    }

    fn catch_up(&mut self, now: Instant, message: &Message) {
        let status = message.status;
        if self.store.draft.digest() == status.digest {
            self.copying = None;
            self.store.accept(status.accepted, &Changes::new());
            return;
        }
        if let Some((_, changes)) =
            message.delta.as_ref().filter(|(from, _)| *from == self.store.accepted)
        {
            let mut document: Document = self.store.draft.clone();
            document.apply(changes);
            if document.digest() == status.digest {
                self.counters.deltas += 1;
                self.copying = None;
                self.store.accept(status.accepted, changes);
                return;
            }
        }
        if self.copying.as_ref().is_none_or(|copying| copying.from != message.voter) {
            self.copy_from(now, message.voter, status.accepted);
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.store.draft.voters().contains(&self.store.me)
    }

    /// A member, or one that has just been named one and knows nothing yet. Who counts it knows.
    fn may_vote(&self) -> bool {
        self.is_member() || self.store.accepted == Stamp::NONE
    }

    fn answer(&mut self, message: &Message, echo: Option<u64>, willing: bool) {
        let answer = Answer { name: message.name.clone(), echo, willing };
        self.outbox.answers.insert(message.voter, answer);
    }
}

/// No more nodes are remembered.
const MOST_HEARD: usize = 1_024;
