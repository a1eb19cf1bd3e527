//! vipcast on a real network: who answers, what the LAN sees, what is left behind.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use vipcast_lab::{
    Arp, BridgeOptions, Captured, Cluster, Frame, Mac, Topology,
    harness::{self, LIMIT, TestResult, test},
    vipcast,
};

const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);

/// The addresses of the quick start's dual-stack service.
const DUAL: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(172, 18, 0, 40), Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 1, 1));

fn main() -> ExitCode {
    harness::main(vec![
        test("exactly one node answers for an address", exactly_one_node_answers),
        test("arping gets answers from the holder alone", arping_gets_answers).needs_tool("arping"),
        test("a silent client is moved by every one of ten takeovers", a_silent_client_is_moved),
        test("a granted address is announced as RFC 5227 says", announcements_are_as_rfc_5227_says)
            .needs_tool("tshark"),
        test("a service keeps its address when an earlier one is gone", history_is_kept),
        test("a killed run's orphans are swept at the next start", orphans_are_swept),
        test("a stop takes away what was set", a_stop_takes_away_what_was_set),
        test("an address of someone else is left alone and reported", a_foreign_address_is_left),
        test("a second instance on one machine is refused", a_second_instance_is_refused),
        test("hostile frames are dropped and counted by reason", hostile_frames_are_counted)
            .needs_tool("scapy"),
        test(
            "a node that slept past its tokens holds nothing and comes back",
            a_sleeper_comes_back,
        ),
        test("both families of a service are reached, and one node holds both", dual_stack),
        test("ndisc6 gets the answer of RFC 4861", ndisc6_gets_answers).needs_tool("ndisc6"),
        test("a switch that snoops lets questions for IPv6 addresses through", a_snooping_switch),
        test("an IPv6 address is advertised as RFC 4861 says", advertisements_are_as_rfc_4861_says)
            .needs_tool("tshark"),
        test("what a firewall flushes is put back", a_flush_is_mended).needs_tool("nft"),
        test("two that were told to be alone do not both hold", two_alone),
        test("edits are followed, and touch only what they concern", edits_are_followed),
        test("after a loss of state nobody's address is handed out", lost_state),
        test("without an assigner nothing new is assigned, and what is stays", no_assigner),
    ])
}

/// The quick start's manifests on so many nodes.
fn cluster(name: &str, nodes: u8) -> Result<Cluster, Box<dyn std::error::Error>> {
    // Tests run in their package's folder.
    let manifests = Path::new("../examples/quickstart");
    Ok(Cluster::start(Topology::new(name, nodes)?, &vipcast()?, manifests)?)
}

fn page(address: impl Into<IpAddr>) -> String {
    match address.into() {
        IpAddr::V4(address) => format!("http://{address}/"),
        IpAddr::V6(address) => format!("http://[{address}]/"),
    }
}

/// ARP packets that were delivered to the LAN, with the host that sent each.
fn arps(caught: &Captured) -> Vec<(&Frame, Arp)> {
    let delivered = caught.frames.iter().filter(|frame| frame.delivered);
    delivered.filter_map(|frame| Some((frame, frame.arp()?))).collect()
}

fn announcements_of(caught: &Captured, address: Ipv4Addr) -> Vec<(&Frame, Arp)> {
    let ours = |arp: &Arp| arp.is_gratuitous() && arp.is_request() && arp.spa == address;
    arps(caught).into_iter().filter(|(_, arp)| ours(arp)).collect()
}

fn exactly_one_node_answers() -> TestResult {
    let cluster = cluster("one answers", 3)?;
    cluster.wait_for_page(&page(VIP))?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    for _ in 0..20 {
        cluster.net.client.flush_neighbours()?;
        cluster.wait_for_page(&page(VIP))?;
    }
    let caught = capture.stop()?;
    assert_eq!(caught.dropped, 0);
    let replies: Vec<Mac> = arps(&caught)
        .into_iter()
        .filter(|(_, arp)| arp.is_reply() && arp.spa == VIP)
        .map(|(_, arp)| arp.sha)
        .collect();
    assert!(replies.len() >= 20, "{} replies", replies.len());
    assert_eq!(replies.iter().collect::<BTreeSet<_>>().len(), 1, "{replies:?}");
    Ok(())
}

