//! A takeover by keepalived and one by vipcast, side by side: which entries of a router's neighbour
//! table each of them moves. keepalived announces; vipcast asks the router, too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use vipcast_lab::{Frame, Mac, harness::TestResult};

use crate::{
    wire::Arp,
    world::{GATEWAY, LIMIT, Lan, Result, ip},
};

/// What an entry is before, and whether keepalived moves it, and vipcast.
type Row = (&'static str, [bool; 2]);

const PLAIN: &[Row] = &[
    ("none", [false, true]),
    ("incomplete", [true, true]),
    ("stale", [true, true]),
    ("reachable", [true, true]),
];

/// A router that believes no announcement. What it asks itself, it believes: that is no matter of
/// announcements.
const STRICT: &[Row] =
    &[("none", [false, true]), ("stale", [false, true]), ("reachable", [false, true])];

/// Who had the addresses before.
const OLD: Mac = Mac([2, 0, 0, 0, 0xee, 0xaa]);

/// An address of each family for each row.
fn addresses(rows: &[Row], first: u8) -> Vec<[IpAddr; 2]> {
    let both = |n: u8| {
        let ipv6 = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 1, n.into());
        [Ipv4Addr::new(172, 18, 0, n).into(), ipv6.into()]
    };
    (first..).take(rows.len()).map(both).collect()
}

pub(crate) fn plain() -> TestResult {
    check(&Lan::new("beside keepalived", 2)?, PLAIN)
}

pub(crate) fn strict() -> TestResult {
    let lan = Lan::new("strict beside keepalived", 2)?;
    lan.net.router.set_sysctl("net.ipv4.conf.eth0.drop_gratuitous_arp", "1")?;
    lan.net.router.set_sysctl("net.ipv6.conf.eth0.drop_unsolicited_na", "1")?;
    check(&lan, STRICT)
}

fn check(lan: &Lan, rows: &[Row]) -> TestResult {
    let (theirs, ours) = (addresses(rows, 0x20), addresses(rows, 0x40));
    for address in [&theirs, &ours].into_iter().flat_map(|all| all.iter().zip(rows)) {
        let (both, (state, _)) = address;
        both.iter().try_for_each(|address| set(lan, *address, state))?;
    }
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let all: Vec<IpAddr> = theirs.iter().flatten().copied().collect();
    let _keepalived = lan.keepalived("node-b", &all)?;
    for address in all {
        capture.wait_for("keepalived's announcement", LIMIT, |frame| announces(frame, address))?;
    }
    // Once the router has answered this, it has had the announcements.
    let asker = [172, 18, 9, 9].into();
    let client = &lan.net.client;
    client.send_frame("eth0", &Arp::question(client.mac("eth0")?, asker, GATEWAY).bytes())?;
    capture.wait_for("the router's answer", LIMIT, |frame| {
        frame.arp().is_some_and(|arp| arp.is_reply() && arp.tpa == asker)
    })?;

    lan.serve(ours.iter().flatten().copied())?;
    let node = lan.run("node-a", &[])?;
    for address in ours.iter().flatten() {
        let gateway = if address.is_ipv4() { "172.18.255.254" } else { "fd18::ffff" };
        let learned = format!("gateway {gateway} on eth0 has learned {address}");
        node.wait_for_line(&learned, LIMIT)?;
    }
    for (who, (name, addresses)) in [("node-b", theirs), ("node-a", ours)].into_iter().enumerate() {
        let new = lan.mac(name)?;
        for (address, (state, moved)) in addresses.iter().zip(rows) {
            for address in address {
                judge(lan, *address, new, moved[who])
                    .map_err(|error| format!("{name}, {state}, {address}: {error}"))?;
            }
        }
    }
    Lan::end(&node)?;
    Ok(())
}

fn set(lan: &Lan, address: IpAddr, state: &str) -> Result<()> {
    let words = match state {
        "none" => return Ok(()),
        "incomplete" => format!("neigh replace {address} dev eth0 nud incomplete"),
        _ => format!("neigh replace {address} lladdr {OLD} dev eth0 nud {state}"),
    };
    ip(&lan.net.router, &words)
}

fn announces(frame: &Frame, address: IpAddr) -> bool {
    let arp = frame.arp().is_some_and(|arp| address == arp.spa && arp.is_gratuitous());
    let nd = frame.ndp().is_some_and(|nd| nd.advertisement.is_some() && address == nd.target);
    arp || nd
}

/// What is moved may be so a little later; what is not, never is.
fn judge(lan: &Lan, address: IpAddr, new: Mac, moved: bool) -> Result<()> {
    let router = &lan.net.router;
    if moved {
        let is_new = move |entry: Option<&vipcast_lab::Neighbour>| {
            entry.is_some_and(|entry| entry.mac == Some(new))
        };
        router.wait_for_neighbour(address, LIMIT, is_new)?;
    } else if let Some(entry) = router.neighbour(address)?
        && entry.mac == Some(new)
    {
        return Err("it has moved".into());
    }
    Ok(())
}
