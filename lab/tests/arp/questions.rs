//! The same frames to the kernel, to keepalived and to vipcast: who answers what. keepalived puts its
//! addresses on the link and leaves the answers to its kernel. vipcast answers a little more where the
//! RFCs want it, and a little less where the kernel's answer goes to many.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{Capture, Frame, Host, Mac, Process, harness::TestResult};

use crate::{
    wire::{ALL_NODES, Arp, Nd, group_mac, link_layer},
    world::{LIMIT, Lan, Result, VIP, VIP6},
};

/// Whether the kernel answers, keepalived, and vipcast.
type Answers = [bool; 3];

const ALL: Answers = [true, true, true];
const NOBODY: Answers = [false, false, false];
/// Not vipcast.
const OTHERS: Answers = [true, true, false];
const VIPCAST: Answers = [false, false, true];

const WHO: [&str; 3] = ["the kernel", "keepalived", "vipcast"];

const ASKER: Ipv4Addr = Ipv4Addr::new(172, 18, 7, 7);
const ASKER6: Ipv6Addr = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 7, 7);

/// Who has not asked before.
const STRANGER6: Ipv6Addr = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 7, 9);

/// keepalived's addresses.
const THEIRS: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 20);
const THEIRS6: Ipv6Addr = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 1, 0x20);

/// keepalived on the second node, with the master's part and its first announcements behind it.
fn keepalived(lan: &Lan) -> Result<Process> {
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let process = lan.keepalived("node-b", &[THEIRS.into(), THEIRS6.into()])?;
    capture.wait_for("keepalived's announcement", LIMIT, |frame| {
        frame.arp().is_some_and(|arp| arp.spa == THEIRS)
    })?;
    capture.wait_for("keepalived's advertisement", LIMIT, |frame| {
        frame.ndp().is_some_and(|nd| nd.advertisement.is_some() && nd.target == THEIRS6)
    })?;
    Ok(process)
}

/// Who is asked: an address, and the hardware address of its host.
#[derive(Clone, Copy)]
struct Asked<A> {
    address: A,
    mac: Mac,
}