fn arping_gets_answers() -> TestResult {
    let cluster = cluster("arping", 3)?;
    cluster.wait_for_page(&page(VIP))?;
    let owner = cluster.net.seen_by_client(VIP.into())?.mac("eth0")?;
    let mut arping = Command::new("arping");
    arping.args(["-c", "3", "-w", "10", "-I", "eth0", &VIP.to_string()]);
    let arping = cluster.net.client.spawn(arping)?;
    let status = arping.wait(LIMIT)?;
    let output = arping.output();
    assert!(status.success(), "{output}");
    let answers = output.lines().filter(|line| line.to_lowercase().contains(&owner.to_string()));
    assert_eq!(answers.count(), 3, "{output}");
    Ok(())
}

/// Whether this is TCP without SYN: the last page's connection may end late, and that moves no entry.
fn goes_on(frame: &Frame) -> bool {
    // After the Ethernet header, and an IPv4 header without options.
    let (protocol, flags) = (frame.bytes.get(14 + 9), frame.bytes.get(14 + 20 + 13));
    protocol == Some(&6) && flags.is_some_and(|flags| flags & 2 == 0)
}

/// All that a client says about the address is the answer to a question from it, and that comes after
/// a frame which has moved the client already: an announcement, or the question itself (RFC 826
/// merges the sender before it looks at the operation).
fn unasked_is_silent(caught: &Captured, round: u32) -> TestResult {
    let announced = caught.frames.iter().position(|frame| {
        let heard = frame.direction == vipcast_lab::Direction::Received;
        heard && frame.arp().is_some_and(|arp| arp.spa == VIP)
    });
    let announced = announced.ok_or("no announcement")?;
    for (position, frame) in caught.frames.iter().enumerate() {
        if frame.direction != vipcast_lab::Direction::Sent {
            continue;
        }
        let to_vip = frame.ip().is_some_and(|(_, to)| to == IpAddr::from(VIP)) && !goes_on(frame);
        assert!(!to_vip, "round {round}: the client was not silent: {frame:?}");
        if let Some(arp) = frame.arp().filter(|arp| arp.tpa == VIP) {
            assert!(arp.is_reply(), "round {round}: the client asked: {arp:?}");
            assert!(position > announced, "round {round}: it answered before it was moved");
        }
    }
    Ok(())
}

/// The client has learned the address and says no word more; its kernel must still follow.
fn a_silent_client_is_moved() -> TestResult {
    let cluster = cluster("silent client", 3)?;
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    // By the placement that vipcast shares with MetalLB.
    let old = cluster.node("node-b")?;
    let old_mac = old.mac("eth0")?;
    let mut last: Option<String> = None;
    for round in 0..10 {
        if let Some(last) = &last {
            // Until it has read the list, the last owner defends what it had.
            cluster.wait_until_holding(last, VIP.into(), true)?;
            cluster.set_alive(&names)?;
            cluster.wait_until_holding(last, VIP.into(), false)?;
            cluster.net.client.flush_neighbours()?;
        }
        assert_eq!(cluster.wait_for_page(&page(VIP))?, old.name(), "round {round}");
        let others: Vec<&String> = names.iter().filter(|name| *name != old.name()).collect();
        let capture = cluster.net.lab.capture(&cluster.net.client.port)?;
        // An owner that reads the list after its successor defends once more; the second
        // announcement ends that.
        cluster.wait_until_holding(old.name(), VIP.into(), true)?;
        cluster.set_alive(&others)?;
        cluster.wait_until_holding(old.name(), VIP.into(), false)?;
        let moved = move |entry: Option<&vipcast_lab::Neighbour>| {
            entry.is_some_and(|entry| entry.mac.is_some_and(|mac| mac != old_mac))
        };
        cluster.net.client.wait_for_neighbour(VIP.into(), LIMIT, moved)?;
        unasked_is_silent(&capture.stop()?, round)?;
        let new = cluster.net.seen_by_client(VIP.into())?.name().to_owned();
        assert!(others.iter().any(|name| **name == new), "round {round}: {new}");
        assert_eq!(cluster.wait_for_page(&page(VIP))?, new, "round {round}");
        last = Some(new);
    }
    Ok(())
}

