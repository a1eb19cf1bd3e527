//! What goes wrong with API servers, one test each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use hyper::Method;
use serde_json::json;
use tokio::sync::Notify;

use super::{
    server::{Fault, Server},
    world::{Controller, a_while, addresses, eventually, lease_of, pool, served, service},
};

async fn with_pool() -> Server {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.99"));
    server
}

#[tokio::test]
async fn nothing_is_given_before_every_list_is_in() {
    let server = with_pool().await;
    server.put("services", service("new"));
    server.put("services", served("old", "192.0.2.10"));
    server.script(|asked| {
        let slow = asked.path.ends_with("/services") && !asked.is_watch();
        slow.then_some(Fault::Slow(Duration::from_secs(1)))
    });
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "new") == ["192.0.2.11"]).await;
    assert_eq!(server.service_writes().len(), 1);
}

#[tokio::test]
async fn a_server_that_asks_for_fewer_writes_is_obeyed_and_every_service_is_served() {
    let server = with_pool().await;
    for number in 0..20 {
        server.put("services", service(&format!("s{number:02}")));
    }
    let refused = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&refused);
    server.script(move |asked| {
        let write = asked.method == Method::PATCH;
        (write && count.fetch_add(1, Ordering::Relaxed) < 8).then_some(Fault::Status(429, Some(1)))
    });
    let _controller = Controller::start(&server, "a");
    eventually("addresses", || {
        (0..20).all(|n| !addresses(&server, &format!("s{n:02}")).is_empty())
    })
    .await;
    assert!(refused.load(Ordering::Relaxed) >= 8);
    assert!(server.service_writes().len() <= 20 + 16, "the refused ones, once more each");
}

#[tokio::test]
async fn a_service_that_changed_meanwhile_is_read_again_and_not_overwritten() {
    let server = with_pool().await;
    let writer = server.clone();
    let once = AtomicU32::new(0);
    server.script(move |asked| {
        if asked.method == Method::PATCH && once.fetch_add(1, Ordering::Relaxed) == 0 {
            // Just before the write arrives, somebody asks for another address.
            let server = writer.clone();
            std::thread::spawn(move || {
                let mut web = server.get("services", "default", "web").unwrap();
                web["spec"]["loadBalancerIP"] = json!("192.0.2.50");
                server.put("services", web);
            });
            return Some(Fault::Slow(Duration::from_millis(300)));
        }
        None
    });
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    eventually("the address asked for", || addresses(&server, "web") == ["192.0.2.50"]).await;
    a_while().await;
    assert_eq!(server.service_writes().len(), 2);
}

#[tokio::test]
async fn one_watch_that_fails_holds_up_no_other() {
    let server = with_pool().await;
    let _controller = Controller::start(&server, "a");
    server.script(|asked| {
        (asked.path.ends_with("/namespaces") || asked.path.ends_with("/ipaddresspools"))
            .then_some(Fault::Status(500, None))
    });
    // The namespaces cannot even be listed again; they are known from before.
    eventually("the first lists", || {
        server.asked().iter().any(|asked| asked.path.ends_with("/services") && asked.is_watch())
    })
    .await;
    server.no_script();
    server.put("services", service("first"));
    eventually("an address", || !addresses(&server, "first").is_empty()).await;
    server.script(|asked| {
        (asked.path.ends_with("/namespaces") || asked.path.ends_with("/ipaddresspools"))
            .then_some(Fault::Status(500, None))
    });
    server.put("services", service("second"));
    eventually("an address", || !addresses(&server, "second").is_empty()).await;
}

#[tokio::test]
async fn who_cannot_renew_writes_nothing_after_its_lease() {
    let server = with_pool().await;
    let _controller = Controller::with_short_lease(&server, "a");
    server.put("services", service("first"));
    eventually("an address", || !addresses(&server, "first").is_empty()).await;
    // Renewals get no answer, and no error: a client that waits would wait for ever.
    server.script(|asked| asked.path.contains("/leases").then_some(Fault::Hang));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    server.put("services", service("second"));
    a_while().await;
    assert!(addresses(&server, "second").is_empty());
    server.no_script();
    eventually("an address", || !addresses(&server, "second").is_empty()).await;
}

