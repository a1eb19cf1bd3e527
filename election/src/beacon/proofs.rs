use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::{net::IpAddr, time::Duration};

use vipcast_sans_io::Instant;

use super::config::ServeProof;
use crate::NodeName;

/// Whose address is asked for.
pub(super) type Asked = (NodeName, IpAddr);

/// What this node asks others for, to see whether they serve what they hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Proofs {
    open: BTreeMap<Asked, Proof>,
    /// Questions to come.
    asks: BTreeSet<(Instant, Asked)>,
    /// Those among them that have just failed, here or at another node: every other question is one of these, so that both
    /// one address and all of a node are judged soon.
    again: BTreeSet<(Instant, Asked)>,
    again_is_next: bool,
    /// Questions that wait for an answer, and until when.
    waits: BTreeSet<(Instant, Asked)>,
    /// No question before.
    free_at: Instant,
    /// When each node has last answered, by family.
    answered: BTreeMap<(NodeName, bool), Instant>,
}

#[derive(Clone, Debug)]
struct Proof {
    /// Its place in one of the queues.
    at: Instant,
    failures: u32,
    /// When the first of these failures was found.
    failed_at: Instant,
}

/// How one node answers for one family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// These addresses were not answered for, so often in a row.
    Some(Vec<(IpAddr, u32)>),
    /// Nothing of this family was, for so many times the wait.
    Nothing(u32),
}

impl Proofs {
    /// Asks for these from now on, and for nothing else. New ones begin at their moment; those whose
    /// moment has come are urgent.
    pub(super) fn aim(&mut self, now: Instant, wanted: &BTreeMap<Asked, Instant>) {
        let gone: Vec<Asked> =
            self.open.keys().filter(|asked| !wanted.contains_key(*asked)).cloned().collect();
        for asked in gone {
            self.take_out(&asked);
            self.open.remove(&asked);
        }
        for (asked, first) in wanted {
            if !self.open.contains_key(asked) && self.open.len() < MOST_OPEN {
                let proof = Proof { at: *first, failures: 0, failed_at: Instant::ZERO };
                self.open.insert(asked.clone(), proof);
                let queue = if *first <= now { &mut self.again } else { &mut self.asks };
                queue.insert((*first, asked.clone()));
            }
        }
        let open = &self.open;
        self.answered.retain(|(name, _), _| open.keys().any(|(open, _)| open == name));
    }

    pub(super) fn clear(&mut self) {
        *self = Self { free_at: self.free_at, ..Self::default() };
    }