/// A busy machine may put a thread aside between its look at the clock and what it sends then, which
/// brings two frames closer together; not three times in a row.
fn are_apart(
    wanted: Duration,
    measure: impl Fn() -> Result<Duration, Box<dyn std::error::Error>>,
) -> TestResult {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let apart = measure()?;
        // What the clock of a capture is off by.
        if apart >= wanted - Duration::from_millis(10) {
            return Ok(());
        }
        seen.push(apart);
    }
    Err(format!("they are {seen:?} apart, not {wanted:?}").into())
}

fn announcements_are_as_rfc_5227_says() -> TestResult {
    // ANNOUNCE_INTERVAL.
    are_apart(Duration::from_secs(2), announced)
}

/// How far the announcements of a takeover are apart.
fn announced() -> Result<Duration, Box<dyn std::error::Error>> {
    let cluster = cluster("announcements", 2)?;
    cluster.wait_for_page(&page(VIP))?;
    let old = cluster.net.seen_by_client(VIP.into())?.name().to_owned();
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    let others: Vec<&String> = names.iter().filter(|name| **name != old).collect();
    let mac = cluster.node(others[0])?.mac("eth0")?;
    // A living one may speak once more, and would be answered by a defence.
    cluster.process(&old).kill()?;
    cluster.process(&old).wait(LIMIT)?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    cluster.set_alive(&others)?;
    let seen = std::sync::atomic::AtomicUsize::new(0);
    capture.wait_for("the second announcement", LIMIT, |frame| {
        let arp = frame.arp().filter(|arp| arp.is_gratuitous() && arp.is_request());
        let ours = arp.is_some_and(|arp| arp.spa == VIP && arp.sha == mac);
        ours && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
    })?;
    // A third one would come with the next interval: stopping proves that nothing is pending.
    cluster.process(others[0]).terminate()?;
    cluster.process(others[0]).wait(LIMIT)?;
    let caught = capture.stop()?;
    let announced = announcements_of(&caught, VIP);
    assert_eq!(announced.len(), 2, "ANNOUNCE_NUM is 2: {announced:?}");
    for (_, arp) in &announced {
        assert_eq!((arp.eth_dst, arp.eth_src), (Mac::BROADCAST, mac));
        assert_eq!((arp.sha, arp.spa), (mac, VIP));
        assert_eq!((arp.tha, arp.tpa), (Mac::ZERO, VIP));
    }
    judge(&caught.path, mac)?;
    Ok(announced[1].0.at.duration_since(announced[0].0.at))
}

/// tshark reads the announcements as what they are, and finds nothing to warn of.
fn judge(capture: &Path, mac: Mac) -> TestResult {
    let filter = format!("arp.isgratuitous && arp.opcode == 1 && arp.src.proto_ipv4 == {VIP}");
    let fields = ["arp.opcode", "arp.src.hw_mac", "arp.dst.hw_mac", "_ws.expert.severity"];
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(capture).args(["-Y", &filter, "-T", "fields"]);
    for field in fields {
        tshark.args(["-e", field]);
    }
    let output = tshark.output()?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    for line in lines {
        let values: Vec<&str> = line.split('\t').collect();
        assert_eq!(values[..3], ["1", &mac.to_string(), "00:00:00:00:00:00"], "{line}");
        // 0x00400000 is a note, 0x00600000 a warning.
        let severity = values.get(3).copied().unwrap_or_default().trim_start_matches("0x");
        let severity = u32::from_str_radix(severity, 16).or_else(|_| severity.parse()).unwrap_or(0);
        assert!(severity < 0x0060_0000, "tshark warns: {line}");
    }
    Ok(())
}

const SECOND: &str = "\
apiVersion: v1
kind: Service
metadata: {name: second, namespace: default}
spec: {type: LoadBalancer, ports: [{port: 81}]}
";

