//! A cluster with a controller in it.

use std::{future::Future, time::Duration};

use serde_json::{Value, json};
use tokio::{sync::oneshot, task::JoinHandle};

use super::server::Server;
use crate::cluster::{ControllerConfig, Health, run_controller};

pub(super) const NAMESPACE: &str = "metallb-system";

pub(super) fn pool(name: &str, range: &str) -> Value {
    json!({"metadata": {"name": name, "namespace": NAMESPACE}, "spec": {"addresses": [range]}})
}

pub(super) fn service(name: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "default", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {
            "type": "LoadBalancer", "ports": [{"port": 80}], "clusterIPs": ["10.96.0.1"],
            "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        },
        "status": {"loadBalancer": {}},
    })
}

/// A service that was served before.
pub(super) fn served(name: &str, address: &str) -> Value {
    let mut service = service(name);
    service["metadata"]["annotations"] = json!({"metallb.io/ip-allocated-from-pool": "lan"});
    service["status"]["loadBalancer"] = json!({"ingress": [{"ip": address, "ipMode": "VIP"}]});
    service
}

/// The lease as a holder left it that did not give it up.
pub(super) fn lease_of(holder: &str) -> Value {
    json!({
        "metadata": {"name": "vipcast-controller", "namespace": NAMESPACE},
        "spec": {"holderIdentity": holder, "leaseDurationSeconds": 30, "leaseTransitions": 4},
    })
}

/// A running controller.
pub(super) struct Controller {
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    pub(super) health: Health,
}

impl Controller {
    /// With a lease that a busy machine renews in time.
    pub(super) fn start(server: &Server, identity: &str) -> Self {
        let ms = Duration::from_millis;
        Self::with_lease(server, identity, (ms(30_000), ms(20_000), ms(300)))
    }

    /// With a lease that ends soon, for tests of its end.
    pub(super) fn with_short_lease(server: &Server, identity: &str) -> Self {
        let ms = Duration::from_millis;
        Self::with_lease(server, identity, (ms(3_000), ms(1_500), ms(300)))
    }

    fn with_lease(server: &Server, identity: &str, times: (Duration, Duration, Duration)) -> Self {
        let (stop, stopped) = oneshot::channel();
        let mut config = ControllerConfig::new(NAMESPACE, identity);
        config.lease_times = times;
        let client = server.client();
        let health = Health::new();
        let told = health.clone();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            run_controller(client, config, told, stopped).await.unwrap();
        });
        Self { stop: Some(stop), task, health }
    }

    pub(super) async fn stop(mut self) {
        let _ = self.stop.take().unwrap().send(());
        (&mut self.task).await.unwrap();
    }

    /// As a process that is killed.
    pub(super) fn kill(self) {
        self.task.abort();
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The addresses that a service has.
pub(super) fn addresses(server: &Server, name: &str) -> Vec<String> {
    let service = server.get("services", "default", name).unwrap_or_default();
    let ingress = service["status"]["loadBalancer"]["ingress"].as_array().cloned();
    let ingress = ingress.unwrap_or_default();
    ingress.iter().map(|entry| entry["ip"].as_str().unwrap_or_default().to_owned()).collect()
}

/// Waits until it is so; a machine that is busy gets its time.
#[track_caller]
pub(super) fn eventually(what: &str, is_so: impl Fn() -> bool) -> impl Future<Output = ()> {
    let at = std::panic::Location::caller();
    let what = what.to_owned();
    async move {
        for _ in 0..3_000 {
            if is_so() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("{at}: not in a minute: {what}");
    }
}

/// Long enough for what should not happen to have happened.
pub(super) async fn a_while() {
    tokio::time::sleep(Duration::from_millis(700)).await;
}
