//! A node of the cluster: its object, its Lease, its proxy, the network of its pods.

use std::{net::IpAddr, process::Command, sync::Mutex, time::Duration};

use http::Request;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::{
    api::Api,
    control_plane::{ControlPlane, PODS},
    credentials::PROXY,
    error::Result,
};
use crate::{
    bridge::Bridge, host::Host, lab::Lab, lock::lock, process::Process, topology::Node as Machine,
};

/// How often a node says that it lives; kubelets do each 10 s.
const RENEWAL: Duration = Duration::from_secs(1);

/// A machine as the cluster knows it.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) machine: Machine,
    /// From 1: 10.244.NUMBER.0/24 and fd44:0:0:NUMBER::/64 are its pods'.
    number: usize,
    pods: Bridge,
    renewal: Mutex<Option<AbortHandle>>,
    proxy: Mutex<Option<Process>>,
}

impl Node {
    /// Lays the network of its pods and registers it.
    pub(super) fn join(lab: &Lab, machine: &Machine, number: usize, api: &Api) -> Result<Self> {
        let pods = lab.add_bridge(&format!("pods-{number}"))?;
        let gateway = [format!("10.244.{number}.1/24"), format!("fd44:0:0:{number}::1/64")];
        lab.connect(machine, &pods, "cni0", &[&gateway[0], &gateway[1]])?;
        machine.forward()?;
        let node = Self {
            machine: machine.clone(),
            number,
            pods,
            renewal: Mutex::default(),
            proxy: Mutex::default(),
        };
        api.create("/api/v1/nodes", &node.object())?;
        node.report(api)?;
        api.create(
            LEASES,
            &json!({"metadata": {"name": node.name()}, "spec": lease(node.name())}),
        )?;
        node.renew(api);
        Ok(node)
    }

    pub(super) fn name(&self) -> &str {
        self.machine.name()
    }

    /// The addresses at which the machine is known.
    pub(super) fn addresses(&self) -> [IpAddr; 2] {
        [self.machine.ipv4, self.machine.ipv6]
    }

    fn object(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": self.name(),
                "labels": {"kubernetes.io/hostname": self.name(), "kubernetes.io/os": "linux"},
            },
            "spec": {"podCIDR": self.subnets()[0], "podCIDRs": self.subnets()},
        })
    }

    /// What a kubelet says about a node in good health.
    fn status(&self) -> Value {
        let now = jiff_now();
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({"type": kind, "status": status, "reason": reason, "message": "said by the lab",
                   "lastHeartbeatTime": now, "lastTransitionTime": now})
        };
        let [ipv4, ipv6] = self.addresses();
        json!({
            "addresses": [
                {"type": "InternalIP", "address": ipv4},
                {"type": "InternalIP", "address": ipv6},
                {"type": "Hostname", "address": self.name()},
            ],
            "conditions": [
                condition("Ready", "True", "KubeletReady"),
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ],
            "capacity": {"cpu": "8", "memory": "16Gi", "pods": "110"},
            "allocatable": {"cpu": "8", "memory": "16Gi", "pods": "110"},
        })
    }

    /// The prefixes of its pods.
    pub(super) fn subnets(&self) -> [String; 2] {
        [format!("10.244.{}.0/24", self.number), format!("fd44:0:0:{}::/64", self.number)]
    }

    /// Gives a pod's host its place in the network of this node, and says its addresses.
    pub(super) fn connect_pod(&self, lab: &Lab, pod: &Host, number: usize) -> Result<[String; 2]> {
        let [ipv4, ipv6] = [
            format!("10.244.{}.{number}", self.number),
            format!("fd44:0:0:{}::{number:x}", self.number),
        ];
        lab.connect(pod, &self.pods, "eth0", &[&format!("{ipv4}/24"), &format!("{ipv6}/64")])?;
        pod.add_route("0.0.0.0/0", &format!("10.244.{}.1", self.number))?;
        pod.add_route("::/0", &format!("fd44:0:0:{}::1", self.number))?;
        Ok([ipv4, ipv6])
    }

    /// Tells `host` the way to the pods of this node.
    pub(super) fn route_from(&self, host: &Host) -> Result<()> {
        let [ipv4, ipv6] = self.subnets();
        let [via4, via6] = self.addresses();
        host.add_route(&ipv4, &via4.to_string())?;
        host.add_route(&ipv6, &via6.to_string())?;
        Ok(())
    }

    /// Says that it is in good health.
    pub(super) fn report(&self, api: &Api) -> Result<()> {
        let path = format!("/api/v1/nodes/{}/status", self.name());
        api.merge(&path, &json!({"status": self.status()}))?;
        Ok(())
    }

    /// Renews its Lease from now on.
    pub(super) fn renew(&self, api: &Api) {
        let name = self.name().to_owned();
        let renewal = api.every(RENEWAL, move |client| {
            let body = json!({"spec": lease(&name)}).to_string().into_bytes();
            let request = Request::patch(format!("{LEASES}/{name}"))
                .header("content-type", "application/merge-patch+json")
                .body(body);
            async move {
                // A server that is away is what some tests are about; the next tick tries again.
                if let Ok(request) = request {
                    let call = client.request::<Value>(request);
                    let _ = tokio::time::timeout(Duration::from_secs(5), call).await;
                }
            }
        });
        if let Some(old) = lock(&self.renewal).replace(renewal) {
            old.abort();
        }
    }

    /// Lets its Lease run out: for the cluster it is dead 20 s later.
    pub(super) fn stop_renewing(&self) {
        if let Some(renewal) = lock(&self.renewal).take() {
            renewal.abort();
        }
    }

    /// Starts kube-proxy in its namespace.
    pub(super) fn start_proxy(&self, plane: &ControlPlane, server: &str) -> Result<()> {
        let kubeconfig = plane.credentials.kubeconfig(PROXY, server)?;
        let config = format!(
            "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: nftables\n\
             hostnameOverride: {}\nclusterCIDR: {PODS}\nbindAddress: 0.0.0.0\n\
             clientConnection: {{kubeconfig: {}}}\n\
             conntrack: {{maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}}\n\
             nftables: {{minSyncPeriod: 100ms}}\n",
            self.name(),
            kubeconfig.display()
        );
        let config = plane.credentials.write(&format!("proxy-{}.yaml", self.name()), &config)?;
        let mut command = Command::new(plane.binaries().path("kube-proxy"));
        command.arg(format!("--config={}", config.display()));
        // An ordinary user's path often lacks the folder of `nft`.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        *lock(&self.proxy) = Some(self.machine.spawn(command)?);
        Ok(())
    }

    /// What its kube-proxy said.
    pub(super) fn proxy_output(&self) -> String {
        lock(&self.proxy).as_ref().map(Process::output).unwrap_or_default()
    }
}

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

fn lease(name: &str) -> Value {
    json!({"holderIdentity": name, "leaseDurationSeconds": 10, "renewTime": micro_now()})
}

/// The wall time as objects write it: seconds, and microseconds for Leases.
pub(super) fn jiff_now() -> String {
    k8s_openapi::jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn micro_now() -> String {
    k8s_openapi::jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string()
}