fn history_is_kept() -> TestResult {
    let mut cluster = cluster("history", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;
    fs::write(cluster.manifests.join("second.yaml"), SECOND)?;
    cluster.start_node("node-a")?;
    cluster.process("node-a").wait_for_line("announcing 172.18.0.11 on eth0", LIMIT)?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;

    let services = cluster.manifests.join("services.yaml");
    let text = fs::read_to_string(&services)?;
    let (_first, rest) = text.split_once("---").ok_or("one document")?;
    fs::write(&services, rest)?;
    cluster.start_node("node-a")?;
    let announced =
        cluster.process("node-a").wait_for_line("announcing 172.18.0.11 on eth0", LIMIT)?;
    assert!(announced.text.contains("default/second"), "{}", announced.text);
    assert!(!cluster.process("node-a").output().contains("announcing 172.18.0.10"));
    Ok(())
}

fn on_lo(cluster: &Cluster, node: &str) -> Result<Vec<String>, Box<dyn std::error::Error>> {
    let nets = cluster.node(node)?.addresses("lo")?;
    let pool = |net: &String| net.starts_with("172.18.0.") || net.starts_with("fd18::1:");
    Ok(nets.iter().map(ToString::to_string).filter(pool).collect())
}

fn orphans_are_swept() -> TestResult {
    let mut cluster = cluster("orphans", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 4);
    cluster.process("node-a").kill()?;
    cluster.process("node-a").wait(LIMIT)?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 4, "a killed process cleans nothing up");
    for file in ["services.yaml", "dual-stack.yaml"] {
        fs::remove_file(cluster.manifests.join(file))?;
    }
    cluster.start_node("node-a")?;
    cluster.process("node-a").wait_for_line("swept 172.18.0.10", LIMIT)?;
    cluster.process("node-a").wait_for_line("swept fd18::1:1", LIMIT)?;
    cluster.process("node-a").wait_for_line("running as node-a", LIMIT)?;
    assert!(on_lo(&cluster, "node-a")?.is_empty());
    Ok(())
}

fn a_stop_takes_away_what_was_set() -> TestResult {
    let cluster = cluster("stop", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 4);
    cluster.process("node-a").terminate()?;
    assert_eq!(cluster.process("node-a").wait(LIMIT)?.code(), Some(0));
    assert!(on_lo(&cluster, "node-a")?.is_empty());
    // The kernel answers for addresses of its own again, so the guard is gone: a VIP that somebody
    // puts there is answered.
    let node = cluster.node("node-a")?;
    node.add_address("lo", "172.18.0.10/32".parse()?)?;
    cluster.net.client.flush_neighbours()?;
    cluster.wait_for_page(&page(VIP))?;
    Ok(())
}

