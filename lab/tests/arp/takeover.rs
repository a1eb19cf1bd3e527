//! Whom a takeover moves: everybody whose entry can be moved at all.

use std::net::{IpAddr, Ipv4Addr};

use vipcast_lab::{Mac, Neighbour, harness::TestResult};

use crate::world::{LIMIT, Lan, VIP, VIP6, ip};

/// What an entry of the kernel's table may be in (RFC 4861 7.3.2), as `ip` calls it; one set by hand
/// for good cannot be moved by anybody.
const STATES: [&str; 7] = ["reachable", "stale", "delay", "probe", "incomplete", "failed", "none"];

fn is_at(mac: Mac) -> impl Fn(Option<&Neighbour>) -> bool + Send + 'static {
    move |entry| entry.is_some_and(|entry| entry.mac == Some(mac))
}

pub(crate) fn every_state() -> TestResult {
    let lan = Lan::new("every state", 2)?;
    let vips: Vec<Ipv4Addr> = (10..).take(STATES.len()).map(|n| [172, 18, 0, n].into()).collect();
    lan.serve(vips.iter().copied().map(IpAddr::from))?;
    lan.set_alive(&["node-b"])?;
    let (a, b) = (lan.run("node-a", &[])?, lan.run("node-b", &[])?);
    for vip in &vips {
        b.wait_for_line(&format!("gateway 172.18.255.254 on eth0 has learned {vip}"), LIMIT)?;
    }
    b.kill()?;
    let (old, new) = (lan.mac("node-b")?, lan.mac("node-a")?);
    for (vip, state) in vips.iter().zip(STATES) {
        let words = match state {
            "none" => format!("neigh flush to {vip} dev eth0"),
            "incomplete" | "failed" => format!("neigh replace {vip} dev eth0 nud {state}"),
            _ => format!("neigh replace {vip} lladdr {old} dev eth0 nud {state}"),
        };
        ip(&lan.net.router, &words)?;
    }
    lan.set_alive(&["node-a"])?;
    for (vip, state) in vips.iter().zip(STATES) {
        let learned = format!("gateway 172.18.255.254 on eth0 has learned {vip}");
        a.wait_for_line(&learned, LIMIT).map_err(|error| format!("{state}: {error}"))?;
        let moved = lan.net.router.wait_for_neighbour((*vip).into(), LIMIT, is_at(new));
        moved.map_err(|error| format!("{state}: {error}"))?;
    }
    Ok(())
}

/// A takeover while the client knows the old holder, and has asked for the address.
fn client_is_moved(lan: &Lan) -> TestResult {
    lan.serve([VIP.into()])?;
    lan.set_alive(&["node-b"])?;
    let flags = ["--deliver", "local"];
    let (a, b) = (lan.run("node-a", &flags)?, lan.run("node-b", &flags)?);
    b.wait_for_line("gateway 172.18.255.254 on eth0 has learned 172.18.0.10", LIMIT)?;
    let (old, new) = (lan.mac("node-b")?, lan.mac("node-a")?);
    let client = &lan.net.client;
    client.flush_neighbours()?;
    drop(client.fetch(&format!("http://{VIP}/")));
    client.wait_for_neighbour(VIP.into(), LIMIT, is_at(old))?;
    // At once: within the second in which the kernel believes no second change (locktime).
    b.kill()?;
    lan.set_alive(&["node-a"])?;
    a.wait_for_line("neighbour 172.18.2.1 on eth0 has learned 172.18.0.10", LIMIT)?;
    client.wait_for_neighbour(VIP.into(), LIMIT, is_at(new))?;
    Ok(())
}

pub(crate) fn a_fresh_client() -> TestResult {
    let lan = Lan::new("fresh client", 2)?;
    client_is_moved(&lan)
}

pub(crate) fn a_strict_client() -> TestResult {
    let lan = Lan::new("strict client", 2)?;
    lan.net.client.set_sysctl("net.ipv4.conf.eth0.drop_gratuitous_arp", "1")?;
    client_is_moved(&lan)
}

/// A router that nobody asks anything, and that takes advertisements that it did not ask for
/// (RFC 9131), knows a new address from the first one. One beside it that does not, does not.
pub(crate) fn untracked() -> TestResult {
    let lan = Lan::new("untracked", 1)?;
    let (taker, other) = (&lan.net.client, lan.net.lab.add_host("other")?);
    lan.net.lab.connect(&other, &lan.net.lan, "eth0", &["fd18::a1/64"])?;
    for host in [taker, &other] {
        host.set_sysctl("net.ipv6.conf.eth0.forwarding", "1")?;
    }
    taker.set_sysctl("net.ipv6.conf.eth0.accept_untracked_na", "1")?;
    lan.serve([VIP6.into()])?;
    let node = lan.run("node-a", &[])?;
    taker.wait_for_neighbour(VIP6.into(), LIMIT, is_at(lan.mac("node-a")?))?;
    assert_eq!(other.neighbour(VIP6.into())?, None);
    Lan::end(&node)?;
    Ok(())
}
