//! What switches do with a node that says little.

use std::{net::UdpSocket, time::Duration};

use vipcast_lab::{BridgeOptions, Direction, Topology, harness::TestResult};

use crate::world::{LIMIT, Lan, Result, VIP, VIP6, run};

/// How many packets for an address that never says a word are flooded to a host that they are not
/// for, by a bridge that forgets after 5 s.
fn flooded(name: &str, ask_every: &str) -> Result<usize> {
    let options = BridgeOptions::default().ageing(Duration::from_secs(5));
    let lan = Lan::on(Topology::with_lan(name, 1, &options)?)?;
    lan.serve([VIP.into()])?;
    let flags = ["--deliver", "local", "--ask-gateway-every", ask_every];
    let node = lan.run("node-a", &flags)?;
    node.wait_for_line("gateway 172.18.255.254 on eth0 has learned", LIMIT)?;
    let _deaf = lan.net.nodes[0].run(|| UdpSocket::bind((VIP, 9)))??;
    let mouth = lan.net.outside_client.run(|| UdpSocket::bind("0.0.0.0:0"))??;
    let capture = lan.net.lab.capture(&lan.net.client.port)?;
    for _ in 0..130 {
        mouth.send_to(b"hello", (VIP, 9))?;
        std::thread::sleep(Duration::from_millis(100));
    }
    let mac = lan.mac("node-a")?;
    let frames = capture.stop()?.frames;
    let strays = frames.iter().filter(|frame| {
        frame.direction == Direction::Received && frame.destination() == mac && frame.ip().is_some()
    });
    Ok(strays.count())
}

pub(crate) fn no_flooding() -> TestResult {
    let asking = std::thread::spawn(|| flooded("asking", "2").map_err(|e| e.to_string()));
    let silent = flooded("not asking", "3600")?;
    assert!(silent > 0, "the bridge does not forget, and this test shows nothing");
    let asking = asking.join().map_err(|_| "it panicked")??;
    assert_eq!(asking, 0, "{asking} packets were flooded, {silent} without questions");
    Ok(())
}

/// Questions for the address reach its holder if the switch has heard reports of the group.
pub(crate) fn joins_matter() -> TestResult {
    let options = BridgeOptions::default().multicast_snooping(true).multicast_querier(true);
    let lan = Lan::on(Topology::with_lan("joins", 2, &options)?)?;
    lan.serve([VIP6.into()])?;
    lan.set_alive(&["node-a"])?;
    let no_reports = "add table ip6 mute; \
                      add chain ip6 mute out { type filter hook output priority 0; }; \
                      add rule ip6 mute out icmpv6 type { 131, 143 } drop";
    run(lan.node("node-a")?, &["nft", no_reports])?;
    let _servers = [lan.node("node-a")?.serve_name(80)?, lan.node("node-b")?.serve_name(80)?];
    let flags = ["--deliver", "local"];
    let (a, b) = (lan.run("node-a", &flags)?, lan.run("node-b", &flags)?);
    a.wait_for_line("announcing fd18::1:10 on eth0", LIMIT)?;
    let url = format!("http://[{VIP6}]/");
    let client = &lan.net.client;
    // A new querier floods for ten seconds, as long as reports may take.
    let unheard = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(250));
        let flushed = client.flush_neighbours();
        let page = client.fetch_within(&url, Duration::from_millis(500));
        flushed.is_ok() && page.is_err_and(|error| error.to_string().contains("timed out"))
    });
    assert!(unheard, "the switch does not snoop, and this test shows nothing");
    lan.set_alive(&["node-b"])?;
    b.wait_for_line("announcing fd18::1:10 on eth0", LIMIT)?;
    for round in 0..5 {
        client.flush_neighbours()?;
        let page = client.fetch_within(&url, Duration::from_secs(10));
        let page = page.map_err(|error| format!("round {round}: {error}"))?;
        assert_eq!(page.body.trim(), "node-b");
    }
    Ok(())
}