fn a_foreign_address_is_left() -> TestResult {
    let mut cluster = cluster("foreign", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;
    cluster.node("node-a")?.add_address("lo", "172.18.0.10/32".parse()?)?;
    cluster.start_node("node-a")?;
    let process = cluster.process("node-a");
    process
        .wait_for_line("172.18.0.10 cannot be delivered: 172.18.0.10 is already on lo", LIMIT)?;
    process.wait_for_line("not announcing 172.18.0.10 for default/nginx", LIMIT)?;
    process.wait_for_line("announcing 172.18.0.20 on eth0", LIMIT)?;
    process.terminate()?;
    assert_eq!(process.wait(LIMIT)?.code(), Some(0));
    assert_eq!(on_lo(&cluster, "node-a")?, ["172.18.0.10/32"], "it is not ours to remove");
    Ok(())
}

fn a_second_instance_is_refused() -> TestResult {
    let cluster = cluster("second instance", 1)?;
    let second = cluster.node("node-a")?.spawn(cluster.command("node-a"))?;
    assert_eq!(second.wait(LIMIT)?.code(), Some(1));
    let said = second.output();
    assert!(said.contains("another vipcast is running in this network namespace"), "{said}");
    cluster.wait_for_page(&page(VIP))?;
    Ok(())
}

/// Malformed, forged and foreign questions, and a good one at the end which is answered.
const FRAMES: &str = "\
from scapy.all import Ether, ARP, Raw, sendp, get_if_hwaddr
me, vip = get_if_hwaddr('eth0'), '172.18.0.10'
e = Ether(src=me, dst='ff:ff:ff:ff:ff:ff')
q = lambda **k: e / ARP(**{**dict(op=1, hwsrc=me, psrc='172.18.2.1', pdst=vip), **k})
sendp([
    Ether(bytes(q())[:30]),
    q(hwsrc='ff:ff:ff:ff:ff:ff'), q(hwsrc='00:00:00:00:00:00'), q(hwsrc='01:00:5e:00:00:01'),
    q(psrc='224.0.0.1'), q(psrc='255.255.255.255'), q(psrc='127.0.0.1'),
    q(hwlen=8), q(ptype=0x86dd), q(op=9),
    q(),
], iface='eth0', verbose=False)
";

fn hostile_frames_are_counted() -> TestResult {
    let cluster = cluster("hostile", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    let capture = cluster.net.lab.capture(&cluster.net.client.port)?;
    let mut scapy = Command::new("/usr/bin/python3");
    scapy.args(["-c", FRAMES]);
    let scapy = cluster.net.client.spawn(scapy)?;
    assert!(scapy.wait(LIMIT)?.success(), "{}", scapy.output());
    let answer = |arp: Arp| arp.is_reply() && !arp.is_gratuitous() && arp.spa == VIP;
    let reply = |frame: &Frame| frame.arp().is_some_and(answer);
    capture.wait_for("the answer to the good question", LIMIT, reply)?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;
    let replies = capture.stop()?.frames.iter().filter(|frame| reply(frame)).count();
    assert_eq!(replies, 1, "only the good question is answered");
    let said = cluster.process("node-a").output();
    for counted in ["3 sender_mac", "3 sender_address"] {
        assert!(said.contains(counted), "{counted} is missing:\n{said}");
    }
    Ok(())
}

fn a_sleeper_comes_back() -> TestResult {
    let cluster = cluster("sleeper", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    let process = cluster.process("node-a");
    let seen = process.lines().len();
    process.stop()?;
    // Longer than a token lives.
    std::thread::sleep(Duration::from_millis(1_500));
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    process.resume()?;
    process.wait_for_line_after(seen, "this node was paused", LIMIT)?;
    capture.wait_for("a new announcement", LIMIT, |frame| {
        frame.arp().is_some_and(|arp| arp.is_gratuitous() && arp.spa == VIP)
    })?;
    cluster.wait_for_page(&page(VIP))?;
    Ok(())
}

fn dual_stack() -> TestResult {
    let cluster = cluster("dual stack", 3)?;
    let (ipv4, ipv6) = DUAL;
    let holder = cluster.wait_for_page(&page(ipv4))?;
    assert_eq!(cluster.wait_for_page(&page(ipv6))?, holder, "one node holds both");
    assert_eq!(cluster.net.seen_by_client(ipv6.into())?.name(), holder);
    let outside = cluster.net.outside_client.fetch(&page(ipv6))?;
    assert_eq!(outside.body.trim(), holder, "through the router too");

    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    let others: Vec<&String> = names.iter().filter(|name| **name != holder).collect();
    let old = cluster.node(&holder)?.mac("eth0")?;
    cluster.set_alive(&others)?;
    for address in [IpAddr::from(ipv4), ipv6.into()] {
        let moved = move |entry: Option<&vipcast_lab::Neighbour>| {
            entry.is_some_and(|entry| entry.mac.is_some_and(|mac| mac != old))
        };
        cluster.net.client.wait_for_neighbour(address, LIMIT, moved)?;
    }
    let successor = cluster.wait_for_page(&page(ipv6))?;
    assert_eq!(cluster.wait_for_page(&page(ipv4))?, successor);
    assert_ne!(successor, holder);
    Ok(())
}

fn ndisc6_gets_answers() -> TestResult {
    let cluster = cluster("ndisc6", 3)?;
    let (_, ipv6) = DUAL;
    cluster.wait_for_page(&page(ipv6))?;
    let owner = cluster.net.seen_by_client(ipv6.into())?.mac("eth0")?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let mut ndisc6 = Command::new("ndisc6");
    ndisc6.args(["-1", "-q", &ipv6.to_string(), "eth0"]);
    let ndisc6 = cluster.net.client.spawn(ndisc6)?;
    let status = ndisc6.wait(LIMIT)?;
    assert!(status.success(), "{}", ndisc6.output());
    assert_eq!(ndisc6.output().trim().to_lowercase(), owner.to_string());
    let caught = capture.stop()?;
    let answers = caught.frames.iter().filter_map(Frame::ndp);
    // What the owner says unasked (to all nodes, or to all routers) may fall into the same time.
    let answers: Vec<_> = answers
        .filter(|nd| nd.target == ipv6 && !nd.dst.is_multicast())
        .filter_map(|nd| Some((nd, nd.advertisement?)))
        .collect();
    let [(answer, flags)] = answers[..] else { return Err(format!("{answers:?}").into()) };
    assert_eq!((answer.src, answer.link_address), (ipv6, Some(owner)), "with the TLLAO");
    assert_eq!((flags.router, flags.solicited, flags.overrides), (false, true, true));
    Ok(())
}

/// Whether the switch keeps a question for a group that nobody joined away from a node.
fn snoops(cluster: &Cluster, round: u16) -> Result<bool, Box<dyn std::error::Error>> {
    // A new one each time: a kernel that waits for an answer does not ask again.
    let unclaimed = Ipv6Addr::new(0xfd18, 0, 0, 0, 0, 0, 0x77, round);
    let asks = |frame: &Frame| frame.ndp().is_some_and(|nd| nd.target == unclaimed);
    let sent = cluster.net.lab.capture(&cluster.net.client.port)?;
    let arrived = cluster.net.lab.capture(&cluster.net.nodes[0].port)?;
    let nobody = cluster.net.client.fetch_within(&page(unclaimed), Duration::from_millis(100));
    assert!(nobody.is_err());
    sent.wait_for("the question", LIMIT, asks)?;
    Ok(!arrived.stop()?.frames.iter().any(asks))
}

fn a_snooping_switch() -> TestResult {
    let options = BridgeOptions::default().multicast_snooping(true).multicast_querier(true);
    let net = Topology::with_lan("snooping", 2, &options)?;
    let cluster = Cluster::start(net, &vipcast()?, Path::new("../examples/quickstart"))?;
    let snooping =
        (0..300).map(|round| snoops(&cluster, round)).find(|result| !matches!(result, Ok(false)));
    snooping.ok_or("the switch does not begin to snoop")??;
    let (_, ipv6) = DUAL;
    cluster.net.client.flush_neighbours()?;
    assert_eq!(cluster.net.client.fetch(&page(ipv6))?.status, 200);
    Ok(())
}

fn advertisements_are_as_rfc_4861_says() -> TestResult {
    // RetransTimer.
    are_apart(Duration::from_secs(1), advertised)
}

/// How far the advertisements of a takeover are apart, at the least.
fn advertised() -> Result<Duration, Box<dyn std::error::Error>> {
    let cluster = cluster("advertisements", 2)?;
    let (_, ipv6) = DUAL;
    let old = cluster.wait_for_page(&page(ipv6))?;
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    let others: Vec<&String> = names.iter().filter(|name| **name != old).collect();
    let mac = cluster.node(others[0])?.mac("eth0")?;
    // A living one may speak once more, and would be answered by a defence.
    cluster.process(&old).kill()?;
    cluster.process(&old).wait(LIMIT)?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    cluster.set_alive(&others)?;
    let ours = |frame: &Frame| {
        let nd = frame.ndp().filter(|nd| nd.target == ipv6);
        nd.filter(|nd| nd.advertisement.is_some_and(|flags| !flags.solicited && flags.overrides))
    };
    let seen = std::sync::atomic::AtomicUsize::new(0);
    capture.wait_for("the third advertisement", LIMIT, |frame| {
        ours(frame).is_some() && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 2
    })?;
    cluster.process(others[0]).terminate()?;
    cluster.process(others[0]).wait(LIMIT)?;
    let caught = capture.stop()?;
    let advertised: Vec<_> =
        caught.frames.iter().filter_map(|frame| Some((frame.at, ours(frame)?))).collect();
    assert_eq!(advertised.len(), 3, "MAX_NEIGHBOR_ADVERTISEMENT is 3: {advertised:?}");
    for (_, nd) in &advertised {
        assert_eq!((nd.eth_src, nd.link_address, nd.src), (mac, Some(mac), ipv6));
        assert_eq!(nd.dst, Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1), "to all nodes");
        assert!(nd.advertisement.is_some_and(|flags| flags.overrides && !flags.router));
    }
    let filter = format!(
        "eth.src == {mac} && icmpv6.nd.na.target_address == {ipv6} && icmpv6.nd.na.flag.s == 0 && icmpv6.nd.na.flag.o == 1"
    );
    let mut tshark = Command::new("tshark");
    tshark.arg("-r").arg(&caught.path).args(["-Y", &filter, "-T", "fields"]);
    for field in ["ipv6.hlim", "icmpv6.checksum.status", "_ws.expert.message"] {
        tshark.args(["-e", field]);
    }
    let output = tshark.output()?;
    let text = String::from_utf8(output.stdout)?;
    assert_eq!(text.lines().collect::<Vec<_>>(), ["255\t1\t"; 3], "good checksums, no remark");
    let apart = advertised.windows(2).map(|pair| pair[1].0.duration_since(pair[0].0));
    Ok(apart.min().ok_or("three are two pairs")?)
}

/// What a program prints that is run on a node.
fn printed(
    cluster: &Cluster,
    node: &str,
    program: &[&str],
) -> Result<String, Box<dyn std::error::Error>> {
    let mut command = Command::new(harness::find_tool(program[0]).ok_or("not found")?);
    command.args(&program[1..]);
    let process = cluster.node(node)?.spawn(command)?;
    assert!(process.wait(LIMIT)?.success(), "{}", process.output());
    Ok(process.output())
}

fn a_flush_is_mended() -> TestResult {
    let cluster = cluster("flush", 2)?;
    cluster.wait_for_page(&page(VIP))?;
    let owner = cluster.net.seen_by_client(VIP.into())?.mac("eth0")?;
    for node in ["node-a", "node-b"] {
        assert!(printed(&cluster, node, &["nft", "list", "tables"])?.contains("arp vipcast"));
        printed(&cluster, node, &["nft", "flush", "ruleset"])?;
    }
    let mended = (0..500).find_map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        let there = |node| {
            printed(&cluster, node, &["nft", "list", "tables"])
                .is_ok_and(|tables| tables.contains("arp vipcast"))
        };
        (there("node-a") && there("node-b")).then_some(())
    });
    mended.ok_or("the guard is not put back")?;
    // And so is an address that somebody takes away.
    let (node, vip) = (cluster.node("node-a")?, "172.18.0.10/32".parse()?);
    node.delete_address("lo", vip)?;
    node.wait_for_address("lo", vip, true, LIMIT)?;
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    cluster.net.client.flush_neighbours()?;
    cluster.wait_for_page(&page(VIP))?;
    for (_, arp) in arps(&capture.stop()?) {
        assert!(!arp.is_reply() || arp.spa != VIP || arp.sha == owner, "{arp:?}");
    }
    Ok(())
}

