//! The lab itself: does a network built here behave as a network?

#![allow(clippy::disallowed_methods, reason = "a real kernel answers in real time")]

use std::{
    io::Read,
    net::{IpAddr, TcpStream, UdpSocket},
    process::{Command, ExitCode},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use vipcast_lab::{
    BridgeOptions, Lab, LabError, Mac, Probe, Topology,
    harness::{self, LIMIT, TestResult, test, tool},
};

fn main() -> ExitCode {
    harness::main(vec![
        test("datagrams pass between two hosts", datagrams_pass_between_two_hosts),
        test("a router joins the LAN with the outside", a_router_joins_the_lan_with_the_outside),
        test("an unplugged host sees no carrier", an_unplugged_host_sees_no_carrier),
        test("a cut is silent, and healed", a_cut_is_silent_and_healed),
        test("a host that is cut in one direction is mute", a_host_cut_outwards_is_mute),
        test("a host that is cut in the other one is deaf", a_host_cut_inwards_is_deaf),
        test("a capture sees both ends of an ARP exchange", a_capture_sees_both_ends_of_arp),
        test("tshark agrees with a capture", tshark_agrees_with_a_capture).needs_tool("tshark"),
        test("frames of a cut host are not delivered", frames_of_a_cut_host_are_not_delivered),
        test("a port's capture has both directions", a_ports_capture_has_both_directions),
        test("a capture of a silent bridge is empty", a_capture_of_a_silent_bridge_is_empty),
        test("a probe names who answers", a_probe_names_who_answers),
        test("ICMP probes are answered, both families", icmp_probes_are_answered),
        test("a stopped probe still hears what is under way", a_stopped_probe_hears_the_rest),
        test("a probe stops without waiting for its next turn", a_slow_probe_stops_at_once),
        test("a dropped server lets its clients go", a_dropped_server_lets_its_clients_go),
        test("a capture ends in the midst of a flood", a_capture_ends_in_a_flood),
        test("a frame made by hand goes out as it is", a_frame_made_by_hand_goes_out),
        test("cables can be laid side by side", cables_can_be_laid_side_by_side),
        test("neighbours are seen and forgotten", neighbours_are_seen_and_forgotten),
        test("a process is read, signalled and awaited", a_process_is_read_and_signalled),
        test("labs of the same name live side by side", labs_of_the_same_name_live_side_by_side),
        test("bridge options reach the kernel", bridge_options_reach_the_kernel),
        test("mistakes are refused with reasons", mistakes_are_refused_with_reasons),
    ])
}

fn datagrams_pass_between_two_hosts() -> TestResult {
    let lab = Lab::new("two hosts")?;
    let lan = lab.add_bridge("lan")?;
    let (a, b) = (lab.add_host("a")?, lab.add_host("b")?);
    lab.connect(&a, &lan, "eth0", &["10.0.0.1/24", "fd00::1/64"])?;
    lab.connect(&b, &lan, "eth0", &["10.0.0.2/24", "fd00::2/64"])?;
    for (from, to) in [("10.0.0.1:0", "10.0.0.2:0"), ("[fd00::1]:0", "[fd00::2]:0")] {
        let ear = b.run(move || UdpSocket::bind(to))??;
        ear.set_read_timeout(Some(LIMIT))?;
        let target = ear.local_addr()?;
        let mouth = a.run(move || UdpSocket::bind(from))??;
        mouth.send_to(b"hello", target)?;
        let mut buffer = [0; 16];
        let (length, source) = ear.recv_from(&mut buffer)?;
        assert_eq!((&buffer[..length], source), (&b"hello"[..], mouth.local_addr()?));
    }
    Ok(())
}

fn a_router_joins_the_lan_with_the_outside() -> TestResult {
    let net = Topology::new("router", 2)?;
    let _server = net.nodes[1].serve_name(8080)?;
    for url in ["http://172.18.1.2:8080/", "http://[fd18::2]:8080/"] {
        assert_eq!(net.client.fetch(url)?.body, "node-b\n", "{url} from the LAN");
        assert_eq!(net.outside_client.fetch(url)?.body, "node-b\n", "{url} from outside");
    }
    Ok(())
}

fn an_unplugged_host_sees_no_carrier() -> TestResult {
    let net = Topology::new("unplug", 1)?;
    let node = &net.nodes[0];
    let _server = node.serve_name(80)?;
    assert!(node.carrier("eth0")?);
    node.port.unplug()?;
    assert!(!node.carrier("eth0")?);
    let refused = net.client.fetch_within("http://172.18.1.1/", Duration::from_millis(50));
    assert!(refused.is_err(), "{refused:?}");
    node.port.heal()?;
    assert!(node.carrier("eth0")?);
    assert_eq!(net.client.fetch("http://172.18.1.1/")?.status, 200);
    Ok(())
}

fn a_cut_is_silent_and_healed() -> TestResult {
    let net = Topology::new("cut", 1)?;
    let node = &net.nodes[0];
    let _server = node.serve_name(80)?;
    let probing = Probe::udp("172.18.1.1:80".parse()?).start(&net.client)?;
    probing.wait_for_answers(20, LIMIT)?;
    node.port.cut()?;
    probing.wait_for_losses(50, LIMIT)?;
    assert!(node.carrier("eth0")?, "a cut takes no carrier");
    node.port.heal()?;
    probing.wait_for_answers(20, LIMIT)?;
    let report = probing.stop();
    let outage = report.longest_outage().ok_or("no outage")?;
    assert!(outage.lost >= 40, "{report}");
    assert!(outage.duration().is_some_and(|time| time >= Duration::from_millis(40)), "{report}");
    assert!(report.longest_silence() >= Some(Duration::from_millis(40)), "{report}");
    assert_eq!(report.sent(), report.answered() + report.lost());
    Ok(())
}

/// A host whose address the client knows, so that no ARP is needed in the cut direction.
fn one_way(
    cut: fn(&vipcast_lab::Port) -> vipcast_lab::Result<()>,
    heard: &str,
    unheard: &str,
) -> TestResult {
    let net = Topology::new("one way", 2)?;
    let [node, other] = &net.nodes[..] else { return Err("two nodes".into()) };
    let (_a, _b) = (node.serve_name(80)?, other.serve_name(80)?);
    for (from, to) in [(&net.client, "172.18.1.1"), (node, "172.18.2.1"), (node, "172.18.1.2")] {
        Probe::icmp(to.parse()?).start(from)?.wait_for_answers(1, LIMIT)?;
    }
    cut(&node.port)?;
    let capture = net.lab.capture(&node.port)?;
    let at_client = net.lab.capture(&net.client.port)?;
    // Each sends to the other; which of the two arrives is what the cut decides.
    let to_node = Probe::icmp(node.ipv4).start(&net.client)?;
    let to_client = Probe::icmp(net.client.ipv4).start(node)?;
    to_node.wait_for_losses(20, LIMIT)?;
    to_client.wait_for_losses(20, LIMIT)?;
    let arrived = |frames: &[vipcast_lab::Frame], mac: Mac| {
        let received = |frame: &&vipcast_lab::Frame| {
            frame.direction == vipcast_lab::Direction::Received && frame.source() == mac
        };
        frames.iter().filter(received).count()
    };
    let (client_mac, node_mac) = (net.client.mac("eth0")?, node.mac("eth0")?);
    let at_node = arrived(&capture.stop()?.frames, client_mac);
    let at_client = arrived(&at_client.stop()?.frames, node_mac);
    let counts = [("node", at_node), ("client", at_client)];
    for (who, count) in counts {
        assert_eq!(count > 0, who == heard, "{who} received {count}");
        assert_eq!(count == 0, who == unheard, "{who} received {count}");
    }
    assert!(node.carrier("eth0")?);
    node.port.heal()?;
    to_node.wait_for_answers(5, LIMIT)?;
    to_client.wait_for_answers(5, LIMIT)?;
    Ok(())
}

fn a_host_cut_outwards_is_mute() -> TestResult {
    one_way(vipcast_lab::Port::cut_out, "node", "client")
}

fn a_host_cut_inwards_is_deaf() -> TestResult {
    one_way(vipcast_lab::Port::cut_in, "client", "node")
}

fn a_capture_sees_both_ends_of_arp() -> TestResult {
    let net = Topology::new("arp", 1)?;
    let (node, client) = (&net.nodes[0], &net.client);
    let _server = node.serve_name(80)?;
    let capture = net.lab.capture(&net.lan)?;
    client.fetch("http://172.18.1.1/")?;
    capture.wait_for("the reply", LIMIT, |f| f.arp().is_some_and(|arp| arp.is_reply()))?;
    let caught = capture.stop()?;
    assert_eq!(caught.dropped, 0);
    let (node_mac, client_mac) = (node.mac("eth0")?, client.mac("eth0")?);
    let asked: Vec<_> =
        caught.arps().filter(|(_, arp)| arp.is_request() && arp.tpa == node.ipv4).collect();
    // A kernel that waits for a second asks again.
    let Some((frame, request)) = asked.first() else { return Err("nobody asked".into()) };
    assert_eq!((&*frame.host, request.eth_dst), ("client", Mac::BROADCAST));
    assert_eq!((request.eth_src, request.sha, request.tha), (client_mac, client_mac, Mac::ZERO));
    let (_, reply) = caught.arps().find(|(_, arp)| arp.is_reply()).ok_or("no reply")?;
    assert_eq!((reply.eth_dst, reply.eth_src), (client_mac, node_mac), "a unicast frame");
    assert_eq!((reply.sha, IpAddr::from(reply.spa)), (node_mac, node.ipv4));
    assert_eq!((reply.tha, IpAddr::from(reply.tpa)), (client_mac, client.ipv4));
    assert!(caught.frames.is_sorted_by_key(|frame| frame.at));
    Ok(())
}

fn tshark_agrees_with_a_capture() -> TestResult {
    let net = Topology::new("tshark", 1)?;
    let _server = net.nodes[0].serve_name(80)?;
    let capture = net.lab.capture(&net.lan)?;
    net.client.fetch("http://172.18.1.1/")?;
    net.client.fetch("http://[fd18::1]/")?;
    let caught = capture.stop()?;
    let tshark = tool("tshark").arg("-r").arg(&caught.path).output()?;
    assert!(tshark.status.success(), "{}", String::from_utf8_lossy(&tshark.stderr));
    let text = String::from_utf8(tshark.stdout)?;
    assert_eq!(text.lines().count(), caught.frames.len());
    for wanted in ["Who has 172.18.1.1?", "is at 02:00:00", "Neighbor Advertisement", "GET / HTTP"]
    {
        assert!(text.contains(wanted), "{wanted} is not in:\n{text}");
    }
    let ours = caught.frames.iter().filter(|frame| frame.ndp().is_some()).count();
    let theirs = text.lines().filter(|line| line.contains("Neighbor ")).count();
    assert_eq!(ours, theirs, "{text}");
    Ok(())
}

fn frames_of_a_cut_host_are_not_delivered() -> TestResult {
    let net = Topology::new("undelivered", 1)?;
    let node = &net.nodes[0];
    let capture = net.lab.capture(&net.lan)?;
    let at_client = net.lab.capture(&net.client.port)?;
    node.port.cut()?;
    let shouting = Probe::icmp("172.18.77.77".parse()?).start(node)?;
    let asks = |frame: &vipcast_lab::Frame| frame.arp().is_some_and(|arp| arp.is_request());
    let shout = capture.wait_for("a shout", LIMIT, asks)?;
    drop(shouting);
    assert!(!shout.delivered);
    let heard = at_client.stop()?.frames;
    assert_eq!(heard.iter().filter(|frame| asks(frame)).count(), 0, "{heard:?}");
    node.port.heal()?;
    let _again = Probe::icmp("172.18.77.78".parse()?).start(node)?;
    capture.wait_for("a delivered one", LIMIT, |frame| asks(frame) && frame.delivered)?;
    Ok(())
}

fn a_ports_capture_has_both_directions() -> TestResult {
    use vipcast_lab::Direction::{Received, Sent};
    let net = Topology::new("port", 2)?;
    let _server = net.nodes[0].serve_name(80)?;
    let capture = net.lab.capture(&net.client.port)?;
    let elsewhere = net.lab.capture(&net.nodes[1].port)?;
    net.client.fetch("http://172.18.1.1/")?;
    let frames = capture.stop()?.frames;
    let http = |way| frames.iter().any(|frame| frame.direction == way && frame.ip().is_some());
    assert!(http(Sent) && http(Received), "{frames:?}");
    let foreign = elsewhere.stop()?.frames;
    let unicast = foreign.iter().filter(|frame| !frame.destination().is_multicast());
    assert_eq!(unicast.count(), 0, "a switch keeps unicast from the others: {foreign:?}");
    Ok(())
}

fn a_capture_of_a_silent_bridge_is_empty() -> TestResult {
    let lab = Lab::new("silence")?;
    let capture = lab.capture(&lab.add_bridge("lan")?)?;
    let missing = capture.wait_for("anything", Duration::from_millis(10), |_| true);
    let said = missing.err().map(|error| error.to_string()).unwrap_or_default();
    assert!(said.contains("among 0 frames"), "{said}");
    assert!(capture.stop()?.frames.is_empty());
    Ok(())
}

fn a_probe_names_who_answers() -> TestResult {
    let net = Topology::new("names", 2)?;
    let [a, b] = &net.nodes[..] else { return Err("two nodes".into()) };
    let (_a, _b) = (a.serve_name(80)?, b.serve_name(80)?);
    let vip = "172.18.0.10/32".parse()?;
    a.add_address("lo", vip)?;
    let probing = Probe::udp("172.18.0.10:80".parse()?).start(&net.client)?;
    probing.wait_for_answer_by("node-a", LIMIT)?;
    a.delete_address("lo", vip)?;
    b.add_address("lo", vip)?;
    net.client.flush_neighbours()?;
    probing.wait_for_answer_by("node-b", LIMIT)?;
    b.wait_for_address("lo", vip, true, LIMIT)?;
    a.wait_for_address("lo", vip, false, LIMIT)?;
    let report = probing.stop();
    let names: Vec<_> = report.reigns().into_iter().map(|reign| reign.by).collect();
    assert_eq!(names, [Some(Arc::from("node-a")), Some(Arc::from("node-b"))], "{report}");
    Ok(())
}

fn icmp_probes_are_answered() -> TestResult {
    let net = Topology::new("icmp", 1)?;
    for address in [net.nodes[0].ipv4, net.nodes[0].ipv6] {
        let probing = Probe::icmp(address).start(&net.outside_client)?;
        probing.wait_for_answers(10, LIMIT)?;
        assert!(probing.stop().answered() >= 10);
    }
    Ok(())
}

/// Each answer takes 50 ms, and so some fifty are under way at any time.
fn a_stopped_probe_hears_the_rest() -> TestResult {
    let net = Topology::new("late", 1)?;
    let socket = net.nodes[0].run(|| UdpSocket::bind("172.18.1.1:80"))??;
    let answers = socket.try_clone()?;
    let (queue, due) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let late = Instant::now() + Duration::from_millis(50);
            if length == 0 || queue.send((late, buffer[..length].to_vec(), from)).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        for (late, datagram, to) in due {
            std::thread::sleep(late.saturating_duration_since(Instant::now()));
            drop(answers.send_to(&datagram, to));
        }
    });
    let probing = Probe::udp("172.18.1.1:80".parse()?).start(&net.client)?;
    probing.wait_for_answers(10, LIMIT)?;
    assert_eq!(probing.stop().lost(), 0);
    Ok(())
}

