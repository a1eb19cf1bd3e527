//! `vipcast controller` before a real API server, under its own service account.

use std::{
    collections::BTreeSet,
    fs,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use vipcast_lab::{
    harness::{Test, TestResult, test},
    kube::{Audit, NAMESPACE, SERVICES, addresses, service_writes},
    vipcast,
};

use crate::rights::rights;
use crate::support::{LIMIT, create_service, eventually, install, workspace};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "the definitions in deploy are those that vipcast prints",
            the_definitions_are_those_that_vipcast_prints,
        ),
        test(
            "the quick start gets its addresses, with the rights that it uses and no more",
            the_quick_start_gets_its_addresses,
        )
        .needs_root(),
        test(
            "one controller acts, another takes over, and nobody's address moves",
            another_controller_takes_over,
        )
        .needs_root(),
        test(
            "a controller that is killed in the midst of its work gives no address twice",
            killed_in_the_midst,
        )
        .needs_root(),
        test("one invalid object costs only itself, also after a restart", one_invalid_object)
            .needs_root(),
        test(
            "at rest, at a deletion, at a pool and at a restart nothing needless is written",
            nothing_needless_is_written,
        )
        .needs_root(),
    ]
}

fn the_definitions_are_those_that_vipcast_prints() -> TestResult {
    let printed = Command::new(vipcast()?).arg("crds").output()?;
    let kept = fs::read_to_string(workspace()?.join("deploy/crds/metallb.io.yaml"))?;
    let printed = String::from_utf8(printed.stdout)?;
    assert!(kept == printed, "run `vipcast crds > deploy/crds/metallb.io.yaml`");
    Ok(())
}

fn the_quick_start_gets_its_addresses() -> TestResult {
    let cluster = install("quick start", 1, false)?;
    let folder = workspace()?;
    cluster.plane.kubectl(&folder, &["apply", "--validate=strict", "-f", "examples/quickstart"])?;
    for (service, expected) in [
        ("nginx", &["172.18.0.10"][..]),
        ("nginx-fixed", &["172.18.0.20"]),
        ("nginx-dual", &["172.18.0.40", "fd18::1:1"]),
    ] {
        assert_eq!(cluster.wait_for_addresses(service)?, expected, "{service}");
    }
    eventually("the event that says so", || {
        let of_nginx = ["get", "events", "--field-selector", "involvedObject.name=nginx"];
        let events = cluster.plane.kubectl(&folder, &of_nginx)?;
        if events.contains("IPAllocated") { Ok(()) } else { Err(events.into()) }
    })?;

    // One that is no load balancer any more loses its marks; one that is again gets an address.
    cluster.api().merge(&format!("{SERVICES}/nginx"), &json!({"spec": {"type": "ClusterIP"}}))?;
    cluster.api().wait_for(&format!("{SERVICES}/nginx"), LIMIT, "no mark of ours", |service| {
        let conditions = service["status"]["conditions"].as_array().map_or(0, Vec::len);
        let annotations = service["metadata"]["annotations"].as_object().into_iter().flatten();
        let ours = annotations.filter(|(name, _)| name.starts_with("metallb.io/ip-allocated"));
        addresses(service).is_empty() && conditions == 0 && ours.count() == 0
    })?;
    cluster
        .api()
        .merge(&format!("{SERVICES}/nginx"), &json!({"spec": {"type": "LoadBalancer"}}))?;
    assert_eq!(cluster.wait_for_addresses("nginx")?, ["172.18.0.10"]);

    // Both probes mean what they say, and the standby is ready too.
    for pod in cluster.controllers()? {
        assert!(cluster.probe(NAMESPACE, &pod, "livenessProbe"), "{pod}");
    }
    rights(&cluster, "controller", "vipcast-controller")
}