fn two_alone() -> TestResult {
    let cluster = cluster("two alone", 2)?;
    let state = cluster.net.lab.dir().join("shared");
    let alone = |name: &str| {
        let mut command = Command::new(vipcast()?);
        command.arg("run").arg("--manifests").arg(&cluster.manifests);
        command.arg("--state").arg(&state).args(["--node", name, "--deliver", "local"]);
        cluster.process(name).terminate()?;
        cluster.process(name).wait(LIMIT)?;
        cluster.node(name)?.spawn(command)
    };
    let first = alone("node-a")?;
    first.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    let second = alone("node-b")?;
    second.wait_for_line("ANOTHER VIPCAST USES THIS STATE FOLDER", LIMIT)?;
    // When the first is gone, the second is alone indeed.
    assert!(!second.output().contains("announcing 172.18.0.10 on"), "{}", second.output());
    first.terminate()?;
    first.wait(LIMIT)?;
    second.wait_for_line("announcing 172.18.0.10 on eth0", LIMIT)?;
    // A closed terminal is as good a reason to clean up as any.
    second.signal(rustix::process::Signal::HUP)?;
    assert_eq!(second.wait(LIMIT)?.code(), Some(0));
    assert!(on_lo(&cluster, "node-b")?.is_empty());
    Ok(())
}