fn a_slow_probe_stops_at_once() -> TestResult {
    let net = Topology::new("slow", 1)?;
    let _server = net.nodes[0].serve_name(80)?;
    let hourly = Probe::udp("172.18.1.1:80".parse()?).every(Duration::from_secs(3600));
    let probing = hourly.start(&net.client)?;
    let (done, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(probing.stop()));
    assert_eq!(stopped.recv_timeout(LIMIT)?.lost(), 0);
    Ok(())
}

fn a_dropped_server_lets_its_clients_go() -> TestResult {
    let net = Topology::new("let go", 1)?;
    let server = net.nodes[0].serve_name(80)?;
    let mut silent = net.client.run(|| TcpStream::connect("172.18.1.1:80"))??;
    // The server has taken the connection: it took a later one.
    net.client.fetch("http://172.18.1.1/")?;
    drop(server);
    // Less than the time that a server gives a client to ask.
    silent.set_read_timeout(Some(Duration::from_secs(3)))?;
    assert_eq!(silent.read(&mut [0])?, 0);
    Ok(())
}

fn a_capture_ends_in_a_flood() -> TestResult {
    let net = Topology::new("flood", 1)?;
    let mouth = net.client.run(|| UdpSocket::bind("172.18.2.1:0"))??;
    mouth.connect("172.18.1.1:9")?;
    let over = Arc::new(AtomicBool::new(false));
    let flood = |_| {
        let (mouth, over) = (mouth.try_clone()?, Arc::clone(&over));
        Ok(std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) {
                drop(mouth.send(&[0; 1000]));
            }
        }))
    };
    let floods = (0..4).map(flood).collect::<std::io::Result<Vec<_>>>()?;
    let capture = net.lab.capture(&net.lan)?;
    capture.wait_for("the flood", LIMIT, |frame| frame.bytes.len() > 1000)?;
    let (done, stopped) = std::sync::mpsc::channel();
    std::thread::spawn(move || done.send(capture.stop().map(|caught| caught.frames.len())));
    let caught = stopped.recv_timeout(LIMIT);
    over.store(true, Ordering::Relaxed);
    for flood in floods {
        flood.join().map_err(|_| "a flood panicked")?;
    }
    assert!(caught?? > 0);
    Ok(())
}

