//! What goes over the wire, as tshark reads it.

use vipcast_lab::harness::TestResult;

use super::world::{
    LIMIT, Message, NODE, NOTIFICATION, OPEN, ROUTE_REFRESH, ROUTER, SOON, UPDATE, World,
    assert_says, hosts, messages, waiting_bird,
};

/// The End-of-RIB of IPv4 unicast: an UPDATE without anything (RFC 4724 §2).
const END_OF_RIB: Message = Message { kind: UPDATE, length: 23 };

/// A BIRD that takes IPv4 alone.
fn ipv4_bird() -> String {
    let [router, node] = [ROUTER[0], NODE[0]];
    format!(
        "router id {router};\n\
         protocol bgp node {{ local {router} as 65002; neighbor {node} as 65001; passive on;\n\
         {SOON} ipv4 {{ import all; export none; }}; }}\n"
    )
}

/// Since when the session is as it is.
fn since(world: &World) -> Result<String, Box<dyn std::error::Error>> {
    let said = world.bird.ask("show protocols node")?;
    let line = said.lines().find(|line| line.starts_with("node ")).ok_or("no such protocol")?;
    Ok(line.split_whitespace().collect::<Vec<_>>().join(" "))
}

pub(crate) fn a_changed_community() -> TestResult {
    let world = World::new("community", &waiting_bird(240, ""))?;
    let before = hosts(1_000, "community 65001:100");
    world.write(&before)?;
    let announce = world.announce(&["--follow", "--hold-time", "240"])?;
    for table in ["master4", "master6"] {
        world.bird.wait_for_count(table, "", 1_000, LIMIT)?;
    }
    assert_says(&announce, "announced 2000 in ")?;
    let stood = since(&world)?;
    let capture = world.net.lab.capture(&world.node().port)?;
    world.write(&before.replacen(
        "10.0.0.7/32 community 65001:100",
        "10.0.0.7/32 community 65001:200",
        1,
    ))?;
    world.bird.wait_for_count("master4", "where (65001,200) ~ bgp_community", 1, LIMIT)?;
    assert_says(&announce, "the file has changed: 1 to announce, 0 to withdraw")?;
    let said = messages(&capture.stop()?, world.node().ipv4)?;
    assert_eq!(said.iter().map(|message| message.kind).collect::<Vec<_>>(), [UPDATE]);
    assert_eq!(since(&world)?, stood, "the session was not touched");
    assert_eq!(world.bird.count("master4", "where (65001,100) ~ bgp_community")?, 999);
    Ok(())
}

pub(crate) fn two_updates() -> TestResult {
    let world = World::new("two updates", &ipv4_bird())?;
    let capture = world.net.lab.capture(&world.node().port)?;
    world.write(&hosts(1_000, "community 65001:100"))?;
    let announce = world.announce(&[])?;
    world.bird.wait_for_count("master4", "", 1_000, LIMIT)?;
    assert_says(&announce, "announced 1000 in ")?;
    assert_says(&announce, "not announced: 1000, of a family")?;
    // Written before the wait ends, on the wire before the capture's end.
    let route = capture.stop()?;
    let said = messages(&route, world.node().ipv4)?;
    let kinds: Vec<_> = said.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [OPEN, UPDATE, UPDATE, UPDATE], "{said:?}");
    assert_eq!(said.last(), Some(&END_OF_RIB), "{said:?}");
    assert!(said.iter().all(|message| message.length <= 4096), "{said:?}");
    Ok(())
}

pub(crate) fn a_route_refresh() -> TestResult {
    let world = World::new("refresh", &ipv4_bird())?;
    world.write(&hosts(1_000, ""))?;
    let announce = world.announce(&[])?;
    world.bird.wait_for_count("master4", "", 1_000, LIMIT)?;
    assert_says(&announce, "announced 1000 in ")?;
    let stood = since(&world)?;
    let capture = world.net.lab.capture(&world.node().port)?;
    world.bird.ask("reload in node")?;
    let imported = |said: &str| {
        let updates = said.lines().find(|line| line.trim().starts_with("Import updates:"));
        updates.and_then(|line| line.split_whitespace().nth(2)) == Some("2000")
    };
    world.bird.wait_for("show protocols all node", "all came again", LIMIT, imported)?;
    capture.wait_for("the end of the answer", LIMIT, |frame| {
        // The last octets of an EoRR: type 5, IPv4, subtype 2, unicast (RFC 7313).
        frame.bytes.windows(5).any(|octets| octets == [5, 0, 1, 2, 1])
    })?;
    let caught = capture.stop()?;
    let asked = messages(&caught, world.net.router.ipv4)?;
    assert_eq!(asked.iter().map(|message| message.kind).collect::<Vec<_>>(), [ROUTE_REFRESH]);
    let said = messages(&caught, world.node().ipv4)?;
    let kinds: Vec<_> = said.iter().map(|message| message.kind).collect();
    assert_eq!(kinds, [ROUTE_REFRESH, UPDATE, UPDATE, ROUTE_REFRESH], "{said:?}");
    assert_eq!(since(&world)?, stood, "the session was not touched");
    Ok(())
}

pub(crate) fn a_stop_says_cease() -> TestResult {
    let world = World::new("stop", &waiting_bird(9, ""))?;
    world.write("192.0.2.10/32\n")?;
    let announce = world.announce(&["--drain", "1"])?;
    world.bird.wait_for_count("master4", "", 1, LIMIT)?;
    let capture = world.net.lab.capture(&world.node().port)?;
    announce.terminate()?;
    world.bird.wait_for_count("master4", "where (65535,0) ~ bgp_community", 1, LIMIT)?;
    let status = announce.wait(LIMIT)?;
    assert!(status.success(), "{status}");
    world.bird.wait_for("show protocols all node", "the reason is known", LIMIT, |said| {
        said.contains("Received: Administrative shutdown")
    })?;
    assert_eq!(world.bird.count("master4", "")?, 0);
    let said = messages(&capture.stop()?, world.node().ipv4)?;
    assert_eq!(said.last().map(|message| message.kind), Some(NOTIFICATION), "{said:?}");
    Ok(())
}
