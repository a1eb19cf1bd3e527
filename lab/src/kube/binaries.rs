//! Where the programs of the control plane are.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::error::{KubeError, Result};

/// The variable that names their folder, as other projects' tests have it too.
const ASSETS: &str = "KUBEBUILDER_ASSETS";

/// The folder of etcd, kube-apiserver, kube-controller-manager, kube-proxy and kubectl.
#[derive(Debug, Clone)]
pub struct Binaries(PathBuf);

impl Binaries {
    /// The folder that `KUBEBUILDER_ASSETS` names.
    ///
    /// # Errors
    /// [`KubeError::Missing`] where it is not set, or lacks one of the programs.
    pub fn find() -> Result<Self> {
        let folder = env::var_os(ASSETS)
            .map_or_else(|| PathBuf::from("/usr/local/kubebuilder/bin"), PathBuf::from);
        for program in
            ["etcd", "kube-apiserver", "kube-controller-manager", "kube-proxy", "kubectl"]
        {
            if !folder.join(program).is_file() {
                return Err(KubeError::Missing { program, folder: folder.display().to_string() });
            }
        }
        Ok(Self(folder))
    }

    /// The path of one of them.
    #[must_use]
    pub fn path(&self, program: &str) -> PathBuf {
        self.folder().join(program)
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0
    }
}
