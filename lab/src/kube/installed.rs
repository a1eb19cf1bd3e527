//! vipcast in a cluster, installed as its users install it.

use std::{
    collections::BTreeSet,
    ops::Range,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    audit::Audit,
    cluster::{KubeCluster, KubeOptions},
    control_plane::LIMIT,
    error::{KubeError, Result},
    root::Image,
};
use crate::error::LabError;

/// The namespace of everything in `deploy/base`.
pub const NAMESPACE: &str = "metallb-system";
/// The services that tests make.
pub const SERVICES: &str = "/api/v1/namespaces/default/services";

const LEASE: &str =
    "/apis/coordination.k8s.io/v1/namespaces/metallb-system/leases/vipcast-controller";
const CONTROLLERS: &str = "app.kubernetes.io/component=controller";

/// A [`KubeCluster`] with `deploy/base` in it.
#[derive(Debug)]
pub struct Installed(KubeCluster);

impl std::ops::Deref for Installed {
    type Target = KubeCluster;

    fn deref(&self) -> &KubeCluster {
        &self.0
    }
}

impl std::ops::DerefMut for Installed {
    fn deref_mut(&mut self) -> &mut KubeCluster {
        &mut self.0
    }
}

impl Installed {
    /// Builds a cluster, applies the folder `base` of `deploy`, whose image holds `program`, and waits
    /// until both controllers are ready.
    ///
    /// # Errors
    /// What kubectl says; pods that do not become ready, and why.
    pub fn start(
        name: &str,
        nodes: u8,
        proxies: bool,
        deploy: &Path,
        program: &Path,
    ) -> Result<Self> {
        let image = Image::read(&deploy.join("Dockerfile"), program)?;
        let cluster = KubeCluster::start(name, KubeOptions { nodes, proxies, image: Some(image) })?;
        // As deploy/README.md says it.
        let base = deploy.join("base");
        cluster.apply_file(&base.join("namespace.yaml"))?;
        let key = "--from-literal=key=0123456789abcdef0123456789abcdef";
        let secret = ["-n", NAMESPACE, "create", "secret", "generic", "vipcast-beacon", key];
        cluster.plane.kubectl(&base, &secret)?;
        cluster.apply(&base)?;
        Self::ready(cluster)
    }

    /// As [`start`](Self::start), but from the folder `lease`: the nodes elect by Leases, which last for so
    /// many seconds.
    ///
    /// # Errors
    /// What kubectl says; pods that do not become ready, and why.
    pub fn start_by_leases(
        name: &str,
        nodes: u8,
        seconds: u32,
        deploy: &Path,
        program: &Path,
    ) -> Result<Self> {
        let image = Image::read(&deploy.join("Dockerfile"), program)?;
        let options = KubeOptions { nodes, proxies: true, image: Some(image) };
        let cluster = KubeCluster::start(name, options)?;
        cluster.apply_file(&deploy.join("base/namespace.yaml"))?;
        let manifests = cluster.plane.kubectl(deploy, &["kustomize", "lease"])?;
        let argument = "- --election=lease\n";
        let (before, after) = manifests
            .split_once(argument)
            .ok_or_else(|| KubeError::invalid("the speaker is not told to elect by Leases"))?;
        let indent = before.rsplit('\n').next().unwrap_or_default();
        let manifests = format!("{before}{argument}{indent}- --lease-duration={seconds}\n{after}");
        let file = cluster.net.lab.dir().join("lease.yaml");
        std::fs::write(&file, manifests).map_err(LabError::io("write manifests"))?;
        cluster.apply_file(&file)?;
        Self::ready(cluster)
    }

    fn ready(cluster: KubeCluster) -> Result<Self> {
        let installed = Self(cluster);
        installed.controllers()?;
        installed.speakers()?;
        Ok(installed)
    }

    /// The names of both controllers, once they are ready.
    ///
    /// # Errors
    /// [`KubeError::Timeout`].
    pub fn controllers(&self) -> Result<Vec<String>> {
        self.wait_for_pods(NAMESPACE, CONTROLLERS, 2)
    }

