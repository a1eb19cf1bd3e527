//! The whole of it: a service in, an address out, a page fetched from outside, and deaths in between.

use std::{
    net::IpAddr,
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use vipcast_lab::{
    Neighbour,
    harness::{Test, TestResult, test},
    kube::{Installed, NAMESPACE, SERVICES},
};

use crate::{
    rights::rights,
    support::{LIMIT, Outcome, eventually, fetch, install, workspace},
};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        test("a client fetches pages by ARP and NDP through the rules of kube-proxy", pages_are_fetched)
            .needs_tool("nft")
            .needs_root(),
        test("owners die while the API server is away, others take over, and nothing moves when it is back", owners_die)
            .needs_tool("nft")
            .needs_root(),
    ]
}

/// Three nodes with a page each, and the services of the quick start.
fn quick_start(name: &str) -> Outcome<(Installed, Vec<String>)> {
    let cluster = install(name, 3, true)?;
    let pods = cluster.create_pages(3)?;
    let apply = ["apply", "--validate=strict", "-f", "examples/quickstart"];
    cluster.plane.kubectl(&workspace()?, &apply)?;
    assert_eq!(cluster.wait_for_addresses("nginx")?, ["172.18.0.10"]);
    assert_eq!(cluster.wait_for_addresses("nginx-fixed")?, ["172.18.0.20"]);
    assert_eq!(cluster.wait_for_addresses("nginx-dual")?, ["172.18.0.40", "fd18::1:1"]);
    Ok((cluster, pods))
}

/// A page from outside, or why there is none and what everybody said.
fn page(cluster: &Installed, address: &str, path: &str) -> Outcome<String> {
    fetch(&cluster.net.client, address, path)
        .map_err(|error| format!("{error}\n{}", cluster.said()).into())
}

/// The node that the client sends to when it sends to `address`.
fn owner(cluster: &Installed, address: &str) -> Outcome<String> {
    Ok(cluster.net.seen_by_client(address.parse()?)?.name().to_owned())
}

fn pages_are_fetched() -> TestResult {
    let (cluster, pods) = quick_start("pages")?;
    for address in ["172.18.0.10", "172.18.0.20", "172.18.0.40", "fd18::1:1"] {
        let served = page(&cluster, address, "")?;
        assert!(pods.contains(&served), "{address}: {served}");
        owner(&cluster, address)?;
    }

    // With the policy Local a pod on the very node answers, and sees who asks.
    let local = json!({"spec": {"externalTrafficPolicy": "Local"}});
    let client = [cluster.net.client.ipv4, cluster.net.client.ipv6];
    for (service, addresses) in
        [("nginx", &["172.18.0.10"][..]), ("nginx-dual", &["172.18.0.40", "fd18::1:1"])]
    {
        cluster.api().merge(&format!("{SERVICES}/{service}"), &local)?;
        for address in addresses {
            eventually(&format!("{address} to be asked from the client's own"), || {
                let seen = page(&cluster, address, "client")?.parse::<IpAddr>()?;
                if client.contains(&seen) {
                    Ok(())
                } else {
                    Err(format!("the pod saw {seen}").into())
                }
            })?;
            let served = page(&cluster, address, "")?;
            assert_eq!(
                cluster.node_of_pod("default", &served),
                Some(owner(&cluster, address)?),
                "{address}"
            );
        }
    }
    for pod in cluster.speakers()? {
        assert!(cluster.probe(NAMESPACE, &pod, "livenessProbe"), "{pod}");
    }
    rights(&cluster, "speaker", "vipcast-speaker")?;

    // The list of links that are never announced on, as MetalLB ships it, but with eth0 in it.
    let list = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "metallb-excludel2"},
        "data": {"excludel2.yaml": "announcedInterfacesToExclude: ['^veth', '^eth0$']"},
    });
    cluster.api().create(&format!("/api/v1/namespaces/{NAMESPACE}/configmaps"), &list)?;
    eventually("the link to be left out", || {
        let said = cluster.said();
        let why = "nothing is announced on eth0: the list of excluded links matches it";
        if said.contains(why) { Ok(()) } else { Err(said.into()) }
    })
}

/// Kills the owner of an address, sees the client moved, and says to whom.
fn kill_owner(cluster: &Installed, address: &str) -> Outcome<String> {
    page(cluster, address, "")?;
    let dead = owner(cluster, address)?;
    let node = cluster.net.nodes.iter().find(|node| node.name() == dead).ok_or("no such node")?;
    let old = node.mac("eth0")?;
    let start = Instant::now();
    cluster.kill_node(&dead)?;
    let moved = move |entry: Option<&Neighbour>| {
        entry.and_then(|entry| entry.mac).is_some_and(|mac| mac != old)
    };
    let waited = cluster.net.client.wait_for_neighbour(address.parse()?, LIMIT, moved);
    waited.map_err(|error| format!("{error}\n{}", cluster.said()))?;
    let new = owner(cluster, address)?;
    println!("{dead} died, and {new} had {address} after {:.0?}", start.elapsed());
    page(cluster, address, "")?;
    Ok(dead)
}

/// The address stays where it is for a while. A node that a busy machine holds up for three beacons is
/// taken for dead, and that is told: then it is looked at anew.
fn stays(cluster: &Installed, address: &str, at: &str) -> Outcome {
    let deaths = || cluster.said().matches(" is silent on ").count();
    let mut at = at.to_owned();
    for _ in 0..5 {
        let before = deaths();
        let Some(now) = moved(cluster, address, &at)? else { return Ok(()) };
        let told = eventually("a reason why it has moved", || {
            let told = deaths() > before;
            if told { Ok(()) } else { Err("no node was taken for dead".into()) }
        });
        told.map_err(|error| {
            format!("{at} had {address}, {now} has it: {error}\n{}", cluster.said())
        })?;
        at = now;
    }
    Err("nodes were taken for dead again and again: this machine is too busy".into())
}

/// Who has the address within a while, if not this one.
fn moved(cluster: &Installed, address: &str, from: &str) -> Outcome<Option<String>> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        cluster.net.client.flush_neighbours()?;
        page(cluster, address, "")?;
        let now = owner(cluster, address)?;
        if now != from {
            return Ok(Some(now));
        }
        thread::sleep(Duration::from_millis(200));
    }
    Ok(None)
}

fn owners_die() -> TestResult {
    const ADDRESS: &str = "172.18.0.10";
    let (mut cluster, _) = quick_start("deaths")?;
    page(&cluster, ADDRESS, "")?;

    // Refused: nobody listens at the API server's port.
    cluster.plane.stop_server()?;
    let first = kill_owner(&cluster, ADDRESS)?;
    let now = owner(&cluster, ADDRESS)?;
    cluster.start_server()?;
    stays(&cluster, ADDRESS, &now)?;
    cluster.revive_node(&first)?;
    cluster.speakers()?;
    stays(&cluster, ADDRESS, &now)?;

    // Blackholed: packets to it vanish.
    cluster.cut_server()?;
    kill_owner(&cluster, ADDRESS)?;
    let now = owner(&cluster, ADDRESS)?;
    cluster.heal_server()?;
    stays(&cluster, ADDRESS, &now)
}