fn another_controller_takes_over() -> TestResult {
    let cluster = install("two controllers", 2, false)?;
    cluster.create_pool("pool", &["172.18.0.10-172.18.0.99"])?;
    // Once one has its address, the holder knows the pool too.
    create_service(&cluster, "known", &json!({"type": "LoadBalancer"}))?;
    cluster.wait_for_addresses("known")?;
    let audit = cluster.audit().from_now()?;
    for number in 0..10 {
        create_service(&cluster, &format!("first-{number}"), &json!({"type": "LoadBalancer"}))?;
    }
    for number in 0..10 {
        cluster.wait_for_addresses(&format!("first-{number}"))?;
    }
    assert_eq!(service_writes(&audit)?, 10, "{:#?}", audit.writes()?);
    let before = cluster.all_addresses()?;

    let first = cluster.holder("")?;
    let audit = audit.from_now()?;
    cluster.process(NAMESPACE, &first)?.kill()?;
    create_service(&cluster, "second", &json!({"type": "LoadBalancer"}))?;
    let start = Instant::now();
    let second = cluster.holder(&first)?;
    cluster.wait_for_addresses("second")?;
    println!("{second} took over after {:.1?}", start.elapsed());
    for_a_new_holder(&audit)?;

    // The first comes back and stands by; told to end, the second gives the Lease up at once.
    cluster.restart(NAMESPACE, &first)?;
    cluster.controllers()?;
    assert_eq!(cluster.holder("")?, second);
    let start = Instant::now();
    cluster.process(NAMESPACE, &second)?.terminate()?;
    assert_eq!(cluster.holder(&second)?, first);
    println!("{first} was given the Lease after {:.1?}", start.elapsed());
    let audit = audit.from_now()?;
    create_service(&cluster, "third", &json!({"type": "LoadBalancer"}))?;
    cluster.wait_for_addresses("third")?;
    // Who gave the Lease up has nothing under way: there is nothing to fence off.
    assert_eq!(service_writes(&audit)?, 1, "{:#?}", audit.writes()?);
    let after = cluster.all_addresses()?;
    assert!(after.is_superset(&before) && after.len() == 13, "{before:?} {after:?}");
    Ok(())
}

/// A service that came before a holder took the Lease of a dead one costs it two writes: what that one
/// may still have under way is fenced off before the address is given.
fn for_a_new_holder(audit: &Audit) -> TestResult {
    let writes = service_writes(audit)?;
    assert!((1..=2).contains(&writes), "{:#?}", audit.writes()?);
    Ok(())
}

fn killed_in_the_midst() -> TestResult {
    const COUNT: usize = 300;
    const KILLS: usize = 6;
    let cluster = install("killed", 1, false)?;
    let controller = cluster.one_controller()?;
    cluster.create_many(0..COUNT)?;
    let watch = cluster.api().watch(SERVICES);
    cluster.create_pool("pool", &["172.18.16.0/20"])?;
    let mut before = BTreeSet::new();
    for kill in 0..KILLS {
        // In the midst: some more have their addresses, and others wait.
        let enough = before.len() + 10;
        let mut seen = before.clone();
        while seen.len() < enough {
            let (_, service) = watch.next(LIMIT).ok_or("nobody is served any more")?;
            seen.extend(addresses(&service));
        }
        cluster.process(NAMESPACE, &controller)?.kill()?;
        let after = cluster.all_addresses()?;
        assert!(after.is_superset(&before), "lost: {:?}", before.difference(&after));
        println!("kill {kill}: {} of {COUNT} were served", after.len());
        assert!(after.len() >= enough, "{} are served", after.len());
        before = after;
        cluster.restart(NAMESPACE, &controller)?;
        if before.len() == COUNT {
            // This test is slower than the controller today.
            assert!(kill > 0, "not killed in the midst of its work");
            break;
        }
    }
    cluster.wait_for_many(COUNT)?;
    let after = cluster.all_addresses()?;
    assert!(after.is_superset(&before), "lost: {:?}", before.difference(&after));
    Ok(())
}

