//! A kernel that answers for service addresses too, as with kube-proxy's IPVS mode.

use std::{collections::BTreeSet, time::Duration};

use vipcast_lab::{Mac, harness::TestResult};

use crate::{
    wire::Arp,
    world::{LIMIT, Lan, Result, VIP},
};

const WARNING: &str = "THE KERNEL OF THIS MACHINE ALSO ANSWERS ARP FOR 172.18.0.10, whoever holds it: \
                       it is on lo. Run with --guard";

/// Who answers when the client asks for the address.
fn who_answers(lan: &Lan, expected: &BTreeSet<Mac>) -> Result<BTreeSet<Mac>> {
    let client = &lan.net.client;
    let capture = lan.net.lab.capture(&client.port)?;
    let question = Arp::question(client.mac("eth0")?, [172, 18, 2, 1].into(), VIP);
    client.send_frame("eth0", &question.bytes())?;
    let reply = |frame: &vipcast_lab::Frame| {
        frame.arp().filter(|arp| arp.is_reply() && arp.spa == VIP && arp.tpa != VIP)
    };
    for mac in expected {
        capture.wait_for("an answer", LIMIT, |frame| {
            reply(frame).is_some_and(|arp| arp.sha == *mac)
        })?;
    }
    // A kernel answers within microseconds of the frame; this is for one that should be silent.
    std::thread::sleep(Duration::from_millis(300));
    Ok(capture.stop()?.frames.iter().filter_map(reply).map(|arp| arp.sha).collect())
}

pub(crate) fn by_flag() -> TestResult {
    let lan = Lan::new("guard", 2)?;
    lan.serve([VIP.into()])?;
    lan.set_alive(&["node-b"])?;
    let vip = "172.18.0.10/32".parse()?;
    for node in &lan.net.nodes {
        node.add_address("lo", vip)?;
    }
    let (mac_a, mac_b) = (lan.mac("node-a")?, lan.mac("node-b")?);
    let both = BTreeSet::from([mac_a, mac_b]);

    let (a, b) = (lan.run("node-a", &[])?, lan.run("node-b", &["--guard"])?);
    a.wait_for_line(WARNING, LIMIT)?;
    b.wait_for_line("gateway 172.18.255.254 on eth0 has learned 172.18.0.10", LIMIT)?;
    assert_eq!(who_answers(&lan, &both)?, both, "the kernel of the one that holds nothing");
    Lan::end(&a)?;

    let a = lan.run("node-a", &["--guard"])?;
    a.wait_for_line("node node-b holds the address", LIMIT)?;
    assert_eq!(who_answers(&lan, &[mac_b].into())?, [mac_b].into(), "it is silent");
    assert!(!a.output().contains(WARNING) && !b.output().contains(WARNING));
    // What a killed run left is found, and taken away in the end.
    a.kill()?;
    a.wait(LIMIT)?;
    assert_eq!(who_answers(&lan, &[mac_b].into())?, [mac_b].into(), "the guard outlives it");
    let a = lan.run("node-a", &["--guard"])?;
    a.wait_for_line("node node-b holds the address", LIMIT)?;
    Lan::end(&a)?;
    assert_eq!(who_answers(&lan, &both)?, both, "it is as it was before");

    // One that is left where no guard is wanted any more is taken away at once.
    let a = lan.run("node-a", &["--guard"])?;
    a.wait_for_line("node node-b holds the address", LIMIT)?;
    a.kill()?;
    a.wait(LIMIT)?;
    assert_eq!(who_answers(&lan, &[mac_b].into())?, [mac_b].into(), "the guard outlives it");
    let a = lan.run("node-a", &[])?;
    a.wait_for_line("the kernel guard of a killed run was found and removed", LIMIT)?;
    a.wait_for_line(WARNING, LIMIT)?;
    assert_eq!(who_answers(&lan, &both)?, both, "the kernel speaks again, and it is told");
    Lan::end(&a)?;

    // Strict ARP is as good as the guard.
    let node = lan.node("node-a")?;
    node.set_sysctl("net.ipv4.conf.all.arp_ignore", "1")?;
    node.set_sysctl("net.ipv4.conf.all.arp_announce", "2")?;
    let a = lan.run("node-a", &[])?;
    a.wait_for_line("node node-b holds the address", LIMIT)?;
    assert_eq!(who_answers(&lan, &[mac_b].into())?, [mac_b].into());
    assert!(!Lan::end(&a)?.contains("ALSO ANSWERS"), "{}", a.output());
    Ok(())
}
