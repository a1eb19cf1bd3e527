//! vipcast on a real network: who answers, what the LAN sees, what is left behind.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr},
    path::Path,
    process::{Command, ExitCode},
    time::Duration,
};

use vipcast_lab::{
    Arp, Captured, Cluster, Frame, Mac, Topology,
    harness::{self, TestResult, test},
    vipcast,
};

/// Long enough for a busy machine; what is waited for takes milliseconds.
const LIMIT: Duration = Duration::from_secs(30);

const VIP: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 10);

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
        test("without an assigner nothing new is assigned, and what is stays", no_assigner),
    ])
}

/// The quick start's manifests on so many nodes.
fn cluster(name: &str, nodes: u8) -> Result<Cluster, Box<dyn std::error::Error>> {
    // Tests run in their package's folder.
    let manifests = Path::new("../examples/quickstart");
    Ok(Cluster::start(Topology::new(name, nodes)?, &vipcast()?, manifests)?)
}

fn page(address: Ipv4Addr) -> String {
    format!("http://{address}/")
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
    let owner = cluster.seen_by_client(VIP.into())?.mac("eth0")?;
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

/// The client has learned the address and says no word more; its kernel must still follow.
fn a_silent_client_is_moved() -> TestResult {
    let cluster = cluster("silent client", 3)?;
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    // By the placement that vipcast shares with MetalLB.
    let old = cluster.node("node-b")?;
    let old_mac = old.mac("eth0")?;
    for round in 0..10 {
        cluster.set_alive(&names)?;
        if round > 0 {
            let back = move |entry: Option<&vipcast_lab::Neighbour>| {
                entry.is_some_and(|entry| entry.mac == Some(old_mac))
            };
            cluster.net.client.wait_for_neighbour(VIP.into(), LIMIT, back)?;
        }
        assert_eq!(cluster.wait_for_page(&page(VIP))?, old.name(), "round {round}");
        let others: Vec<&String> = names.iter().filter(|name| *name != old.name()).collect();
        let capture = cluster.net.lab.capture(&cluster.net.client.port)?;
        cluster.set_alive(&others)?;
        let moved = move |entry: Option<&vipcast_lab::Neighbour>| {
            entry.is_some_and(|entry| entry.mac.is_some_and(|mac| mac != old_mac))
        };
        cluster.net.client.wait_for_neighbour(VIP.into(), LIMIT, moved)?;
        let caught = capture.stop()?;
        let spoke = caught.frames.iter().filter(|frame| {
            let own = frame.direction == vipcast_lab::Direction::Sent;
            let about = frame.arp().is_some_and(|arp| arp.tpa == VIP)
                || frame.ip().is_some_and(|(_, to)| to == IpAddr::from(VIP));
            own && about
        });
        assert_eq!(spoke.count(), 0, "round {round}: the client was not silent");
        let new = cluster.seen_by_client(VIP.into())?.name().to_owned();
        assert!(others.iter().any(|name| **name == new), "round {round}: {new}");
        assert_eq!(cluster.wait_for_page(&page(VIP))?, new, "round {round}");
    }
    Ok(())
}

fn announcements_are_as_rfc_5227_says() -> TestResult {
    let mut cluster = cluster("announcements", 2)?;
    cluster.wait_for_page(&page(VIP))?;
    let old = cluster.seen_by_client(VIP.into())?.name().to_owned();
    let names: Vec<String> = cluster.net.nodes.iter().map(|n| n.name().to_owned()).collect();
    let others: Vec<&String> = names.iter().filter(|name| **name != old).collect();
    let capture = cluster.net.lab.capture(&cluster.net.lan)?;
    cluster.set_alive(&others)?;
    let second = std::sync::atomic::AtomicUsize::new(0);
    capture.wait_for("the second announcement", LIMIT, |frame| {
        let ours = frame.arp().is_some_and(|arp| arp.is_gratuitous() && arp.spa == VIP);
        ours && second.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 1
    })?;
    // A third one would come with the next interval: stopping proves that nothing is pending.
    cluster.process(others[0]).terminate()?;
    cluster.process(others[0]).wait(LIMIT)?;
    let caught = capture.stop()?;
    let mac = cluster.node(others[0])?.mac("eth0")?;
    let announced = announcements_of(&caught, VIP);
    assert_eq!(announced.len(), 2, "ANNOUNCE_NUM is 2: {announced:?}");
    for (_, arp) in &announced {
        assert_eq!((arp.eth_dst, arp.eth_src), (Mac::BROADCAST, mac));
        assert_eq!((arp.sha, arp.spa), (mac, VIP));
        assert_eq!((arp.tha, arp.tpa), (Mac::ZERO, VIP));
    }
    let apart = announced[1].0.at.duration_since(announced[0].0.at);
    assert!(apart >= Duration::from_millis(1_990), "ANNOUNCE_INTERVAL is 2 s: {apart:?}");
    judge(&caught.path, mac)?;
    cluster.start_node(others[0])?;
    Ok(())
}

/// tshark reads the announcements as what they are, and finds nothing to warn of.
fn judge(capture: &Path, mac: Mac) -> TestResult {
    let filter = format!("arp.isgratuitous && arp.src.proto_ipv4 == {VIP}");
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
    let ours = nets.iter().map(ToString::to_string).filter(|net| net.starts_with("172.18.0."));
    Ok(ours.collect())
}

fn orphans_are_swept() -> TestResult {
    let mut cluster = cluster("orphans", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 2);
    cluster.process("node-a").kill()?;
    cluster.process("node-a").wait(LIMIT)?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 2, "a killed process cleans nothing up");
    fs::remove_file(cluster.manifests.join("services.yaml"))?;
    cluster.start_node("node-a")?;
    cluster.process("node-a").wait_for_line("swept 172.18.0.10", LIMIT)?;
    cluster.process("node-a").wait_for_line("running as node-a", LIMIT)?;
    assert!(on_lo(&cluster, "node-a")?.is_empty());
    Ok(())
}

fn a_stop_takes_away_what_was_set() -> TestResult {
    let cluster = cluster("stop", 1)?;
    cluster.wait_for_page(&page(VIP))?;
    assert_eq!(on_lo(&cluster, "node-a")?.len(), 2);
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
    let reply = |frame: &Frame| frame.arp().is_some_and(|arp| arp.is_reply() && arp.spa == VIP);
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
