//! The scheduler and all kubelets, as far as tests can tell the difference.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    api::Api,
    container::{self, Facts},
    error::{KubeError, Result},
    node::Node,
    pod::{Pod, Work},
    root::Image,
};
use crate::{lock::lock, process::Process, topology::Topology};

/// How often probes are asked.
const PROBE: Duration = Duration::from_millis(200);
/// How long a container may take to end before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A pod's namespace and name.
pub(super) type Key = (String, String);

/// What the thread and the cluster share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) net: Arc<Topology>,
    pub(super) nodes: Vec<Node>,
    pub(super) api: Api,
    pub(super) image: Option<Image>,
    /// The host and port at which pods find the API server.
    pub(super) server: (String, String),
    pub(super) dir: PathBuf,
    pub(super) pods: Mutex<BTreeMap<Key, Pod>>,
    /// The nodes that pods with a network of their own were given.
    bound: Mutex<BTreeMap<Key, String>>,
    /// Nodes on which nothing is started any more.
    pub(super) dead: Mutex<BTreeSet<String>>,
    numbers: AtomicUsize,
    stopped: AtomicBool,
}

/// The thread that follows the pods. It ends when dropped; what it started runs on.
#[derive(Debug)]
pub(super) struct Kubelet {
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Kubelet {
    pub(super) fn start(
        net: Arc<Topology>,
        nodes: Vec<Node>,
        api: Api,
        image: Option<Image>,
        server: (String, String),
    ) -> Self {
        let dir = net.lab.dir().join("pods");
        let shared = Arc::new(Shared {
            net,
            nodes,
            api,
            image,
            server,
            dir,
            pods: Mutex::default(),
            bound: Mutex::default(),
            dead: Mutex::default(),
            numbers: AtomicUsize::new(10),
            stopped: AtomicBool::new(false),
        });
        let follower = Arc::clone(&shared);
        Self { shared, thread: Some(thread::spawn(move || follower.follow())) }
    }
}

impl Drop for Kubelet {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn follow(self: Arc<Self>) {
        let watch = self.api.watch("/api/v1/pods");
        let mut probed = Instant::now();
        while !self.stopped.load(Ordering::Acquire) {
            if let Some((kind, pod)) = watch.next(PROBE) {
                self.on_pod(&kind, &pod);
            }
            if probed.elapsed() >= PROBE {
                self.probe();
                probed = Instant::now();
            }
        }
    }

    fn on_pod(self: &Arc<Self>, kind: &str, object: &Value) {
        let text =
            |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let key = (text("/metadata/namespace").to_owned(), text("/metadata/name").to_owned());
        if kind == "DELETED" {
            lock(&self.bound).remove(&key);
            let gone = lock(&self.pods).remove(&key);
            drop(gone);
        } else if object["metadata"]["deletionTimestamp"].is_string() {
            let shared = Arc::clone(self);
            thread::spawn(move || shared.end(&key));
        } else if text("/spec/nodeName").is_empty() {
            self.bind(&key, object);
        } else if !lock(&self.pods).contains_key(&key) {
            // The API server may be gone in the midst of it: the next event tries again.
            if let Err(error) = self.run(&key, object) {
                let container = &object["spec"]["containers"][0];
                let waiting = json!({"status": {"containerStatuses": [{
                    "name": container["name"], "image": container["image"], "imageID": "", "ready": false,
                    "restartCount": 0,
                    "state": {"waiting": {"reason": "CreateContainerError", "message": error.to_string()}},
                }]}});
                let _ = self.api.merge(&format!("{}/status", path(&key)), &waiting);
            }
        }
    }

    /// Chooses a node: the one that a DaemonSet's pod names, else one with the fewest pods.
    fn bind(&self, key: &Key, object: &Value) {
        let terms = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0\
                     /matchFields/0/values/0";
        let named = object.pointer(terms).and_then(Value::as_str).map(str::to_owned);
        let chosen = named.or_else(|| {
            let (dead, bound) = (lock(&self.dead), lock(&self.bound));
            let load = |name: &str| bound.values().filter(|node| *node == name).count();
            let living = self.nodes.iter().map(Node::name).filter(|name| !dead.contains(*name));
            living.min_by_key(|name| load(name)).map(str::to_owned)
        });
        let Some(node) = chosen else { return };
        let binding = json!({
            "metadata": {"name": key.1},
            "target": {"apiVersion": "v1", "kind": "Node", "name": node},
        });
        // Bound already, or gone: another event says so.
        if self.api.create(&format!("{}/binding", path(key)), &binding).is_ok()
            && object["spec"]["hostNetwork"] != true
        {
            lock(&self.bound).insert(key.clone(), node);
        }
    }

    fn run(&self, key: &Key, object: &Value) -> Result<()> {
        let name = object["spec"]["nodeName"].as_str().unwrap_or_default();
        if lock(&self.dead).contains(name) {
            return Ok(());
        }
        let node = self.node(name)?;
        let (host, addresses) = if object["spec"]["hostNetwork"] == true {
            (node.machine.host.clone(), node.addresses().map(|address| address.to_string()))
        } else {
            let host = self.net.lab.add_host(&key.1)?;
            let number = self.numbers.fetch_add(1, Ordering::Relaxed);
            let addresses = node.connect_pod(&self.net.lab, &host, number)?;
            (host, addresses)
        };
        let mut pod = Pod {
            object: object.clone(),
            node: name.to_owned(),
            host,
            addresses,
            work: Work::Pages { _servers: Vec::new() },
            ready: false,
            restarts: 0,
        };
        pod.work = self.start(&pod)?;
        pod.ready = pod.probe("readinessProbe");
        self.report(key, &pod)?;
        lock(&self.pods).insert(key.clone(), pod);
        Ok(())
    }