fn a_frame_made_by_hand_goes_out() -> TestResult {
    let net = Topology::new("by hand", 1)?;
    let (client, node) = (&net.client, &net.nodes[0]);
    let [own, other] = [client.mac("eth0")?, node.mac("eth0")?];
    // A question for the node from 172.18.2.77, of which no host knows.
    let mut frame = Vec::from(Mac::BROADCAST.0);
    frame.extend(own.0);
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend(own.0);
    frame.extend([172, 18, 2, 77, 0, 0, 0, 0, 0, 0, 172, 18, 1, 1]);
    let capture = net.lab.capture(&net.lan)?;
    client.send_frame("eth0", &frame)?;
    let reply = capture.wait_for("the reply", LIMIT, |frame| {
        frame.arp().is_some_and(|arp| arp.is_reply() && arp.sha == other)
    })?;
    assert_eq!(reply.arp().map(|arp| arp.tpa.octets()), Some([172, 18, 2, 77]));
    let mut malformed = frame[..17].to_vec();
    malformed[6] = 0xff;
    client.send_frame("eth0", &malformed)?;
    capture.wait_for("the malformed one", LIMIT, |seen| seen.bytes == malformed)?;
    let caught = capture.stop()?.frames;
    assert!(caught.iter().any(|seen| seen.bytes == frame && &*seen.host == "client"), "{caught:?}");
    let none = client.send_frame("eth7", &frame);
    assert!(matches!(none, Err(LabError::Topology { .. })), "{none:?}");
    for wrong in [&frame[..13], &[0; 2000]] {
        let refused = client.send_frame("eth0", wrong);
        assert!(matches!(refused, Err(LabError::Io { .. })), "{refused:?}");
    }
    Ok(())
}

