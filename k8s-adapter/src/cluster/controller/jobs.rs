//! Requests are begun, and their answers understood.

use std::time::Duration;

use tokio::task::{Id, JoinError};
use vipcast_announcer::clock::Clock;
use vipcast_ipam::Owner;
use vipcast_sans_io::Instant;

use super::{
    Controller,
    writer::{Answer, Job, Outcome},
};
use crate::{cluster::planner::Note, kinds::Key};

/// How long a service waits whose write failed; it doubles.
const RETRY: Duration = Duration::from_millis(200);
const LONGEST_RETRY: Duration = Duration::from_secs(30);

impl Controller {
    pub(super) fn begin_jobs(&mut self, now: Instant) {
        if !self.planner.is_active() {
            return;
        }
        let idle = self.cleaning.is_empty() && self.fencing.is_none();
        if idle && self.under_way.is_empty() && self.planner.dirty().next().is_none() {
            self.retries.clear();
            self.rivals.retain(now, |owner| self.planner.knows(owner));
        }
        let mut begun = Vec::new();
        if let Some(fencing) = &self.fencing {
            for owner in fencing.unfenced() {
                let busy = self.under_way.contains(owner)
                    || self.retries.get(owner).is_some_and(|(_, at)| *at > now)
                    || !self.pace.allows(now, self.jobs.len() + begun.len());
                let write = self.planner.fence(owner, fencing.transitions()).filter(|_| !busy);
                begun.extend(write.map(Job::Write));
            }
            if fencing.holds_up_all() {
                self.begin(begun);
                return;
            }
        }
        let mut undone = Vec::new();
        for owner in self.planner.dirty() {
            if !self.pace.allows(now, self.jobs.len() + begun.len()) {
                break;
            }
            let waits = self.retries.get(owner).is_some_and(|(_, at)| *at > now);
            let unfenced = self.fencing.as_ref().is_some_and(|fencing| fencing.covers(owner));
            if waits || unfenced || self.under_way.contains(owner) {
                continue;
            }
            if let Some(write) = self.planner.write(owner, Clock::unix_seconds()) {
                match self.rivals.not_before(owner, &write.body, now) {
                    Some(at) => undone.push((owner.clone(), at)),
                    None => begun.push(Job::Write(write)),
                }
            }
        }
        for (owner, at) in undone {
            self.retries.insert(owner, (0, at));
        }
        for owner in std::mem::take(&mut self.cleaning) {
            if self.planner.knows(&owner) {
                // It is in sight again.
                continue;
            }
            let busy = self.under_way.contains(&owner)
                || self.retries.get(&owner).is_some_and(|(_, at)| *at > now)
                || !self.pace.allows(now, self.jobs.len() + begun.len());
            if busy {
                self.cleaning.push(owner);
            } else {
                begun.push(Job::Clean(owner));
            }
        }
        self.begin(begun);
    }

    fn begin(&mut self, jobs: Vec<Job>) {
        let Some(number) = self.leading else { return };
        for job in jobs {
            self.under_way.insert(job.owner().clone());
            let (client, leadership) = (self.client.clone(), self.leadership.clone());
            let owner = job.owner().clone();
            let task = self.jobs.spawn(job.run(client, leadership, number));
            self.tasks.insert(task.id(), owner);
        }
    }

    /// A task has ended, with an answer or without one.
    pub(super) fn ended(&mut self, ended: Result<(Id, Outcome), JoinError>) {
        match ended {
            Ok((task, outcome)) => {
                self.tasks.remove(&task);
                self.answered(outcome);
            }
            // Only a defect of ours ends one so; the service must not wait for ever.
            Err(error) => {
                let Some(owner) = self.tasks.remove(&error.id()) else { return };
                tracing::error!("the write of {owner} came to no end: {error}; trying again");
                self.under_way.remove(&owner);
                self.retry(owner, Clock::now());
            }
        }
    }

    fn answered(&mut self, Outcome { owner, cleaned, answer }: Outcome) {
        self.under_way.remove(&owner);
        let now = Clock::now();
        if cleaned && !matches!(answer, Answer::Done) {
            self.cleaning.push(owner.clone());
        }
        match answer {
            Answer::Accepted { object, body, mut notes } => {
                self.pace.succeeded();
                self.retries.remove(&owner);
                let key = object.key.clone();
                let uid = object.uid.clone();
                if !self.fenced(&owner)
                    && let Some(times) = self.rivals.written(&owner, &body, now)
                {
                    notes.push(undone(times));
                }
                if !self.planner.knows(&owner) {
                    // It went out of sight meanwhile, perhaps without what was written just now.
                    self.cleaning.push(owner);
                }
                self.planner.note_answer(object);
                self.tell(&key, &uid, &notes);
            }
            Answer::Changed(Some(object)) => {
                // Whoever changed it did so before: a fence is tried again with the new version.
                self.retries.remove(&owner);
                self.planner.note_answer(object);
            }
            Answer::Done => {
                self.pace.succeeded();
                self.retries.remove(&owner);
            }
            // It is gone; the watch will tell.
            Answer::Changed(None) => {
                self.fenced(&owner);
                self.retry(owner, now);
            }
            Answer::Refused(why) => {
                tracing::warn!("the server refuses to have {owner} written: {why}; trying again");
                if let Some(fencing) = &mut self.fencing {
                    fencing.refused(&owner, why);
                }
                self.retry(owner, now);
            }
            Answer::TooLate => self.retry(owner, now),
            Answer::Overloaded(wait) => {
                tracing::info!("the server asks for fewer writes");
                self.pace.overloaded(now, wait);
                self.retry(owner, now);
            }
            Answer::Failed(why) => {
                tracing::warn!("cannot write the status of {owner}: {why}; trying again");
                self.retry(owner, now);
            }
        }
    }

    /// What the last holder may have sent to this service is refused by now, or the service is gone.
    /// Whether that was still to be done.
    fn fenced(&mut self, owner: &Owner) -> bool {
        self.fencing.as_mut().is_some_and(|fencing| fencing.fenced(owner))
    }

    pub(super) fn tell(&self, key: &Key, uid: &str, notes: &[Note]) {
        for note in notes {
            let Key { namespace, name, .. } = key;
            if note.warning {
                tracing::warn!("{namespace}/{name}: {}", note.message);
            } else {
                tracing::info!("{namespace}/{name}: {}", note.message);
            }
            self.recorder.tell(key, uid, "Assign", note);
        }
    }

    fn retry(&mut self, owner: Owner, now: Instant) {
        let (times, at) = self.retries.entry(owner).or_insert((0, now));
        *at = now + (RETRY * (1 << (*times).min(8))).min(LONGEST_RETRY);
        *times += 1;
    }
}

/// The same was written again, after somebody changed it.
fn undone(times: u32) -> Note {
    let message = format!(
        "something else changed the status of this service {times} times since it was written: stop the \
         other controller that serves it, or give each a loadBalancerClass of its own"
    );
    Note { reason: "StatusOverwritten", warning: true, message }
}
