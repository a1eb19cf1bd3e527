use alloc::collections::BTreeMap;

use crate::{Refusal, Verdict};

/// What a [`Responder`](crate::Responder) has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames that asked for an address of ours, and for which an answer was queued.
    pub answered: u64,
    /// Of these, how many named another hardware address than the one that the frame came from.
    pub mismatched: u64,
    /// Well-formed frames that are nothing to us.
    pub not_for_us: u64,
    /// Frames that showed another host with an address of ours.
    pub conflicts: u64,
    /// Answers to questions that our addresses asked.
    pub acknowledged: u64,
    /// How often a gateway was given up, for one address each time.
    pub unanswered: u64,
    /// Frames that showed another host with an address that was checked.
    pub in_use: u64,
    /// Refused frames, by reason.
    pub refused: BTreeMap<Refusal, u64>,
    /// Replies built.
    pub replies_sent: u64,
    /// Announcements built, without those below.
    pub announcements_sent: u64,
    /// Announcements built because another host used the address.
    pub defences_sent: u64,
    /// Questions from an address of ours built.
    pub questions_sent: u64,
    /// Probes built.
    pub probes_sent: u64,
    /// Answers that were queued and not built: the claim had gone, its lease was
    /// over, or they had waited too long.
    pub stale_answers: u64,
}

impl Counters {
    /// How often frames were refused for this reason.
    #[must_use]
    pub fn refused(&self, refusal: Refusal) -> u64 {
        self.refused.get(&refusal).copied().unwrap_or(0)
    }

    pub(crate) fn count(&mut self, verdict: Verdict) -> Verdict {
        match verdict {
            Verdict::Answered => self.answered += 1,
            Verdict::NotForUs => self.not_for_us += 1,
            Verdict::Conflict => self.conflicts += 1,
            // Counted where it is found.
            Verdict::Acknowledged => {}
            Verdict::InUse => self.in_use += 1,
            Verdict::Refused(refusal) => *self.refused.entry(refusal).or_default() += 1,
        }
        verdict
    }
}
