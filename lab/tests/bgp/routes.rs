//! What routers believe.

use std::{fs, process::Command};

use vipcast_lab::{Gobgp, Topology, example, harness::TestResult};

use super::world::{LIMIT, NODE, ROUTER, SOON, World, announce, assert_says, hosts, waiting_bird};

const MARKED: &str = "where (65001,100) ~ bgp_community && (65001,200) ~ bgp_community";
const COMMUNITIES: &str = "community 65001:100 community 65001:200 med 7";

pub(crate) fn bird() -> TestResult {
    let world = World::new("bird", &waiting_bird(9, ""))?;
    world.write(&hosts(10_000, COMMUNITIES))?;
    let announce = world.announce(&["--follow", "--hold-time", "9"])?;
    for table in ["master4", "master6"] {
        world.bird.wait_for_count(table, MARKED, 10_000, LIMIT)?;
    }
    assert_says(&announce, "172.18.255.254:179: established with AS 65002, hold time 9 s")?;
    assert_says(&announce, "172.18.255.254:179: announced 20000 in ")?;
    let route = world.bird.ask("show route 10.0.1.2/32 all")?;
    for wanted in
        ["BGP.as_path: 65001", "BGP.next_hop: 172.18.1.1", "BGP.med: 7", "BGP.origin: IGP"]
    {
        assert!(route.contains(wanted), "{wanted} is missing in:\n{route}");
    }
    let route = world.bird.ask("show route 2001:db8::1/128 all")?;
    assert!(route.contains("BGP.next_hop: fd18::1"), "{route}");

    world.write("# nothing\n")?;
    for table in ["master4", "master6"] {
        world.bird.wait_for_count(table, "", 0, LIMIT)?;
    }
    let state = world.bird.ask("show protocols all node")?;
    assert!(state.contains("Established"), "a withdrawal is no reason to part:\n{state}");
    Ok(())
}

pub(crate) fn gobgp() -> TestResult {
    let net = Topology::new("gobgp", 1)?;
    let [router, node] = [ROUTER[0], NODE[0]];
    let families = ["ipv4-unicast", "ipv6-unicast"].map(|family| {
        format!(
            "[[neighbors.afi-safis]]\n[neighbors.afi-safis.config]\nafi-safi-name = \"{family}\"\n"
        )
    });
    let config = format!(
        "[global.config]\nas = 65002\nrouter-id = \"{router}\"\n\
         [[neighbors]]\n[neighbors.config]\nneighbor-address = \"{node}\"\npeer-as = 65001\n\
         [neighbors.transport.config]\npassive-mode = true\n\
         [neighbors.timers.config]\nhold-time = 9\nkeepalive-interval = 3\n{}",
        families.concat()
    );
    let gobgp = Gobgp::start(&net.lab, &net.router, &config)?;
    let routes = net.lab.dir().join("routes");
    fs::write(&routes, hosts(10_000, COMMUNITIES))?;
    let peer = format!("{router}:179");
    let peer = ["--peer", &peer, "--peer-as", "65002", "--next-hop", NODE[1], "--follow"];
    let _announce = announce(&net.nodes[0], &routes, &peer)?;
    for family in ["ipv4", "ipv6"] {
        let summary = format!("global rib summary -a {family}");
        gobgp.wait_for(&summary, "all are there", LIMIT, |said| {
            said.contains("Destination: 10000, Path: 10000")
        })?;
        let all = gobgp.ask(&format!("global rib -a {family}"))?;
        let marked = all.lines().filter(|line| line.contains("65001:100, 65001:200"));
        assert_eq!(marked.count(), 10_000, "{family}");
    }
    let state = gobgp.ask(&format!("neighbor {node}"))?;
    assert!(state.contains("ESTABLISHED"), "{state}");

    fs::write(&routes, "# nothing\n")?;
    for family in ["ipv4", "ipv6"] {
        let summary = format!("global rib summary -a {family}");
        let gone = |said: &str| said.contains("Destination: 0, Path: 0");
        gobgp.wait_for(&summary, "all are gone", LIMIT, gone)?;
    }
    Ok(())
}