    /// The names of the speakers, one a node, once they are ready.
    ///
    /// # Errors
    /// [`KubeError::Timeout`].
    pub fn speakers(&self) -> Result<Vec<String>> {
        self.wait_for_pods(NAMESPACE, "app.kubernetes.io/component=speaker", self.net.nodes.len())
    }

    /// The controller that holds the Lease, once another than `not` does.
    ///
    /// # Errors
    /// [`KubeError::Timeout`].
    pub fn holder(&self, not: &str) -> Result<String> {
        let name =
            |lease: &Value| lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned();
        let wanted = |lease: &Value| !name(lease).is_empty() && name(lease) != not;
        Ok(name(&self.api().wait_for(LEASE, LIMIT, "another holder", wanted)?))
    }

    /// Leaves one controller alone, and returns its name once it holds the Lease.
    ///
    /// # Errors
    /// [`KubeError::Timeout`].
    pub fn one_controller(&self) -> Result<String> {
        let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/controller");
        self.api().merge(&path, &json!({"spec": {"replicas": 1}}))?;
        let names = self.wait_for_pods(NAMESPACE, CONTROLLERS, 1)?;
        let name = names.first().cloned().unwrap_or_default();
        self.api().wait_for(LEASE, LIMIT, "the only controller's hold", |lease| {
            lease["spec"]["holderIdentity"] == name.as_str()
        })?;
        Ok(name)
    }

    /// Gives the controllers a Lease of so many seconds, which starts them anew, and waits until both are
    /// ready.
    ///
    /// # Errors
    /// What the API server says; [`KubeError::Timeout`].
    pub fn shorten_lease(&self, seconds: u32) -> Result<Vec<String>> {
        let path = format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments/controller");
        let mut deployment = self.api().get(&path)?;
        let argument = Value::from(format!("--lease-duration={seconds}"));
        let arguments = deployment.pointer_mut("/spec/template/spec/containers/0/args");
        let arguments = arguments.and_then(Value::as_array_mut);
        arguments.ok_or_else(|| KubeError::invalid("no arguments"))?.push(argument.clone());
        self.api().replace(&path, &deployment)?;
        let pods = format!("/api/v1/namespaces/{NAMESPACE}/pods");
        let start = Instant::now();
        loop {
            let names = self.controllers()?;
            let has_it = |name: &String| -> Result<bool> {
                let pod = self.api().get(&format!("{pods}/{name}"))?;
                let arguments = pod["spec"]["containers"][0]["args"].as_array();
                Ok(arguments.is_some_and(|arguments| arguments.contains(&argument)))
            };
            // A pod that is gone by now was one of the old.
            if names.iter().all(|name| has_it(name).unwrap_or(false)) {
                return Ok(names);
            }
            if start.elapsed() > LIMIT {
                let what = "controllers with another lease".to_owned();
                return Err(KubeError::Timeout { what, waited: start.elapsed() });
            }
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// All that the controllers said.
    #[must_use]
    pub fn said(&self) -> String {
        let pods =
            self.api().list(&format!("/api/v1/namespaces/{NAMESPACE}/pods")).unwrap_or_default();
        let names = pods.iter().filter_map(|pod| pod["metadata"]["name"].as_str());
        names.map(|name| format!("{name} said:\n{}", self.output(NAMESPACE, name))).collect()
    }

    /// Creates a pool of these addresses.
    ///
    /// # Errors
    /// What the API server says.
    pub fn create_pool(&self, name: &str, addresses: &[&str]) -> Result<()> {
        let pool = json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "IPAddressPool",
            "metadata": {"name": name},
            "spec": {"addresses": addresses},
        });
        let path = format!("/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/ipaddresspools");
        self.api().create(&path, &pool).map(drop)
    }

    /// Creates an advertisement of all pools to all links.
    ///
    /// # Errors
    /// What the API server says.
    pub fn advertise_all(&self) -> Result<()> {
        let all = json!({
            "apiVersion": "metallb.io/v1beta1",
            "kind": "L2Advertisement",
            "metadata": {"name": "all"},
        });
        let path = format!("/apis/metallb.io/v1beta1/namespaces/{NAMESPACE}/l2advertisements");
        self.api().create(&path, &all).map(drop)
    }

