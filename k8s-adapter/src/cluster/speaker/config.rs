use std::{path::PathBuf, sync::Arc};

use vipcast_plan::NodeName;

use crate::Options;

/// What a speaker is to do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SpeakerConfig {
    /// The namespace of the pools and advertisements.
    pub namespace: String,
    /// This node, by the name that the cluster has for it.
    pub node: NodeName,
    /// The folder for what must outlive a restart.
    pub state: PathBuf,
    /// Which services are announced.
    pub options: Options,
}

impl SpeakerConfig {
    /// The defaults for a node of this name, with pools in this namespace.
    #[must_use]
    pub fn new(
        namespace: impl Into<String>,
        node: impl Into<Arc<str>>,
        state: impl Into<PathBuf>,
    ) -> Self {
        Self {
            namespace: namespace.into(),
            node: NodeName::new(node),
            state: state.into(),
            options: Options::default(),
        }
    }
}
