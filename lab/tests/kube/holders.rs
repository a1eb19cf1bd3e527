//! Two controllers of which one was paused or cut off, and who writes what how often.

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::Duration,
};

use serde_json::json;
use vipcast_lab::{
    Host,
    harness::{Test, TestResult, test},
    kube::{Audit, Call, Installed, NAMESPACE, SERVICES, addresses},
};

use crate::support::{LIMIT, Outcome, create_service, eventually, install, nft};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "a new service costs as many writes with three speakers as with one",
            writes_do_not_grow_with_speakers,
        )
        .needs_root(),
        test(
            "what a paused holder decided is not accepted after another took its lease",
            a_paused_holder,
        )
        .needs_root(),
        test(
            "what a holder sent that was cut off is refused when it arrives after another wrote",
            a_holder_that_was_cut_off,
        )
        .needs_tool("nft")
        .needs_root(),
    ]
}

/// What is not written by now is not going to be.
const REST: Duration = Duration::from_secs(3);
const COUNT: usize = 200;

/// What was written, by whom, and how often.
type Writes = BTreeMap<String, usize>;

/// One event says that it has an address, and one who announces it.
const FOR_A_SERVICE: [(&str, usize); 3] = [
    ("controller: create events.k8s.io/events", 1),
    ("controller: patch services/status", 1),
    ("speaker: create events.k8s.io/events", 1),
];

/// All writes for one new service, but for the Lease's renewals. One whose announcer changes has one
/// event more; a machine may be so busy that a node is taken for dead once, and not three times in a row.
fn writes_for_a_service(nodes: u8) -> Outcome {
    let cluster = install("speakers", nodes, false)?;
    cluster.one_controller()?;
    cluster.create_pool("pool", &["172.18.16.0/20"])?;
    cluster.advertise_all()?;
    // Without pods that could be missing: it is announced.
    let spec = json!({"type": "LoadBalancer", "selector": null});
    create_service(&cluster, "first", &spec)?;
    cluster.wait_for_addresses("first")?;
    thread::sleep(REST);
    let expected: Writes = FOR_A_SERVICE.map(|(call, count)| (call.to_owned(), count)).into();
    let mut all = Vec::new();
    for name in ["second", "third", "fourth"] {
        let audit = cluster.audit().from_now()?;
        create_service(&cluster, name, &spec)?;
        cluster.wait_for_addresses(name)?;
        thread::sleep(REST);
        let writes = counted(&audit)?;
        if writes == expected {
            return Ok(());
        }
        all.push(writes);
    }
    Err(format!("{nodes} speakers: {all:#?}, not {expected:#?}").into())
}

fn counted(audit: &Audit) -> Outcome<Writes> {
    let mut writes = Writes::new();
    for call in audit.writes()?.iter().filter(|call| !call.resource.starts_with("leases")) {
        let account = call.user.rsplit(':').next().unwrap_or_default();
        if call.user.contains(NAMESPACE) {
            *writes.entry(format!("{account}: {}", call.right())).or_default() += 1;
        }
    }
    Ok(writes)
}

fn writes_do_not_grow_with_speakers() -> TestResult {
    writes_for_a_service(1)?;
    writes_for_a_service(3)
}

/// Two controllers with a short lease, the holder's name first.
fn two_controllers(name: &str) -> Outcome<(Installed, String)> {
    let cluster = install(name, 1, false)?;
    // A busy API server takes seconds to answer.
    let both = cluster.shorten_lease(8)?;
    let first = eventually("a holder among the two", || {
        let holder = cluster.holder("")?;
        if both.contains(&holder) { Ok(holder) } else { Err(format!("{holder} holds").into()) }
    })?;
    Ok((cluster, first))
}

/// The writes to services that this pod sent and the server accepted.
fn accepted(audit: &Audit, pod: &str) -> Outcome<Vec<Call>> {
    let calls = audit.writes()?.into_iter();
    Ok(calls
        .filter(|call| call.pod == pod && call.resource.starts_with("services") && call.accepted())
        .collect())
}

