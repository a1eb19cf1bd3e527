//! What is told of the configuration, and how often.

use hyper::Method;
use serde_json::{Value, json};

use super::{
    server::Server,
    speaker::{Speaker, node},
    world::{Controller, NAMESPACE, a_while, addresses, eventually, pool, service},
};

const STATES: &str = "configurationstates";

fn result(server: &Server, name: &str) -> Option<String> {
    let state = server.get(STATES, NAMESPACE, name)?;
    state["status"]["result"].as_str().map(str::to_owned)
}

fn writes(server: &Server) -> Vec<Method> {
    let asked = server.asked().into_iter().filter(|asked| asked.path.contains(STATES));
    asked.map(|asked| asked.method).filter(|method| *method != Method::GET).collect()
}

async fn becomes(server: &Server, name: &str, wanted: &str) -> Value {
    eventually(wanted, || result(server, name).as_deref() == Some(wanted)).await;
    server.get(STATES, NAMESPACE, name).unwrap()
}

#[tokio::test]
async fn a_broken_pool_is_told_with_its_reason_until_it_is_mended_and_services_cost_nothing() {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.20"));
    let controller = Controller::start(&server, "a");
    let state = becomes(&server, "controller", "Valid").await;
    assert_eq!(state["metadata"]["labels"], json!({"metallb.io/component-type": "controller"}));
    assert_eq!(state["status"]["conditions"][0]["type"], "poolReconcilerValid");

    server.put("ipaddresspools", pool("broken", "192.0.2.0/33"));
    let state = becomes(&server, "controller", "Invalid").await;
    let summary = state["status"]["errorSummary"].as_str().unwrap();
    assert!(summary.starts_with("IPAddressPool metallb-system/broken: "), "{summary}");
    assert!(summary.contains("192.0.2.0/33"), "{summary}");
    let condition = &state["status"]["conditions"][0];
    assert_eq!(
        (&condition["status"], &condition["reason"]),
        (&"False".into(), &"ConfigurationError".into())
    );

    server.put("ipaddresspools", pool("broken", "198.51.100.0/24"));
    let state = becomes(&server, "controller", "Valid").await;
    assert_eq!(state["status"]["errorSummary"], Value::Null);

    let expected = [Method::POST, Method::PATCH, Method::PATCH, Method::PATCH];
    assert_eq!(writes(&server), expected);
    server.put("services", service("web"));
    eventually("an address", || !addresses(&server, "web").is_empty()).await;
    controller.stop().await;
    let _again = Controller::start(&server, "a");
    server.put("services", service("more"));
    eventually("an address", || !addresses(&server, "more").is_empty()).await;
    a_while().await;
    assert_eq!(writes(&server), expected, "neither services nor a restart cost a write");
}

#[tokio::test]
async fn the_state_of_a_speaker_belongs_to_its_node_and_is_made_again_where_it_is_missing() {
    let (server, folder) = (Server::start().await, tempfile::tempdir().unwrap());
    server.put("nodes", node("node-a", "True"));
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.20"));
    let _speaker = Speaker::start(&server, folder.path());
    let state = becomes(&server, "speaker-node-a", "Valid").await;
    let labels = json!({
        "metallb.io/component-type": "speaker", "metallb.io/node-name": "node-a",
    });
    assert_eq!(state["metadata"]["labels"], labels);
    let owner = &state["metadata"]["ownerReferences"][0];
    let uid = &server.get("nodes", "", "node-a").unwrap()["metadata"]["uid"];
    assert_eq!((&owner["kind"], &owner["uid"]), (&"Node".into(), uid));
    assert_eq!(state["status"]["conditions"][0]["type"], "configReconcilerValid");

    server.delete(STATES, NAMESPACE, "speaker-node-a");
    server.put("ipaddresspools", pool("broken", "192.0.2.0/33"));
    becomes(&server, "speaker-node-a", "Invalid").await;
    let expected = [Method::POST, Method::PATCH, Method::POST, Method::PATCH];
    assert_eq!(writes(&server), expected);
}