#[tokio::test]
async fn a_write_from_before_the_end_of_a_lease_is_refused_after_the_next_holder_wrote() {
    let server = with_pool().await;
    let (gate, held_back) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (late, count) = (Arc::clone(&gate), Arc::clone(&held_back));
    server.script(move |asked| {
        let first = asked.method == Method::PATCH && count.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| Fault::Late(Arc::clone(&late)))
    });
    server.put("services", service("web"));
    let first = Controller::with_short_lease(&server, "a");
    eventually("a write under way", || held_back.load(Ordering::Relaxed) > 0).await;
    first.kill();
    server.put("services", served("other", "192.0.2.10"));
    let _second = Controller::with_short_lease(&server, "b");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.11"]).await;
    gate.notify_one();
    eventually("the late write", || server.late() == [409]).await;
    assert_eq!(addresses(&server, "web"), ["192.0.2.11"], "it changed nothing");
    let writes = server.service_writes();
    assert_eq!(writes.len(), 3, "the late one, a fence, and the address");
    assert!(writes[1].body["status"].is_null(), "{}", writes[1].body);
    let fence = &writes[1].body["metadata"];
    let version = fence["resourceVersion"].as_str().unwrap();
    assert_eq!(fence["annotations"]["vipcast.io/fenced-by"], format!("1-{version}"));
    let web = server.get("services", "default", "web").unwrap();
    let annotations = web["metadata"]["annotations"].as_object().unwrap();
    assert!(!annotations.contains_key("vipcast.io/fenced-by"), "it does not stay");
}

#[tokio::test]
async fn a_container_that_is_started_anew_fences_what_it_wrote_before() {
    let server = with_pool().await;
    let (gate, held_back) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (late, count) = (Arc::clone(&gate), Arc::clone(&held_back));
    server.script(move |asked| {
        let first = asked.method == Method::PATCH && count.fetch_add(1, Ordering::Relaxed) == 0;
        first.then(|| Fault::Late(Arc::clone(&late)))
    });
    // With what a fence of the same tenure left there.
    let mut web = service("web");
    web["metadata"]["annotations"] = json!({"vipcast.io/fenced-by": "0"});
    server.put("services", web);
    let first = Controller::start(&server, "a");
    eventually("a write under way", || held_back.load(Ordering::Relaxed) > 0).await;
    first.kill();
    let before = server.get("services", "default", "web").unwrap();
    let _again = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
    let writes = server.service_writes();
    assert_eq!(writes.len(), 3, "the late one, a fence, and the address");
    assert!(writes[1].body["status"].is_null(), "{}", writes[1].body);
    let fence = &writes[1].body["metadata"]["annotations"]["vipcast.io/fenced-by"];
    assert_ne!(*fence, before["metadata"]["annotations"]["vipcast.io/fenced-by"]);
    gate.notify_one();
    eventually("the late write", || server.late() == [409]).await;
}

#[tokio::test]
async fn a_service_that_goes_before_it_is_fenced_holds_up_no_other() {
    let server = with_pool().await;
    server.put("leases", lease_of("a"));
    server.put("services", service("gone"));
    server.put("services", service("web"));
    server.script(|asked| {
        let fence = asked.method == Method::PATCH && asked.path.contains("/gone/");
        fence.then_some(Fault::Status(500, None))
    });
    let _controller = Controller::start(&server, "a");
    eventually("an attempt", || {
        server.service_writes().iter().any(|write| write.path.contains("/gone/"))
    })
    .await;
    server.delete("services", "default", "gone");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
}

#[tokio::test]
async fn an_answer_that_comes_after_the_deletion_does_not_bring_the_service_back() {
    let server = with_pool().await;
    let gate = Arc::new(Notify::new());
    let late = Arc::clone(&gate);
    server.script(move |asked| {
        let write = asked.method == Method::PATCH && asked.path.contains("/web/");
        write.then(|| Fault::LateAnswer(Arc::clone(&late)))
    });
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
    server.delete("services", "default", "web");
    // What comes after the deletion in the watch is served: the deletion was seen.
    let mut marker = service("marker");
    marker["spec"]["loadBalancerIP"] = json!("192.0.2.50");
    server.put("services", marker);
    eventually("an address", || !addresses(&server, "marker").is_empty()).await;
    gate.notify_one();
    a_while().await;
    server.put("services", service("next"));
    eventually("an address", || !addresses(&server, "next").is_empty()).await;
    assert_eq!(addresses(&server, "next"), ["192.0.2.10"], "nobody has it");
}

