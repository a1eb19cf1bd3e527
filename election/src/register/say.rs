//! What is said.

use alloc::vec::Vec;

use vipcast_sans_io::Instant;

use super::{
    VoterId,
    message::{Lead, Message, Part},
    state::{Register, RegisterTransmit, Role},
};

impl Register {
    /// The next thing to say, as true now, and as written down.
    pub(super) fn say(&mut self, now: Instant, buf: &mut Vec<u8>) -> Option<RegisterTransmit> {
        if self.store.is_unsaved() {
            return None;
        }
        let (message, to) = self.next(now)?;
        message.encode(&self.keyring, buf);
        Some(to)
    }

    fn next(&mut self, now: Instant) -> Option<(Message, RegisterTransmit)> {
        if core::mem::take(&mut self.outbox.lead)
            && let Some(lead) = self.lead_now(now)
        {
            let mut message = self.message(None);
            message.lead = Some(lead);
            if let Role::Leading(leading) = &self.role {
                message.delta.clone_from(&leading.delta);
            }
            return Some((message, RegisterTransmit::All));
        }
        if let Some((voter, answer)) = self.outbox.answers.pop_first() {
            let mut message = self.message(Some(voter));
            let leader = self.leader.as_ref();
            let follows = leader.is_some_and(|leader| leader.ballot == self.store.promised);
            message.echo = answer.echo.filter(|_| follows);
            message.willing = answer.willing && now >= self.loyal_until;
            return Some((message, RegisterTransmit::To(answer.name)));
        }
        if let Some((voter, (name, want))) = self.outbox.wants.pop_first() {
            let mut message = self.message(Some(voter));
            let stamp = self.store.accepted;
            match want.part.filter(|_| want.stamp == stamp) {
                None => message.sums = Some((stamp, self.store.draft.sums())),
                Some((bucket, after)) => {
                    let (entries, last) = self.store.draft.part(bucket, &after, LONGEST_PART);
                    message.part = Some(Part { stamp, bucket, after, last, entries });
                }
            }
            return Some((message, RegisterTransmit::To(name)));
        }
        if core::mem::take(&mut self.outbox.ask)
            && let Some((voter, name, want)) = self.wanted()
        {
            let mut message = self.message(Some(voter));
            message.want = Some(want);
            return Some((message, RegisterTransmit::To(name)));
        }
        if core::mem::take(&mut self.outbox.hello) {
            let leader = self.leader.as_ref().filter(|_| self.store.history.is_some());
            let to = leader.map(|leader| (leader.ballot.voter, leader.name.clone()));
            let mut message = self.message(to.as_ref().map(|(voter, _)| *voter));
            message.founding = Some(self.founding_list());
            let to = to.map_or(RegisterTransmit::All, |(_, name)| RegisterTransmit::To(name));
            return Some((message, to));
        }
        None
    }

    fn lead_now(&mut self, now: Instant) -> Option<Lead> {
        match &self.role {
            Role::Following => None,
            Role::Asking { .. } => Some(Lead::Ask),
            Role::Preparing(_) => Some(Lead::Prepare),
            Role::Leading(_) => self.beat(now).map(|tick| Lead::Accept { tick }),
        }
    }

    fn message(&self, to: Option<VoterId>) -> Message {
        Message {
            name: self.config.me.clone(),
            voter: self.store.me,
            history: self.store.history,
            to,
            status: self.status(),
            lead: None,
            delta: None,
            echo: None,
            willing: false,
            want: None,
            sums: None,
            part: None,
            founding: None,
        }
    }
}

/// Entries of so many octets fit a datagram, whatever the name of the node.
const LONGEST_PART: usize = 700;
