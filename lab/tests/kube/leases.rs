//! Addresses that are held by Leases: never two owners, as the frames have it.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vipcast_lab::{
    Capture, Captured,
    harness::{Test, TestResult, test},
    kube::{Installed, NAMESPACE},
    vipcast,
};

use crate::{
    rights::rights,
    support::{LIMIT, Outcome, create_service, eventually, fetch, nft, workspace},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test(
            "an address that is held by a Lease never has two owners, whoever dies or is cut off",
            never_two_owners,
        )
        .needs_tool("nft")
        .needs_root(),
    ]
}

const ADDRESS: &str = "172.18.0.10";
/// Of the Leases. A holder stops after two thirds of it.
const SECONDS: u32 = 3;
const HOLD: Duration = Duration::from_secs(2);

fn page(cluster: &Installed) -> Outcome<String> {
    fetch(&cluster.net.client, ADDRESS, "")
        .map_err(|error| format!("{error}\n{}", cluster.said()).into())
}

fn owner(cluster: &Installed) -> Outcome<String> {
    cluster.net.client.flush_neighbours()?;
    page(cluster)?;
    Ok(cluster.net.seen_by_client(ADDRESS.parse()?)?.name().to_owned())
}

/// Asks for the address by ARP, again and again, until another than `not` answers.
fn wait_for_another(cluster: &Installed, not: &str) -> Outcome<String> {
    let client = &cluster.net.client;
    let start = Instant::now();
    while start.elapsed() < LIMIT {
        client.flush_neighbours()?;
        // Whether a page comes or not: the question is what counts.
        let _ = client.fetch_within(&format!("http://{ADDRESS}/"), Duration::from_millis(100));
        if let Ok(node) = cluster.net.seen_by_client(ADDRESS.parse()?)
            && node.name() != not
        {
            return Ok(node.name().to_owned());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Err(format!("nobody but {not} took {ADDRESS}\n{}", cluster.said()).into())
}

/// One node said that the address is at its own, and no other did meanwhile.
#[derive(Debug)]
struct Reign {
    node: String,
    first: Instant,
    last: Instant,
}

fn reigns(cluster: &Installed, captured: &Captured) -> Outcome<Vec<Reign>> {
    let mut reigns: Vec<Reign> = Vec::new();
    for (frame, arp) in captured.arps().filter(|(_, arp)| arp.spa.to_string() == ADDRESS) {
        let node = cluster.net.node_of(arp.sha)?.name().to_owned();
        match reigns.last_mut().filter(|reign| reign.node == node) {
            Some(reign) => reign.last = frame.at,
            None => reigns.push(Reign { node, first: frame.at, last: frame.at }),
        }
    }
    Ok(reigns)
}

/// The address went from `old` to `new`, and no frame of an earlier owner came after the first of a later
/// one: who lost it to another can have it back only after that one's time. For how long nobody spoke.
fn handed_over(cluster: &Installed, capture: Capture, old: &str, new: &str) -> Outcome<Duration> {
    let captured = capture.stop()?;
    assert_eq!(captured.dropped, 0, "a capture with gaps proves nothing");
    let reigns = reigns(cluster, &captured)?;
    for (number, reign) in reigns.iter().enumerate() {
        let later = reigns.iter().skip(number + 2).find(|later| later.node == reign.node);
        if let (Some(later), Some(next)) = (later, reigns.get(number + 1)) {
            let after = later.first - next.first;
            assert!(after >= HOLD, "two owners: {reigns:#?}\n{}", cluster.said());
        }
    }
    let [.., before, last] = reigns.as_slice() else {
        return Err(format!("{old} and {new} did not both speak: {reigns:#?}").into());
    };
    assert_eq!(last.node, new, "{reigns:#?}");
    assert!(reigns.iter().any(|reign| reign.node == old), "{reigns:#?}");
    Ok(last.first - before.last)
}

/// Drops all that a node sends to the API server.
const CUT: &str = "add table inet cut; \
     add chain inet cut out { type filter hook output priority 0; }; \
     add rule inet cut out tcp dport 6443 drop";

fn never_two_owners() -> TestResult {
    let deploy = workspace()?.join("deploy");
    let mut cluster = Installed::start_by_leases("leases", 3, SECONDS, &deploy, &vipcast()?)?;
    cluster.create_pages(3)?;
    cluster.create_pool("pool", &["172.18.0.10/32"])?;
    cluster.advertise_all()?;
    create_service(&cluster, "nginx", &json!({"type": "LoadBalancer"}))?;
    assert_eq!(cluster.wait_for_addresses("nginx")?, [ADDRESS]);
    page(&cluster)?;
    rights(&cluster, "speaker", "vipcast-speaker")?;

    // It is drained: the Lease is given up, and nobody waits for its end.
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let first = owner(&cluster)?;
    let pod = speaker_of(&cluster, &first)?;
    cluster.process(NAMESPACE, &pod)?.terminate()?;
    let second = wait_for_another(&cluster, &first)?;
    let silent = handed_over(&cluster, capture, &first, &second)?;
    println!("{first} drained: nobody spoke for {silent:.0?}, then {second}");
    page(&cluster)?;
    cluster.restart(NAMESPACE, &pod)?;
    cluster.speakers()?;

    // The owner cannot reach the API server, and lives on.
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let second = owner(&cluster)?;
    let host = cluster.pod_host(NAMESPACE, &speaker_of(&cluster, &second)?).ok_or("no such pod")?;
    nft(&host, CUT)?;
    let third = wait_for_another(&cluster, &second)?;
    let silent = handed_over(&cluster, capture, &second, &third)?;
    println!("{second} was cut off the API server: nobody spoke for {silent:.0?}, then {third}");
    page(&cluster)?;
    nft(&host, "delete table inet cut")?;

    // The owner dies.
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let third = owner(&cluster)?;
    cluster.kill_node(&third)?;
    let dead = Instant::now();
    let fourth = wait_for_another(&cluster, &third)?;
    let after = dead.elapsed();
    handed_over(&cluster, capture, &third, &fourth)?;
    println!("{third} died, and {fourth} had the address after {after:.0?}");
    page(&cluster)?;

    // Nobody can reach it: nobody speaks, until it is back.
    cluster.plane.stop_server()?;
    eventually("silence", || {
        cluster.net.client.flush_neighbours()?;
        match cluster.net.client.fetch_within(&format!("http://{ADDRESS}/"), Duration::from_secs(1))
        {
            Ok(_) => Err("a page came".into()),
            Err(_) => match cluster.net.seen_by_client(ADDRESS.parse()?) {
                Ok(node) => Err(format!("{} answers", node.name()).into()),
                Err(_) => Ok(()),
            },
        }
    })?;
    cluster.start_server()?;
    page(&cluster)?;
    Ok(())
}

fn speaker_of(cluster: &Installed, node: &str) -> Outcome<String> {
    let speakers = cluster.speakers()?.into_iter();
    let mut its =
        speakers.filter(|pod| cluster.node_of_pod(NAMESPACE, pod).as_deref() == Some(node));
    Ok(its.next().ok_or("no speaker there")?)
}
