//! The whole cluster.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    api::Api,
    audit::Audit,
    binaries::Binaries,
    control_plane::{API_SERVICE, ControlPlane, LIMIT, tail},
    credentials::KUBELET,
    error::{KubeError, Result},
    kubelet::{Key, Kubelet},
    node::Node,
    root::Image,
};
use crate::{host::Host, lock::lock, port::Port, process::Process, topology::Topology};

/// Where the control plane is found on the LAN.
const CONTROL: [&str; 2] = ["172.18.3.1", "fd18::3:1"];

/// What a [`KubeCluster`] is made of.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct KubeOptions {
    /// How many nodes: 1 to 26.
    pub nodes: u8,
    /// Whether each node runs kube-proxy. Without, services have no rules, and pods are told the API
    /// server's own address.
    pub proxies: bool,
    /// The image that pods of the name `vipcast` run.
    pub image: Option<Image>,
}

impl Default for KubeOptions {
    /// Three nodes with kube-proxy, and no image.
    fn default() -> Self {
        Self { nodes: 3, proxies: true, image: None }
    }
}

/// A [`Topology`] whose nodes are a Kubernetes cluster. The client and the router are none of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct KubeCluster {
    /// The control plane.
    pub plane: ControlPlane,
    /// Its cable to the LAN.
    pub port: Port,
    kubelet: Kubelet,
    /// The network.
    pub net: Arc<Topology>,
}

impl KubeCluster {
    /// Builds it, and waits until every node is ready and finds the API server.
    ///
    /// # Errors
    /// A program that is missing or does not come up, with what it said.
    pub fn start(name: &str, options: KubeOptions) -> Result<Self> {
        let binaries = Binaries::find()?;
        let net = Topology::new(name, options.nodes)?;
        let control = net.lab.add_host("control")?;
        let [ipv4, ipv6] = CONTROL;
        let port = net.lab.connect(
            &control,
            &net.lan,
            "eth0",
            &[&format!("{ipv4}/16"), &format!("{ipv6}/64")],
        )?;
        control.add_route("0.0.0.0/0", "172.18.255.254")?;
        let plane = ControlPlane::start(&control, ipv4, &net.lab.dir().join("control"), &binaries)?;
        let api = plane.api().with_token(KUBELET)?;

        let numbered = net.nodes.iter().zip(1..);
        let nodes: Vec<Node> = numbered
            .map(|(machine, number)| Node::join(&net.lab, machine, number, &api))
            .collect::<Result<_>>()?;
        let others = |own: &Node| {
            let own = own.name().to_owned();
            net.nodes.iter().map(|node| &node.host).filter(move |host| host.name() != own)
        };
        for node in &nodes {
            for host in others(node).chain([&control]) {
                node.route_from(host)?;
            }
        }
        let direct = format!("https://{ipv4}:6443");
        let server = if options.proxies { (API_SERVICE, "443") } else { (ipv4, "6443") };
        if options.proxies {
            for node in &nodes {
                node.start_proxy(&plane, &direct)?;
            }
            nodes.iter().try_for_each(wait_for_rules)?;
        }
        let net = Arc::new(net);
        let server = (server.0.to_owned(), server.1.to_owned());
        let kubelet = Kubelet::start(Arc::clone(&net), nodes, api, options.image, server);
        Ok(Self { plane, port, kubelet, net })
    }

    /// The administrator's client.
    #[must_use]
    pub fn api(&self) -> &Api {
        self.plane.api()
    }

    /// What the API server wrote down about its callers.
    #[must_use]
    pub fn audit(&self) -> Audit {
        self.plane.audit()
    }

    /// `kubectl apply` of a folder with a kustomization.
    ///
    /// # Errors
    /// What kubectl says.
    pub fn apply(&self, folder: &Path) -> Result<String> {
        self.plane.kubectl(folder, &["apply", "--validate=strict", "-k", "."])
    }

    /// `kubectl apply` of a file.
    ///
    /// # Errors
    /// What kubectl says.
    pub fn apply_file(&self, file: &Path) -> Result<String> {
        let folder = file.parent().unwrap_or_else(|| Path::new("."));
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        self.plane.kubectl(folder, &["apply", "--validate=strict", "-f", &name])
    }

