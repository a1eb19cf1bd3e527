//! Requests are begun, and their answers understood.

use std::time::Duration;

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
        }
        let mut begun = Vec::new();
        if let Some((transitions, unfenced)) = &self.fencing {
            for owner in unfenced {
                let busy = self.under_way.contains(owner)
                    || self.retries.get(owner).is_some_and(|(_, at)| *at > now)
                    || !self.pace.allows(now, self.jobs.len() + begun.len());
                if let Some(write) = self.planner.fence(owner, *transitions).filter(|_| !busy) {
                    begun.push(Job::Write(write));
                }
            }
            self.begin(begun);
            return;
        }
        for owner in self.planner.dirty() {
            if !self.pace.allows(now, self.jobs.len() + begun.len()) {
                break;
            }
            let waits = self.retries.get(owner).is_some_and(|(_, at)| *at > now);
            if waits || self.under_way.contains(owner) {
                continue;
            }
            if let Some(write) = self.planner.write(owner, Clock::unix_seconds()) {
                begun.push(Job::Write(write));
            }
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
            self.jobs.spawn(job.run(client, leadership, number));
        }
    }

    pub(super) fn answered(&mut self, outcome: Option<Outcome>) {
        // A job that was called off says nothing.
        let Some(Outcome { owner, cleaned, answer }) = outcome else { return };
        self.under_way.remove(&owner);
        let now = Clock::now();
        if cleaned && !matches!(answer, Answer::Done) {
            self.cleaning.push(owner.clone());
        }
        match answer {
            Answer::Accepted { object, notes } => {
                self.pace.succeeded();
                self.retries.remove(&owner);
                self.fenced(&owner);
                let key = object.key.clone();
                let uid = object.uid.clone();
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
    fn fenced(&mut self, owner: &Owner) {
        if let Some((_, unfenced)) = &mut self.fencing {
            unfenced.remove(owner);
        }
    }

    fn tell(&self, key: &Key, uid: &str, notes: &[Note]) {
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
