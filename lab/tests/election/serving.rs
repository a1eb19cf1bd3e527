use std::{
    fs, thread,
    time::{Duration, Instant},
};

use vipcast_lab::{
    Cluster,
    harness::{TestResult, tool},
};

use crate::common::{LIMIT, STEADY, VIP, cluster, page, wait_for_all};

/// What the owner says of the address by ARP is lost on its way out; its beacons are not.
pub(crate) fn a_muted_owner_is_replaced() -> TestResult {
    let cluster = cluster("muted", 3, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    let rules = cluster.net.lab.dir().join("mute.nft");
    fs::write(
        &rules,
        format!(
            "add table netdev mute\nadd chain netdev mute out {{ type filter hook egress device \
             \"eth0\" priority 0; }}\nadd rule netdev mute out arp saddr ip {VIP} drop\n"
        ),
    )?;
    let mut nft = tool("nft");
    nft.arg("-f").arg(&rules);
    let nft = cluster.node(&owner)?.spawn(nft)?;
    assert!(nft.wait(LIMIT)?.success(), "{}", nft.output());
    let told = format!("this node holds {VIP} on 172.18.0.0/16, and does not answer");
    cluster.process(&owner).wait_for_line(&told, LIMIT)?;
    cluster.process(&owner).wait_for_line(&format!("silent about {VIP}"), LIMIT)?;
    cluster.net.client.flush_neighbours()?;
    let successor = cluster.wait_for_page(&page(VIP))?;
    assert_ne!(successor, owner);
    let other = cluster.net.nodes.iter().map(|node| node.name()).find(|name| *name != owner);
    let heard = cluster.process(other.ok_or("no other")?).output();
    assert!(!heard.contains(&format!("{owner} is silent")), "it was heard all the while: {heard}");
    // It is not given back at once.
    thread::sleep(Duration::from_secs(2));
    cluster.net.client.flush_neighbours()?;
    assert_eq!(cluster.wait_for_page(&page(VIP))?, successor);
    Ok(())
}

/// The owner answers by ARP and its beacons are heard, but nobody can connect to the service.
pub(crate) fn an_owner_that_cannot_be_connected_to_is_replaced() -> TestResult {
    let args = [&STEADY[..], &["--serve-proof", "tcp"]].concat();
    let cluster = cluster("not connected", 3, &args)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    // Long enough for every address of both families to have been asked for.
    thread::sleep(Duration::from_secs(2));
    // Handshakes are given up before anybody accepts them, and leave nothing half open: what is left
    // so stays so for a minute, and more comes five times a second.
    let start = Instant::now();
    loop {
        let mut half_open = tool("ss");
        half_open.args(["-Htn", "state", "syn-recv"]);
        let half_open = cluster.node(&owner)?.spawn(half_open)?;
        assert!(half_open.wait(LIMIT)?.success(), "{}", half_open.output());
        if half_open.output().lines().count() <= 1 {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{}", half_open.output());
    }
    for node in &cluster.net.nodes {
        let said = cluster.process(node.name()).output();
        assert!(!said.contains("does not answer"), "{said}");
    }
    refuse_connections(&cluster, &[&owner])?;
    let told = format!("this node holds {VIP} on 172.18.0.0/16, and does not answer");
    cluster.process(&owner).wait_for_line(&told, LIMIT)?;
    cluster.process(&owner).wait_for_line(&format!("silent about {VIP}"), LIMIT)?;
    cluster.net.client.flush_neighbours()?;
    let successor = cluster.wait_for_page(&page(VIP))?;
    assert_ne!(successor, owner);
    // Where nobody can be connected to, it is not the successor's fault.
    let nodes = cluster.net.nodes.iter().map(|node| node.name());
    refuse_connections(&cluster, &nodes.filter(|name| *name != owner).collect::<Vec<_>>())?;
    thread::sleep(Duration::from_secs(3));
    let said = cluster.process(&successor).output();
    assert!(!said.contains(&format!("silent about {VIP}")), "{said}");
    Ok(())
}

fn refuse_connections(cluster: &Cluster, nodes: &[&str]) -> TestResult {
    run_on(
        cluster,
        nodes,
        "add table inet deaf; add chain inet deaf in { type filter hook input priority 0; }; add rule \
         inet deaf in tcp dport 80 drop",
    )
}

/// Gives these rules to nodes at the same time: where one fails long before another, its addresses
/// move.
fn run_on(cluster: &Cluster, nodes: &[&str], rules: &str) -> TestResult {
    let start = |name: &&str| {
        let mut nft = tool("nft");
        nft.arg(rules);
        cluster.node(name)?.spawn(nft)
    };
    for nft in nodes.iter().map(start).collect::<Result<Vec<_>, _>>()? {
        assert!(nft.wait(LIMIT)?.success(), "{}", nft.output());
    }
    Ok(())
}

/// Where everybody fails, it is not the owner's fault: nothing moves.
pub(crate) fn where_all_are_muted_nothing_moves() -> TestResult {
    let cluster = cluster("all muted", 2, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    let script = "add table netdev mute; add chain netdev mute out { type filter hook egress device \
                  \"eth0\" priority 0; }; add rule netdev mute out arp operation reply drop";
    run_on(&cluster, &["node-a", "node-b"], script)?;
    thread::sleep(Duration::from_secs(3));
    let said = cluster.process(&owner).output();
    assert!(!said.contains(&format!("silent about {VIP}")), "{said}");
    Ok(())
}