fn edits_are_followed() -> TestResult {
    let net = Topology::new("edits", 1)?;
    let before = net.lab.capture(&net.lan)?;
    let cluster = Cluster::start(net, &vipcast()?, Path::new("../examples/quickstart"))?;
    let process = cluster.process("node-a");
    let seen = std::sync::atomic::AtomicUsize::new(0);
    before.wait_for("the last of the first announcements", LIMIT, |frame| {
        let arp = frame.arp().filter(|arp| arp.is_gratuitous() && arp.is_request());
        arp.is_some_and(|arp| arp.spa == VIP)
            && seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
    })?;

    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    let file = cluster.manifests.join("second.yaml");
    fs::write(&file, SECOND)?;
    process.wait_for_line("announcing 172.18.0.11 on eth0 for default/second", LIMIT)?;
    let lines = process.lines().len();
    fs::write(&file, "kind: Service\nmetadata: {name: second")?;
    process.wait_for_line_after(lines, "second.yaml", LIMIT)?;
    assert_eq!(cluster.wait_for_page(&page(Ipv4Addr::new(172, 18, 0, 11)))?, "node-a");
    fs::remove_file(&file)?;
    process.wait_for_line("silent about 172.18.0.11", LIMIT)?;
    assert_eq!(cluster.wait_for_page(&page(VIP))?, "node-a");

    let others = capture.stop()?;
    let second = Ipv4Addr::new(172, 18, 0, 11);
    let about = |address| move |(_, arp): &(&Frame, Arp)| arp.is_gratuitous() && arp.spa == address;
    assert!(arps(&others).iter().any(about(second)));
    assert_eq!(arps(&others).iter().filter(|arp| about(VIP)(arp)).count(), 0, "{others:?}");
    assert!(!process.output().contains("silent about 172.18.0.10"));
    Ok(())
}

