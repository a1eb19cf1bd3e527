//! What a probe saw.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// One probe.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sample {
    /// When it left.
    pub sent_at: Instant,
    /// Its answer, if one came.
    pub answer: Option<Answer>,
}

/// An answer to a probe.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// When it came.
    pub at: Instant,
    /// Which host says to have given it; an ICMP answer does not say.
    pub by: Option<Arc<str>>,
}

/// Probes lost in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outage {
    /// When the first lost probe was sent.
    pub first_lost: Instant,
    /// When the next answered one was sent; none if the probe ended before.
    pub first_answered: Option<Instant>,
    /// How many were lost.
    pub lost: usize,
}

impl Outage {
    /// From the first lost probe to the first answered one; none if it never ended.
    pub fn duration(&self) -> Option<Duration> {
        self.first_answered.map(|answered| answered.duration_since(self.first_lost))
    }
}

/// A time in which one host answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reign {
    /// Who; none for ICMP.
    pub by: Option<Arc<str>>,
    /// When the first of the probes that it answered was sent.
    pub first: Instant,
    /// When the last of them was sent.
    pub last: Instant,
    /// How many it answered in a row; lost ones between do not end it.
    pub answers: usize,
}

/// All probes and their answers. Its `Display` is a summary for people.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ProbeReport {
    /// What was probed.
    pub target: SocketAddr,
    /// How often.
    pub every: Duration,
    /// Every probe, in the order of sending.
    pub samples: Vec<Sample>,
}

impl ProbeReport {
    /// How many probes were sent.
    pub fn sent(&self) -> usize {
        self.samples.len()
    }

    /// How many were answered.
    pub fn answered(&self) -> usize {
        self.samples.iter().filter(|sample| sample.answer.is_some()).count()
    }

    /// How many were not.
    pub fn lost(&self) -> usize {
        self.sent() - self.answered()
    }

    /// Every run of lost probes, in order; one at the very start or end counts too.
    pub fn outages(&self) -> Vec<Outage> {
        let mut outages: Vec<Outage> = Vec::new();
        let mut open = false;
        for sample in &self.samples {
            match (&sample.answer, open) {
                (None, false) => outages.push(Outage {
                    first_lost: sample.sent_at,
                    first_answered: None,
                    lost: 1,
                }),
                (None, true) => outages.last_mut().into_iter().for_each(|last| last.lost += 1),
                (Some(_), true) => {
                    let last = outages.last_mut().into_iter();
                    last.for_each(|last| last.first_answered = Some(sample.sent_at));
                }
                (Some(_), false) => {}
            }
            open = sample.answer.is_none();
        }
        outages
    }

    /// The outage that lost most probes; none if every probe was answered.
    pub fn longest_outage(&self) -> Option<Outage> {
        self.outages().into_iter().max_by_key(|outage| outage.lost)
    }

    /// The longest time without any answer arriving, between two that did.
    ///
    /// It also sees what losses hide: probes that a host held back while it looked for the way, and
    /// that were all answered late.
    pub fn longest_silence(&self) -> Option<Duration> {
        let answers = self.samples.iter().filter_map(|sample| sample.answer.as_ref());
        let mut times: Vec<_> = answers.map(|answer| answer.at).collect();
        times.sort_unstable();
        times.windows(2).map(|pair| pair[1].duration_since(pair[0])).max()
    }

    /// Who answered, one after the other.
    pub fn reigns(&self) -> Vec<Reign> {
        let mut reigns: Vec<Reign> = Vec::new();
        for sample in &self.samples {
            let Some(answer) = &sample.answer else { continue };
            match reigns.last_mut().filter(|reign| reign.by == answer.by) {
                Some(reign) => {
                    reign.last = sample.sent_at;
                    reign.answers += 1;
                }
                None => reigns.push(Reign {
                    by: answer.by.clone(),
                    first: sample.sent_at,
                    last: sample.sent_at,
                    answers: 1,
                }),
            }
        }
        reigns
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} probes, {} lost", self.target, self.sent(), self.lost())?;
        if let Some(outage) = self.longest_outage() {
            match outage.duration() {
                Some(time) => write!(f, ", longest outage {time:.1?} ({} lost)", outage.lost)?,
                None => write!(f, ", unanswered at the end ({} lost)", outage.lost)?,
            }
        }
        for reign in self.reigns() {
            let by = reign.by.as_deref().unwrap_or("answered");
            write!(f, "; {by}: {}", reign.answers)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
