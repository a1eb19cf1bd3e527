//! etcd, kube-apiserver and kube-controller-manager on one host.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use super::{
    api::Api,
    audit::{self, Audit},
    binaries::Binaries,
    credentials::{ADMIN, CONTROLLER_MANAGER, Credentials},
    error::{KubeError, Result},
};
use crate::{host::Host, process::Process};

/// The addresses of services, and the first of them, which is the API server's own.
const SERVICES: &str = "10.96.0.0/16,fd96::/112";
pub(super) const API_SERVICE: &str = "10.96.0.1";
/// The addresses of pods.
pub(super) const PODS: &str = "10.244.0.0/16,fd44::/48";

/// Who calls whom what.
const ISSUER: &str = "https://kubernetes.default.svc";

/// The controllers that a cluster without kubelets and clouds has work for.
const CONTROLLERS: &str = "endpointslice-controller,namespace-controller,serviceaccount-controller,\
    root-ca-certificate-publisher-controller,node-lifecycle-controller,garbage-collector-controller,\
    deployment-controller,replicaset-controller,daemonset-controller";

/// How long a start may take before another is tried.
const PATIENCE: Duration = Duration::from_secs(30);
/// Long enough for a busy machine; a start takes 3 s on a quiet one.
pub(super) const LIMIT: Duration = Duration::from_secs(120);

/// The control plane of one cluster.
#[derive(Debug)]
pub struct ControlPlane {
    host: Host,
    address: String,
    dir: PathBuf,
    binaries: Binaries,
    pub(super) credentials: Credentials,
    api: Api,
    etcd: Process,
    server: Option<Process>,
    controllers: Option<Process>,
}

impl ControlPlane {
    /// Starts it on `host`, which the nodes reach at `address`, with its files in `dir`, and waits
    /// until it serves.
    pub(super) fn start(
        host: &Host,
        address: &str,
        dir: &Path,
        binaries: &Binaries,
    ) -> Result<Self> {
        let names = ["127.0.0.1", address, API_SERVICE, "localhost", "kubernetes.default.svc"];
        let credentials = Credentials::make(&dir.join("credentials"), &names)?;
        credentials.write("audit-policy.yaml", audit::POLICY)?;
        let mut etcd = Command::new(binaries.path("etcd"));
        etcd.arg("--data-dir").arg(dir.join("etcd"));
        // What is in memory goes with the lab anyway.
        etcd.args(["--unsafe-no-fsync", "--log-level=warn", "--quota-backend-bytes=1073741824"]);
        let etcd = host.spawn(etcd)?;
        let api = Api::new(host, "https://127.0.0.1:6443", &credentials.authority, ADMIN)?;
        let mut plane = Self {
            host: host.clone(),
            address: address.to_owned(),
            dir: dir.to_owned(),
            binaries: binaries.clone(),
            credentials,
            api,
            etcd,
            server: None,
            controllers: None,
        };
        plane.start_server()?;
        plane.start_controllers()?;
        Ok(plane)
    }

    /// The administrator's client, which works from the control plane's own host: cables that are cut
    /// do not concern it.
    #[must_use]
    pub fn api(&self) -> &Api {
        &self.api
    }