    /// When something is to be done next.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let asks = [self.asks.first(), self.again.first()].into_iter().flatten();
        let ask = asks.map(|(at, _)| (*at).max(self.free_at)).min();
        let wait = self.waits.first().map(|(at, _)| *at);
        ask.into_iter().chain(wait).min()
    }

    /// Counts what was not answered, unless this node was too late to see an answer. Who failed.
    pub(super) fn expire(&mut self, now: Instant, settings: &ServeProof) -> Vec<Asked> {
        let mut failed = Vec::new();
        while let Some((until, _)) = self.waits.first().filter(|(until, _)| *until <= now) {
            let late = now > *until + settings.wait / 2;
            let Some((until, asked)) = self.waits.pop_first() else { break };
            let Some(proof) = self.open.get_mut(&asked).filter(|p| p.at == until) else { continue };
            if !late {
                if proof.failures == 0 {
                    proof.failed_at = now;
                }
                proof.failures = (proof.failures + 1).min(settings.most_failures());
                failed.push(asked.clone());
            }
            if proof.failures < settings.most_failures() {
                proof.at = now;
                self.again.insert((now, asked));
            } else {
                proof.at = now + settings.every;
                self.asks.insert((proof.at, asked));
            }
        }
        failed
    }

    /// The next question that may be asked now. It waits for its answer once it was
    /// [`sent`](Self::sent).
    pub(super) fn next_question(&mut self, now: Instant, settings: &ServeProof) -> Option<Asked> {
        if now < self.free_at {
            return None;
        }
        let due =
            |queue: &BTreeSet<(Instant, Asked)>| queue.first().is_some_and(|(at, _)| *at <= now);
        loop {
            let again = due(&self.again) && (self.again_is_next || !due(&self.asks));
            let queue = if again { &mut self.again } else { &mut self.asks };
            if !due(queue) {
                return None;
            }
            let (at, asked) = queue.pop_first()?;
            if self.open.get(&asked).is_some_and(|proof| proof.at == at) {
                self.again_is_next = !again;
                self.free_at = now + Duration::from_secs(1) / settings.per_second.max(1);
                return Some(asked);
            }
        }
    }

    /// The question was sent now. Whether it is still wanted.
    pub(super) fn sent(&mut self, now: Instant, asked: &Asked, settings: &ServeProof) -> bool {
        self.take_out(asked);
        let Some(proof) = self.open.get_mut(asked) else { return false };
        proof.at = now + settings.wait;
        self.waits.insert((proof.at, asked.clone()));
        true
    }

    /// The answer came. Whether the last one had not.
    pub(super) fn answered(&mut self, now: Instant, asked: &Asked, every: Duration) -> bool {
        if !self.open.contains_key(asked) {
            return false;
        }
        let waited = self.take_out(asked);
        self.answered.insert((asked.0.clone(), asked.1.is_ipv6()), now);
        let Some(proof) = self.open.get_mut(asked) else { return false };
        let had_failed = core::mem::take(&mut proof.failures) > 0;
        // Who is not in a queue is about to be sent.
        if waited {
            proof.at = now + every;
            self.asks.insert((proof.at, asked.clone()));
        }
        had_failed
    }

    /// When the first failure of `name` was found that it has not made good since.
    pub(super) fn failing_since(&self, name: &NodeName) -> Option<Instant> {
        let failing = self.of(name).filter(|(_, proof)| proof.failures > 0);
        failing.map(|(_, proof)| proof.failed_at).min()
    }

    /// Whether `name` has answered for anything since.
    pub(super) fn has_answered(&self, name: &NodeName, since: Instant) -> bool {
        let last = |ipv6| self.answered.get(&(name.clone(), ipv6));
        last(false).max(last(true)).is_some_and(|at| *at >= since)
    }

    /// How `name` answers for the addresses of one family.
    pub(super) fn verdict(
        &self,
        now: Instant,
        name: &NodeName,
        ipv6: bool,
        settings: &ServeProof,
    ) -> Verdict {
        let last = self.answered.get(&(name.clone(), ipv6)).copied().unwrap_or(Instant::ZERO);
        let failing =
            self.of(name).filter(|(at, proof)| at.is_ipv6() == ipv6 && proof.failures > 0);
        let failing: Vec<(IpAddr, &Proof)> = failing.collect();
        let silent = failing.iter().filter(|(_, proof)| proof.failed_at > last);
        let since = silent.clone().map(|(_, proof)| proof.failed_at).min();
        match since.filter(|_| silent.count() >= settings.failures as usize) {
            Some(since) => {
                let waits = (now - since).as_micros() / settings.wait.as_micros().max(1);
                let waits = u32::try_from(waits).unwrap_or(u32::MAX).saturating_add(1);
                Verdict::Nothing(waits.min(settings.most_failures()))
            }
            None => Verdict::Some(failing.into_iter().map(|(at, p)| (at, p.failures)).collect()),
        }
    }

    fn of(&self, name: &NodeName) -> impl Iterator<Item = (IpAddr, &Proof)> {
        let first = (name.clone(), IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED));
        let from = self.open.range(first..);
        from.take_while(move |((open, _), _)| open == name).map(|((_, at), proof)| (*at, proof))
    }

    /// Takes it out of the queues. Whether it was in one.
    fn take_out(&mut self, asked: &Asked) -> bool {
        let Some(proof) = self.open.get(asked) else { return false };
        let place = (proof.at, asked.clone());
        let queues = [&mut self.asks, &mut self.again, &mut self.waits];
        queues.into_iter().any(|queue| queue.remove(&place))
    }
}

/// No more addresses are asked for.
const MOST_OPEN: usize = 8_192;
