//! What can go wrong with a cluster.

use std::time::Duration;

use crate::error::LabError;

/// Shorthand for results of this module.
pub type Result<T, E = KubeError> = std::result::Result<T, E>;

/// Why a cluster could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KubeError {
    /// The network beneath it.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// A program of the control plane is missing.
    #[error(
        "there is no program `{program}` in {folder}: run `cargo xtask test kube`, which builds it, or name a \
         folder that has it in KUBEBUILDER_ASSETS"
    )]
    Missing {
        /// The program's name.
        program: &'static str,
        /// Where it was looked for.
        folder: String,
    },
    /// The API server refused, or could not be reached.
    #[error("{request}: {source}")]
    Request {
        /// As `GET /api/v1/pods`.
        request: String,
        /// The answer.
        source: Box<kube::Error>,
    },
    /// What was waited for did not happen.
    #[error("waited {waited:?} in vain for {what}")]
    Timeout {
        /// What was waited for, with what was seen instead.
        what: String,
        /// How long.
        waited: Duration,
    },
    /// An object, a manifest or a file is not as it must be.
    #[error("{what}")]
    Invalid {
        /// The whole sentence.
        what: String,
    },
    /// A program ended with an error.
    #[error("`{command}` failed:\n{output}")]
    Failed {
        /// The command line.
        command: String,
        /// All that it said.
        output: String,
    },
}

impl KubeError {
    /// The HTTP status with which the API server refused, if it was that.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        let Self::Request { source, .. } = self else { return None };
        match &**source {
            kube::Error::Api(status) => Some(status.code),
            _ => None,
        }
    }

    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }
}