pub(crate) fn over_ipv6() -> TestResult {
    let config = format!(
        "router id {};\n\
         protocol bgp node {{ local {} as 65002; neighbor {} as 65001; passive on; {SOON}\n\
         ipv4 {{ import all; export none; }}; ipv6 {{ import all; export none; }}; }}\n",
        ROUTER[0], ROUTER[1], NODE[1]
    );
    let world = World::new("over IPv6", &config)?;
    world.write("2001:db8::10/128 community 65001:100\n192.0.2.10/32\n")?;
    let peer = format!("[{}]:179", ROUTER[1]);
    let options = ["--peer", &peer, "--peer-as", "65002", "--next-hop", NODE[0]];
    let announce = announce(world.node(), &world.routes, &options)?;
    world.bird.wait_for_count("master6", "where (65001,100) ~ bgp_community", 1, LIMIT)?;
    world.bird.wait_for_count("master4", "where bgp_next_hop = 172.18.1.1", 1, LIMIT)?;
    assert_says(&announce, "[fd18::ffff]:179: announced 2 in ")
}

pub(crate) fn a_router_that_dials_in() -> TestResult {
    let [router, node] = [ROUTER[0], NODE[0]];
    let config = format!(
        "router id {router};\n\
         protocol bgp node {{ local {router} as 65002; neighbor {node} as 65001; {SOON}\n\
         ipv4 {{ import all; export none; }}; }}\n"
    );
    let world = World::new("dials in", &config)?;
    world.write("192.0.2.10/32\n")?;
    let announce = world.announce(&["--listen", "0.0.0.0:179", "--passive"])?;
    world.bird.wait_for_count("master4", "", 1, LIMIT)?;
    // A stranger is let go without a word.
    let stranger = world.net.client.run(|| {
        let mut stream = std::net::TcpStream::connect("172.18.1.1:179")?;
        stream.set_read_timeout(Some(LIMIT))?;
        std::io::Read::read(&mut stream, &mut [0; 16])
    })??;
    assert_eq!(stranger, 0);
    assert_says(&announce, "1 connections of others than neighbors closed")
}

pub(crate) fn a_broken_line_is_refused() -> TestResult {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("routes");
    for (line, why) in [
        ("192.0.2.300/32", "no prefix"),
        ("192.0.2.1", "has no length: write 192.0.2.1/32"),
        ("192.0.2.1/24", "is 192.0.2.0/24 meant"),
        ("192.0.2.1/32 comunity 1:2", "`comunity` is no next hop"),
        ("192.0.2.1/32 community 65536:1", "`65536:1` is no community"),
        ("192.0.2.1/32 med", "med what"),
        ("192.0.2.1/32 med 1 med 2", "given twice"),
        ("2001:db8::1/128 192.0.2.1", "is an IPv6 address"),
        ("10.0.0.1/32", "in a line before already"),
    ] {
        fs::write(&file, format!("# a comment\n10.0.0.1/32 # good\n\n{line}\n"))?;
        let done = Command::new(example("announce")?)
            .args(["--peer", "127.0.0.1:1", "--local-as", "1", "--peer-as", "2"])
            .args(["--router-id", "1.1.1.1", "--routes"])
            .arg(&file)
            .output()?;
        let said = String::from_utf8(done.stderr)?;
        assert!(!done.status.success(), "{line} was accepted");
        assert!(said.contains("routes: line 4: ") && said.contains(why), "{line}: {said}");
    }
    Ok(())
}

pub(crate) fn a_broken_edit_changes_nothing() -> TestResult {
    let world = World::new("broken edit", &waiting_bird(9, ""))?;
    world.write("192.0.2.10/32\n192.0.2.11/32\n")?;
    let announce = world.announce(&["--follow"])?;
    world.bird.wait_for_count("master4", "", 2, LIMIT)?;
    world.write("192.0.2.12/32\n192.0.2.11/33\n")?;
    assert_says(&announce, "line 2: `192.0.2.11/33` is no prefix")?;
    fs::remove_file(&world.routes)?;
    assert_says(&announce, "cannot read")?;
    assert_eq!(world.bird.count("master4", "")?, 2);
    world.write("192.0.2.10/32\n192.0.2.13/32\n")?;
    world.bird.wait_for_count("master4", "where net = 192.0.2.13/32", 1, LIMIT)?;
    assert_eq!(world.bird.count("master4", "")?, 2);
    Ok(())
}