#[tokio::test]
async fn marks_that_could_not_be_taken_off_are_tried_again() {
    let server = with_pool().await;
    let _controller = Controller::start(&server, "a");
    server.put("services", service("web"));
    eventually("an address", || !addresses(&server, "web").is_empty()).await;
    let once = AtomicU32::new(0);
    server.script(move |asked| {
        let look = asked.method == Method::GET && asked.path.ends_with("/services/web");
        (look && once.fetch_add(1, Ordering::Relaxed) == 0).then_some(Fault::Status(500, None))
    });
    let mut web = server.get("services", "default", "web").unwrap();
    web["spec"]["type"] = json!("ClusterIP");
    web["status"]["loadBalancer"] = json!({});
    server.put("services", web);
    eventually("no marks", || {
        let web = server.get("services", "default", "web").unwrap();
        web["metadata"]["annotations"].as_object().unwrap().is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_service_that_may_not_be_written_holds_up_the_others_for_a_moment_and_says_why() {
    let server = with_pool().await;
    server.put("leases", lease_of("a"));
    server.put("services", service("guarded"));
    server.put("services", service("web"));
    server.script(|asked| {
        let write = asked.method == Method::PATCH && asked.path.contains("/guarded/");
        write.then_some(Fault::Status(403, None))
    });
    let controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.11"]).await;
    let writes = server.service_writes();
    let of = |name: &str| writes.iter().filter(|w| w.path.contains(name)).collect::<Vec<_>>();
    assert!(of("/guarded/").len() >= 3, "it is tried some times");
    assert!(of("/guarded/").iter().all(|write| write.body["status"].is_null()), "and not written");
    eventually("the reason", || {
        let (status, text) = controller.health.answer("/readyz");
        status == 200 && text.contains("1 cannot be guarded, as default/guarded")
    })
    .await;
    // Once it may be written it is fenced, and then served.
    server.no_script();
    eventually("an address", || addresses(&server, "guarded") == ["192.0.2.10"]).await;
    let guarded = server.get("services", "default", "guarded").unwrap();
    assert!(guarded["metadata"]["annotations"]["vipcast.io/fenced-by"].is_null());
}

#[tokio::test]
async fn who_undoes_our_writes_is_not_fought_and_is_told_of() {
    let server = with_pool().await;
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    let rival = server.clone();
    let undoing = tokio::spawn(async move {
        loop {
            if addresses(&rival, "web") == ["192.0.2.10"] {
                let mut web = rival.get("services", "default", "web").unwrap();
                web["status"]["loadBalancer"] = json!({"ingress": [{"ip": "203.0.113.9"}]});
                rival.put("services", web);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    eventually("an event", || {
        server.all("events").iter().any(|event| event["reason"] == "StatusOverwritten")
    })
    .await;
    let writes = server.service_writes().len();
    assert!((3..=4).contains(&writes), "{writes} writes: after 0, 1, 3 and 7 seconds");
    server.put("services", service("other"));
    eventually("an address", || !addresses(&server, "other").is_empty()).await;
    undoing.abort();
}

#[tokio::test]
async fn a_controller_without_its_lease_is_not_ready_and_says_what_to_do() {
    let server = with_pool().await;
    // As the shipped role has it: a Lease may be changed, and none made.
    server.script(|asked| {
        let make = asked.method == Method::POST && asked.path.contains("/leases");
        make.then_some(Fault::Status(403, None))
    });
    let controller = Controller::start(&server, "a");
    eventually("the reason", || {
        let (status, text) = controller.health.answer("/readyz");
        status == 503 && text.contains("there is no Lease metallb-system/vipcast-controller")
    })
    .await;
    server.put(
        "leases",
        json!({"metadata": {"name": "vipcast-controller", "namespace": "metallb-system"}}),
    );
    eventually("its hold", || controller.health.answer("/readyz").1.starts_with("assigning")).await;
}

#[tokio::test]
async fn a_service_that_cannot_be_read_keeps_what_it_has_and_is_told_of_once() {
    let server = with_pool().await;
    let mut odd = served("odd", "192.0.2.10");
    odd["spec"]["ports"] = json!("many");
    server.put("services", odd);
    server.put("services", service("new"));
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "new") == ["192.0.2.11"]).await;
    eventually("a condition", || {
        let odd = server.get("services", "default", "odd").unwrap();
        odd["status"]["conditions"][0]["reason"] == "LoadBalancerFailed"
    })
    .await;
    a_while().await;
    assert_eq!(addresses(&server, "odd"), ["192.0.2.10"]);
    assert_eq!(server.service_writes().len(), 2, "one for each");
}