fn a_paused_holder() -> TestResult {
    let (cluster, mut holder) = two_controllers("paused")?;
    let watch = cluster.api().watch(SERVICES);
    let mut before = BTreeSet::new();
    for round in 0..3_usize {
        cluster.create_many(round * COUNT..(round + 1) * COUNT)?;
        if round == 0 {
            cluster.create_pool("pool", &["172.18.16.0/20"])?;
        }
        // Paused in the midst of its work.
        let mut seen: BTreeSet<String> = before.clone();
        while seen.len() < before.len() + 5 + 20 * round {
            let (_, service) = watch.next(LIMIT).ok_or("nobody is served")?;
            seen.extend(addresses(&service));
        }
        let paused = cluster.process(NAMESPACE, &holder)?;
        paused.stop()?;
        let next = cluster.holder(&holder)?;
        cluster.wait_for_many((round + 1) * COUNT)?;
        let served = cluster.all_addresses()?;
        let audit = cluster.audit().from_now()?;
        paused.resume()?;
        thread::sleep(REST);
        let late = accepted(&audit, &holder)?;
        assert!(late.is_empty(), "{holder} wrote after {next} took over: {late:#?}");
        let after = cluster.all_addresses()?;
        assert_eq!(after, served, "nothing has moved");
        assert!(after.is_superset(&seen), "lost: {:?}", seen.difference(&after));
        (before, holder) = (after, next);
    }
    Ok(())
}

/// Drops all that a pod sends; what is sent to it arrives.
const CUT: &str = "add table inet cut; \
     add chain inet cut out { type filter hook output priority 0; policy drop; }";

fn of_pod(cluster: &Installed, pod: &str) -> Outcome<Host> {
    Ok(cluster.pod_host(NAMESPACE, pod).ok_or("no such pod")?)
}

/// A holder that was cut off in the midst of its work: what it hears from then on lets it send more.
fn cut_off() -> Outcome<(Installed, String)> {
    /// What it may have sent before the cut, and has not seen served.
    const UNDER_WAY: usize = 16;
    let mut served = Vec::new();
    for _ in 0..3 {
        let (cluster, holder) = two_controllers("cut off")?;
        cluster.create_many(0..COUNT)?;
        let watch = cluster.api().watch(SERVICES);
        cluster.create_pool("pool", &["172.18.16.0/20"])?;
        while watch.next(LIMIT).is_some_and(|(_, service)| addresses(&service).is_empty()) {}
        nft(&of_pod(&cluster, &holder)?, CUT)?;
        served.push(cluster.all_addresses()?.len());
        if served.last() < Some(&(COUNT - UNDER_WAY)) && cluster.holder("")? == holder {
            return Ok((cluster, holder));
        }
    }
    Err(format!("each time it was done before it was cut off: {served:?} of {COUNT}").into())
}

fn a_holder_that_was_cut_off() -> TestResult {
    let (cluster, holder) = cut_off()?;
    cluster.holder(&holder)?;
    cluster.wait_for_many(COUNT)?;
    let served = cluster.all_addresses()?;
    let audit = cluster.audit().from_now()?;
    nft(&of_pod(&cluster, &holder)?, "delete table inet cut")?;
    // The kernel sends again what it has in its buffers.
    let late = eventually("the late writes", || {
        let writes = audit.writes()?.into_iter();
        let late: Vec<_> = writes
            .filter(|call| call.pod == holder && call.resource.starts_with("services"))
            .collect();
        let answered = late.iter().all(|call| call.answer.is_some());
        if late.is_empty() || !answered { Err(format!("{late:#?}").into()) } else { Ok(late) }
    })?;
    thread::sleep(REST);
    println!("{} writes arrived late", late.len());
    // A conflict, or too late for the server itself.
    let refused = |call: &Call| call.answer.is_some_and(|answer| answer.code >= 400);
    assert!(late.iter().all(refused), "{late:#?}");
    assert!(accepted(&audit, &holder)?.is_empty());
    assert_eq!(cluster.all_addresses()?, served, "nothing has moved");
    Ok(())
}
