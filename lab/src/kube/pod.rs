//! A pod that runs.

use std::sync::Arc;

use serde_json::{Value, json};

use super::node::jiff_now;
use crate::{host::Host, process::Process, server::Server};

/// What runs for a pod, and what was said of it.
#[derive(Debug)]
pub(super) struct Pod {
    pub(super) object: Value,
    /// The name of its node.
    pub(super) node: String,
    /// The machine that it runs on: its own, or the node's.
    pub(super) host: Host,
    pub(super) addresses: [String; 2],
    pub(super) work: Work,
    pub(super) ready: bool,
    pub(super) restarts: u64,
}

/// What the pod's container is here.
#[derive(Debug)]
pub(super) enum Work {
    /// Our program.
    Process(Arc<Process>),
    /// A page with the pod's name, in place of any other image.
    Pages { _servers: Vec<Server> },
}

impl Pod {
    /// The status that a kubelet reports.
    pub(super) fn status(&self, host_ip: &str) -> Value {
        let now = jiff_now();
        let ready = if self.ready { "True" } else { "False" };
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": now});
        let container = &self.object["spec"]["containers"][0];
        json!({
            "phase": "Running",
            "hostIP": host_ip,
            "podIP": self.addresses[0],
            "podIPs": [{"ip": self.addresses[0]}, {"ip": self.addresses[1]}],
            "startTime": now,
            "conditions": [
                condition("PodScheduled", "True"),
                condition("Initialized", "True"),
                condition("ContainersReady", ready),
                condition("Ready", ready),
            ],
            "containerStatuses": [{
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": self.ready,
                "restartCount": self.restarts,
                "state": {"running": {"startedAt": now}},
            }],
        })
    }

    /// Whether its probe says that it can serve; one without a probe always can.
    pub(super) fn probe(&self, kind: &str) -> bool {
        let probe = &self.object["spec"]["containers"][0][kind]["httpGet"];
        if let Work::Process(process) = &self.work
            && !process.is_running()
        {
            return false;
        }
        let Some(port) = self.port(&probe["port"]) else { return probe.is_null() };
        let host = probe["host"].as_str().unwrap_or(&self.addresses[0]);
        let path = probe["path"].as_str().unwrap_or("/");
        let limit = std::time::Duration::from_secs(1);
        let page = self.host.fetch_within(&format!("http://{host}:{port}{path}"), limit);
        page.is_ok_and(|page| (200..400).contains(&page.status))
    }

    /// A port by its number or its name.
    fn port(&self, port: &Value) -> Option<u64> {
        let ports = self.object["spec"]["containers"][0]["ports"].as_array();
        let named =
            |name: &str| ports?.iter().find(|port| port["name"] == name)?["containerPort"].as_u64();
        port.as_u64().or_else(|| named(port.as_str()?))
    }
}
