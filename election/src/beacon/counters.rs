use alloc::collections::BTreeMap;

use super::wire::Refusal;

/// What a [`BeaconElection`](super::BeaconElection) has done since it was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BeaconCounters {
    /// Beacons that were built.
    pub sent: u64,
    /// Those of them that did not leave, as was told.
    pub unsent: u64,
    /// Beacons that were believed.
    pub heard: u64,
    /// Datagrams that were refused, by reason. They change nothing.
    pub refused: BTreeMap<Refusal, u64>,
    /// Nodes that missed a beacon and were asked.
    pub suspicions: u64,
    /// Nodes that stayed silent.
    pub deaths: u64,
    /// Times that a silent node was spared since it answered by ARP or ND.
    pub spared: u64,
    /// Answers that came from neither the old owner nor us.
    pub foreign_answers: u64,
    /// Addresses that were claimed since nobody held them.
    pub claims: u64,
    /// Addresses that another node handed over to this one.
    pub handed_over: u64,
    /// Addresses that were left to another node that claimed them too.
    pub yields: u64,
    /// Times that all was given up after a gap in the clock, or with a transport that took nothing.
    pub fences: u64,
    /// Questions to holders whether they serve what they hold.
    pub proofs: u64,
    /// Those that were not answered in time.
    pub proof_failures: u64,
    /// Addresses that this node has given up since others say that it does not serve them.
    pub unserved: u64,
    /// Addresses that were moved to this node as often as they may be: the next such move will wait.
    pub damped: u64,
}

impl BeaconCounters {
    /// Adds what was done on a segment.
    pub(super) fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.unsent += other.unsent;
        self.heard += other.heard;
        for (refusal, count) in &other.refused {
            *self.refused.entry(*refusal).or_default() += count;
        }
        self.suspicions += other.suspicions;
        self.deaths += other.deaths;
        self.spared += other.spared;
        self.foreign_answers += other.foreign_answers;
        self.claims += other.claims;
        self.handed_over += other.handed_over;
        self.yields += other.yields;
        self.fences += other.fences;
        self.proofs += other.proofs;
        self.proof_failures += other.proof_failures;
        self.unserved += other.unserved;
        self.damped += other.damped;
    }
}
