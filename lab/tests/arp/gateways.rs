//! Who has heard of an address, and who is silent.

use vipcast_lab::harness::TestResult;

use crate::{
    wire::Arp,
    world::{GATEWAY, LIMIT, Lan, VIP},
};

const LEARNED: &str = "gateway 172.18.255.254 on eth0 has learned 172.18.0.10";
const SILENT: &str = "GATEWAY 172.18.255.254 on eth0 DOES NOT ANSWER 172.18.0.10";

pub(crate) fn acknowledged() -> TestResult {
    let lan = Lan::new("acknowledged", 2)?;
    lan.serve([VIP.into()])?;
    lan.set_alive(&["node-b"])?;
    let flags = ["--deliver", "local", "-o", "json"];
    let (a, b) = (lan.run("node-a", &flags)?, lan.run("node-b", &flags)?);
    b.wait_for_line(LEARNED, LIMIT)?;
    // The client asks while the address is elsewhere: the next holder asks it.
    lan.net.client.flush_neighbours()?;
    drop(lan.net.client.fetch(&format!("http://{VIP}/")));
    let (old, new) = (lan.mac("node-b")?, lan.mac("node-a")?);
    let sees = |mac| {
        move |entry: Option<&vipcast_lab::Neighbour>| entry.is_some_and(|e| e.mac == Some(mac))
    };
    for host in [&lan.net.client, &lan.net.router] {
        host.wait_for_neighbour(VIP.into(), LIMIT, sees(old))?;
    }
    b.kill()?;
    lan.set_alive(&["node-a"])?;
    let gateway = a.wait_for_line(LEARNED, LIMIT)?;
    let client = a.wait_for_line("neighbour 172.18.2.1 on eth0 has learned 172.18.0.10", LIMIT)?;
    for (line, is_gateway) in [(gateway, "true"), (client, "false")] {
        for field in [r#""event":"acknowledged""#, &format!(r#""gateway":{is_gateway}"#)] {
            assert!(line.text.contains(field), "{}", line.text);
        }
    }
    for host in [&lan.net.client, &lan.net.router] {
        host.wait_for_neighbour(VIP.into(), LIMIT, sees(new))?;
    }
    let said = Lan::end(&a)?;
    assert!(said.contains(r#""acknowledged":2"#), "{said}");
    Ok(())
}

pub(crate) fn silent() -> TestResult {
    let lan = Lan::new("silent gateway", 1)?;
    lan.serve([VIP.into()])?;
    lan.net.router.port.cut()?;
    let node = lan.run("node-a", &["--ask-gateway-every", "1"])?;
    node.wait_for_line(SILENT, LIMIT)?;
    let seen = node.lines().len();
    lan.net.router.port.heal()?;
    node.wait_for_line_after(seen, LEARNED, LIMIT)?;
    let seen = node.lines().len();
    lan.net.router.port.cut()?;
    node.wait_for_line_after(seen, SILENT, LIMIT)?;
    let said = Lan::end(&node)?;
    assert!(!said.contains(" 0 from gateways missing"), "{said}");
    Ok(())
}

/// An answer counts if it comes from whom was asked, to the address that asked, after it asked, and
/// once.
pub(crate) fn strangers_do_not_count() -> TestResult {
    let lan = Lan::new("strangers", 1)?;
    lan.serve([VIP.into()])?;
    let node_mac = lan.mac("node-a")?;
    let (client, router) = (&lan.net.client, &lan.net.router);
    let (client_mac, router_mac) = (client.mac("eth0")?, router.mac("eth0")?);
    let answer = Arp {
        destination: node_mac,
        operation: 2,
        tha: node_mac,
        ..Arp::question(router_mac, GATEWAY, VIP)
    };
    let foreign = [
        Arp { source: client_mac, sha: client_mac, spa: [172, 18, 2, 1].into(), ..answer.clone() },
        Arp { tpa: [172, 18, 0, 99].into(), ..answer.clone() },
        Arp { destination: vipcast_lab::Mac::BROADCAST, ..answer.clone() },
        Arp { operation: 1, ..answer.clone() },
        Arp { sha: vipcast_lab::Mac::BROADCAST, ..answer.clone() },
    ];
    // Before it was asked.
    router.send_frame("eth0", &answer.bytes())?;
    router.port.cut_in()?;
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let node = lan.run("node-a", &["--ask-gateway-every", "3600", "-o", "json"])?;
    let asks = |frame: &vipcast_lab::Frame| {
        frame.arp().is_some_and(|arp| arp.is_request() && arp.spa == VIP && arp.tpa == GATEWAY)
    };
    capture.wait_for("the question", LIMIT, asks)?;
    for frame in &foreign {
        client.send_frame("eth0", &frame.bytes())?;
    }
    node.wait_for_line(SILENT, LIMIT)?;
    // And after it has given up.
    router.send_frame("eth0", &answer.bytes())?;
    assert!(Lan::end(&node)?.contains(r#""acknowledged":0"#), "{}", node.output());

    router.port.heal()?;
    let node = lan.run("node-a", &["--ask-gateway-every", "3600", "-o", "json"])?;
    node.wait_for_line(LEARNED, LIMIT)?;
    for _ in 0..10 {
        router.send_frame("eth0", &answer.bytes())?;
    }
    let said = Lan::end(&node)?;
    assert!(said.contains(r#""acknowledged":1"#), "a replay counted: {said}");
    Ok(())
}
