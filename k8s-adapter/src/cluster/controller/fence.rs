//! Services that the last holder of the Lease may still write to.

use std::collections::BTreeMap;

use vipcast_ipam::Owner;

/// So often a server must say that it does not allow a fence, before the others go on without it.
const REFUSALS: u32 = 3;

/// Each gets a new version before anything is decided for good.
///
/// One whose fence the server refuses for good (an admission policy, say) holds up the others for
/// some attempts only; it itself is not written before its fence is.
#[derive(Debug)]
pub(super) struct Fencing {
    transitions: u32,
    unfenced: BTreeMap<Owner, Refusals>,
    /// Everything was decided again.
    decided: bool,
}

#[derive(Debug, Default)]
struct Refusals {
    times: u32,
    why: String,
}

impl Fencing {
    /// In a tenure with this count.
    pub(super) fn new(transitions: u32, unfenced: impl Iterator<Item = Owner>) -> Self {
        let unfenced = unfenced.map(|owner| (owner, Refusals::default())).collect();
        Self { transitions, unfenced, decided: false }
    }

    pub(super) const fn transitions(&self) -> u32 {
        self.transitions
    }

    pub(super) fn unfenced(&self) -> impl Iterator<Item = &Owner> {
        self.unfenced.keys()
    }

    /// Whether this one may not be written yet.
    pub(super) fn covers(&self, owner: &Owner) -> bool {
        self.unfenced.contains_key(owner)
    }

    pub(super) fn retain(&mut self, there: impl Fn(&Owner) -> bool) {
        self.unfenced.retain(|owner, _| there(owner));
    }

    /// It has a new version, or is gone. Whether it had none yet.
    pub(super) fn fenced(&mut self, owner: &Owner) -> bool {
        self.unfenced.remove(owner).is_some()
    }

    /// The server does not allow it.
    pub(super) fn refused(&mut self, owner: &Owner, why: String) {
        if let Some(refusals) = self.unfenced.get_mut(owner) {
            refusals.times += 1;
            refusals.why = why;
            if refusals.times == REFUSALS {
                tracing::error!(
                    "{owner} cannot be guarded against late writes of the last holder, and is left as it \
                     is; the others are served: {}",
                    refusals.why
                );
            }
        }
    }

    /// Whether nothing else may be written.
    pub(super) fn holds_up_all(&self) -> bool {
        self.unfenced.values().any(|refusals| refusals.times < REFUSALS)
    }

    /// Whether nothing is held up any more; true once.
    pub(super) fn is_done_first(&mut self) -> bool {
        let first = !self.decided && !self.holds_up_all();
        self.decided |= first;
        first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.unfenced.is_empty()
    }

    /// One that cannot be written, why, and how many there are.
    pub(super) fn stuck(&self) -> Option<(&Owner, &str, usize)> {
        let stuck = || self.unfenced.iter().filter(|(_, refusals)| refusals.times >= REFUSALS);
        let (owner, refusals) = stuck().next()?;
        Some((owner, &refusals.why, stuck().count()))
    }
}
