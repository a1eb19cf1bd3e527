//! What the controller writes, and what it does not.

use serde_json::json;

use super::{
    server::Server,
    world::{Controller, a_while, addresses, eventually, pool, served, service},
};

async fn with_pool() -> Server {
    let server = Server::start().await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.99"));
    server
}

#[tokio::test]
async fn a_service_gets_its_address_by_one_write_and_one_event() {
    let server = with_pool().await;
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
    eventually("an event", || server.all("events").len() == 1).await;
    a_while().await;
    assert_eq!(server.service_writes().len(), 1);
    let web = server.get("services", "default", "web").unwrap();
    assert_eq!(web["metadata"]["annotations"]["metallb.io/ip-allocated-from-pool"], "lan");
    assert_eq!(web["status"]["conditions"][0]["type"], "vipcast.io/AddressAssigned");
    let event = &server.all("events")[0];
    assert_eq!((&event["reason"], &event["type"]), (&json!("IPAllocated"), &json!("Normal")));
    assert_eq!(event["regarding"]["name"], "web");
    assert_eq!(event["eventTime"].as_str().unwrap().len(), "2027-01-15T08:00:00.000000Z".len());
}

#[tokio::test]
async fn a_restart_writes_nothing_and_serves_what_is_new() {
    let server = with_pool().await;
    for number in 10..60 {
        server.put("services", served(&format!("s{number}"), &format!("192.0.2.{number}")));
    }
    let controller = Controller::start(&server, "a");
    server.put("services", service("new"));
    eventually("an address", || addresses(&server, "new") == ["192.0.2.60"]).await;
    controller.kill();
    // Under the same name: the lease is its own.
    let _again = Controller::start(&server, "a");
    server.put("services", service("newer"));
    eventually("an address", || addresses(&server, "newer") == ["192.0.2.61"]).await;
    let (fences, writes): (Vec<_>, Vec<_>) =
        server.service_writes().into_iter().partition(|write| write.body["status"].is_null());
    assert_eq!(writes.len(), 2, "one for each new service");
    // It was to be written, if it was there when the lease was taken.
    assert!(fences.iter().all(|fence| fence.path.contains("/newer/")), "{fences:?}");
}

#[tokio::test]
async fn a_deletion_and_an_unrelated_pool_write_nothing() {
    let server = with_pool().await;
    for number in 10..60 {
        server.put("services", served(&format!("s{number}"), &format!("192.0.2.{number}")));
    }
    let _controller = Controller::start(&server, "a");
    server.put("services", service("new"));
    eventually("an address", || !addresses(&server, "new").is_empty()).await;
    server.delete("services", "default", "s30");
    server.put("ipaddresspools", pool("other", "198.51.100.0/24"));
    a_while().await;
    assert_eq!(server.service_writes().len(), 1);
    server.put("services", service("next"));
    eventually("the freed address", || addresses(&server, "next") == ["192.0.2.30"]).await;
    assert_eq!(server.service_writes().len(), 2);
}

#[tokio::test]
async fn what_waits_is_told_and_served_when_a_pool_appears() {
    let server = Server::start().await;
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    eventually("a condition", || {
        let web = server.get("services", "default", "web").unwrap();
        web["status"]["conditions"][0]["reason"] == "AllocationFailed"
    })
    .await;
    server.put("ipaddresspools", pool("lan", "192.0.2.10-192.0.2.99"));
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
    let web = server.get("services", "default", "web").unwrap();
    assert_eq!(web["status"]["conditions"][0]["status"], "True");
}

#[tokio::test]
async fn a_change_of_type_takes_our_marks_off() {
    let server = with_pool().await;
    let _controller = Controller::start(&server, "a");
    server.put("services", service("web"));
    eventually("an address", || !addresses(&server, "web").is_empty()).await;
    // The server clears the addresses, and neither the annotation nor the condition.
    let mut web = server.get("services", "default", "web").unwrap();
    web["spec"]["type"] = json!("ClusterIP");
    web["status"]["loadBalancer"] = json!({});
    web["status"]["conditions"].as_array_mut().unwrap().push(json!({"type": "theirs"}));
    server.put("services", web);
    eventually("no marks", || {
        let web = server.get("services", "default", "web").unwrap();
        let marks = web["metadata"]["annotations"].as_object().unwrap();
        marks.is_empty() && web["status"]["conditions"] == json!([{"type": "theirs"}])
    })
    .await;
    server.put("services", service("next"));
    eventually("the freed address", || addresses(&server, "next") == ["192.0.2.10"]).await;
}