fn lost_state() -> TestResult {
    let mut cluster = cluster("lost state", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    cluster.process("node-a").terminate()?;
    cluster.process("node-a").wait(LIMIT)?;
    fs::write(cluster.state().join("assignments.json"), "{ \"format\": ")?;
    // A stranger has the first address of the pool, and the one of IPv6.
    for (address, net) in [(IpAddr::from(VIP), "172.18.0.10/16"), (DUAL.1.into(), "fd18::1:1/64")] {
        assert!(net.starts_with(&address.to_string()));
        cluster.net.router.add_address("eth0", net.parse()?)?;
    }
    cluster.start_node("node-a")?;
    let process = cluster.process("node-a");
    process.wait_for_line("THE WRITTEN ASSIGNMENTS WERE CORRUPT", LIMIT)?;
    process.wait_for_line("another host uses 172.18.0.10", LIMIT)?;
    process.wait_for_line("another host uses fd18::1:1", LIMIT)?;
    process.wait_for_line("default/nginx is given 172.18.0.11", LIMIT)?;
    process.wait_for_line("default/nginx-fixed is given 172.18.0.20", LIMIT)?;
    process.wait_for_line(
        "default/nginx-dual is given 172.18.0.40 (pool dual-pool) and fd18::1:2",
        LIMIT,
    )?;
    assert!(fs::read_dir(cluster.state())?.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with("assignments.json.corrupt")
    }));
    cluster.wait_for_page(&page(Ipv4Addr::new(172, 18, 0, 11)))?;
    Ok(())
}

fn no_assigner() -> TestResult {
    let mut cluster = cluster("no assigner", 2)?;
    cluster.wait_for_page(&page(VIP))?;
    // A list whose first node does not run: nobody assigns.
    for name in ["node-a", "node-b"] {
        cluster.process(name).terminate()?;
        cluster.process(name).wait(LIMIT)?;
    }
    cluster.set_alive(&["node-z", "node-a", "node-b"])?;
    fs::write(cluster.manifests.join("second.yaml"), SECOND)?;
    for name in ["node-a", "node-b"] {
        cluster.start_node(name)?;
        let process = cluster.process(name);
        process
            .wait_for_line("not announcing default/second: the service has no address", LIMIT)?;
    }
    let said = cluster.process("node-a").output() + &cluster.process("node-b").output();
    assert!(!said.contains("172.18.0.11"), "{said}");
    cluster.set_alive(&["node-a", "node-b"])?;
    cluster.process("node-a").wait_for_line("default/second is given 172.18.0.11", LIMIT)?;
    cluster.wait_for_page(&page(VIP))?;
    Ok(())
}