fn one_invalid_object() -> TestResult {
    let cluster = install("invalid", 1, false)?;
    let controller = cluster.one_controller()?;
    cluster.create_pool("broken", &["172.18.0.9-172.18.0.1"])?;
    cluster.create_pool("pool", &["172.18.0.10-172.18.0.99"])?;
    let wrong = json!({"type": "LoadBalancer", "loadBalancerIP": "203.0.113.1"});
    create_service(&cluster, "wrong", &wrong)?;
    create_service(&cluster, "right", &json!({"type": "LoadBalancer"}))?;
    let right = cluster.wait_for_addresses("right")?;

    cluster.restart(NAMESPACE, &controller)?;
    create_service(&cluster, "later", &json!({"type": "LoadBalancer"}))?;
    cluster.wait_for_addresses("later")?;
    assert_eq!(cluster.wait_for_addresses("right")?, right);
    let wrong = format!("{SERVICES}/wrong");
    let wrong = cluster.api().wait_for(&wrong, LIMIT, "the reason why not", |service| {
        let mut conditions = service["status"]["conditions"].as_array().into_iter().flatten();
        conditions.any(|condition| condition["status"] == "False")
    })?;
    assert!(addresses(&wrong).is_empty(), "{wrong:#}");
    Ok(())
}

fn nothing_needless_is_written() -> TestResult {
    const COUNT: usize = 1000;
    /// What is not written by now is not going to be.
    const REST: Duration = Duration::from_secs(3);
    let cluster = install("writes", 1, false)?;
    let controller = cluster.one_controller()?;
    let audit = cluster.audit().from_now()?;
    cluster.create_many(0..COUNT)?;
    cluster.create_pool("pool", &["172.18.16.0/20"])?;
    cluster.wait_for_many(COUNT)?;
    thread::sleep(REST);
    // Those that came before the pool are told so once, and given their address once.
    let writes = service_writes(&audit)?;
    println!("{COUNT} services: {writes} writes");
    assert!(writes <= 2 * COUNT, "{writes} writes for {COUNT} services");

    let audit = audit.from_now()?;
    thread::sleep(REST);
    assert_eq!(service_writes(&audit)?, 0, "at rest: {:#?}", audit.writes()?);
    cluster.api().delete(&format!("{SERVICES}/s-500"))?;
    thread::sleep(REST);
    assert_eq!(service_writes(&audit)?, 0, "at a deletion: {:#?}", audit.writes()?);
    cluster.create_pool("unrelated", &["192.0.2.0/28"])?;
    thread::sleep(REST);
    assert_eq!(service_writes(&audit)?, 0, "at a pool: {:#?}", audit.writes()?);
    create_service(&cluster, "fresh", &json!({"type": "LoadBalancer"}))?;
    let start = Instant::now();
    cluster.wait_for_addresses("fresh")?;
    println!("a new service has its address after {:.0?}", start.elapsed());
    assert_eq!(service_writes(&audit)?, 1, "for a new one: {:#?}", audit.writes()?);

    let before: Value = cluster.api().get(SERVICES)?;
    let audit = audit.from_now()?;
    cluster.restart(NAMESPACE, &controller)?;
    let start = Instant::now();
    create_service(&cluster, "after", &json!({"type": "LoadBalancer"}))?;
    cluster.wait_for_addresses("after")?;
    println!(
        "after a restart with {COUNT} services a new one is served within {:.0?}",
        start.elapsed()
    );
    thread::sleep(REST);
    for_a_new_holder(&audit)?;
    for service in before["items"].as_array().into_iter().flatten() {
        let name = service["metadata"]["name"].as_str().unwrap_or_default();
        let now = cluster.api().get(&format!("{SERVICES}/{name}"))?;
        assert_eq!(
            now["metadata"]["resourceVersion"], service["metadata"]["resourceVersion"],
            "{name}"
        );
    }
    Ok(())
}