    /// What the API server wrote down about its callers.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(self.dir.join("audit.log"))
    }

    /// The programs it runs.
    #[must_use]
    pub fn binaries(&self) -> &Binaries {
        &self.binaries
    }

    /// The process of etcd.
    #[must_use]
    pub fn etcd(&self) -> &Process {
        &self.etcd
    }

    /// The process of the API server, if it runs.
    #[must_use]
    pub fn server(&self) -> Option<&Process> {
        self.server.as_ref()
    }

    /// Kills the API server: its port refuses from now on.
    ///
    /// # Errors
    /// One that does not die.
    pub fn stop_server(&mut self) -> Result<()> {
        if let Some(server) = self.server.take() {
            server.kill()?;
            server.wait(LIMIT)?;
        }
        Ok(())
    }

    /// Starts the API server, and waits until it is ready.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with what it said.
    pub fn start_server(&mut self) -> Result<()> {
        let file = |name: &str| self.credentials.path(name).display().to_string();
        let mut command = Command::new(self.binaries.path("kube-apiserver"));
        command.args([
            "--etcd-servers=http://127.0.0.1:2379".to_owned(),
            "--secure-port=6443".to_owned(),
            "--bind-address=0.0.0.0".to_owned(),
            format!("--advertise-address={}", self.address),
            format!("--cert-dir={}", self.dir.display()),
            format!("--tls-cert-file={}", file("apiserver.crt")),
            format!("--tls-private-key-file={}", file("apiserver.key")),
            format!("--token-auth-file={}", file("tokens.csv")),
            format!("--service-account-issuer={ISSUER}"),
            format!("--service-account-key-file={}", file("accounts.pub")),
            format!("--service-account-signing-key-file={}", file("accounts.key")),
            "--authorization-mode=RBAC".to_owned(),
            format!("--service-cluster-ip-range={SERVICES}"),
            "--allow-privileged=true".to_owned(),
            format!("--audit-policy-file={}", file("audit-policy.yaml")),
            format!("--audit-log-path={}", self.dir.join("audit.log").display()),
            "--profiling=false".to_owned(),
        ]);
        // Under load one start in many stops in the midst of its own bootstrapping, and stays there.
        for limit in [PATIENCE, PATIENCE, LIMIT] {
            let server = self.host.spawn(again(&command))?;
            match self.wait_until_ready(&server, limit) {
                Ok(()) => {
                    self.server = Some(server);
                    return Ok(());
                }
                Err(error) if limit == LIMIT || !server.is_running() => return Err(error),
                Err(_) => {
                    server.kill()?;
                    server.wait(LIMIT)?;
                }
            }
        }
        Err(KubeError::invalid("the API server was not started"))
    }

    fn wait_until_ready(&self, server: &Process, limit: Duration) -> Result<()> {
        let start = Instant::now();
        loop {
            let answer = self.api.text("/readyz");
            if answer.is_ok() {
                return Ok(());
            }
            if start.elapsed() > limit || !server.is_running() {
                let what =
                    format!("the API server to be ready ({answer:?}); it said\n{}", tail(server));
                return Err(KubeError::Timeout { what, waited: start.elapsed() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn start_controllers(&mut self) -> Result<()> {
        let kubeconfig =
            self.credentials.kubeconfig(CONTROLLER_MANAGER, "https://127.0.0.1:6443")?;
        let mut command = Command::new(self.binaries.path("kube-controller-manager"));
        command.args([
            format!("--kubeconfig={}", kubeconfig.display()),
            format!(
                "--service-account-private-key-file={}",
                self.credentials.path("accounts.key").display()
            ),
            format!("--root-ca-file={}", self.credentials.path("ca.crt").display()),
            format!("--cert-dir={}", self.dir.display()),
            format!("--controllers={CONTROLLERS}"),
            "--leader-elect=false".to_owned(),
            "--bind-address=127.0.0.1".to_owned(),
            "--kube-api-qps=500".to_owned(),
            "--kube-api-burst=1000".to_owned(),
            // The rig renews each second.
            "--node-monitor-period=1s".to_owned(),
            "--node-monitor-grace-period=20s".to_owned(),
            format!("--cluster-cidr={PODS}"),
        ]);
        self.controllers = Some(self.host.spawn(command)?);
        Ok(())
    }

    /// The process of the controller manager.
    #[must_use]
    pub fn controllers(&self) -> Option<&Process> {
        self.controllers.as_ref()
    }

    /// Runs `kubectl` as the administrator, in the folder `dir`, and returns what it printed.
    ///
    /// # Errors
    /// [`KubeError::Failed`] with what it said.
    pub fn kubectl(&self, dir: &Path, args: &[&str]) -> Result<String> {
        let kubeconfig = self.credentials.kubeconfig(ADMIN, "https://127.0.0.1:6443")?;
        let mut command = Command::new(self.binaries.path("kubectl"));
        command.arg("--kubeconfig").arg(kubeconfig).args(args).current_dir(dir);
        command.env("HOME", &self.dir);
        let kubectl = self.host.spawn(command)?;
        let status = kubectl.wait(LIMIT)?;
        if !status.success() {
            let command = format!("kubectl {}", args.join(" "));
            return Err(KubeError::Failed { command, output: kubectl.output() });
        }
        Ok(kubectl.output())
    }
}

/// The same command line once more.
fn again(command: &Command) -> Command {
    let mut copy = Command::new(command.get_program());
    copy.args(command.get_args());
    copy
}

/// The end of what a process said.
pub(super) fn tail(process: &Process) -> String {
    let lines = process.lines();
    let skip = lines.len().saturating_sub(15);
    lines[skip..].iter().map(|line| line.text.clone() + "\n").collect()
}
