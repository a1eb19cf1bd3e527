//! Keys, certificates and tokens of one cluster, made anew for each.

use std::{
    fs,
    path::{Path, PathBuf},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};

use super::error::{KubeError, Result};
use crate::error::LabError;

/// The administrator's token: it guards nothing outside of the lab's namespaces.
pub(super) const ADMIN: &str = "admin";
/// The tokens of the control plane's own clients, who are also their user names in the audit log.
pub(super) const CONTROLLER_MANAGER: &str = "rig-controller-manager";
pub(super) const PROXY: &str = "rig-proxy";
pub(super) const KUBELET: &str = "rig-kubelet";

/// Where the files are.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) dir: PathBuf,
    /// The authority's certificate, DER.
    pub(super) authority: Vec<u8>,
}

impl Credentials {
    /// Writes them into `dir`; the server may be called by each of `names`.
    pub(super) fn make(dir: &Path, names: &[&str]) -> Result<Self> {
        let crypto = |error: rcgen::Error| {
            KubeError::invalid(format!("could not make certificates: {error}"))
        };
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(crypto)?;
        params.distinguished_name.push(DnType::CommonName, "lab");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().map_err(crypto)?)
            .map_err(crypto)?;

        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(crypto)?;
        params.distinguished_name.push(DnType::CommonName, "kube-apiserver");
        let key = KeyPair::generate().map_err(crypto)?;
        let server = params.signed_by(&key, &authority).map_err(crypto)?;
        let accounts = KeyPair::generate().map_err(crypto)?;

        let tokens: String = [ADMIN, CONTROLLER_MANAGER, PROXY, KUBELET]
            .iter()
            .map(|who| format!("{who},{who},{who},system:masters\n"))
            .collect();
        let made = Self { dir: dir.to_owned(), authority: authority.der().to_vec() };
        fs::create_dir_all(dir).map_err(LabError::io(format!("make {}", dir.display())))?;
        made.write("ca.crt", &authority.pem())?;
        made.write("apiserver.crt", &server.pem())?;
        made.write("apiserver.key", &key.serialize_pem())?;
        made.write("accounts.key", &accounts.serialize_pem())?;
        made.write("accounts.pub", &accounts.public_key_pem())?;
        made.write("tokens.csv", &tokens)?;
        Ok(made)
    }

    /// Writes a kubeconfig for one of the tokens, and returns its path.
    pub(super) fn kubeconfig(&self, who: &str, server: &str) -> Result<PathBuf> {
        let authority = self.path("ca.crt");
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: lab\n\
             clusters: [{{name: lab, cluster: {{server: \"{server}\", certificate-authority: \"{}\"}}}}]\n\
             users: [{{name: {who}, user: {{token: {who}}}}}]\n\
             contexts: [{{name: lab, context: {{cluster: lab, user: {who}}}}}]\n",
            authority.display()
        );
        self.write(&format!("{who}.kubeconfig"), &text)
    }

    /// The path of one of the files.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes a file beside them.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        fs::write(&path, text).map_err(LabError::io(format!("write {}", path.display())))?;
        Ok(path)
    }
}
