use std::time::Duration;

use vipcast_election::lease::LeaseConfigError;

use crate::Options;

/// What the controller is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ControllerConfig {
    /// The namespace of the pools, and of the Lease.
    pub namespace: String,
    /// The name of the Lease.
    pub lease: String,
    /// This replica: it must differ from every other's, and stay the same where the container is
    /// started anew.
    pub identity: String,
    /// Which services are served.
    pub options: Options,
    /// How many writes may be under way at once.
    pub writes: u32,
    /// The Lease's times: after how long another takes it, how long a renewal holds, how often it is
    /// renewed.
    pub lease_times: (Duration, Duration, Duration),
}

impl ControllerConfig {
    /// The defaults for a replica of this name, with pools in this namespace.
    #[must_use]
    pub fn new(namespace: impl Into<String>, identity: impl Into<String>) -> Self {
        let seconds = Duration::from_secs;
        Self {
            namespace: namespace.into(),
            lease: "vipcast-controller".to_owned(),
            identity: identity.into(),
            options: Options::default(),
            writes: 16,
            lease_times: (seconds(15), seconds(10), seconds(2)),
        }
    }
}

/// Why the controller does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ControllerError {
    /// The Lease's times.
    #[error(transparent)]
    Lease(#[from] LeaseConfigError),
}