/// A good question, and the hardware addresses of the asker and of whoever is asked, in; the frame,
/// out.
type Case<Q> = (&'static str, fn(Q, Mac, Mac) -> Vec<u8>, Answers);

fn answers(frames: &[Frame], by: Mac, of: IpAddr) -> impl Iterator<Item = &Frame> {
    frames.iter().filter(move |frame| {
        // An announcement answers nobody.
        let answers = |arp: &vipcast_lab::Arp| arp.is_reply() && arp.tpa != arp.spa;
        let arp = frame.arp().is_some_and(|arp| answers(&arp) && IpAddr::from(arp.spa) == of);
        // A kernel may ask on its own account, as a router does that was told of a neighbour.
        let asked_by_us = |to: Ipv6Addr| to.is_multicast() || [ASKER6, STRANGER6].contains(&to);
        let nd = frame.ndp().is_some_and(|nd| {
            nd.advertisement.is_some() && IpAddr::from(nd.target) == of && asked_by_us(nd.dst)
        });
        frame.source() == by && (arp || nd)
    })
}

/// Sends the frame, then a good question from another asker; how many answers there were before
/// that to the good one. Frames are taken in their order.
fn answered(
    from: &Host,
    capture: &Capture,
    frame: &[u8],
    sentinel: &[u8],
    by: Mac,
    of: IpAddr,
) -> Result<usize> {
    let before = capture.frames().len();
    from.send_frame("eth0", frame)?;
    from.send_frame("eth0", sentinel)?;
    let asker = Mac::from_slice(&sentinel[6..12]).ok_or("short")?;
    let last = |frame: &Frame| frame.destination() == asker && frame.source() == by;
    // The same asker asked before: only what is new counts.
    let start = Instant::now();
    loop {
        let frames = capture.frames().split_off(before);
        if let Some(end) = frames.iter().position(last) {
            return Ok(answers(&frames[..end], by, of).count());
        }
        if start.elapsed() > LIMIT {
            return Err("the good question is not answered".into());
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn check<Q: Clone>(
    who: usize,
    lan: &Lan,
    cases: &[Case<Q>],
    good: &Q,
    sentinel: &[u8],
    asked: Asked<IpAddr>,
) -> TestResult {
    let from = &lan.net.router;
    let mac = from.mac("eth0")?;
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let mut wrong = Vec::new();
    for (what, build, answers) in cases {
        let frame = build(good.clone(), mac, asked.mac);
        let wanted = answers[who];
        let mut count = usize::MAX;
        // An advertisement to all nodes may be an announcement that comes just then: they are seconds
        // apart, so it does not come twice.
        for _ in 0..2 {
            if count != usize::from(wanted) {
                count = answered(from, &capture, &frame, sentinel, asked.mac, asked.address)?;
            }
        }
        if count != usize::from(wanted) {
            let who = WHO[who];
            wrong.push(format!("{who}: {what}: {count} answers, wanted: {wanted}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

const GROUP: Mac = Mac([1, 0, 0x5e, 0, 0, 1]);
const OTHER: Mac = Mac([2, 0, 0, 0, 0xee, 1]);
/// Who asks the good questions in between.
const SENTINEL: Mac = Mac([2, 0, 0, 0, 0xee, 2]);

#[rustfmt::skip]
const ARP: &[Case<Arp>] = &[
    ("a question", |q, _, _| q.bytes(), ALL),
    ("to the host alone", |q, _, host| Arp { destination: host, ..q }.bytes(), ALL),
    ("a probe", |q, _, _| Arp { spa: Ipv4Addr::UNSPECIFIED, ..q }.bytes(), ALL),
    ("from off the subnet", |q, _, _| Arp { spa: [198, 51, 100, 1].into(), ..q }.bytes(), ALL),
    ("from another than the frame's source", |q, _, _| Arp { sha: OTHER, ..q }.bytes(), ALL),
    ("hardware of IEEE 802", |q, _, _| Arp { hardware: 6, ..q }.bytes(), ALL),
    ("padded", |q, _, _| { let mut f = q.bytes(); f.resize(60, 0); f }, ALL),
    ("from a sender that is all", |q, _, _| Arp { sha: Mac::BROADCAST, ..q }.bytes(), OTHERS),
    ("from a sender that is a group", |q, _, _| Arp { sha: GROUP, ..q }.bytes(), OTHERS),
    ("from a sender that is zero", |q, _, _| Arp { sha: Mac::ZERO, ..q }.bytes(), OTHERS),
    ("from the host's own hardware", |q, _, host| Arp { sha: host, ..q }.bytes(), OTHERS),
    ("addresses of 8 octets", |q, _, _| Arp { lengths: [8, 4], ..q }.bytes(), NOBODY),
    ("another protocol", |q, _, _| Arp { protocol: 0x86dd, ..q }.bytes(), NOBODY),
    ("a reverse request", |q, _, _| Arp { operation: 3, ..q }.bytes(), NOBODY),
    ("an operation of zero", |q, _, _| Arp { operation: 0, ..q }.bytes(), NOBODY),
    ("a reply", |q, _, _| Arp { operation: 2, ..q }.bytes(), NOBODY),
    ("from a group", |q, _, _| Arp { spa: [224, 0, 0, 1].into(), ..q }.bytes(), NOBODY),
    ("from all", |q, _, _| Arp { spa: Ipv4Addr::BROADCAST, ..q }.bytes(), NOBODY),
    ("from loopback", |q, _, _| Arp { spa: Ipv4Addr::LOCALHOST, ..q }.bytes(), NOBODY),
    ("cut off", |q, _, _| q.bytes()[..38].to_vec(), NOBODY),
    ("to another host", |q, _, _| Arp { destination: OTHER, ..q }.bytes(), NOBODY),
];

pub(crate) fn arp_table() -> TestResult {
    let lan = Lan::new("arp questions", 2)?;
    let _keepalived = keepalived(&lan)?;
    lan.serve([VIP.into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("gateway 172.18.255.254 on eth0 has learned", LIMIT)?;
    let ours = Asked { address: VIP, mac: lan.mac("node-a")? };
    let kernel = Asked { address: [172, 18, 2, 1].into(), mac: lan.net.client.mac("eth0")? };
    let from = lan.net.router.mac("eth0")?;
    let theirs = Asked { address: THEIRS, mac: lan.mac("node-b")? };
    for (who, asked) in [kernel, theirs, ours].into_iter().enumerate() {
        let good = Arp::question(from, ASKER, asked.address);
        let sentinel = Arp::question(SENTINEL, [172, 18, 7, 8].into(), asked.address).bytes();
        let asked = Asked { address: asked.address.into(), mac: asked.mac };
        check(who, &lan, ARP, &good, &sentinel, asked)?;
    }
    // Somebody who has the address himself asks nothing: that is a conflict, which is defended once.
    let mine = Arp::question(from, VIP, VIP).bytes();
    let sentinel = Arp::question(SENTINEL, [172, 18, 7, 8].into(), VIP).bytes();
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let by = (ours.mac, VIP.into());
    assert_eq!(answered(&lan.net.router, &capture, &mine, &sentinel, by.0, by.1)?, 0);
    node.wait_for_line("uses 172.18.0.10, which this node announces", LIMIT)?;
    let said = Lan::end(&node)?;
    for counted in ["3 sender_mac", "3 sender_address", "1 from_us"] {
        assert!(said.contains(counted), "{counted} is missing:\n{said}");
    }
    Ok(())
}

fn unknown_option() -> Vec<u8> {
    vec![253, 1, 0, 0, 0, 0, 0, 0]
}

#[rustfmt::skip]
const NDP: &[Case<Nd>] = &[
    ("a question", |q, _, _| q.bytes(), ALL),
    ("without an option", |q, _, _| Nd { options: vec![], ..q }.bytes(), ALL),
    // By RFC 4861 7.2.4 it is answered too; the kernel does not resolve the asker for it.
    ("without an option, from a stranger",
        |q, _, _| Nd { from: STRANGER6, options: vec![], ..q }.bytes(), VIPCAST),
    ("to the host alone",
        |q, _, host| Nd { destination: host, to: q.target, ..q }.bytes(), ALL),
    ("to the host alone, without an option",
        |q, _, host| Nd { destination: host, to: q.target, options: vec![], ..q }.bytes(), ALL),
    ("a probe for duplicates",
        |q, _, _| Nd { from: Ipv6Addr::UNSPECIFIED, options: vec![], ..q }.bytes(), ALL),
    ("with an unknown option",
        |q, mac, _| Nd { options: [link_layer(1, mac), unknown_option()].concat(), ..q }.bytes(), ALL),
    ("with reserved bits", |q, _, _| Nd { flags: 0x00ff_00ff, ..q }.bytes(), ALL),
    ("with the option twice",
        |q, mac, _| Nd { options: link_layer(1, mac).repeat(2), ..q }.bytes(), ALL),
    ("hop limit 254", |q, _, _| Nd { hop_limit: 254, ..q }.bytes(), NOBODY),
    ("code 1", |q, _, _| Nd { code: 1, ..q }.bytes(), NOBODY),
    ("a wrong checksum", |q, _, _| Nd { checksum_off_by: 1, ..q }.bytes(), NOBODY),
    ("an option of length zero",
        |q, _, _| Nd { options: vec![1, 0, 0, 0, 0, 0, 0, 0], ..q }.bytes(), NOBODY),
    ("an option past the end",
        |q, mac, _| Nd { options: [&[1, 2][..], &mac.0].concat(), ..q }.bytes(), NOBODY),
    ("from nobody with an option",
        |q, _, _| Nd { from: Ipv6Addr::UNSPECIFIED, ..q }.bytes(), NOBODY),
    ("from nobody to the host alone",
        |q, _, host| Nd {
            from: Ipv6Addr::UNSPECIFIED, destination: host, to: q.target, options: vec![], ..q
        }.bytes(), NOBODY),
    ("a link-layer address of 14 octets",
        |q, _, _| Nd { options: [&[1, 2][..], &[7; 14]].concat(), ..q }.bytes(), NOBODY),
    ("about a group",
        |q, _, _| Nd { target: ALL_NODES, ..q }.bytes(), NOBODY),
    ("cut off", |q, _, _| q.bytes()[..70].to_vec(), NOBODY),
    ("from a link-layer address that is a group",
        |q, _, _| Nd { options: link_layer(1, GROUP), ..q }.bytes(), OTHERS),
];

pub(crate) fn ndp_table() -> TestResult {
    let lan = Lan::new("ndp questions", 2)?;
    let _keepalived = keepalived(&lan)?;
    lan.serve([VIP6.into()])?;
    let node = lan.run("node-a", &[])?;
    node.wait_for_line("gateway fd18::ffff on eth0 has learned", LIMIT)?;
    // The second announcement looks as the answer to a probe does: let it pass.
    thread::sleep(Duration::from_secs(3));
    let ours = Asked { address: VIP6, mac: lan.mac("node-a")? };
    let client = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0, 0xc1);
    let kernel = Asked { address: client, mac: lan.net.client.mac("eth0")? };
    let from = lan.net.router.mac("eth0")?;
    let theirs = Asked { address: THEIRS6, mac: lan.mac("node-b")? };
    for (who, asked) in [kernel, theirs, ours].into_iter().enumerate() {
        let good = Nd::question(from, ASKER6, asked.address);
        let asker = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 7, 8);
        let sentinel = Nd::question(SENTINEL, asker, asked.address).bytes();
        let asked = Asked { address: asked.address.into(), mac: asked.mac };
        check(who, &lan, NDP, &good, &sentinel, asked)?;
    }
    // To all nodes: whoever asks so is answered too.
    let capture = lan.net.lab.capture(&lan.net.lan)?;
    let good = Nd::question(from, ASKER6, VIP6);
    let to_all = Nd { destination: group_mac(ALL_NODES), to: ALL_NODES, ..good };
    let sentinel = Nd::question(SENTINEL, Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 7, 8), VIP6).bytes();
    let all =
        answered(&lan.net.router, &capture, &to_all.bytes(), &sentinel, ours.mac, VIP6.into())?;
    assert_eq!(all, 1, "to all nodes");
    for answer in answers(&capture.stop()?.frames, ours.mac, VIP6.into()) {
        let nd = answer.ndp().ok_or("no answer")?;
        if nd.dst == ALL_NODES {
            continue;
        }
        let flags = nd.advertisement.ok_or("no answer")?;
        assert!(flags.overrides && flags.solicited && !flags.router, "{nd:?}");
        assert_eq!((nd.link_address, nd.src), (Some(ours.mac), VIP6), "{nd:?}");
    }
    Lan::end(&node)?;
    Ok(())
}
