//! A controller is killed at every one of its steps: each request that it makes from its start until it
//! is at rest, not arrived, not answered, and arriving after the next one has done its work.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{sync::Notify, task::JoinSet, time::timeout};

use super::{
    server::{Fault, Server},
    world::{Controller, addresses, eventually, pool, served, service},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// The request never arrives.
    Lost,
    /// It is served, and the answer never comes.
    Unanswered,
    /// It arrives once the next controller has done all that there was to do.
    Late,
}

/// Services that have an address, want any, want a certain one, and change what they want.
const SERVICES: [&str; 6] = ["has", "new-a", "new-b", "new-c", "wants", "wishes-anew"];

async fn server() -> Server {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.15"));
    server.put("services", served("has", "192.0.2.10"));
    for name in ["new-a", "new-b", "new-c"] {
        server.put("services", service(name));
    }
    let mut wants = service("wants");
    wants["spec"]["loadBalancerIP"] = json!("192.0.2.11");
    wants["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    server.put("services", wants);
    let mut anew = served("wishes-anew", "192.0.2.12");
    // What it gives back is given to another at once.
    anew["spec"]["loadBalancerIP"] = json!("192.0.2.15");
    anew["metadata"]["creationTimestamp"] = json!("2025-01-01T00:00:00Z");
    server.put("services", anew);
    server
}

fn all_served(server: &Server) -> bool {
    SERVICES.iter().all(|name| addresses(server, name).len() == 1)
        && addresses(server, "wishes-anew") == ["192.0.2.15"]
}

/// Kills the controller at its request number `step`; false where it makes so many no more.
async fn killed(step: u32, how: How) -> bool {
    let server = server().await;
    let (count, reached) = (AtomicU32::new(0), Arc::new(Notify::new()));
    let (gate, hit, late) =
        (Arc::new(Notify::new()), Arc::clone(&reached), Arc::new(Notify::new()));
    let (held, released) = (Arc::clone(&gate), Arc::clone(&late));
    server.script(move |asked| {
        if asked.is_watch() || count.fetch_add(1, Ordering::Relaxed) != step {
            return None;
        }
        hit.notify_one();
        Some(match how {
            How::Lost => Fault::Hang,
            How::Unanswered => Fault::LateAnswer(Arc::clone(&held)),
            How::Late => Fault::Late(Arc::clone(&released)),
        })
    });
    let first = Controller::start(&server, "a");
    let is_reached = async {
        tokio::select! {
            () = reached.notified() => true,
            () = async {
                eventually("all served", || all_served(&server)).await;
                // Its events are the last of its requests.
                tokio::time::sleep(Duration::from_secs(1)).await;
            } => false,
        }
    };
    let is_reached = timeout(Duration::from_secs(90), is_reached).await.expect("it ends");
    if is_reached {
        // What was asked beside it may be on its way as well.
        tokio::time::sleep(Duration::from_millis(u64::from(step % 3) * 5)).await;
    }
    first.kill();
    server.no_script();
    let _next = Controller::start(&server, "a");
    eventually("all served", || all_served(&server)).await;
    late.notify_one();
    tokio::time::sleep(Duration::from_millis(100)).await;
    eventually("all served", || all_served(&server)).await;
    check(&server, step, how);
    is_reached
}

/// Nobody ever had what another had at that time, and nobody lost what it had but who wished to.
fn check(server: &Server, step: u32, how: How) {
    let mut have: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for service in server.history("services") {
        let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let ingress = service["status"]["loadBalancer"]["ingress"].as_array().cloned();
        let now: Vec<String> = ingress
            .into_iter()
            .flatten()
            .map(|entry| entry["ip"].as_str().unwrap_or_default().to_owned())
            .collect();
        let before = have.insert(name.clone(), now.clone()).unwrap_or_default();
        let kept = before.iter().all(|address| now.contains(address));
        assert!(
            kept || name == "wishes-anew",
            "{how:?} {step}: {name} had {before:?}, has {now:?}"
        );
        let all: Vec<&String> = have.values().flatten().collect();
        let different: BTreeSet<&String> = all.iter().copied().collect();
        assert_eq!(all.len(), different.len(), "{how:?} {step}: double: {have:?}");
    }
    assert_eq!(have.values().flatten().count(), SERVICES.len());
    let fenced: Vec<Value> = server
        .all("services")
        .into_iter()
        .filter(|service| !service["metadata"]["annotations"]["vipcast.io/fenced-by"].is_null())
        .collect();
    assert!(fenced.is_empty(), "{how:?} {step}: a fence stays behind: {fenced:?}");
}

#[tokio::test]
async fn at_none_of_its_steps_does_a_killed_controller_leave_an_address_double_or_lost() {
    const ENOUGH: u32 = 40;
    let mut reached = BTreeMap::new();
    for how in [How::Lost, How::Unanswered, How::Late] {
        let mut step = 0;
        let mut steps = 0;
        while steps == step {
            let mut together = JoinSet::new();
            for at in step..step + 8 {
                together.spawn(killed(at, how));
            }
            while let Some(one) = together.join_next().await {
                steps += u32::from(one.unwrap());
            }
            step += 8;
            assert!(step < ENOUGH, "it comes to no rest");
        }
        reached.insert(format!("{how:?}"), steps);
    }
    // The Lease read and written, three lists, five writes and their events.
    assert!(reached.values().all(|steps| *steps >= 10), "{reached:?}");
}

#[tokio::test]
async fn the_scenario_has_all_kinds_of_steps() {
    let server = server().await;
    let _controller = Controller::start(&server, "a");
    eventually("all served", || all_served(&server)).await;
    eventually("events", || server.all("events").len() >= 5).await;
    let methods: BTreeSet<String> =
        server.asked().iter().map(|asked| asked.method.to_string()).collect();
    assert_eq!(methods, ["GET", "PATCH", "POST"].map(str::to_owned).into());
    let writes = server.service_writes().len();
    assert_eq!(writes, 5);
}