    /// Creates a Deployment of so many pods that serve pages, and waits until they are ready.
    ///
    /// # Errors
    /// What the API server says; [`KubeError::Timeout`].
    pub fn create_pages(&self, count: usize) -> Result<Vec<String>> {
        create_pages(&self.0, count)
    }

    /// Creates the services of these numbers, `s-0` and so on, by eight callers.
    ///
    /// # Errors
    /// What the API server says.
    pub fn create_many(&self, numbers: Range<usize>) -> Result<()> {
        let callers = 8;
        let spec = json!({"type": "LoadBalancer", "allocateLoadBalancerNodePorts": false, "ports": [{"port": 80}]});
        let create = |number: usize| {
            let service = json!({"metadata": {"name": format!("s-{number}")}, "spec": spec});
            self.api().create(SERVICES, &service).map(drop)
        };
        thread::scope(|scope| {
            let create = &create;
            let threads: Vec<_> = (0..callers)
                .map(|caller| {
                    let own = numbers.clone().skip(caller).step_by(callers);
                    scope.spawn(move || own.into_iter().try_for_each(create))
                })
                .collect();
            let gone = |_| KubeError::invalid("a caller panicked");
            threads.into_iter().try_for_each(|thread| thread.join().map_err(gone)?)
        })
    }

    /// Waits until a service has addresses, and returns them.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with all that the controllers said.
    pub fn wait_for_addresses(&self, name: &str) -> Result<Vec<String>> {
        let path = format!("{SERVICES}/{name}");
        let given = self
            .api()
            .wait_for(&path, LIMIT, "an address", |service| !addresses(service).is_empty());
        match given {
            Ok(service) => Ok(addresses(&service)),
            Err(error) => Err(KubeError::invalid(format!("{error}\n{}", self.said()))),
        }
    }

    /// Waits until so many addresses are given.
    ///
    /// # Errors
    /// [`KubeError::Timeout`] with all that the controllers said.
    pub fn wait_for_many(&self, count: usize) -> Result<()> {
        let start = Instant::now();
        loop {
            let have = self.all_addresses()?.len();
            if have >= count {
                return Ok(());
            }
            if start.elapsed() > LIMIT {
                let what = format!("{count} addresses: there are {have}\n{}", self.said());
                return Err(KubeError::Timeout { what, waited: start.elapsed() });
            }
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Every address of every service.
    ///
    /// # Errors
    /// One that two services have.
    pub fn all_addresses(&self) -> Result<BTreeSet<String>> {
        let mut seen = BTreeSet::new();
        for address in self.api().list(SERVICES)?.iter().flat_map(addresses) {
            if !seen.insert(address.clone()) {
                return Err(KubeError::invalid(format!("{address} is given twice")));
            }
        }
        Ok(seen)
    }
}

/// The addresses that a service has.
#[must_use]
pub fn addresses(service: &Value) -> Vec<String> {
    let ingress = service["status"]["loadBalancer"]["ingress"].as_array().into_iter().flatten();
    ingress.filter_map(|one| one["ip"].as_str().map(str::to_owned)).collect()
}

/// How many writes to services, status included, are written down.
///
/// # Errors
/// A log that cannot be read.
pub fn service_writes(audit: &Audit) -> Result<usize> {
    Ok(audit.writes()?.iter().filter(|call| call.resource.starts_with("services")).count())
}

/// A Deployment of so many pods that serve pages, in the namespace `default`.
///
/// # Errors
/// What the API server says; [`KubeError::Timeout`].
pub fn create_pages(cluster: &KubeCluster, count: usize) -> Result<Vec<String>> {
    let container = json!({"name": "nginx", "image": "nginx:1", "ports": [{"name": "http", "containerPort": 80}]});
    let template =
        json!({"metadata": {"labels": {"app": "nginx"}}, "spec": {"containers": [container]}});
    let spec = json!({"replicas": count, "selector": {"matchLabels": {"app": "nginx"}}, "template": template});
    let deployment = json!({"metadata": {"name": "nginx"}, "spec": spec});
    cluster.api().create("/apis/apps/v1/namespaces/default/deployments", &deployment)?;
    cluster.wait_for_pods("default", "app=nginx", count)
}