fn cables_can_be_laid_side_by_side() -> TestResult {
    let lab = Lab::new("cables")?;
    let lan = lab.add_bridge("lan")?;
    // Names that a port's own name has no room to tell apart.
    let hosts = (0..8).map(|number| lab.add_host(&format!("the-same-start-{number}")));
    let hosts = hosts.collect::<Result<Vec<_>, _>>()?;
    std::thread::scope(|scope| {
        let laying: Vec<_> =
            hosts.iter().map(|host| scope.spawn(|| lab.connect(host, &lan, "eth0", &[]))).collect();
        laying.into_iter().try_for_each(|laid| {
            laid.join().map_err(|_| "a panic")??;
            Ok(())
        })
    })
}

fn neighbours_are_seen_and_forgotten() -> TestResult {
    let net = Topology::new("neighbours", 1)?;
    let node = &net.nodes[0];
    let mac = node.mac("eth0")?;
    for address in [node.ipv4, node.ipv6] {
        assert_eq!(net.client.neighbour(address)?, None);
        let probing = Probe::icmp(address).start(&net.client)?;
        let knows = move |entry: Option<&vipcast_lab::Neighbour>| {
            entry.is_some_and(|entry| entry.mac == Some(mac))
        };
        net.client.wait_for_neighbour(address, LIMIT, knows)?;
        drop(probing);
    }
    net.client.flush_neighbours()?;
    assert_eq!(net.client.neighbour(node.ipv4)?, None);
    Ok(())
}

