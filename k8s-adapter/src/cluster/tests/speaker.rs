//! The speaker's loop: from objects to intents, through an outage and a restart, and events.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle};
use vipcast_announcer::Report;
use vipcast_ipam::Owner;
use vipcast_plan::{Announcement, Intent, LinkName, NodeName, Segment, Unit};

use super::{
    server::{Fault, Server},
    world::{NAMESPACE, a_while, eventually, pool, served},
};
use crate::{
    cluster::{Health, SpeakerConfig, run_speaker},
    feed,
};

pub(super) struct Speaker {
    intents: watch::Receiver<Arc<Intent>>,
    members: watch::Receiver<BTreeSet<NodeName>>,
    reports: watch::Sender<Arc<Report>>,
    task: JoinHandle<()>,
}

impl Speaker {
    pub(super) fn start(server: &Server, state: &Path) -> Self {
        let (feed, intents, members) = feed();
        let (reports, seen) = watch::channel(Arc::<Report>::default());
        let config = SpeakerConfig::new(NAMESPACE, "node-a", state);
        let client = server.client();
        let task = tokio::spawn(async move {
            let never = std::future::pending();
            run_speaker(client, config, feed, seen, Health::new(), never).await.unwrap();
        });
        Self { intents, members, reports, task }
    }

    /// The addresses that services have, as the node is told.
    fn addresses(&self) -> BTreeSet<String> {
        let intent = self.intents.borrow();
        let assigned = intent.services.values().filter_map(|service| service.assignment.as_ref());
        let addresses = assigned.flat_map(|assignment| &assignment.addresses);
        addresses.map(|(address, _)| address.to_string()).collect()
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(super) fn node(name: &str, ready: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"conditions": [{"type": "Ready", "status": ready}]},
    })
}

/// What is known outlives the speaker from now on.
async fn written_down(state: &Path) {
    eventually("what is known to be written down", || {
        std::fs::read_dir(state).unwrap().any(|file| {
            let name = file.unwrap().file_name().to_string_lossy().into_owned();
            name.starts_with("manifests.") && name.ends_with(".json")
        })
    })
    .await;
}

async fn server() -> Server {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.99"));
    let all = json!({"metadata": {"name": "all", "namespace": NAMESPACE}, "spec": {}});
    server.put("l2advertisements", all);
    server.put("nodes", node("node-a", "True"));
    server.put("nodes", node("node-b", "False"));
    server.put("services", served("web", "192.0.2.10"));
    server
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[tokio::test]
async fn what_the_cluster_asks_for_is_what_the_node_is_told_and_so_are_its_changes() {
    let (server, state) = (server().await, tempfile::tempdir().unwrap());
    let speaker = Speaker::start(&server, state.path());
    eventually("an intent", || speaker.addresses() == set(["192.0.2.10"])).await;
    assert_eq!(*speaker.members.borrow(), [NodeName::new("node-a")].into(), "those that are ready");
    server.put("services", served("more", "192.0.2.11"));
    eventually("a change", || speaker.addresses() == set(["192.0.2.10", "192.0.2.11"])).await;
    server.delete("services", "default", "web");
    eventually("another", || speaker.addresses() == set(["192.0.2.11"])).await;
    server.put("nodes", node("node-b", "True"));
    eventually("a node", || speaker.members.borrow().len() == 2).await;
}

#[tokio::test]
async fn nothing_is_withdrawn_while_the_server_is_away_nor_after_a_restart_meanwhile() {
    let (server, state) = (server().await, tempfile::tempdir().unwrap());
    let speaker = Speaker::start(&server, state.path());
    eventually("an intent", || speaker.addresses() == set(["192.0.2.10"])).await;
    written_down(state.path()).await;
    server.script(|_| Some(Fault::Status(503, None)));
    server.cut_watches();
    a_while().await;
    assert_eq!(speaker.addresses(), set(["192.0.2.10"]));
    drop(speaker);

    let again = Speaker::start(&server, state.path());
    eventually("what was known before", || again.addresses() == set(["192.0.2.10"])).await;
    a_while().await;
    assert_eq!(again.addresses(), set(["192.0.2.10"]), "and it stays");
    server.put("services", served("more", "192.0.2.11"));
    server.no_script();
    eventually("what came meanwhile", || again.addresses() == set(["192.0.2.10", "192.0.2.11"]))
        .await;
}

#[tokio::test]
async fn a_service_that_leaves_the_selector_is_withdrawn_and_comes_back_with_it() {
    let (server, state) = (server().await, tempfile::tempdir().unwrap());
    let speaker = Speaker::start(&server, state.path());
    eventually("the address", || speaker.addresses() == set(["192.0.2.10"])).await;
    // The watch calls it deleted, though it is there; its addresses are still in what it was last.
    let mut web = server.get("services", "default", "web").unwrap();
    web["spec"]["type"] = json!("ClusterIP");
    server.put("services", web.clone());
    eventually("nothing", || speaker.addresses().is_empty()).await;
    web["spec"]["type"] = json!("LoadBalancer");
    server.put("services", web);
    eventually("the address", || speaker.addresses() == set(["192.0.2.10"])).await;
}

#[tokio::test]
async fn half_of_the_lists_are_no_reason_to_withdraw_anything() {
    let (server, state) = (server().await, tempfile::tempdir().unwrap());
    let speaker = Speaker::start(&server, state.path());
    eventually("an intent", || speaker.addresses() == set(["192.0.2.10"])).await;
    written_down(state.path()).await;
    drop(speaker);
    let opened = Arc::new(Mutex::new(false));
    let open = Arc::clone(&opened);
    server.script(move |asked| {
        let shut = asked.path.ends_with("/services") && !*open.lock().unwrap();
        shut.then_some(Fault::Status(503, None))
    });
    let again = Speaker::start(&server, state.path());
    eventually("what was known before", || again.addresses() == set(["192.0.2.10"])).await;
    a_while().await;
    assert_eq!(again.addresses(), set(["192.0.2.10"]));
    *opened.lock().unwrap() = true;
    server.delete("services", "default", "web");
    eventually("the whole truth", || again.addresses().is_empty()).await;
}

#[tokio::test]
async fn an_address_that_is_announced_here_is_told_once_also_after_a_restart() {
    let (server, state) = (server().await, tempfile::tempdir().unwrap());
    let announcing = || {
        let unit = Unit { segment: Segment::new("lan"), address: "192.0.2.10".parse().unwrap() };
        let links = [LinkName::new("eth0")].into();
        let services = [Owner::new("default", "web")].into();
        let mut report = Report::default();
        report.announcing.insert(unit, Announcement { links, services });
        Arc::new(report)
    };
    let speaker = Speaker::start(&server, state.path());
    eventually("an intent", || !speaker.addresses().is_empty()).await;
    speaker.reports.send_replace(announcing());
    eventually("an event", || server.all("events").len() == 1).await;
    let event = server.all("events").remove(0);
    assert_eq!(event["reason"], "nodeAssigned");
    assert_eq!(event["regarding"]["uid"], "uid-default-web");
    assert!(event["note"].as_str().unwrap().contains("node-a"), "{event}");
    drop(speaker);
    let again = Speaker::start(&server, state.path());
    eventually("an intent", || !again.addresses().is_empty()).await;
    again.reports.send_replace(announcing());
    a_while().await;
    assert_eq!(server.all("events").len(), 1, "it was told before");
}
