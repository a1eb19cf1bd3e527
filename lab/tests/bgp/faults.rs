//! Routers that misbehave, and paths that fail.

use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use vipcast_lab::{
    Bird, Host,
    harness::{TestResult, tool},
};

use super::world::{
    LIMIT, NODE, NOTIFICATION, SOON, World, assert_says, hosts, messages, waiting_bird,
};

pub(crate) fn a_reset_is_survived() -> TestResult {
    let world = World::new("reset", &waiting_bird(9, ""))?;
    world.write(&hosts(1_000, "community 65001:100"))?;
    let announce = world.announce(&[])?;
    for round in 0..2 {
        world.bird.wait_for_count("master4", "", 1_000, LIMIT)?;
        world.bird.wait_for_count("master6", "", 1_000, LIMIT)?;
        let seen = announce.lines().len();
        world.bird.ask("restart node")?;
        announce.wait_for_line_after(
            seen,
            "lost: received Cease/Administrative Reset (6/4)",
            LIMIT,
        )?;
        announce.wait_for_line_after(seen, "established with AS 65002", LIMIT)?;
        announce.wait_for_line_after(seen, "announced 2000 in ", LIMIT)?;
        assert!(announce.is_running(), "round {round}");
    }
    world.bird.wait_for_count("master4", "where (65001,100) ~ bgp_community", 1_000, LIMIT)?;
    Ok(())
}