fn a_process_is_read_and_signalled() -> TestResult {
    let lab = Lab::new("process")?;
    let host = lab.add_host("a")?;
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "trap 'echo bye; exit 3' TERM; echo hello; echo oops >&2; while :; do sleep 0.01; done",
    ]);
    let process = host.spawn(command)?;
    assert!(!process.wait_for_line("hello", LIMIT)?.error);
    assert!(process.wait_for_line("oops", LIMIT)?.error);
    let seen = process.lines().len();
    process.stop()?;
    process.resume()?;
    process.terminate()?;
    process.wait_for_line_after(seen, "bye", LIMIT)?;
    assert_eq!(process.wait(LIMIT)?.code(), Some(3));
    assert!(!process.is_running());
    // The interface list of a program inside is the host's, not the machine's.
    let mut ls = Command::new("ls");
    ls.arg("/sys/class/net");
    let ls = host.spawn(ls)?;
    ls.wait(LIMIT)?;
    assert_eq!(ls.output(), "lo\n");
    let missing = ls.wait_for_line("eth0", LIMIT).err().ok_or("found")?;
    assert!(missing.to_string().contains("it ended after saying:\n  lo"), "{missing}");
    Ok(())
}

fn labs_of_the_same_name_live_side_by_side() -> TestResult {
    let [one, two] = [Topology::new("twin", 1)?, Topology::new("twin", 1)?];
    let _server = one.nodes[0].serve_name(80)?;
    assert_eq!(one.client.fetch("http://172.18.1.1/")?.body, "node-a\n");
    let other = two.client.fetch("http://172.18.1.1/");
    assert!(other.is_err(), "the twin has no server, and reached one: {other:?}");
    Ok(())
}