    /// Waits until so many pods that `selector` picks are ready, and returns their names.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with why the others are not.
    pub fn wait_for_pods(
        &self,
        namespace: &str,
        selector: &str,
        count: usize,
    ) -> Result<Vec<String>> {
        let start = Instant::now();
        let path = format!(
            "/api/v1/namespaces/{namespace}/pods?labelSelector={}",
            selector.replace('=', "%3D")
        );
        loop {
            let pods = self.api().list(&path)?;
            let ready = |pod: &&Value| {
                let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
                let mut conditions = conditions.filter(|condition| condition["type"] == "Ready");
                conditions.any(|condition| condition["status"] == "True")
                    && pod["metadata"]["deletionTimestamp"].is_null()
            };
            let names =
                pods.iter().filter(ready).filter_map(|pod| pod["metadata"]["name"].as_str());
            let names: Vec<String> = names.map(str::to_owned).collect();
            if names.len() == count {
                return Ok(names);
            }
            if start.elapsed() > LIMIT {
                let states = pods.iter().map(|pod| {
                    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
                    format!(
                        "{name}: {}\n{}",
                        pod["status"]["containerStatuses"],
                        self.output(namespace, name)
                    )
                });
                let mut states: String = states.collect();
                if let Some(controllers) = self.plane.controllers() {
                    states.push_str("the controller manager said\n");
                    states.push_str(&tail(controllers));
                }
                let what =
                    format!("{count} ready pods of {selector} in {namespace}; there are\n{states}");
                return Err(KubeError::Timeout { what, waited: start.elapsed() });
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The process of a pod that runs our program.
    ///
    /// # Errors
    /// If there is none.
    pub fn process(&self, namespace: &str, pod: &str) -> Result<Arc<Process>> {
        let found = self.kubelet.shared.process(&key(namespace, pod));
        found.ok_or_else(|| {
            KubeError::invalid(format!("no process runs for the pod {namespace}/{pod}"))
        })
    }

    /// All that a pod's process said; empty where there is none.
    #[must_use]
    pub fn output(&self, namespace: &str, pod: &str) -> String {
        self.process(namespace, pod).map(|process| process.output()).unwrap_or_default()
    }

    /// Kills a pod's process, if it runs, and starts it again.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn restart(&self, namespace: &str, pod: &str) -> Result<()> {
        self.kubelet.shared.restart(&key(namespace, pod))
    }

    /// Whether a probe of a running pod succeeds: `livenessProbe`, `readinessProbe`.
    #[must_use]
    pub fn probe(&self, namespace: &str, pod: &str, kind: &str) -> bool {
        lock(&self.kubelet.shared.pods).get(&key(namespace, pod)).is_some_and(|pod| pod.probe(kind))
    }

    /// The host that a pod runs on: its own, or its node's.
    #[must_use]
    pub fn pod_host(&self, namespace: &str, pod: &str) -> Option<Host> {
        lock(&self.kubelet.shared.pods).get(&key(namespace, pod)).map(|pod| pod.host.clone())
    }

    /// The name of the node that a pod runs on.
    #[must_use]
    pub fn node_of_pod(&self, namespace: &str, pod: &str) -> Option<String> {
        lock(&self.kubelet.shared.pods).get(&key(namespace, pod)).map(|pod| pod.node.clone())
    }

    /// A node dies: its cable is cut, its processes are killed, its Lease is no longer renewed.
    ///
    /// # Errors
    /// A node that does not exist.
    pub fn kill_node(&self, name: &str) -> Result<()> {
        let shared = &self.kubelet.shared;
        let node = shared.node(name)?;
        node.machine.port.cut()?;
        node.stop_renewing();
        lock(&shared.dead).insert(name.to_owned());
        for process in shared.pods_of(name).iter().filter_map(|key| shared.process(key)) {
            process.kill()?;
        }
        Ok(())
    }

    /// The node comes back: its processes are started, its Lease renewed.
    ///
    /// # Errors
    /// A node that does not exist; a process that cannot be started.
    pub fn revive_node(&self, name: &str) -> Result<()> {
        let shared = &self.kubelet.shared;
        shared.node(name)?.machine.port.heal()?;
        lock(&shared.dead).remove(name);
        for key in shared.pods_of(name).iter().filter(|key| shared.process(key).is_some()) {
            shared.restart(key)?;
        }
        shared.return_to_health(name)
    }

    /// Cuts the API server off, silently: packets to it vanish, and no node's Lease is renewed.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn cut_server(&self) -> Result<()> {
        self.kubelet.shared.nodes.iter().for_each(Node::stop_renewing);
        Ok(self.port.cut()?)
    }

    /// Lets packets through to it again.
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn heal_server(&self) -> Result<()> {
        self.port.heal()?;
        self.return_to_health()
    }

    /// Starts the API server after [`ControlPlane::stop_server`], and has every node that lives say so:
    /// the cluster may have taken its silence for death.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with what the API server said.
    pub fn start_server(&mut self) -> Result<()> {
        self.plane.start_server()?;
        self.return_to_health()
    }

    fn return_to_health(&self) -> Result<()> {
        let shared = &self.kubelet.shared;
        let dead = lock(&shared.dead).clone();
        let mut living = shared.nodes.iter().filter(|node| !dead.contains(node.name()));
        living.try_for_each(|node| shared.return_to_health(node.name()))
    }

    /// What the kube-proxy of a node said.
    ///
    /// # Errors
    /// A node that does not exist.
    pub fn proxy_output(&self, node: &str) -> Result<String> {
        Ok(self.kubelet.shared.node(node)?.proxy_output())
    }
}

fn key(namespace: &str, pod: &str) -> Key {
    (namespace.to_owned(), pod.to_owned())
}

/// Waits until a node reaches the API server by its service address, which is kube-proxy's work.
fn wait_for_rules(node: &Node) -> Result<()> {
    let start = Instant::now();
    let target = format!("http://{API_SERVICE}:443/");
    loop {
        // It answers in TLS or refuses plain HTTP: in either case there is somebody.
        match node.machine.fetch_within(&target, Duration::from_secs(1)) {
            Ok(_) => return Ok(()),
            Err(crate::LabError::Http { .. }) => return Ok(()),
            Err(error) if start.elapsed() > LIMIT => {
                let what = format!(
                    "the rules of kube-proxy on {} ({error}); it said\n{}",
                    node.name(),
                    node.proxy_output()
                );
                return Err(KubeError::Timeout { what, waited: start.elapsed() });
            }
            Err(_) => std::thread::sleep(Duration::from_millis(50)),
        }
    }
}
