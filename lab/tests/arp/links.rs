//! Which links are used, and what is said about the others.

use std::net::Ipv4Addr;

use vipcast_lab::{Frame, harness::TestResult};

use crate::world::{LIMIT, Lan, Result, VIP, ip};

/// A node that is on the LAN by eth0, and on the network outside by eth1.
fn two_links(name: &str) -> Result<Lan> {
    let lan = Lan::new(name, 1)?;
    lan.net.lab.connect(&lan.net.nodes[0], &lan.net.outside, "eth1", &["192.0.2.77/24"])?;
    lan.write("outside.yaml", &pool("outside", "192.0.2.192/28"))?;
    Ok(lan)
}

fn pool(name: &str, range: &str) -> String {
    format!(
        "apiVersion: metallb.io/v1beta1\nkind: IPAddressPool\n\
         metadata: {{name: {name}, namespace: metallb-system}}\nspec: {{addresses: [{range}]}}\n"
    )
}

pub(crate) fn by_name() -> TestResult {
    let lan = two_links("by name")?;
    lan.serve([VIP.into(), [192, 0, 2, 200].into()])?;
    let node = lan.run("node-a", &["--links", "eth1"])?;
    node.wait_for_line("announcing 192.0.2.200 on eth1", LIMIT)?;
    node.wait_for_line(
        "not announcing 172.18.0.10 for default/s0: nothing is announced on eth0: the settings of \
         this node exclude it",
        LIMIT,
    )?;
    assert!(!Lan::end(&node)?.contains("announcing 172.18.0.10 on"));

    let node = lan.run("node-a", &["--exclude-links", "^eth[1-9]$"])?;
    node.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    node.wait_for_line(
        "not announcing 192.0.2.200 for default/s1: nothing is announced on eth1",
        LIMIT,
    )?;
    let said = Lan::end(&node)?;
    assert!(!said.contains("link eth1 is up"), "{said}");
    Ok(())
}

pub(crate) fn by_list() -> TestResult {
    const OUTSIDE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 200);
    let lan = two_links("by list")?;
    lan.serve([VIP.into(), OUTSIDE.into()])?;
    let list = |entries: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\n\
             metadata: {{name: metallb-excludel2, namespace: metallb-system}}\ndata:\n  \
             excludel2.yaml: 'announcedInterfacesToExclude: [{entries}]'\n"
        )
    };
    lan.write("list.yaml", &list("\"^veth\", \"^eth1$\""))?;
    let capture = lan.net.lab.capture(&lan.net.outside)?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    node.wait_for_line(
        "not announcing 192.0.2.200 for default/s1: nothing is announced on eth1: the list of \
         excluded links matches it with `^eth1$`",
        LIMIT,
    )?;
    let of_it = |frame: &Frame| frame.arp().is_some_and(|arp| arp.spa == OUTSIDE);
    assert_eq!(capture.frames().iter().filter(|frame| of_it(frame)).count(), 0);

    // It is no longer in the list.
    lan.write("list.yaml", &list("\"^veth\""))?;
    node.wait_for_line("announcing 192.0.2.200 on eth1", LIMIT)?;
    capture.wait_for("an announcement on eth1", LIMIT, of_it)?;
    Lan::end(&node)?;
    Ok(())
}

pub(crate) fn by_route() -> TestResult {
    let lan = two_links("by route")?;
    lan.serve([VIP.into(), [192, 0, 2, 200].into()])?;
    let node = lan.run("node-a", &["--links", "can_reach:172.18.255.254"])?;
    node.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    assert!(!node.output().contains("announcing 192.0.2.200 on"), "{}", node.output());
    // The way to it is another now; links did not change.
    ip(&lan.net.nodes[0], "route add 172.18.255.254/32 dev eth1")?;
    node.wait_for_line("silent about 172.18.0.10", LIMIT)?;
    node.wait_for_line("announcing 192.0.2.200 on eth1", LIMIT)?;
    Lan::end(&node)?;
    Ok(())
}

pub(crate) fn members() -> TestResult {
    let lan = two_links("members")?;
    let host = &lan.net.nodes[0];
    lan.serve([[192, 0, 2, 200].into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("announcing 192.0.2.200 on eth1", LIMIT)?;
    ip(host, "link add br9 type bridge")?;
    ip(host, "link set eth1 master br9")?;
    node.wait_for_line(
        "not announcing 192.0.2.200 for default/s0: nothing is announced on eth1: it is a member of \
         br9; use br9 instead",
        LIMIT,
    )?;
    ip(host, "addr add 192.0.2.77/24 dev br9")?;
    ip(host, "link set br9 up")?;
    node.wait_for_line("announcing 192.0.2.200 on br9", LIMIT)?;
    // Without a member the bridge has no carrier.
    let seen = node.lines().len();
    ip(host, "link set eth1 nomaster")?;
    node.wait_for_line_after(seen, "announcing 192.0.2.200 on eth1", LIMIT)?;
    Lan::end(&node)?;
    Ok(())
}

pub(crate) fn changes() -> TestResult {
    let lan = Lan::new("changes", 1)?;
    let host = &lan.net.nodes[0];
    lan.serve([VIP.into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    let announced_at = |mac: vipcast_lab::Mac| {
        move |frame: &Frame| {
            let arp = frame.arp().filter(|arp| arp.is_request() && arp.is_gratuitous());
            arp.is_some_and(|arp| arp.spa == VIP && arp.sha == mac && arp.eth_src == mac)
        }
    };
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    for words in ["link set eth0 down", "link set eth0 name lan0", "link set lan0 up"] {
        ip(host, words)?;
    }
    node.wait_for_line("announcing 172.18.0.10 on lan0", LIMIT)?;
    capture.wait_for(
        "an announcement under the new name",
        LIMIT,
        announced_at(host.mac("lan0")?),
    )?;
    ip(host, "link set lan0 address 02:00:00:00:99:01")?;
    let mac = vipcast_lab::Mac([2, 0, 0, 0, 0x99, 1]);
    capture.wait_for("an announcement of the new address", LIMIT, announced_at(mac))?;
    Lan::end(&node)?;
    Ok(())
}

pub(crate) fn nowhere() -> TestResult {
    let lan = Lan::new("nowhere", 1)?;
    lan.write("far.yaml", &pool("far", "10.9.9.0/24"))?;
    lan.serve([[10, 9, 9, 9].into()])?;
    let node = lan.run("node-a", &["-o", "json"])?;
    let line =
        node.wait_for_line("no link of the node is in a network that holds 10.9.9.9", LIMIT)?;
    assert!(line.text.contains(r#""reason":"noLinkForAddress""#), "{}", line.text);
    Lan::end(&node)?;
    // Where a link is named, it need not be in that network.
    let named = "apiVersion: metallb.io/v1beta1\nkind: L2Advertisement\n\
                 metadata: {name: far, namespace: metallb-system}\n\
                 spec: {ipAddressPools: [far], interfaces: [eth0]}\n";
    lan.write("named.yaml", named)?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("announcing 10.9.9.9 on eth0", LIMIT)?;
    Lan::end(&node)?;
    Ok(())
}
