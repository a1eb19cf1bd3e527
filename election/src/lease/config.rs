use core::time::Duration;

use crate::NodeName;

/// How a [`LeaseElection`](super::LeaseElection) contends.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseConfig {
    me: NodeName,
    duration: Duration,
    hold: Duration,
    retry: Duration,
    counts_tenures: bool,
    seed: u64,
}

/// Times that do not keep two holders apart. Nothing was made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseConfigError {
    /// A holder would still hold while another may take the record.
    #[error(
        "a holder holds for {hold:?} after a renewal, which must be less than the {duration:?} after which another takes the lease; shorten the one or lengthen the other"
    )]
    HoldNotShorter {
        /// How long a renewal holds.
        hold: Duration,
        /// How long others wait.
        duration: Duration,
    },
    /// There is no time for a second attempt to renew.
    #[error(
        "a renewal is tried every {retry:?}, which must fit twice into the {hold:?} that one holds; shorten it"
    )]
    RetryTooLong {
        /// How often it is tried.
        retry: Duration,
        /// How long a renewal holds.
        hold: Duration,
    },
}

impl LeaseConfig {
    /// The times of Kubernetes' own clients: 15 s, 10 s and 2 s.
    ///
    /// `me` must differ from every other contender's name. `seed` draws the jitter.
    #[must_use]
    pub fn new(me: NodeName, seed: u64) -> Self {
        Self {
            me,
            duration: Duration::from_secs(15),
            hold: Duration::from_secs(10),
            retry: Duration::from_secs(2),
            counts_tenures: false,
            seed,
        }
    }

    /// Others wait for `duration` since they saw the record change; a renewal holds for `hold` since
    /// it was sent; the record is read, or renewed, about every `retry`.
    ///
    /// # Errors
    /// [`LeaseConfigError`].
    pub fn with_times(
        mut self,
        duration: Duration,
        hold: Duration,
        retry: Duration,
    ) -> Result<Self, LeaseConfigError> {
        if hold >= duration {
            return Err(LeaseConfigError::HoldNotShorter { hold, duration });
        }
        if retry.saturating_mul(2) > hold {
            return Err(LeaseConfigError::RetryTooLong { retry, hold });
        }
        (self.duration, self.hold, self.retry) = (duration, hold, retry);
        Ok(self)
    }

    /// Lets the record's transitions count tenures, and not only changes of the holder: they rise also
    /// where a holder whose tenure has ended takes its own record again, and, as far as it is remembered,
    /// where a record is made in the place of one that was deleted.
    #[must_use]
    pub const fn counting_tenures(mut self) -> Self {
        self.counts_tenures = true;
        self
    }

    /// This contender.
    #[must_use]
    pub const fn me(&self) -> &NodeName {
        &self.me
    }

    /// How long others wait since they saw the record change.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.duration
    }

    /// How long a renewal holds since it was sent.
    #[must_use]
    pub const fn hold(&self) -> Duration {
        self.hold
    }

    /// About how often the record is read or renewed.
    #[must_use]
    pub const fn retry(&self) -> Duration {
        self.retry
    }

    pub(super) const fn counts_tenures(&self) -> bool {
        self.counts_tenures
    }

    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }
}
