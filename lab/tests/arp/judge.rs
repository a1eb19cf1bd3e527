//! tshark reads what vipcast sends: every frame is one of those that the RFCs describe, field by
//! field, and tshark has no remark on any.

use std::{collections::BTreeSet, fs, net::IpAddr, path::Path};

use vipcast_lab::{
    Capture, Frame,
    harness::{TestResult, tool},
};

use crate::{
    wire::{Arp, Nd},
    world::{LIMIT, Lan, Result, VIP, VIP6},
};

/// The distinct lines of these fields, of the frames that the filter admits.
fn fields(file: &Path, filter: &str, fields: &[&str]) -> Result<BTreeSet<String>> {
    let mut tshark = tool("tshark");
    tshark.arg("-r").arg(file).args(["-Y", filter, "-T", "fields", "-E", "separator= "]);
    for field in fields.iter().chain(&["_ws.expert.message"]) {
        tshark.args(["-e", field]);
    }
    let output = tshark.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(|line| line.trim_end().to_owned()).collect())
}

fn wait(capture: &Capture, what: &str, wanted: impl Fn(&Frame) -> bool) -> TestResult {
    capture.wait_for(what, LIMIT, wanted)?;
    Ok(())
}

/// A run that announces, asks, answers and is asked again; then one that has lost its state, and
/// probes before it hands out the address. The file of the capture.
fn all_frames(
    lan: &Lan,
    address: IpAddr,
    question: &[u8],
    is_reply: impl Fn(&Frame) -> bool,
    is_unicast_question: impl Fn(&Frame) -> bool,
    is_last_announcement: impl Fn(&Frame) -> bool,
    is_probe: impl Fn(&Frame) -> bool,
) -> Result<vipcast_lab::Captured> {
    lan.serve([address])?;
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let node = lan.run("node-a", &["--ask-gateway-every", "1"])?;
    node.wait_for_line(&format!("has learned {address}"), LIMIT)?;
    lan.net.client.send_frame("eth0", question)?;
    wait(&capture, "the answer", is_reply)?;
    wait(&capture, "a question to the gateway alone", is_unicast_question)?;
    wait(&capture, "the last announcement", is_last_announcement)?;
    Lan::end(&node)?;
    fs::write(lan.state().join("assignments.json"), "{ \"format\": ")?;
    let node = lan.run("node-a", &[])?;
    wait(&capture, "a probe", is_probe)?;
    node.wait_for_line(&format!("announcing {address} on eth0"), LIMIT)?;
    node.wait_for_line(&format!("has learned {address}"), LIMIT)?;
    Lan::end(&node)?;
    Ok(capture.stop()?)
}

fn nth(n: usize) -> impl Fn() -> bool {
    let seen = std::cell::Cell::new(0);
    move || {
        seen.set(seen.get() + 1);
        seen.get() == n
    }
}

pub(crate) fn arp() -> TestResult {
    let lan = Lan::new("judge arp", 1)?;
    let (mac, gateway) = (lan.mac("node-a")?, lan.net.router.mac("eth0")?);
    let client = lan.net.client.mac("eth0")?;
    let question = Arp::question(client, [172, 18, 2, 1].into(), VIP).bytes();
    let second = nth(2);
    let caught = all_frames(
        &lan,
        VIP.into(),
        &question,
        |frame| frame.arp().is_some_and(|arp| arp.is_reply() && arp.eth_dst == client),
        |frame| frame.arp().is_some_and(|arp| arp.spa == VIP && arp.eth_dst == gateway),
        |frame| {
            let arp =
                frame.arp().filter(|arp| arp.spa == VIP && arp.tpa == VIP && arp.is_request());
            arp.is_some() && second()
        },
        |frame| frame.arp().is_some_and(|arp| arp.spa.is_unspecified() && arp.tpa == VIP),
    )?;
    let filter = format!(
        "arp && eth.src == {mac} && (arp.src.proto_ipv4 == {VIP} || arp.dst.proto_ipv4 == {VIP})"
    );
    let lines = fields(
        &caught.path,
        &filter,
        &[
            "eth.dst",
            "arp.hw.type",
            "arp.proto.type",
            "arp.hw.size",
            "arp.proto.size",
            "arp.opcode",
            "arp.src.hw_mac",
            "arp.src.proto_ipv4",
            "arp.dst.hw_mac",
            "arp.dst.proto_ipv4",
        ],
    )?;
    let all = "ff:ff:ff:ff:ff:ff 1 0x0800 6 4";
    let zero = "00:00:00:00:00:00";
    let expected = [
        // RFC 5227 2.1.1, 2.3, and the other form of it.
        format!("{all} 1 {mac} 0.0.0.0 {zero} {VIP}"),
        format!("{all} 1 {mac} {VIP} {zero} {VIP}"),
        format!("{all} 2 {mac} {VIP} {mac} {VIP}"),
        // RFC 826: who has the gateway? Asked of all, and of it alone.
        format!("{all} 1 {mac} {VIP} {zero} 172.18.255.254"),
        format!("{gateway} 1 0x0800 6 4 1 {mac} {VIP} {zero} 172.18.255.254"),
        // The answer.
        format!("{client} 1 0x0800 6 4 2 {mac} {VIP} {client} 172.18.2.1"),
    ];
    assert_eq!(lines, expected.into(), "and no remark of tshark's");
    Ok(())
}

