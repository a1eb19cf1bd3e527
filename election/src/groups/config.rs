use core::time::Duration;

use super::GroupCount;
use crate::{
    NodeName,
    lease::{LeaseConfig, LeaseConfigError},
};

/// How a [`GroupElection`](super::GroupElection) contends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct GroupConfig {
    lease: LeaseConfig,
    count: GroupCount,
}

impl GroupConfig {
    /// So many groups, with the times of Kubernetes' own clients: 15 s, 10 s and 2 s.
    ///
    /// `me` must differ from every other contender's name. `seed` draws the jitter.
    #[must_use]
    pub fn new(me: NodeName, count: GroupCount, seed: u64) -> Self {
        Self { lease: LeaseConfig::new(me, seed).counting_tenures(), count }
    }

    /// Others wait for `duration` since they saw a record change; a renewal holds for `hold` since it was
    /// sent; a record is renewed every `retry`.
    ///
    /// # Errors
    /// [`LeaseConfigError`].
    pub fn with_times(
        self,
        duration: Duration,
        hold: Duration,
        retry: Duration,
    ) -> Result<Self, LeaseConfigError> {
        Ok(Self { lease: self.lease.with_times(duration, hold, retry)?, ..self })
    }

    /// This contender.
    #[must_use]
    pub const fn me(&self) -> &NodeName {
        self.lease.me()
    }

    /// How many groups there are.
    #[must_use]
    pub const fn count(&self) -> GroupCount {
        self.count
    }

    /// How it contends for each record.
    #[must_use]
    pub const fn lease(&self) -> &LeaseConfig {
        &self.lease
    }

    /// How much later the next in the order may take a free record than the one before it.
    #[must_use]
    pub fn step(&self) -> Duration {
        self.lease.retry() / 8
    }
}