fn bridge_options_reach_the_kernel() -> TestResult {
    let options = BridgeOptions::default()
        .ageing(Duration::from_secs(7))
        .multicast_snooping(false)
        .multicast_querier(true);
    let lab = Lab::new("options")?;
    let lan = lab.add_bridge_with("lan", &options)?;
    let kernel = lan.options()?;
    assert_eq!(kernel, options);
    assert_eq!(lab.add_bridge("plain")?.options()?, BridgeOptions::default());
    Ok(())
}

fn mistakes_are_refused_with_reasons() -> TestResult {
    let lab = Lab::new("mistakes")?;
    let lan = lab.add_bridge("lan")?;
    let host = lab.add_host("a")?;
    let long = lab.connect(&host, &lan, "much-too-long-a-name", &[]);
    assert!(matches!(long, Err(LabError::BadName { .. })), "{long:?}");
    let bare = lab.connect(&host, &lan, "eth0", &["10.0.0.1"]);
    assert!(matches!(bare, Err(LabError::Unparsable { .. })), "{bare:?}");
    assert!(matches!(lab.add_host("a"), Err(LabError::Topology { .. })));
    lab.connect(&host, &lan, "eth0", &["10.0.0.1/24"])?;
    let twice = lab.connect(&host, &lan, "eth0", &[]);
    assert!(matches!(twice, Err(LabError::Netlink { .. })), "{twice:?}");
    let error = host.fetch("https://10.0.0.1/").err().ok_or("fetched")?;
    assert!(error.to_string().contains("a URL like http://"), "{error}");
    for wrong in [0, 27] {
        let refused = Topology::new("mistakes", wrong).err().ok_or("built")?;
        assert!(refused.to_string().contains("1 to 26"), "{refused}");
    }
    let missing = host.mac("eth7").err().ok_or("found")?;
    assert!(missing.to_string().contains("eth7"), "{missing}");
    Ok(())
}