pub(crate) fn ndp() -> TestResult {
    let lan = Lan::new("judge ndp", 1)?;
    let (mac, gateway) = (lan.mac("node-a")?, lan.net.router.mac("eth0")?);
    let client = lan.net.client.mac("eth0")?;
    let asker = "fd18::c1".parse()?;
    let question = Nd::question(client, asker, VIP6).bytes();
    let third = nth(3);
    let caught = all_frames(
        &lan,
        VIP6.into(),
        &question,
        |frame| frame.ndp().is_some_and(|nd| nd.target == VIP6 && nd.eth_dst == client),
        |frame| frame.ndp().is_some_and(|nd| nd.src == VIP6 && nd.eth_dst == gateway),
        |frame| {
            let nd = frame.ndp().filter(|nd| nd.target == VIP6);
            let flags = nd.and_then(|nd| nd.advertisement);
            flags.is_some_and(|flags| flags.overrides && !flags.solicited) && third()
        },
        |frame| frame.ndp().is_some_and(|nd| nd.src.is_unspecified() && nd.target == VIP6),
    )?;
    let of_us = format!(
        "eth.src == {mac} && ipv6.hlim == 255 && icmpv6.checksum.status == 1 && icmpv6.code == 0"
    );
    let addresses = ["eth.dst", "ipv6.src", "ipv6.dst"];
    let solicitations = fields(
        &caught.path,
        &format!(
            "{of_us} && icmpv6.type == 135 && (ipv6.src == {VIP6} || icmpv6.nd.ns.target_address == {VIP6})"
        ),
        &[&addresses[..], &["icmpv6.nd.ns.target_address", "icmpv6.opt.src_linkaddr"]].concat(),
    )?;
    let expected = [
        // RFC 4861 7.2.2: the gateway is asked, of its group and of it alone.
        format!("33:33:ff:00:ff:ff {VIP6} ff02::1:ff00:ffff fd18::ffff {mac}"),
        format!("{gateway} {VIP6} fd18::ffff fd18::ffff {mac}"),
        // RFC 4862 5.4.2: the probe, from nobody and without an option.
        format!("33:33:ff:01:00:10 :: ff02::1:ff01:10 {VIP6}"),
    ];
    assert_eq!(solicitations, expected.into(), "and no remark of tshark's");
    let advertisements = fields(
        &caught.path,
        &format!("{of_us} && icmpv6.nd.na.target_address == {VIP6}"),
        &[
            &addresses[..],
            &[
                "icmpv6.nd.na.flag.r",
                "icmpv6.nd.na.flag.s",
                "icmpv6.nd.na.flag.o",
                "icmpv6.opt.target_linkaddr",
            ],
        ]
        .concat(),
    )?;
    let expected = [
        // RFC 4861 7.2.6, RFC 9131 4.1.1, RFC 4861 7.2.4.
        format!("33:33:00:00:00:01 {VIP6} ff02::1 0 0 1 {mac}"),
        format!("33:33:00:00:00:02 {VIP6} ff02::2 0 0 0 {mac}"),
        format!("{client} {VIP6} fd18::c1 0 1 1 {mac}"),
    ];
    assert_eq!(advertisements, expected.into(), "and no remark of tshark's");
    // Nothing that the filters above leave out.
    let others = format!("eth.src == {mac} && icmpv6.nd.na.target_address == {VIP6} && !({of_us})");
    assert!(fields(&caught.path, &others, &["frame.number"])?.is_empty());
    Ok(())
}