    /// Starts what the pod's container is: our program, or a page.
    fn start(&self, pod: &Pod) -> Result<Work> {
        let container = &pod.object["spec"]["containers"][0];
        let name = container["image"].as_str().unwrap_or_default();
        // `registry.example/group/vipcast:tag`
        let ours = name.rsplit('/').next().and_then(|name| name.split([':', '@']).next())
            == Some("vipcast");
        if !ours {
            let ports = container["ports"].as_array().into_iter().flatten();
            let ports =
                ports.filter_map(|port| u16::try_from(port["containerPort"].as_u64()?).ok());
            let servers = ports.map(|port| pod.host.serve_name(port)).collect::<Result<_, _>>()?;
            return Ok(Work::Pages { _servers: servers });
        }
        let image = self
            .image
            .as_ref()
            .ok_or_else(|| KubeError::invalid("the cluster was given no image"))?;
        let uid = pod.object["metadata"]["uid"].as_str().unwrap_or_default();
        let dir = self.dir.join(uid);
        let facts = Facts {
            api: &self.api,
            server: (&self.server.0, &self.server.1),
            pod: &pod.object,
            host_ip: self.node(&pod.node)?.addresses()[0].to_string(),
            pod_ip: pod.addresses[0].clone(),
            dir: &dir.join("volumes"),
            node_dir: self.net.lab.dir().join("nodes").join(&pod.node),
        };
        let (root, command) = container::read(image, &facts)?;
        let process = root.spawn(&pod.host, &dir.join("root"), command)?;
        Ok(Work::Process(Arc::new(process)))
    }

    /// Ends a pod that is to be deleted, and deletes it.
    fn end(&self, key: &Key) {
        if let Some(process) = self.process(key) {
            let _ = process.terminate();
            if process.wait(GRACE).is_err() {
                let _ = process.kill();
            }
        }
        lock(&self.pods).remove(key);
        let _ = self.api.delete(&format!("{}?gracePeriodSeconds=0", path(key)));
    }

    /// Starts the container of a pod again, as a kubelet does after it ended.
    pub(super) fn restart(&self, key: &Key) -> Result<()> {
        let missing = || KubeError::invalid(format!("there is no pod {}/{} here", key.0, key.1));
        let mut pods = lock(&self.pods);
        let pod = pods.get_mut(key).ok_or_else(missing)?;
        if let Work::Process(old) = &pod.work {
            old.kill()?;
            old.wait(GRACE)?;
        }
        pod.work = self.start(pod)?;
        pod.restarts += 1;
        pod.ready = false;
        Ok(())
    }

    /// The process of a pod that runs our program.
    pub(super) fn process(&self, key: &Key) -> Option<Arc<Process>> {
        match &lock(&self.pods).get(key)?.work {
            Work::Process(process) => Some(Arc::clone(process)),
            Work::Pages { .. } => None,
        }
    }

    /// Asks every readiness probe, and reports what has changed.
    fn probe(&self) {
        let keys: Vec<Key> = lock(&self.pods).keys().cloned().collect();
        for key in keys {
            let mut pods = lock(&self.pods);
            let Some(pod) = pods.get_mut(&key) else { continue };
            if lock(&self.dead).contains(&pod.node) {
                continue;
            }
            let ready = pod.probe("readinessProbe");
            if ready != pod.ready {
                pod.ready = ready;
                if self.report(&key, pod).is_err() {
                    // Said again with the next probe.
                    pod.ready = !ready;
                }
            }
        }
    }

    fn report(&self, key: &Key, pod: &Pod) -> Result<()> {
        let host_ip = self.node(&pod.node)?.addresses()[0].to_string();
        self.api
            .merge(&format!("{}/status", path(key)), &json!({"status": pod.status(&host_ip)}))?;
        Ok(())
    }

    /// All pods of a node that were started.
    pub(super) fn pods_of(&self, node: &str) -> Vec<Key> {
        let pods = lock(&self.pods);
        pods.iter().filter(|(_, pod)| pod.node == node).map(|(key, _)| key.clone()).collect()
    }

    /// Says anew what the cluster has stopped to believe of a node that it did not hear of.
    pub(super) fn return_to_health(&self, name: &str) -> Result<()> {
        let node = self.node(name)?;
        node.renew(&self.api);
        node.report(&self.api)?;
        for key in self.pods_of(name) {
            if let Some(pod) = lock(&self.pods).get(&key) {
                self.report(&key, pod)?;
            }
        }
        Ok(())
    }

    pub(super) fn node(&self, name: &str) -> Result<&Node> {
        let found = self.nodes.iter().find(|node| node.name() == name);
        found.ok_or_else(|| KubeError::invalid(format!("there is no node {name}")))
    }
}

fn path(key: &Key) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", key.0, key.1)
}
