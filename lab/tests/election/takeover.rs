use std::{net::SocketAddr, thread, time::Duration};

use vipcast_lab::{Probe, harness::TestResult};

use crate::common::{LIMIT, PAGES, STEADY, VIP, cluster, page, servers, wait_for_all};

pub(crate) fn another_takes_over() -> TestResult {
    let cluster = cluster("takeover", 3, &["--insecure"])?;
    servers(&cluster)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    cluster.node(&owner)?.port.cut()?;
    let other = cluster.net.nodes.iter().find(|node| node.name() != owner).ok_or("no other")?;
    let silent = format!("{owner} is silent on 172.18.0.0/16");
    cluster.process(other.name()).wait_for_line(&silent, LIMIT)?;
    assert!(servers(&cluster)?.iter().all(|server| *server != owner));
    Ok(())
}

/// Its tokens live for 1.7 s: from two seconds after it was stopped until the end, also after it woke
/// with questions in its sockets, nothing may leave it that names the address as its own.
pub(crate) fn a_sleeper_stays_silent() -> TestResult {
    let cluster = cluster("sleeper", 3, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    let mac = cluster.node(&owner)?.mac("eth0")?;
    wait_for_all(&cluster, &owner)?;
    cluster.process(&owner).stop()?;
    thread::sleep(Duration::from_secs(2));
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    for _ in 0..5 {
        // Questions that queue up in the sleeper's sockets.
        cluster.net.client.flush_neighbours()?;
        assert_ne!(cluster.wait_for_page(&page(VIP))?, owner);
        thread::sleep(Duration::from_millis(500));
    }
    let successor = cluster.wait_for_page(&page(VIP))?;
    let seen = cluster.process(&owner).lines().len();
    cluster.process(&owner).resume()?;
    cluster.process(&owner).wait_for_line_after(seen, "this node was paused", LIMIT)?;
    thread::sleep(Duration::from_secs(2));
    cluster.net.client.flush_neighbours()?;
    assert_eq!(cluster.wait_for_page(&page(VIP))?, successor);
    let caught = capture.stop()?;
    assert_eq!(caught.dropped, 0);
    let late: Vec<_> = caught.arps().filter(|(_, arp)| arp.spa == VIP && arp.sha == mac).collect();
    assert!(late.is_empty(), "{late:?}");
    let by_successor = cluster.node(&successor)?.mac("eth0")?;
    assert!(caught.arps().any(|(_, arp)| arp.spa == VIP && arp.sha == by_successor));
    Ok(())
}

pub(crate) fn a_drain_loses_nothing() -> TestResult {
    let cluster = cluster("drain", 3, &STEADY)?;
    let owner = cluster.wait_for_page(&page(VIP))?;
    wait_for_all(&cluster, &owner)?;
    let probing = Probe::udp(SocketAddr::new(VIP.into(), 80)).start(&cluster.net.client)?;
    probing.wait_for_answer_by(&owner, LIMIT)?;
    probing.wait_for_answers(300, LIMIT)?;
    cluster.process(&owner).terminate()?;
    assert_eq!(cluster.process(&owner).wait(LIMIT)?.code(), Some(0));
    let successor = probing.wait_for_answer_not_by(&owner, LIMIT)?;
    // One thousand after all is over.
    let answered = probing.report().answered();
    probing.wait_for_answers(answered + 1_000, LIMIT)?;
    let report = probing.stop();
    assert_eq!(report.lost(), 0, "from {owner} to {successor}: {report}");
    let said = cluster.process(&owner).output();
    assert!(said.contains("stopping: handing over"), "{said}");
    Ok(())
}

/// Nothing moves by itself to a node that comes later.
pub(crate) fn a_join_moves_nothing() -> TestResult {
    let mut cluster = cluster("join", 4, &STEADY)?;
    let before = servers(&cluster)?;
    assert_eq!(before[2], before[3], "both families of a service are on one node");
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    let idle = names.iter().find(|name| !before.contains(name)).ok_or("nobody is idle")?;
    cluster.process(idle).terminate()?;
    cluster.process(idle).wait(LIMIT)?;
    cluster.start_node(idle)?;
    wait_for_all(&cluster, idle)?;
    // Longer than it listens.
    thread::sleep(Duration::from_secs(5));
    cluster.net.client.flush_neighbours()?;
    assert_eq!(servers(&cluster)?, before);
    Ok(())
}

/// By the placement that is shared with MetalLB: node-b, then node-c, then node-a.
pub(crate) fn by_hash() -> TestResult {
    let cluster = cluster("hash", 3, &[&STEADY[..], &["--election", "hash"]].concat())?;
    cluster.process("node-b").wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    cluster.node("node-b")?.port.cut()?;
    cluster.process("node-c").wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    assert_eq!(cluster.wait_for_page(&page(VIP))?, "node-c");
    assert_eq!(PAGES.len(), servers(&cluster)?.len());
    Ok(())
}
