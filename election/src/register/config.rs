use alloc::{collections::BTreeSet, vec::Vec};
use core::time::Duration;

use crate::NodeName;

/// How a [`Register`](super::Register) behaves. Related values are checked together by
/// [`RegisterConfig::new`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterSettings {
    /// How often a leader is heard. At least 10 ms.
    pub interval: Duration,
    /// How long the right to assign outlives the last beat that a majority has answered. At least
    /// three intervals.
    pub life: Duration,
    /// How long each member waits for those before it, in the order of their names, before it tries
    /// to lead. At least an interval.
    pub skew: Duration,
    /// By how much the rate of any node's clock may be wrong, in parts per million.
    pub clock_error_ppm: u32,
}

impl Default for RegisterSettings {
    /// A beat each 250 ms, a life of a second.
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(250),
            life: Duration::from_secs(1),
            skew: Duration::from_millis(250),
            clock_error_ppm: 10_000,
        }
    }
}

/// Settings that are sound together, and who they are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisterConfig {
    pub(super) me: NodeName,
    pub(super) founders: BTreeSet<NodeName>,
    pub(super) settings: RegisterSettings,
}

impl RegisterConfig {
    /// The settings of the node `me`, and who founds a history if there is none yet: the same names on
    /// each of them. They count only while a node has no part in any history; without them it waits
    /// for one. A list of one is a history of its own from the start, so give it to one node only.
    ///
    /// # Errors
    /// Which of the relations that [`RegisterSettings`] documents does not hold, or what is wrong with
    /// the names.
    pub fn new(
        me: NodeName,
        founders: impl IntoIterator<Item = NodeName>,
        settings: RegisterSettings,
    ) -> Result<Self, RegisterConfigError> {
        let founders: BTreeSet<NodeName> = founders.into_iter().collect();
        let fits = |name: &NodeName| (1..=253).contains(&name.as_str().len());
        if !fits(&me) || !founders.iter().all(fits) {
            return Err(RegisterConfigError::Name);
        }
        if founders.len() > MOST_MEMBERS {
            return Err(RegisterConfigError::TooManyMembers);
        }
        let RegisterSettings { interval, life, skew, clock_error_ppm } = settings;
        if interval < SHORTEST_INTERVAL || life < interval * 3 || skew < interval {
            return Err(RegisterConfigError::TooHasty);
        }
        if clock_error_ppm > 100_000 {
            return Err(RegisterConfigError::ClockError);
        }
        Ok(Self { me, founders, settings })
    }

    /// Who this is.
    #[must_use]
    pub const fn me(&self) -> &NodeName {
        &self.me
    }

    /// Who founds a history.
    pub fn founders(&self) -> impl Iterator<Item = &NodeName> {
        self.founders.iter()
    }

    /// For so long a member that has heard a leader helps no other: its token is over by then on any
    /// clock.
    pub(super) fn loyalty(&self) -> Duration {
        let ppm = self.settings.clock_error_ppm;
        self.settings.life * (1_000_000 + ppm) / (1_000_000 - ppm)
    }

    /// The list of founders, to be compared.
    pub(super) fn list(&self) -> Vec<u8> {
        let mut list = Vec::new();
        for name in &self.founders {
            list.extend(name.as_str().bytes());
            list.push(0);
        }
        list
    }
}

/// Why settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterConfigError {
    /// It does not fit a datagram.
    #[error("a node's name must have 1 to 253 octets")]
    Name,
    /// Each change would need answers from too many.
    #[error("more than {MOST_MEMBERS} members are not supported: three or five are enough")]
    TooManyMembers,
    /// Leaders would change for nothing.
    #[error(
        "use an interval of at least {SHORTEST_INTERVAL:?}, a life of three intervals, and a skew of \
         one"
    )]
    TooHasty,
    /// It is more than any clock has.
    #[error("a clock error above 100,000 parts per million is not supported: repair the clock")]
    ClockError,
}

/// No more entries are kept.
pub(super) const MOST_ENTRIES: usize = 65_536;
/// No more nodes vote.
pub(super) const MOST_MEMBERS: usize = 31;
const SHORTEST_INTERVAL: Duration = Duration::from_millis(10);