/// Accepts a session for AS 65003 and keeps it alive, but never reads a single octet.
fn deaf_router(host: &Host) -> TestResult {
    let (ready, listening) = mpsc::channel();
    host.start(move || {
        let Ok(listener) = TcpListener::bind("0.0.0.0:179") else { return };
        // Little room, so that what it does not read is soon felt.
        let _ = socket2::SockRef::from(&listener).set_recv_buffer_size(16 * 1024);
        let _ = ready.send(());
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                let open = [0xff; 16].into_iter().chain([0, 29, 1, 4, 0xfd, 0xeb, 0, 9]);
                let mut bytes: Vec<u8> = open.chain([172, 18, 2, 9, 0]).collect();
                let keepalive: Vec<u8> = [0xff; 16].into_iter().chain([0, 19, 4]).collect();
                bytes.extend(&keepalive);
                while stream.write_all(&bytes).is_ok() {
                    bytes.clone_from(&keepalive);
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
    })?;
    Ok(listening.recv_timeout(LIMIT)?)
}

/// Four neighbors: one drops SYNs, one is frozen, one never reads, and BIRD.
pub(crate) fn bad_company() -> TestResult {
    let world = World::new("bad company", &waiting_bird(9, ""))?;
    let lab = &world.net.lab;
    let join = |name: &str, address: &str| {
        let host = lab.add_host(name)?;
        lab.connect(&host, &world.net.lan, "eth0", &[address])?;
        Ok::<_, vipcast_lab::LabError>(host)
    };
    let (silent, frozen, deaf) = (
        join("silent", "172.18.2.7/16")?,
        join("frozen", "172.18.2.8/16")?,
        join("deaf", "172.18.2.9/16")?,
    );
    let rules =
        "table ip quiet { chain in { type filter hook input priority 0; tcp dport 179 drop; }; }";
    let dropped = silent.run(move || tool("nft").arg(rules).output())??;
    assert!(dropped.status.success(), "{}", String::from_utf8_lossy(&dropped.stderr));
    deaf_router(&deaf)?;
    let frozen_bird = Bird::start(
        lab,
        &frozen,
        &format!(
            "router id 172.18.2.8;\n\
             protocol bgp node {{ local 172.18.2.8 as 65003; neighbor {} as 65001; passive on;\n\
             hold time 240; {SOON} ipv4 {{ import all; export none; }}; }}\n",
            NODE[0]
        ),
    )?;

    // Enough that a neighbor which does not read is felt.
    let many =
        hosts(100_000, "").lines().take(100_000).fold(String::new(), |all, line| all + line + "\n");
    world.write(&many)?;
    let options = "--peer 172.18.2.7:179 --peer-as 65003 --peer 172.18.2.8:179 --peer-as 65003 \
                   --peer 172.18.2.9:179 --peer-as 65003 --follow --hold-time 240";
    let announce = world.announce(&options.split_whitespace().collect::<Vec<_>>())?;
    assert_says(&announce, "172.18.2.8:179: established")?;
    frozen_bird.process().stop()?;
    assert_says(&announce, "172.18.2.9:179: established")?;
    world.bird.wait_for_count("master4", "", 100_000, LIMIT)?;

    // The healthy one is told of each edit at once, again and again while the others are stuck.
    let capture = world.net.lab.capture(&world.net.router.port)?;
    let mut slowest = Duration::ZERO;
    for n in 0..5 {
        let seen = announce.lines().len();
        world.write(&format!("{many}192.0.2.{n}/32\n"))?;
        let told = announce.wait_for_line_after(seen, "the file has changed", LIMIT)?;
        let frame = capture.wait_for("the UPDATE", LIMIT, |frame| {
            frame.ip().is_some_and(|(from, _)| from == world.node().ipv4)
                && frame.bytes.windows(5).any(|octets| octets == [32, 192, 0, 2, n])
        })?;
        slowest = slowest.max(frame.at.saturating_duration_since(told.at));
    }
    world.bird.wait_for_count("master4", "where net = 192.0.2.4/32", 1, LIMIT)?;
    println!("bad company: the slowest UPDATE left {slowest:?} after the edit was read");
    // Ten seconds are what one dial in vain costs where one waits for it.
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let said = announce.output();
    assert!(!said.contains("172.18.2.9:179: announced"), "it has read after all:\n{said}");
    assert!(!said.contains("172.18.2.7:179: established"), "{said}");
    Ok(())
}

pub(crate) fn a_frozen_router() -> TestResult {
    let world = World::new("frozen", &waiting_bird(3, ""))?;
    world.write("192.0.2.10/32\n")?;
    let announce = world.announce(&["--hold-time", "3"])?;
    world.bird.wait_for_count("master4", "", 1, LIMIT)?;
    let capture = world.net.lab.capture(&world.node().port)?;
    world.bird.process().stop()?;
    assert_says(&announce, "172.18.255.254:179: lost: sent Hold Timer Expired (4/0)")?;
    world.bird.process().resume()?;
    world.bird.wait_for_count("master4", "", 1, LIMIT)?;
    let said = messages(&capture.stop()?, world.node().ipv4)?;
    let told = said.iter().position(|message| message.kind == NOTIFICATION);
    assert!(told.is_some(), "{said:?}");
    Ok(())
}

pub(crate) fn a_healed_blackhole() -> TestResult {
    let world = World::new("blackhole", &waiting_bird(3, ""))?;
    world.write(&hosts(100, ""))?;
    let announce = world.announce(&["--hold-time", "3"])?;
    let mut times = Vec::new();
    // A machine may be busy once, and not three times in a row.
    for _ in 0..3 {
        world.bird.wait_for_count("master4", "", 100, LIMIT)?;
        let seen = announce.lines().len();
        world.node().port.cut()?;
        announce.wait_for_line_after(seen, "lost: sent Hold Timer Expired (4/0)", LIMIT)?;
        world.bird.wait_for_count("master4", "", 0, LIMIT)?;
        world.bird.wait_for("show protocols node", "it waits for us", LIMIT, |said| {
            said.contains("Passive")
        })?;
        world.node().port.heal()?;
        let healed = Instant::now();
        world.bird.wait_for_count("master4", "", 100, LIMIT)?;
        times.push(healed.elapsed());
        if healed.elapsed() <= Duration::from_secs(2) {
            return Ok(());
        }
    }
    Err(format!("the routes were back only after {times:?}").into())
}

pub(crate) fn nonsense() -> TestResult {
    let net = vipcast_lab::Topology::new("nonsense", 1)?;
    let (sender, heard) = mpsc::channel();
    let talkers: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: router\r\n\r\n",
        &[0xff; 64],
        // An UPDATE, and no OPEN before it.
        b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\x17\x02\0\0\0\0",
        b"",
    ];
    let (ready, listening) = mpsc::channel();
    net.router.start(move || {
        let Ok(listener) = TcpListener::bind("0.0.0.0:179") else { return };
        let _ = ready.send(());
        for (talk, stream) in talkers.iter().cycle().zip(listener.incoming().flatten()) {
            let mut stream = stream;
            let _ = stream.write_all(talk);
            if talk.is_empty() {
                drop(stream);
                let _ = sender.send(Vec::new());
                continue;
            }
            let mut answer = Vec::new();
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let _ = stream.read_to_end(&mut answer);
            if sender.send(answer).is_err() {
                return;
            }
        }
    })?;
    listening.recv_timeout(LIMIT)?;
    let routes = net.lab.dir().join("routes");
    std::fs::write(&routes, "192.0.2.10/32\n")?;
    let peer = ["--peer", "172.18.255.254:179", "--peer-as", "65002"];
    let announce = super::world::announce(&net.nodes[0], &routes, &peer)?;
    for round in 0..6 {
        let answer = heard
            .recv_timeout(LIMIT)
            .map_err(|e| format!("round {round}: {e}; {}", announce.output()))?;
        // What is no BGP is answered by an OPEN and a NOTIFICATION: type 3 in its header.
        if round % 4 < 3 {
            let told =
                answer.windows(19).any(|octets| octets.starts_with(&[0xff; 16]) && octets[18] == 3);
            assert!(told, "round {round}: {answer:02x?}");
        }
    }
    assert_says(
        &announce,
        "no session: sent Message Header Error/Connection Not Synchronized (1/1)",
    )?;
    assert_says(&announce, "sent Finite State Machine Error/")?;
    assert!(announce.is_running());
    Ok(())
}