#[tokio::test]
async fn of_two_controllers_one_acts_and_the_other_takes_over_without_a_write() {
    let server = with_pool().await;
    server.put("services", service("web"));
    let first = Controller::start(&server, "a");
    eventually("an address", || !addresses(&server, "web").is_empty()).await;
    let _second = Controller::start(&server, "b");
    server.put("services", service("more"));
    eventually("an address", || !addresses(&server, "more").is_empty()).await;
    a_while().await;
    assert_eq!(server.service_writes().len(), 2);
    first.stop().await;
    server.put("services", service("next"));
    eventually("an address", || addresses(&server, "next") == ["192.0.2.12"]).await;
    assert_eq!(server.service_writes().len(), 3);
    let lease = server.all("leases").remove(0);
    assert_eq!(lease["spec"]["holderIdentity"], "b");
    assert_eq!(lease["spec"]["leaseTransitions"], 1);
}

#[tokio::test]
async fn addresses_are_written_in_their_canonical_form_however_they_were_asked_for() {
    let server = Server::start().await;
    // API servers refuse a mapped address in a status, and one with leading zeros.
    server.put("ipaddresspools", pool("lan", "::ffff:192.0.2.10-::ffff:192.0.2.99"));
    server.put("ipaddresspools", pool("octal", "198.51.100.010-198.51.100.099"));
    server.put("ipaddresspools", pool("long", "2001:db8:0:0:0:0:0:0010/124"));
    let asking = |name: &str, wish: &str| {
        let mut service = service(name);
        service["metadata"]["annotations"] = json!({"metallb.io/loadBalancerIPs": wish});
        service
    };
    server.put("services", asking("mapped", "::ffff:192.0.2.50"));
    server.put("services", asking("zeros", "192.0.2.051"));
    server.put("services", service("any"));
    let mut long = asking("long", "2001:0DB8::0011");
    long["spec"]["clusterIPs"] = json!(["fd00::1"]);
    long["spec"]["ipFamilies"] = json!(["IPv6"]);
    server.put("services", long);
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "mapped") == ["192.0.2.50"]).await;
    eventually("an address", || addresses(&server, "any") == ["192.0.2.10"]).await;
    eventually("an address", || addresses(&server, "long") == ["2001:db8::11"]).await;
    eventually("a refusal", || {
        let zeros = server.get("services", "default", "zeros").unwrap();
        zeros["status"]["conditions"][0]["status"] == "False"
    })
    .await;
    assert!(addresses(&server, "zeros").is_empty());
}

#[tokio::test]
async fn what_happens_again_for_the_same_reason_is_an_event_with_a_text_of_its_own() {
    let server = with_pool().await;
    server.put("services", service("web"));
    let _controller = Controller::start(&server, "a");
    eventually("an address", || addresses(&server, "web") == ["192.0.2.10"]).await;
    let mut web = server.get("services", "default", "web").unwrap();
    web["spec"]["loadBalancerIP"] = json!("192.0.2.50");
    server.put("services", web);
    eventually("the other address", || addresses(&server, "web") == ["192.0.2.50"]).await;
    let told = |address: &str| {
        let events = server.all("events").into_iter();
        let notes = events.filter(|event| event["reason"] == "IPAllocated");
        notes.filter(|event| event["note"].as_str().unwrap_or_default().contains(address)).count()
    };
    eventually("both events", || told("192.0.2.10") == 1 && told("192.0.2.50") == 1).await;
    // An event that was counted up may be gone by then: none is ever changed.
    let events = server.asked().into_iter().filter(|asked| asked.path.ends_with("/events"));
    assert!(events.clone().count() >= 2);
    assert!(events.into_iter().all(|asked| asked.method == hyper::Method::POST));
}
